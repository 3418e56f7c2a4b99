"""Aerial photographs drawn by code, with the outline, class and colour names of every object in them."""

from rs2sam2.data.synthetic.scene import CATEGORIES, render_scene

__all__ = ["CATEGORIES", "render_scene"]
