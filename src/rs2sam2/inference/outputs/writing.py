"""From answers to files."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from rs2sam2.errors import OutputError
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.outputs.atomic import write_files
from rs2sam2.inference.outputs.options import AS_FOUND, PolygonOptions
from rs2sam2.inference.outputs.raster import encode_geotiff, encode_png
from rs2sam2.inference.outputs.targets import Target, check_targets
from rs2sam2.inference.segmentation import Segmentation


def save(
    answer: Segmentation | Sequence[Segmentation],
    path: str | Path,
    *,
    overwrite: bool = False,
    polygons: PolygonOptions = AS_FOUND,
) -> None:
    """Write one file: a mask (`.png`, `.tif`) or polygons (`.gpkg`, `.geojson`, `.fgb`, `.parquet`, `.shp`).

    It is written whole or not at all.

    Args:
        answer: one answer, or several on the same image.
        path: where to.
        overwrite: whether an existing file may be replaced.
        polygons: what polygons are made like.

    Raises:
        OutputError: if it cannot be written.
        MissingExtraError: if the format needs the extra 'geo'.
    """
    answers = [answer] if isinstance(answer, Segmentation) else list(answer)
    if not answers:
        raise OutputError(f"{path}: no answer to write: segment something first")
    targets = check_targets([path], expressions=len(answers), overwrite=overwrite)
    write_files(_contents(targets, answers, None, polygons), overwrite=overwrite)


def write_outputs(
    targets: Sequence[Target],
    answers: Sequence[Segmentation],
    image: RasterImage,
    *,
    overwrite: bool,
    polygons: PolygonOptions = AS_FOUND,
) -> None:
    """Write checked targets (see `check_targets`), all of them or none.

    Raises:
        OutputError: if one cannot be written.
    """
    write_files(_contents(targets, answers, image, polygons), overwrite=overwrite)


def write_picture_set(
    scene: Target, targets: Sequence[Target], image: RasterImage, answer: Segmentation, *, overwrite: bool
) -> None:
    """Write the image itself (a PNG file) beside the outputs made of it, all of them or none.

    Raises:
        OutputError: if one cannot be written.
    """
    buffer = io.BytesIO()
    Image.fromarray(image.pixels).save(buffer, "PNG")
    contents = _contents(targets, [answer], image, AS_FOUND)
    write_files([(scene, buffer.getvalue()), *contents], overwrite=overwrite)


def _contents(
    targets: Sequence[Target], answers: Sequence[Segmentation], image: RasterImage | None, polygons: PolygonOptions
) -> list[tuple[Target, bytes]]:
    return [content for target in targets for content in _encode(target, answers, image, polygons)]


def _encode(
    target: Target, answers: Sequence[Segmentation], image: RasterImage | None, polygons: PolygonOptions
) -> list[tuple[Target, bytes]]:
    """Formats import what they need: scipy, rasterio and pyogrio take a second that a plain mask can do without."""
    if target.kind == "polygons":
        from rs2sam2.inference.outputs.vector import encode_polygons

        return encode_polygons(target, answers, polygons)
    if target.kind == "overlay" and image is not None:
        from rs2sam2.inference.overlay import encode_overlay

        return [(target, encode_overlay(image, answers, target.suffix))]
    if target.kind == "style":
        from rs2sam2.inference.outputs.style import encode_qml

        return [(target, encode_qml([answer.expression for answer in answers]))]
    return [(target, encode_png(answers) if target.suffix == ".png" else encode_geotiff(answers))]
