"""Measurements of speed by command: each gives one JSON object that says how it was made."""
