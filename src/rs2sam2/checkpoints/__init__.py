"""Weights in and out: our own folder, and tables of names for other people's files."""
