"""Answers as one JSON object. Its fields are documented in docs/json.md and docs/segment.schema.json."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rs2sam2.inference.extras import has_geo
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.outputs.targets import Target
from rs2sam2.inference.raster.report import Found, RasterReport
from rs2sam2.inference.scope import ScopeChoice
from rs2sam2.inference.segmentation import Segmentation, Weights

if TYPE_CHECKING:
    from rasterio.crs import CRS

SCHEMA = "rs2sam2.segment/1"
"""Name and version: a field may be added under the same number, none is taken away or changes its meaning."""


def segment_report(
    image: RasterImage, answers: Sequence[Segmentation], targets: Sequence[Target], warnings: Sequence[str]
) -> dict[str, Any]:
    """What `rs2sam2 segment --json` prints.

    With one expression its fields stand at the top level, too, so that a script need not look into `results`.
    """
    results = [_result(answer, answer.area_m2, answer.perimeter_m, _parts(answer)) for answer in answers]
    shown = {"path": image.name, "width": image.width, "height": image.height, "crs": crs_name(image.crs)}
    return _report(shown, results, targets, answers[0].weights, warnings)


def raster_report(report: RasterReport) -> dict[str, Any]:
    """The same for a raster that was looked at in tiles, and how these fared."""
    results = [_result(found, found.area_m2, found.perimeter_m, found.parts) for found in report.results]
    shown = {"path": report.source, "width": report.width, "height": report.height, "crs": report.crs}
    tiles = {
        "total": report.tiles,
        "scopes": scopes_report([found.expression for found in report.results], report.scopes),
        "empty": report.empty,
        "dropped": report.dropped,
        "reused": report.reused,
        "failed": [asdict(tile) | {"box": list(tile.box)} for tile in report.failed],
        "gsd": report.gsd,
        "seconds": report.seconds,
    }
    return _report(shown, results, report.targets, report.weights, report.warnings) | {"tiles": tiles}


def scopes_report(expressions: Sequence[str], choices: Sequence[ScopeChoice]) -> list[dict[str, Any]]:
    """What each expression was taken to speak of, and the words that decided."""
    return [
        {"expression": text, "scope": choice.scope.value, "because": choice.because}
        for text, choice in zip(expressions, choices, strict=True)
    ]


def crs_name(crs: "CRS | None") -> str | None:
    """Authority and code, WKT where there is none, None without CRS."""
    if crs is None:
        return None
    authority = crs.to_authority()
    return ":".join(authority) if authority else str(crs.to_wkt())


def _report(
    image: dict[str, Any],
    results: Sequence[dict[str, Any]],
    targets: Sequence[Target],
    weights: Weights,
    warnings: Sequence[str],
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "image": image,
        **(results[0] if len(results) == 1 else {}),
        "results": list(results),
        "outputs": [{"path": str(Path(target.name)), "kind": target.kind} for target in targets],
        "weights": {"name": weights.name, "sha256": weights.sha256, "license": weights.license},
        "warnings": list(warnings),
    }


def _parts(answer: Segmentation) -> int | None:
    return len(answer.parts) if has_geo() else None


def _result(
    answer: Segmentation | Found, area_m2: float | None, perimeter_m: float | None, parts: int | None
) -> dict[str, Any]:
    prompts = answer.prompts if isinstance(answer, Segmentation) else None
    return {
        "expression": answer.expression,
        "present": answer.present,
        "p_present": answer.p_present,
        "predicted_iou": answer.predicted_iou,
        "score": answer.score,
        "area_px": answer.area_px,
        "area_m2": area_m2,
        "perimeter_m": perimeter_m,
        "parts": parts,
        "bbox": None if answer.bbox is None else list(answer.bbox),
        "prompts": None if prompts is None else asdict(prompts),
    }
