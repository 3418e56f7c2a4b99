"""A vector layer's rows: one for each object. Needs the optional 'geo' dependencies."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.measure import placed
from rs2sam2.inference.polygons.objects import Objects

if TYPE_CHECKING:
    import pyarrow as pa
    from affine import Affine
    from rasterio.crs import CRS

COLUMNS = {
    "id": "int32",
    "expression": "string",
    "score": "float64",
    "area_m2": "float64",
    "perimeter_m": "float64",
    "area_px": "int64",
    "tiles": "int32",
}
"""Names, in order, and Arrow types; docs/polygons.md says what they hold."""

IN_PIXELS = "pixels of the image, x to the right and y down from its upper left corner: it has no CRS"


@dataclass(frozen=True)
class Layer:
    """What a layer is about, apart from its rows.

    Attributes:
        expressions: what was asked; objects carry a number into this.
        transform: pixel corner (column, row) to coordinates of `crs`, or None.
        crs: the raster's, or None. Without both, coordinates are pixels.
        tags: where it comes from, by name (see `tags`).
    """

    expressions: tuple[str, ...]
    transform: "Affine | None"
    crs: "CRS | None"
    tags: dict[str, str]

    @property
    def placed_crs(self) -> "CRS | None":
        """That of the layer's coordinates; None for pixels."""
        return self.crs if self.transform is not None else None

    def polygons(self, objects: Objects) -> NDArray[np.object_]:
        """(N,) polygons in the layer's coordinates, outer rings counter-clockwise."""
        import shapely

        where = objects.outline
        if self.transform is not None and self.crs is not None:
            where = placed(where, self.transform)
        return np.asarray(shapely.orient_polygons(where), dtype=np.object_)

    def columns(self, objects: Objects, first_id: int) -> dict[str, list[object]]:
        """Values of `COLUMNS`, None for what is unknown."""
        values: dict[str, list[object]] = {
            "id": list(range(first_id, first_id + len(objects))),
            "expression": [self.expressions[index] for index in objects.expression],
            "score": objects.score.tolist(),
            "area_m2": [None if math.isnan(area) else area for area in objects.area_m2.tolist()],
            "perimeter_m": [None if math.isnan(length) else length for length in objects.perimeter_m.tolist()],
            "area_px": objects.area_px.tolist(),
            "tiles": [count or None for count in objects.tiles.tolist()],
        }
        return {name: values[name] for name in COLUMNS}

    def schema(self, names: dict[str, str]) -> "pa.Schema":
        """Of the batches; `names` gives other names to columns."""
        import pyarrow as pa

        fields = [(names.get(name, name), pa.type_for_alias(kind)) for name, kind in COLUMNS.items()]
        return pa.schema([*fields, ("geometry", pa.binary())])

    def record_batches(self, schema: "pa.Schema", batches: Iterable[Objects]) -> "Iterator[pa.RecordBatch]":
        """Rows with the geometry as WKB, numbered from 1."""
        import pyarrow as pa
        import shapely

        first_id = 1
        for objects in batches:
            columns = self.columns(objects, first_id).values()
            shapes = shapely.to_wkb(self.polygons(objects))
            first_id += len(objects)
            arrays = [pa.array(values, field.type) for values, field in zip([*columns, shapes], schema, strict=True)]
            yield pa.record_batch(arrays, schema=schema)
