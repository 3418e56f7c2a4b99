"""From a user's image and words to masks, polygons, measures and files."""
