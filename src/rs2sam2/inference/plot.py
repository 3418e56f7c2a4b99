"""An answer drawn on matplotlib's axes. Needs the optional 'notebook' dependencies.

Shapes: H, W height and width of the image in pixels.
"""

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rs2sam2.inference.bands import NO_DATA_COLOUR
from rs2sam2.inference.extras import require_notebook
from rs2sam2.inference.palette import colour
from rs2sam2.inference.report import crs_name
from rs2sam2.inference.segmentation import Segmentation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST = 2048
"""Pixels drawn along a side: more than a notebook shows."""
_TITLE = 60
_TICKS = 5


def plot(answer: Segmentation, ax: "Axes | None" = None) -> "Axes":
    """See `Segmentation.plot`."""
    require_notebook("drawing plots")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    _draw_image(answer, ax)
    _draw_outline(answer, ax)
    _draw_prompts(answer, ax)
    title = f"{textwrap.fill(answer.expression, _TITLE)}\n{answer.summary}"
    ax.set_title(title, fontsize="medium", parse_math=False)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(_TICKS))
    ax.ticklabel_format(useOffset=False, style="plain")
    if on_map(answer) and answer.crs is not None:
        ax.set_xlabel(str(crs_name(answer.crs)), parse_math=False)
    return ax


def on_map(answer: Segmentation) -> bool:
    """Whether rows and columns of the answer's image run along the axes of its CRS."""
    transform = answer.transform
    return answer.crs is not None and transform is not None and transform.b == 0 == transform.d


def _draw_image(answer: Segmentation, ax: "Axes") -> None:
    step = _step(max(answer.mask.shape))
    if answer.image is None:
        picture = Image.new("RGB", answer.mask.shape[::-1], NO_DATA_COLOUR).reduce(step)
    else:
        picture = Image.fromarray(answer.image.pixels).reduce(step)
    x, y = _places(answer, np.array([0, picture.width * step]), np.array([0, picture.height * step]))
    ax.imshow(picture, extent=(x[0], x[1], y[1], y[0]))


def _draw_outline(answer: Segmentation, ax: "Axes") -> None:
    """Along the middle between pixels of the mask and their neighbours; closed at the image's border."""
    if answer.bbox is None:
        return
    x0, y0, x1, y1 = answer.bbox
    step = _step(max(x1 - x0, y1 - y0))
    mask = np.pad(answer.mask[y0:y1:step, x0:x1:step], 1).astype(np.float32)
    rows, columns = (np.arange(-1, side - 1) * step + step / 2 for side in mask.shape)
    x, y = _places(answer, columns + x0, rows + y0)
    for ink, width in (("black", 3.5), (np.array(colour(0)) / 255, 1.8)):
        ax.contour(x, y, mask, levels=[0.5], colors=[ink], linewidths=width)


def _draw_prompts(answer: Segmentation, ax: "Axes") -> None:
    if answer.prompts is None:
        return
    points = np.array(answer.prompts.points).reshape(-1, 2)
    for label, marker, name in ((1, "P", "lime"), (0, "X", "red")):
        chosen = points[np.array(answer.prompts.labels) == label]
        x, y = _places(answer, chosen[:, 0], chosen[:, 1])
        ax.scatter(x, y, s=90, marker=marker, color=name, edgecolors="black", zorder=3)
    if answer.prompts.box is not None:
        left, top, right, bottom = answer.prompts.box
        x, y = _places(answer, np.array([left, right, right, left, left]), np.array([top, top, bottom, bottom, top]))
        ax.plot(x, y, color="white", linestyle="--", linewidth=1.2)


def _places(
    answer: Segmentation, columns: NDArray[Any], rows: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels of the answer's image as coordinates of the axes; a part of an image counts in the whole one."""
    if on_map(answer) and answer.transform is not None:
        a, _, c, _, e, f = answer.transform[:6]
        return c + a * columns, f + e * rows
    return columns + answer.origin[0], rows + answer.origin[1]


def _step(side: int) -> int:
    return -(-side // _LONGEST)
