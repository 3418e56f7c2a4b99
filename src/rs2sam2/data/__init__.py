"""Scenes, referring expressions made from them, and readers of the public data sets."""
