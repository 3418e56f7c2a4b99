"""Results in answers."""

import base64
import json
import shlex
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from rs2sam2.data.coco_masks import encode_mask
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.outputs.options import PolygonOptions
from rs2sam2.inference.outputs.raster import encode_png
from rs2sam2.inference.report import segment_report
from rs2sam2.inference.segmentation import NOTHING, Segmentation
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.inference.user_prompts import UserPrompts
from rs2sam2.serving.exports import FILES, export
from rs2sam2.serving.image_replies import crs_name
from rs2sam2.serving.model import Question
from rs2sam2.serving.picture import Picture
from rs2sam2.serving.places import Window, corners
from rs2sam2.serving.results import Result
from rs2sam2.serving.schemas import AnswerReply, Part, Polygons, ResultReply, WeightsReply

_Number = TypeVar("_Number", int, float)


def result_reply(
    result: Result, segmenter: Segmenter, wishes: Polygons, include: Collection[Part], *, cached: bool
) -> ResultReply:
    """A result, cut at a threshold.

    Args:
        result: what the model found.
        segmenter: the model.
        wishes: threshold and polygons.
        include: which masks and polygons to send.
        cached: whether the model need not run for it.

    Raises:
        Refusal: the image is gone (404).
    """
    image, answers = result.answers(segmenter, wishes.threshold)
    x0, y0 = result.window[:2]
    question = result.question
    prompts = question.prompts or UserPrompts()
    weights = answers[0].weights
    polygons = options(wishes)
    return ResultReply(
        id=result.id,
        image=result.item.id,
        width=result.picture.width,
        height=result.picture.height,
        scene=list(result.window),
        corners=corners(result.picture, result.window),
        crs=crs_name(result.picture),
        threshold=segmenter.decision.mask_threshold if wishes.threshold is None else wishes.threshold,
        points=[[x + x0, y + y0] for x, y in prompts.points],
        labels=list(prompts.labels),
        box=_moved(prompts.box, x0, y0),
        answers=[
            _answer(answer, facts, include) for answer, facts in zip(answers, _measures(image, answers), strict=True)
        ],
        geojson=json.loads(export("polygons.geojson", image, answers, polygons)) if "geojson" in include else None,
        weights=WeightsReply(name=weights.name, sha256=weights.sha256, license=weights.license),
        command=command(result.item.name, result.picture, result.window, question, wishes),
        cached=cached,
        files={name: f"/v1/results/{result.id}/{name}" for name in _files(result)},
    )


def options(wishes: Polygons) -> PolygonOptions:
    """How polygons are made."""
    return PolygonOptions(wishes.min_area, wishes.simplify)


def command(name: str, picture: Picture, window: Window, question: Question, wishes: Polygons) -> str:
    """What to type in a shell for the same answer."""
    x0, y0, x1, y1 = window
    steps = []
    if window != (0, 0, picture.width, picture.height):
        cut = ["gdal_translate", "-srcwin", str(x0), str(y0), str(x1 - x0), str(y1 - y0), name, "scene.tif"]
        steps.append(shlex.join(cut))
        name = "scene.tif"
    ask = ["rs2sam2", "segment", name, *(part for text in question.expressions for part in ("-e", text))]
    if question.prompts is not None:
        ask += _pointing(question.prompts)
    if wishes.threshold is not None:
        ask += ["--threshold", f"{wishes.threshold:g}"]
    if wishes.min_area:
        ask += ["--min-area", f"{wishes.min_area:g}"]
    if wishes.simplify:
        ask += ["--simplify", f"{wishes.simplify:g}"]
    steps.append(shlex.join([*ask, "-o", "mask.tif", "-o", "polygons.gpkg"]))
    return " && ".join(steps)


def _pointing(prompts: UserPrompts) -> list[str]:
    """Options of `rs2sam2 segment`."""
    clicks = zip(prompts.points, prompts.labels, strict=True)
    words = [word for (x, y), label in clicks for word in ("--point", f"{x:g},{y:g},{label}")]
    return words if prompts.box is None else [*words, "--box", ",".join(f"{side:g}" for side in prompts.box)]


def _moved(box: Sequence[_Number] | None, x: int, y: int) -> list[_Number] | None:
    """A box of the scene in pixels of the whole image."""
    return None if box is None else [a + b for a, b in zip(box, (x, y, x, y), strict=True)]


def _files(result: Result) -> list[str]:
    pseudo = [] if result.looks[0].pseudo_mask_logits is None else ["pseudo_mask.png"]
    return [*FILES, "probability.png", *pseudo]


def _measures(image: RasterImage, answers: Sequence[Segmentation]) -> list[dict[str, Any]]:
    measures: list[dict[str, Any]] = segment_report(image, answers, [], [])["results"]
    return measures


def _answer(answer: Segmentation, measures: dict[str, Any], include: Collection[Part]) -> AnswerReply:
    return AnswerReply(
        **measures | {"bbox": _moved(answer.bbox, *answer.origin)},
        message=None if answer.present else NOTHING,
        warnings=list(answer.warnings),
        rle=encode_mask(answer.mask, "rs2sam2 serve") if "rle" in include else None,
        mask=base64.b64encode(encode_png([answer])).decode() if "mask" in include else None,
    )
