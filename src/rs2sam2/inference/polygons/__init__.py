"""Objects of a mask that comes in strips: found whole, measured, and kept on disk until they are written."""
