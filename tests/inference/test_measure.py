"""Polygons cover exactly the mask; measures are those of the ground."""

import math

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pyproj import Geod, Transformer
from rasterio.crs import CRS
from rasterio.features import geometry_mask

from rs2sam2.inference import vectorize
from rs2sam2.inference.vectorize import Part

GEOD = Geod(ellps="WGS84")
LONGITUDE, LATITUDE = 85.5, 27.63


def grid(code: str, metres: float, turned: float = 0.0) -> tuple[CRS, Affine]:
    """A CRS and a raster whose pixels measure about `metres` in CRS units, near Kathmandu."""
    crs = CRS.from_string(code)
    x, y = Transformer.from_crs("EPSG:4326", code, always_xy=True).transform(LONGITUDE, LATITUDE)
    size = metres / 111_320 if crs.is_geographic else metres
    return crs, Affine.translation(x, y) @ Affine.rotation(turned) @ Affine.scale(size, -size)


def parts(mask: np.ndarray, transform: Affine | None, crs: CRS | None) -> tuple[Part, ...]:
    found = vectorize.objects(mask, mask.astype(np.float32), transform, crs)
    return vectorize.parts(found, transform, crs)


def outlines(mask: np.ndarray) -> list[shapely.Polygon]:
    return [part.outline for part in parts(mask, None, None)]


@given(mask=arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=14)))
def test_polygons_are_the_mask(mask: np.ndarray) -> None:
    found = outlines(mask)
    assert all(polygon.is_valid for polygon in found)
    assert sum(polygon.area for polygon in found) == mask.sum()
    if found:
        drawn = geometry_mask(found, mask.shape, Affine.identity(), invert=True)
        assert np.array_equal(drawn, mask)


def test_holes_are_kept_and_corners_do_not_join() -> None:
    mask = np.ones((5, 5), dtype=bool)
    mask[2, 2] = False
    (ring,) = outlines(mask)
    assert len(ring.interiors) == 1 and ring.area == 24
    assert len(outlines(np.eye(3, dtype=bool))) == 3


@pytest.mark.parametrize("turned", [0.0, 30.0])
@pytest.mark.parametrize("code", ["EPSG:3857", "EPSG:32645", "EPSG:4326", "EPSG:6933"])
def test_areas_are_those_of_the_ground(code: str, turned: float) -> None:
    """The truth is made pixel by pixel: each as a geodesic quadrilateral of its own."""
    crs, transform = grid(code, 3.0, turned)
    mask = np.zeros((30, 50), dtype=bool)
    mask[4:24, 5:45] = True
    mask[10:14, 20:30] = False
    to_lonlat = Transformer.from_crs(code, "EPSG:4326", always_xy=True)
    truth = 0.0
    for row, column in np.argwhere(mask):
        corners = [transform @ (column + dx, row + dy) for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1))]
        x, y = to_lonlat.transform(*zip(*corners, strict=True))
        truth += abs(GEOD.polygon_area_perimeter(x, y)[0])
    (part,) = parts(mask, transform, crs)
    assert part.area_m2 == pytest.approx(truth, rel=1e-6)
    assert part.area_px == mask.sum()
    assert part.polygon.area == pytest.approx(mask.sum() * abs(transform.determinant), rel=1e-9)


def test_web_mercator_is_not_believed() -> None:
    crs, transform = grid("EPSG:3857", 1.0)
    mask = np.zeros((120, 120), dtype=bool)
    mask[10:110, 10:110] = True
    (part,) = parts(mask, transform, crs)
    true_pixel = math.cos(math.radians(LATITUDE))
    assert part.area_m2 == pytest.approx(10_000 * true_pixel**2, rel=0.005)
    assert part.perimeter_m == pytest.approx(400 * true_pixel, rel=0.005)


@given(angle=st.floats(0, math.pi), width=st.floats(20, 90), height=st.floats(20, 60), shift=st.floats(0, 1))
def test_perimeters_are_those_of_slanted_walls(angle: float, width: float, height: float, shift: float) -> None:
    crs, transform = grid("EPSG:32645", 1.0)
    y, x = np.mgrid[:160, :160] - 80 + shift
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    mask = (np.abs(along) < width / 2) & (np.abs(across) < height / 2)
    biggest = parts(mask, transform, crs)[0]
    truth = 2 * (width + height)
    assert abs(biggest.perimeter_m - truth) < 0.03 * truth + 4  # drawn in pixels, a side may lose one


@pytest.mark.parametrize(
    "crs",
    [
        None,
        CRS.from_wkt('LOCAL_CS["site grid",UNIT["metre",1]]'),
        CRS.from_proj4("+proj=longlat +a=3396190 +b=3376200 +no_defs"),
    ],
)
def test_no_place_on_earth_no_metres(crs: CRS | None) -> None:
    (part,) = parts(np.ones((3, 3), dtype=bool), Affine.scale(2), crs)
    if crs is None or crs.to_dict().get("proj") != "longlat":
        assert (part.area_m2, part.perimeter_m) == (None, None)
    assert part.area_px == 9
    assert shapely.equals(part.polygon, shapely.box(0, 0, 3, 3) if crs is None else shapely.box(0, 0, 6, 6))


def test_outside_a_projection_there_are_no_metres() -> None:
    crs = CRS.from_string("EPSG:32645")
    (part,) = parts(np.ones((3, 3), dtype=bool), Affine(1e9, 0, 1e12, 0, -1e9, 1e12), crs)
    assert part.area_m2 is None
