"""What each tile is asked, and what it answers. Needs the optional 'geo' dependencies."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference import presence
from rs2sam2.inference.raster.journal import TileAnswer
from rs2sam2.inference.raster.reading import Prepared
from rs2sam2.inference.raster.scene_look import SceneLook
from rs2sam2.inference.raster.side_by_side import SideBySide
from rs2sam2.inference.raster.tiling import Tiling
from rs2sam2.inference.segmenter import Segmenter, Views
from rs2sam2.model.rs2sam2 import RS2SAM2Output, mask_probability

_NOTHING = TileAnswer(0.0, 0.0, None)
Question = tuple[int, int]
"""A tile's number, and an expression's."""


@dataclass(frozen=True)
class Asked:
    """A group of tiles that the model is working on.

    Attributes:
        prepared: the tiles.
        passes: the questions of each pass through the model, and what it says to them.
    """

    prepared: Sequence[Prepared]
    passes: Sequence[tuple[Sequence[Question], Future[Sequence[RS2SAM2Output | None]]]]


class Asking:
    """Asks tiles: for what is meant anywhere all of them, for what is meant in the scene those where it lies.

    Attributes:
        asked: (rows, columns, K) which tile is asked for which expression.
        dropped: questions that the union encoder alone has answered with "nothing there".
    """

    def __init__(
        self,
        segmenter: Segmenter,
        expressions: Sequence[str],
        tiling: Tiling,
        looks: Mapping[int, SceneLook],
        nothing: float,
        workers: SideBySide,
    ) -> None:
        """Nothing is asked yet.

        Args:
            segmenter: what answers.
            expressions: K.
            tiling: of the raster.
            looks: at the whole scene, for expressions that speak of it, by their number.
            nothing: a logit whose probability rounds to 0.
            workers: run the model.
        """
        self._workers = workers
        self._segmenter, self._expressions, self._tiling = segmenter, expressions, tiling
        self._looks, self._nothing = looks, nothing
        everywhere = np.ones((tiling.rows, tiling.columns), dtype=np.bool_)
        asked = [looks[at].touches(tiling) if at in looks else everywhere for at in range(len(expressions))]
        self.asked: NDArray[np.bool_] = np.stack(asked, axis=-1)
        self.dropped = 0

    def begin(self, prepared: Sequence[Prepared]) -> Asked:
        """Have a group of tiles asked; several groups may be under way. The same group always makes the same passes."""
        views = {tile.tile: tile.views for tile in prepared if tile.views is not None}
        asked = self.asked.reshape(-1, len(self._expressions))
        questions = [(tile, at) for tile in views for at in np.flatnonzero(asked[tile]).tolist()]
        passes = []
        for of_scene in (False, True):
            some = [(tile, at) for tile, at in questions if (at in self._looks) is of_scene]
            for start in range(0, len(some), self._segmenter.together):
                batch = some[start : start + self._segmenter.together]
                ask = partial(self._outputs, batch, views, of_scene=of_scene)
                passes.append((batch, self._workers.begin(ask)))
        return Asked(prepared, passes)

    def answers(self, asked: Asked) -> dict[int, list[TileAnswer]]:
        """K answers of each tile that has data, by its number; waits for them."""
        found = {tile.tile: [_NOTHING] * len(self._expressions) for tile in asked.prepared if tile.views is not None}
        for questions, outputs in asked.passes:
            for (tile, at), output in zip(questions, outputs.result(), strict=True):
                found[tile][at] = self._answer(tile, at, output)
        return found

    def _outputs(
        self, questions: Sequence[Question], views: Mapping[int, Views], *, of_scene: bool
    ) -> Sequence[RS2SAM2Output | None]:
        shown, texts = [views[tile] for tile, _ in questions], [self._expressions[at] for _, at in questions]
        if of_scene:
            masks = [self._looks[at].prompt(self._tiling, tile) for tile, at in questions]
            return self._segmenter.look_at_tiles(shown, texts, masks)
        drop_below = self._segmenter.decision.drop_below
        if drop_below:
            return self._segmenter.look_at_tiles(shown, texts, drop_below=drop_below)
        return list(self._segmenter.look(shown, texts))

    def _answer(self, tile: int, at: int, output: RS2SAM2Output | None) -> TileAnswer:
        if output is None:
            self.dropped += 1
            return _NOTHING
        decision, config = self._segmenter.decision, self._segmenter.config
        logits = output.mask_logits[0, 0]
        peak = float(mask_probability(logits.max(), config))
        p_present, predicted_iou = presence.p_present(output, decision.presence, peak), float(output.predicted_iou)
        look, present = self._looks.get(at), p_present >= decision.presence_threshold
        cells = logits.numpy()
        if look is not None:  # that it is there has been decided
            present, cells = True, look.kept(self._tiling, tile, cells, self._nothing)
        half = cells.clip(-1e4, 1e4).astype(np.float16)
        return TileAnswer(p_present, predicted_iou, half if present else None)
