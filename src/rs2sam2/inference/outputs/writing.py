"""From answers to files."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from rs2sam2.errors import OutputError
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.outputs.atomic import write_files
from rs2sam2.inference.outputs.raster import encode_geotiff, encode_png
from rs2sam2.inference.outputs.targets import Target, check_targets
from rs2sam2.inference.segmentation import Segmentation


def save(answer: Segmentation | Sequence[Segmentation], path: str | Path, *, overwrite: bool = False) -> None:
    """Write one file: a mask (`.png`, `.tif`) or polygons (`.geojson`, `.gpkg`), whole or not at all.

    Args:
        answer: one answer, or several on the same image.
        path: where to.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: if it cannot be written.
        MissingExtraError: if the format needs the extra 'geo'.
    """
    answers = [answer] if isinstance(answer, Segmentation) else list(answer)
    if not answers:
        raise OutputError(f"{path}: no answer to write: segment something first")
    targets = check_targets([path], expressions=len(answers), overwrite=overwrite)
    write_files([(target, _encode(target, answers)) for target in targets], overwrite=overwrite)


def write_outputs(
    targets: Sequence[Target], answers: Sequence[Segmentation], image: RasterImage, *, overwrite: bool
) -> None:
    """Write checked targets (see `check_targets`), all of them or none.

    Raises:
        OutputError: if one cannot be written.
    """
    write_files(_contents(targets, answers, image), overwrite=overwrite)


def write_picture_set(
    scene: Target, targets: Sequence[Target], image: RasterImage, answer: Segmentation, *, overwrite: bool
) -> None:
    """Write the image itself (a PNG file) beside the outputs made of it, all of them or none.

    Raises:
        OutputError: if one cannot be written.
    """
    buffer = io.BytesIO()
    Image.fromarray(image.pixels).save(buffer, "PNG")
    write_files([(scene, buffer.getvalue()), *_contents(targets, [answer], image)], overwrite=overwrite)


def _contents(
    targets: Sequence[Target], answers: Sequence[Segmentation], image: RasterImage
) -> list[tuple[Target, bytes]]:
    return [(target, _encode(target, answers, image)) for target in targets]


def _encode(target: Target, answers: Sequence[Segmentation], image: RasterImage | None = None) -> bytes:
    """Formats import what they need: scipy, rasterio and pyogrio take a second that a plain mask can do without."""
    if target.kind == "overlay" and image is not None:
        from rs2sam2.inference.overlay import encode_overlay

        return encode_overlay(image, answers, target.suffix)
    if target.suffix == ".png":
        return encode_png(answers)
    if target.kind == "mask":
        return encode_geotiff(answers)
    from rs2sam2.inference.outputs.vector import encode_geojson, encode_geopackage

    return encode_geojson(answers) if target.suffix == ".geojson" else encode_geopackage(answers)
