"""Referring data sets made from what people have: outlines of objects, and the images that show them."""
