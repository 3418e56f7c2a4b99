"""Pictures and words through the model, many at a time.

Shapes: B questions, S side of the model's image grid, U that of the union encoder's.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rs2sam2.errors import Rs2Sam2Error
from rs2sam2.inference import presence
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.language import check_expressions
from rs2sam2.inference.pretrained import Pretrained
from rs2sam2.inference.room import largest_batch
from rs2sam2.model.rs2sam2 import Prompts, RS2SAM2Output
from rs2sam2.preprocess import model_inputs, quick_inputs

Views: TypeAlias = tuple[Tensor, Tensor]
"""A picture for the trunk, (3, S, S), and for the union encoder, (3, U, U)."""


class Looking(Pretrained):
    """A model that is shown pictures."""

    def views(self, image: RasterImage) -> Views:
        """An image as the model takes it, where the model is. Threads may call it at the same time."""
        return self._where_the_model_is(*model_inputs(image.pixels, self._model.config))

    def tile_views(self, image: RasterImage) -> Views:
        """As `views`, quicker, see `rs2sam2.preprocess.quick_inputs`: for tiles, of which there are many."""
        return self._where_the_model_is(*quick_inputs(image.pixels, self._model.config))

    def room(self) -> int:
        """How many questions may go through the model together now, see `rs2sam2.inference.room`.

        In int8 it is one: a layer's numbers get one scale, and no answer is to depend on what is asked beside it. So it
        is for code that was made for one shape.
        """
        return 1 if self._one_by_one else largest_batch(self._model.config, self._dtype, self._device)

    def look(self, views: Sequence[Views], expressions: Sequence[str]) -> Iterator[RS2SAM2Output]:
        """What the model itself says to one expression for each of as many prepared images, in one pass.

        Args:
            views: see `views`; at most `LARGEST_BATCH`.
            expressions: as many.

        Returns:
            One output for each, on the CPU in float32, with a batch axis of 1.

        Raises:
            ExpressionError: as in a call.
        """
        check_expressions(expressions)
        ids, words = self._bundle.tokenizer.batch(expressions)
        return chain.from_iterable([self._run(views[some], ids[some], words[some]) for some in self._parts(len(ids))])

    def look_at_tiles(
        self,
        views: Sequence[Views],
        expressions: Sequence[str],
        masks: Sequence[NDArray[np.float32]] | None = None,
        drop_below: float = 0.0,
    ) -> list[RS2SAM2Output | None]:
        """As `look`, but most of the work is saved where the union encoder alone sees that nothing is there.

        Args:
            views: see `views`; at most `LARGEST_BATCH`.
            expressions: as many.
            masks: as many mask prompts, (S/4, S/4) logits of an answer that is to be made finer; None for none.
            drop_below: 0..1, see `Decision`.

        Returns:
            One output for each as `look` gives it, None where nothing is there.

        Raises:
            ExpressionError: as in a call.
        """
        check_expressions(expressions)
        ids, words = self._bundle.tokenizer.batch(expressions)
        found: list[RS2SAM2Output | None] = []
        for some in self._parts(len(ids)):
            prompts = None if masks is None else masks[some]
            found += self._tiles(views[some], ids[some], words[some], prompts, drop_below)
        return found

    def _tiles(
        self,
        views: Sequence[Views],
        ids: Tensor,
        words: Tensor,
        masks: Sequence[NDArray[np.float32]] | None,
        drop_below: float,
    ) -> list[RS2SAM2Output | None]:
        pixels, union_pixels = _together(views)
        with self._at_work(len(ids)):
            reading = self._model.read(union_pixels, ids.to(self._device), words.to(self._device))
            kept = torch.nonzero(presence.early_presence(reading) >= drop_below)[:, 0]
            found: list[RS2SAM2Output | None] = [None] * len(ids)
            if len(kept):
                reading = reading.of(kept)
                prompts = None if masks is None else self._mask_prompts([masks[index] for index in kept.tolist()])
                output = self._model.decode(
                    reading, self._model.look(pixels if len(pixels) == 1 else pixels[kept], reading), prompts
                )
                for at, index in enumerate(kept.tolist()):
                    found[index] = output.one(at)
        return found

    def _run(self, views: Sequence[Views], ids: Tensor, words: Tensor) -> Iterator[RS2SAM2Output]:
        """The model's answer to each expression, on the CPU in float32, with a batch axis of 1."""
        pixels, union_pixels = _together(views)
        with self._at_work(len(ids)):
            output = self._model(pixels, union_pixels, ids.to(self._device), words.to(self._device))
        return (output.one(index) for index in range(len(ids)))

    def _parts(self, questions: int) -> Iterator[slice]:
        """Which questions go through the model together: all, or one after the other (see `room`)."""
        together = 1 if self._one_by_one else questions
        return (slice(start, start + together) for start in range(0, questions, together))

    def _where_the_model_is(self, pixels: Tensor, union_pixels: Tensor) -> Views:
        return self._moved(pixels), self._moved(union_pixels)

    def _moved(self, tensor: Tensor) -> Tensor:
        if self._device.type == "cuda":  # from pinned memory the GPU fetches it while this thread goes on
            return tensor.pin_memory().to(self._device, non_blocking=True)
        return tensor.to(self._device)

    def _mask_prompts(self, masks: Sequence[NDArray[np.float32]]) -> Prompts:
        logits = torch.from_numpy(np.stack(masks))[:, None].to(self._device)
        no_point = torch.zeros(len(masks), 0, dtype=torch.int64, device=self._device)
        return Prompts(no_point[..., None].expand(-1, -1, 2).float(), no_point, logits)

    @contextmanager
    def _at_work(self, expressions: int) -> Iterator[None]:
        """Without gradients; too little memory is an error of ours."""
        try:
            with torch.inference_mode():
                yield
        except torch.OutOfMemoryError as error:
            raise Rs2Sam2Error(
                f"device {str(self._device)!r} has too little memory for {expressions} expressions: "
                "ask for fewer at once or use device 'cpu'"
            ) from error


def _together(views: Sequence[Views]) -> Views:
    """(B, 3, S, S) and (B, 3, U, U); (1, ...) where all questions are about one picture."""
    if all(one is views[0] for one in views):
        views = views[:1]
    pixels, union_pixels = map(torch.stack, zip(*views, strict=True))
    return pixels, union_pixels
