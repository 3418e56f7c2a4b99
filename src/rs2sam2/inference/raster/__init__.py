"""Rasters of any size: tiles in a fixed order, answers blended on one grid, outputs that grow strip by strip."""
