"""Answers as one JSON object. Its fields are documented in docs/json.md and docs/segment.schema.json."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rs2sam2.inference.extras import has_geo
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.outputs.targets import Target
from rs2sam2.inference.segmentation import Segmentation

SCHEMA = "rs2sam2.segment/1"
"""Name and version: a field may be added under the same number, none is taken away or changes its meaning."""


def segment_report(
    image: RasterImage, answers: Sequence[Segmentation], targets: Sequence[Target], warnings: Sequence[str]
) -> dict[str, Any]:
    """What `rs2sam2 segment --json` prints.

    With one expression its fields stand at the top level, too, so that a script need not look into `results`.
    """
    results = [_result(answer) for answer in answers]
    weights = answers[0].weights
    return {
        "schema": SCHEMA,
        "image": {"path": image.name, "width": image.width, "height": image.height, "crs": _crs_name(image)},
        **(results[0] if len(results) == 1 else {}),
        "results": results,
        "outputs": [{"path": str(Path(target.name)), "kind": target.kind} for target in targets],
        "weights": {"name": weights.name, "sha256": weights.sha256, "license": weights.license},
        "warnings": list(warnings),
    }


def _result(answer: Segmentation) -> dict[str, Any]:
    prompts = answer.prompts
    return {
        "expression": answer.expression,
        "present": answer.present,
        "p_present": answer.p_present,
        "predicted_iou": answer.predicted_iou,
        "score": answer.score,
        "area_px": answer.area_px,
        "area_m2": answer.area_m2,
        "perimeter_m": answer.perimeter_m,
        "parts": len(answer.parts) if has_geo() else None,
        "bbox": None if answer.bbox is None else list(answer.bbox),
        "prompts": None if prompts is None else asdict(prompts),
    }


def _crs_name(image: RasterImage) -> str | None:
    if image.crs is None:
        return None
    authority = image.crs.to_authority()
    return ":".join(authority) if authority else str(image.crs.to_wkt())
