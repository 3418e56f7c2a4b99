"""Files made of answers: masks, polygons and pictures, chosen by suffix, written whole or not at all."""
