"""Colours that stand out on aerial images and from one another (after Okabe and Ito, for colour-blind eyes too)."""

COLOURS = (
    (255, 64, 160),
    (64, 224, 255),
    (255, 214, 10),
    (130, 255, 90),
    (255, 140, 26),
    (168, 130, 255),
    (0, 200, 150),
    (255, 255, 255),
)


def colour(index: int) -> tuple[int, int, int]:
    """RGB of the index-th expression, counted from 0; colours come round again after eight."""
    return COLOURS[index % len(COLOURS)]
