"""Comparing two systems that were measured on the same sentences: paired differences and where they disagree."""
