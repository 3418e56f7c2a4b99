"""Measuring: metrics, runs over data sets with the answers that users get, tables and pictures made from them."""
