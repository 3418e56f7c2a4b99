"""Image and words in, `Segmentation` out: the one way from a user's data through the model and back.

Shapes: B expressions, H, W height and width of the user's image in pixels, S side of the model's image grid.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, overload

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from rs2sam2.config import Decision
from rs2sam2.errors import ConfigError, PromptError
from rs2sam2.inference import presence
from rs2sam2.inference.images import ImageSource, RasterImage, open_image
from rs2sam2.inference.language import LanguageWarning, check_expressions, language_warnings
from rs2sam2.inference.looking import Looking, Views
from rs2sam2.inference.one_thing import cut
from rs2sam2.inference.room import LARGEST_BATCH
from rs2sam2.inference.seen import Seen, replay
from rs2sam2.inference.segmentation import Segmentation
from rs2sam2.inference.user_prompts import UserPrompts
from rs2sam2.model.rs2sam2 import RS2SAM2Output, mask_probability
from rs2sam2.preprocess import to_image_grid

if TYPE_CHECKING:
    from rs2sam2.inference.explore.explorer import Explorer

__all__ = ["LARGEST_BATCH", "Segmentation", "Segmenter", "Views"]


class Segmenter(Looking):
    """Finds what expressions mean in images.

    >>> segmenter = Segmenter.from_pretrained("nano")
    >>> answer = segmenter("scene.jpg", "the blue-roofed building at the lower right")
    >>> answer.present, answer.score, answer.bbox
    """

    @overload
    def __call__(
        self,
        image: ImageSource | RasterImage,
        expression: str,
        threshold: float | None = None,
        *,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
    ) -> Segmentation: ...
    @overload
    def __call__(
        self,
        image: ImageSource | RasterImage,
        expression: list[str] | tuple[str, ...],
        threshold: float | None = None,
    ) -> list[Segmentation]: ...
    def __call__(
        self,
        image: ImageSource | RasterImage,
        expression: str | list[str] | tuple[str, ...],
        threshold: float | None = None,
        *,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
    ) -> Segmentation | list[Segmentation]:
        """Find what each expression means. The image is read once, and expressions run together.

        Points and a box beside one expression correct its answer; see `rs2sam2.inference.user_prompts` for their
        coordinates. They say that something is meant: P(present) is then the mask's highest probability, and the thing
        is there if the mask holds a pixel.

        Args:
            image: a path, a Pillow image, an array (see `open_image`) or an opened image.
            expression: one, or several.
            threshold: a pixel belongs to the mask where its probability is above this; None takes the weights' own.
            points: up to `MOST_POINTS` clicks (x, y), in pixels of the image, in the order in which they were made.
            labels: of each click, 1 for what belongs to the thing, 0 for what does not; None stands for ones.
            box: (x0, y0, x1, y1) around the thing, in pixels.

        Returns:
            One answer for one expression, a list for a list. Warns with `LanguageWarning` about words that the
            weights do not know.

        Raises:
            ImageError: if the image cannot be opened.
            ExpressionError: if an expression is blank or longer than the model reads.
            ConfigError: if the threshold is not between 0 and 1.
            PromptError: if points or box are malformed, lie outside the image, or come with several expressions.
        """
        expressions = [expression] if isinstance(expression, str) else list(expression)
        prompts = UserPrompts.of(points, labels, box)
        if prompts is not None and len(expressions) > 1:
            raise PromptError(f"points and a box with {len(expressions)} expressions: they belong to one: ask it alone")
        opened = image if isinstance(image, RasterImage) else open_image(image)
        if prompts is not None:
            prompts.check_inside(opened.width, opened.height)
            check_expressions(expressions)
            self._decision(threshold)
            answers = [self.correct(self.see(opened, expressions[0]), points, labels, box, threshold)]
        else:
            answers = list(self.answers([(opened, asked) for asked in expressions], threshold))
        for note in (note for answer in answers for note in answer.warnings):
            warnings.warn(note, LanguageWarning, stacklevel=2)
        return answers[0] if isinstance(expression, str) else answers

    def see(self, image: RasterImage, expression: str) -> Seen:
        """Read and look, which is nearly all of the work, for clicks that come one after the other.

        Args:
            image: opened.
            expression: one.

        Raises:
            ExpressionError: as in a call.
        """
        self.check([expression])
        ids, words = self._bundle.tokenizer.batch([expression])
        pixels, union_pixels = self.views(image)
        with self._at_work(1):
            reading = self._model.read(union_pixels[None], ids.to(self._device), words.to(self._device))
            return Seen(image, expression, reading, self._model.look(pixels[None], reading))

    def correct(
        self,
        seen: Seen,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        threshold: float | None = None,
    ) -> Segmentation:
        """As a call about what was `seen`, with all clicks so far; without points and box, the words alone count.

        One click more costs one run of the decoder, undoing it or another threshold none.

        Raises:
            ConfigError, PromptError: as in a call.
        """
        prompts = UserPrompts.of(points, labels, box)
        return self.answer(seen.image, seen.expression, self.decode(seen, prompts), threshold, prompts=prompts)

    def explore(self, image: ImageSource | RasterImage) -> "Explorer":
        """A map for a notebook: type, click, draw a box, move the threshold; the answers are at hand in Python.

        Args:
            image: as in a call.

        Raises:
            ImageError: if the image cannot be opened.
            MissingExtraError: if the extra 'notebook' is not installed.
        """
        from rs2sam2.inference.explore.explorer import Explorer

        return Explorer(self, image)

    def decode(self, seen: Seen, prompts: UserPrompts | None) -> RS2SAM2Output:
        """As `correct`, but the model's own numbers, of which `answer` makes an answer; they are small enough to keep.

        Args:
            seen: of `see`.
            prompts: all points so far and the box, or None.

        Raises:
            PromptError: if something lies outside the image.
        """
        if prompts is not None:
            prompts.check_inside(seen.image.width, seen.image.height)
        with self._at_work(1):
            return replay(self._model, seen, prompts).one(0)

    def answers(
        self, questions: Sequence[tuple[RasterImage, str]], threshold: float | None = None
    ) -> Iterator[Segmentation]:
        """Answer questions about any number of images, as many in one pass as there is `room` for.

        Args:
            questions: an opened image and an expression each. An image that several in a row ask about is prepared
                once.
            threshold: as in a call.

        Yields:
            The answers in the order of the questions, each as if it had been asked alone. What would be a
            `LanguageWarning` stands in their `warnings` alone.

        Raises:
            ExpressionError, ConfigError: as in a call, before the first answer; also if there are no questions.
        """
        self._decision(threshold)
        for (image, expression), output in zip(questions, self.outputs(questions), strict=True):
            yield self.answer(image, expression, output, threshold)

    def check(self, expressions: Sequence[str]) -> None:
        """Refuse what the model cannot be asked.

        Raises:
            ExpressionError: there is no expression, or one is blank or longer than the model reads.
        """
        check_expressions(expressions)
        self._bundle.tokenizer.batch(expressions)

    def outputs(self, questions: Sequence[tuple[RasterImage, str]]) -> Iterator[RS2SAM2Output]:
        """As `answers`, but the model's own numbers, of which `answer` makes an answer; they are small enough to keep.

        Yields:
            The outputs in the order of the questions, on the CPU in float32, with a batch axis of 1.

        Raises:
            ExpressionError: as in a call, before the first.
        """
        expressions = [expression for _, expression in questions]
        check_expressions(expressions)
        ids, words = self._bundle.tokenizer.batch(expressions)
        prepared: dict[RasterImage, Views] = {}
        together = self.room()
        for start in range(0, len(questions), together):
            batch = slice(start, start + together)
            images = [image for image, _ in questions[batch]]
            prepared = {
                image: prepared[image] if image in prepared else self.views(image) for image in dict.fromkeys(images)
            }
            yield from self._run([prepared[image] for image in images], ids[batch], words[batch])

    def mask_on_grid(self, answer: Segmentation, height: int, width: int) -> NDArray[np.bool_]:
        """The mask of an answer on another grid: its logits are brought there and then cut at the threshold.

        The masks of published figures are made so, at 1024 x 1024. Presence is decided as in the answer; weights that
        read it from the mask read it from this one.

        Args:
            answer: of this segmenter, with the weights' own threshold, about an image that has data everywhere.
            height: rows of the grid, which covers the whole image.
            width: columns.

        Raises:
            ConfigError: if the answer does not come from one look at the image.
        """
        if answer.mask_logits is None:
            raise ConfigError("the answer was put together from parts of the image: its mask has one grid, the image's")
        decision, prompts = self._bundle.decision, answer.prompts
        probability = self._probability(torch.from_numpy(answer.mask_logits)[None, None], height, width)
        p_present = float(probability.max()) if decision.presence == "mask" else answer.p_present
        size = answer.mask.shape[1], answer.mask.shape[0]
        clicked = None if prompts is None else prompts.foreground(size, (width, height))
        mask = cut(probability, answer.expression, decision, clicked)
        is_there = prompts is not None or p_present >= decision.presence_threshold
        return mask if is_there else np.zeros_like(mask)

    def answer(
        self,
        image: RasterImage,
        expression: str,
        output: RS2SAM2Output,
        threshold: float | None = None,
        *,
        origin: tuple[int, int] = (0, 0),
        prompts: UserPrompts | None = None,
    ) -> Segmentation:
        """What the model's numbers mean; asked again with another threshold, the model need not run again.

        Args:
            image: the one that was asked about.
            expression: likewise.
            output: of `outputs` or `decode`.
            threshold: as in a call.
            origin: where the image begins in the one that it is a part of.
            prompts: that `decode` was given.

        Raises:
            ConfigError: if the threshold is not between 0 and 1.
        """
        decision = self._decision(threshold)
        probability = self._probability(output.mask_logits, image.height, image.width)
        if image.valid is not None:
            probability = np.where(image.valid, probability, np.float32(0))
        # Who clicks says that something is meant.
        where = decision.presence if prompts is None else "mask"
        p_present = presence.p_present(output, where, float(probability.max()))
        size = image.width, image.height
        mask = cut(probability, expression, decision, None if prompts is None else prompts.foreground(size, size))
        # An answer without a pixel points at nothing, whatever the object score says.
        is_there = bool(mask.any()) and (prompts is not None or p_present >= decision.presence_threshold)
        pseudo_mask = output.pseudo_mask_logits
        return Segmentation(
            expression=expression,
            mask=mask if is_there else np.zeros_like(mask),
            probability=probability,
            present=is_there,
            p_present=p_present,
            predicted_iou=float(output.predicted_iou),
            weights=self.weights,
            transform=image.transform,
            crs=image.crs,
            valid=image.valid,
            warnings=tuple(language_warnings(expression, self.provenance)),
            mask_logits=output.mask_logits[0, 0].numpy(),
            origin=origin,
            prompts=prompts,
            pseudo_mask_logits=None if pseudo_mask is None else pseudo_mask[0, 0].numpy(),
            image=image,
        )

    def _decision(self, threshold: float | None) -> Decision:
        decision = self._bundle.decision
        return decision if threshold is None else replace(decision, mask_threshold=threshold)

    def _probability(self, mask_logits: Tensor, height: int, width: int) -> NDArray[np.float32]:
        """(height, width) of logits (1, 1, h, w)."""
        logits = to_image_grid(mask_logits, height, width)[0, 0]
        return mask_probability(logits, self._model.config).numpy().astype(np.float32, copy=False)
