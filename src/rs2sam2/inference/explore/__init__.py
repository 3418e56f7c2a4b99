"""A map in a notebook: words, clicks, a box, and the answers at hand in Python."""
