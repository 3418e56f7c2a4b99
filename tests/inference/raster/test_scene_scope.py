"""A raster that is one scene: one look says which thing is meant, the tiles there and only there say how it lies."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from red import OPTIONS, SIDE, SURE, RedSegmenter, paint, write
from scipy.ndimage import label

from rs2sam2.errors import StoppedError
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.outputs.targets import check_targets
from rs2sam2.inference.raster.options import RasterOptions
from rs2sam2.inference.raster.report import RasterReport
from rs2sam2.inference.raster.run import segment_raster
from rs2sam2.inference.scope import Scope
from rs2sam2.inference.segmentation import Segmentation
from rs2sam2.model.rs2sam2 import RS2SAM2Output

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
LEFTMOST = "the leftmost red thing"


class OfScene(RedSegmenter):
    """Knows the leftmost red thing of a whole scene, as coarsely as its 64 x 64 logits tell; a tile shows every one."""

    def __init__(self, *, loses: bool = False) -> None:
        super().__init__()
        self.scenes: list[tuple[int, ...]] = []
        self.masks: list[np.ndarray] = []
        self._loses = loses

    def answers(self, questions: Sequence[tuple[RasterImage, str]], threshold: float | None) -> Iterator[Segmentation]:
        for image, text in questions:
            self.scenes.append(image.pixels.shape)
            parts, count = label(image.pixels[..., 0] > 200)
            mask = parts == parts[:, parts.any(axis=0)][:, 0].max() if count else np.zeros(parts.shape, dtype=np.bool_)
            down, across = (((np.arange(SIDE) + 0.5) / SIDE * length).astype(int) for length in mask.shape)
            logits = np.where(mask[np.ix_(down, across)], SURE, -SURE).astype(np.float32)
            values = {"expression": text, "mask": mask, "probability": mask.astype(np.float32), "present": count > 0}
            yield Segmentation(
                **values, p_present=0.75 * (count > 0), predicted_iou=0.5, weights=self.weights, mask_logits=logits
            )

    def look_at_tiles(
        self, views: Sequence[Any], expressions: Sequence[str], masks: Sequence[np.ndarray]
    ) -> list[RS2SAM2Output]:
        self.masks += masks
        outputs = self.look(views, expressions)
        if self._loses:
            outputs = [
                RS2SAM2Output(torch.full_like(o.mask_logits, -SURE), *list(vars(o).values())[1:]) for o in outputs
            ]
        return outputs


def rectangles(shape: tuple[int, int], *boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros(shape, dtype=np.bool_)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


WANTED, NEAR, FAR = (83, 150, 31, 98), (90, 140, 107, 120), (300, 340, 301, 345)
SHAPE = (400, 500)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """The thing that is meant crosses tiles, another one shares a tile with it, a third is far away."""
    return write(tmp_path / "scene.tif", paint(rectangles(SHAPE, WANTED, NEAR, FAR)))


def ask(segmenter: RedSegmenter, scene: Path, text: str | list[str], **more: Any) -> tuple[np.ndarray, RasterReport]:
    output = scene.with_name("mask.tif")
    texts = [text] if isinstance(text, str) else text
    targets = check_targets([output], source=scene, expressions=len(texts), overwrite=True)
    options = RasterOptions(**{**vars(OPTIONS), **more.pop("options", {})})
    report = segment_raster(segmenter, scene, texts, targets, options, overwrite=True, **more)
    with rasterio.open(output) as dataset:
        return dataset.read(1), report


def test_what_the_scene_means_is_found_whole_at_the_finest_resolution_and_nothing_else(scene: Path) -> None:
    segmenter = OfScene()
    mask, report = ask(segmenter, scene, LEFTMOST)
    np.testing.assert_array_equal(mask > 0, rectangles(SHAPE, WANTED))
    assert str(report.scopes[0]) == "scene, because of 'leftmost'"
    assert segmenter.scenes == [(*SHAPE, 3)], "the scene was not looked at once, as a whole"
    assert 0 < segmenter.looks < report.tiles / 3, "tiles were asked where the thing is not"
    assert all(prompt.shape == (SIDE, SIDE) and prompt.max() > 0 for prompt in segmenter.masks)
    (found,) = report.results
    assert (found.p_present, found.predicted_iou) == (0.75, 0.5)
    assert found.bbox == (31, 83, 98, 150)


def test_every_tile_answers_for_itself_when_it_shall(scene: Path) -> None:
    mask, report = ask(OfScene(), scene, LEFTMOST, options={"scope": Scope.tile})
    np.testing.assert_array_equal(mask > 0, rectangles(SHAPE, WANTED, NEAR, FAR))
    assert str(report.scopes[0]) == "tile, because of '--scope'"


def test_expressions_of_both_kinds_go_together(scene: Path) -> None:
    segmenter = OfScene()
    mask, report = ask(segmenter, scene, [LEFTMOST, "red things"])
    assert [choice.scope for choice in report.scopes] == [Scope.scene, Scope.tile]
    np.testing.assert_array_equal(mask > 0, rectangles(SHAPE, WANTED, NEAR, FAR))
    assert report.results[0].area_px == rectangles(SHAPE, WANTED).sum()
    assert report.results[1].area_px == rectangles(SHAPE, WANTED, NEAR, FAR).sum()
    assert report.tiles < segmenter.looks < 1.4 * report.tiles


def test_the_area_of_interest_is_the_scene(scene: Path) -> None:
    mask, _ = ask(OfScene(), scene, LEFTMOST, options={"aoi": (200.0, 250.0, 480.0, 390.0)})
    np.testing.assert_array_equal(mask > 0, rectangles(SHAPE, FAR)[250:390, 200:480])


def test_where_nothing_is_no_tile_is_asked(tmp_path: Path) -> None:
    segmenter = OfScene()
    mask, report = ask(segmenter, write(tmp_path / "scene.tif", paint(rectangles(SHAPE))), LEFTMOST)
    assert segmenter.looks == 0
    assert not mask.any()
    assert not report.results[0].present


def test_what_tiles_lose_the_look_at_the_scene_puts_back(scene: Path) -> None:
    mask, _ = ask(OfScene(loses=True), scene, LEFTMOST)
    wanted = rectangles(SHAPE, WANTED)
    iou = (wanted & (mask > 0)).sum() / (wanted | (mask > 0)).sum()
    assert 0.7 < iou < 1, "not the coarse answer"


def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(scene: Path) -> None:
    ask(OfScene(), scene, [LEFTMOST, "red things"])
    content = scene.with_name("mask.tif").read_bytes()
    batches = iter([False, False, True])
    with pytest.raises(StoppedError):
        ask(OfScene(), scene, [LEFTMOST, "red things"], cancelled=lambda: next(batches))
    _, report = ask(OfScene(), scene, [LEFTMOST, "red things"])
    assert report.reused > 0
    assert scene.with_name("mask.tif").read_bytes() == content
