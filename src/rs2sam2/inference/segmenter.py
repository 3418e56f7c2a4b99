"""Image and words in, `Segmentation` out: the one way from a user's data through the model and back.

Shapes: B expressions, H, W height and width of the user's image in pixels, S side of the model's image grid.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, get_args, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rs2sam2.checkpoints.convert import check_target, is_native, load_any
from rs2sam2.checkpoints.locate import locate
from rs2sam2.checkpoints.native import Bundle, save_decision
from rs2sam2.config import Decision, ModelConfig
from rs2sam2.errors import ConfigError, OutputError, Rs2Sam2Error, WeightsError
from rs2sam2.inference import presence
from rs2sam2.inference.images import ImageSource, RasterImage, open_image
from rs2sam2.inference.language import LanguageWarning, check_expressions, language_warnings
from rs2sam2.inference.one_thing import cut
from rs2sam2.inference.segmentation import Segmentation, Weights
from rs2sam2.model.rs2sam2 import RS2SAM2Output, mask_probability
from rs2sam2.preprocess import model_inputs, to_image_grid

__all__ = ["Segmentation", "Segmenter"]

Precision = Literal["auto", "float32", "bfloat16"]

Views: TypeAlias = tuple[Tensor, Tensor]
"""A picture for the trunk, (3, S, S), and for the union encoder, (3, U, U)."""

LARGEST_BATCH = 8
"""Expressions that go through the model together."""


class Segmenter:
    """Finds what expressions mean in images.

    >>> segmenter = Segmenter.from_pretrained("nano")
    >>> answer = segmenter("scene.jpg", "the blue-roofed building at the lower right")
    >>> answer.present, answer.score, answer.bbox
    """

    def __init__(self, bundle: Bundle, source: Path | None = None) -> None:
        """Take weights that are loaded already (`rs2sam2.checkpoints.native.load`), and the place they came from."""
        self._bundle, self._source = bundle, source
        self._model = bundle.model.eval()
        parameter = next(bundle.model.parameters())
        self._device, self._dtype = parameter.device, parameter.dtype
        self.weights = Weights(bundle.name, bundle.sha256, bundle.license)

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path = "nano",
        device: str | None = None,
        precision: Precision = "auto",
        *,
        subfolder: str | None = None,
        revision: str | None = None,
        refresh: bool = False,
    ) -> Self:
        """Load weights by name, from disk or from the Hub.

        Args:
            name_or_path: "nano", which comes with the package; weights on disk, ours or published; or `owner/name` of
                a model on the Hub, also as `owner/name@revision:subfolder`, which is downloaded the first time.
            device: "cpu", "cuda", "cuda:1", "mps"; None takes the first of cuda, mps and cpu that is there.
            precision: "auto" is bfloat16 on GPUs that have it, float32 elsewhere.
            subfolder: of the folder or of the model on the Hub.
            revision: branch, tag or commit of a model on the Hub.
            refresh: ask the Hub whether the revision is another commit by now; otherwise what was downloaded once
                is used without a question.

        Raises:
            WeightsError: if there are no such weights, they are damaged, or the Hub does not give them.
            ConfigError: if device or precision cannot be used here.
        """
        if precision not in get_args(Precision):
            raise ConfigError(f"precision {precision!r}: use {', '.join(get_args(Precision))}")
        place = _device(device)
        source = locate(name_or_path, subfolder, revision, refresh=refresh)
        return cls(load_any(source, place, _dtype(place, precision)), source)

    def push_to_hub(self, repo_id: str, *, private: bool = False, token: str | None = None) -> str:
        """Upload the weights as a folder of ours: safetensors, configuration, tokenizer, provenance and model card.

        Args:
            repo_id: `owner/name`; made if there is none yet, otherwise it gets one more commit.
            private: whether a new repository is for its owner only.
            token: None takes HF_TOKEN or what `hf auth login` keeps.

        Returns:
            The address of the commit.

        Raises:
            OutputError: if the Hub cannot be reached or refuses, or the weights do not lie in a folder.
        """
        from rs2sam2.checkpoints.hub import upload

        if self._source is None:
            raise OutputError(f"{repo_id}: not uploaded; only weights loaded by from_pretrained can be")
        return upload(self._source, repo_id, private=private, token=token)

    def check_calibrated(self, folder: Path, *, overwrite: bool = False) -> None:
        """Refuse, before the work, a folder that `save_calibrated` cannot or may not write.

        Raises:
            OutputError: if the folder holds other weights, which stay unless `overwrite`, or is none.
            WeightsError: if these weights do not come from a folder of ours.
        """
        if folder.resolve() != self._folder().resolve():
            check_target(folder, overwrite=overwrite)

    def save_calibrated(self, folder: Path, decision: Decision, note: Mapping[str, Any]) -> None:
        """Write the weights again, with another decision and what is to be known about it in `provenance.json`.

        Raises:
            OutputError: if the folder cannot be written.
            WeightsError: if the weights do not come from a folder of ours.
        """
        save_decision(self._folder(), folder, decision, {"calibration": note})

    def _folder(self) -> Path:
        source = self._source
        if source is None or not is_native(source):
            raise WeightsError(f"{source}: no weight folder of ours: make one with rs2sam2 convert")
        return source if source.is_dir() else source.parent

    @property
    def decision(self) -> Decision:
        """How the model's numbers become an answer."""
        return self._bundle.decision

    @property
    def config(self) -> ModelConfig:
        """What the model is made of."""
        return self._bundle.model.config

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Where the weights come from: data, languages, command, versions."""
        return self._bundle.provenance

    @overload
    def __call__(
        self, image: ImageSource | RasterImage, expression: str, threshold: float | None = None
    ) -> Segmentation: ...
    @overload
    def __call__(
        self, image: ImageSource | RasterImage, expression: list[str] | tuple[str, ...], threshold: float | None = None
    ) -> list[Segmentation]: ...
    def __call__(
        self,
        image: ImageSource | RasterImage,
        expression: str | list[str] | tuple[str, ...],
        threshold: float | None = None,
    ) -> Segmentation | list[Segmentation]:
        """Find what each expression means. The image is read once, and expressions run together.

        Args:
            image: a path, a Pillow image, an array (see `open_image`) or an opened image.
            expression: one, or several.
            threshold: a pixel belongs to the mask where its probability is above this; None takes the weights' own.

        Returns:
            One answer for one expression, a list for a list. Warns with `LanguageWarning` about words that the
            weights do not know.

        Raises:
            ImageError: if the image cannot be opened.
            ExpressionError: if an expression is blank or longer than the model reads.
            ConfigError: if the threshold is not between 0 and 1.
        """
        expressions = [expression] if isinstance(expression, str) else list(expression)
        opened = image if isinstance(image, RasterImage) else open_image(image)
        answers = list(self.answers([(opened, asked) for asked in expressions], threshold))
        for note in (note for answer in answers for note in answer.warnings):
            warnings.warn(note, LanguageWarning, stacklevel=2)
        return answers[0] if isinstance(expression, str) else answers

    def answers(
        self, questions: Sequence[tuple[RasterImage, str]], threshold: float | None = None
    ) -> Iterator[Segmentation]:
        """Answer questions about any number of images, `LARGEST_BATCH` in one pass through the model.

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
        for start in range(0, len(questions), LARGEST_BATCH):
            batch = slice(start, start + LARGEST_BATCH)
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
        decision = self._bundle.decision
        probability = self._probability(torch.from_numpy(answer.mask_logits)[None, None], height, width)
        p_present = float(probability.max()) if decision.presence == "mask" else answer.p_present
        mask = cut(probability, answer.expression, decision)
        return mask if p_present >= decision.presence_threshold else np.zeros_like(mask)

    def views(self, image: RasterImage) -> Views:
        """An image as the model takes it, where the model is. Threads may call it at the same time."""
        pixels, union_pixels = model_inputs(image.pixels, self._model.config)
        return pixels.to(self._device, self._dtype), union_pixels.to(self._device, self._dtype)

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
        return self._run(views, *self._bundle.tokenizer.batch(expressions))

    def _run(self, views: Sequence[Views], ids: Tensor, words: Tensor) -> Iterator[RS2SAM2Output]:
        """The model's answer to each expression, on the CPU in float32, with a batch axis of 1."""
        pixels, union_pixels = map(torch.stack, zip(*views, strict=True))
        try:
            with torch.inference_mode():
                output = self._model(pixels, union_pixels, ids.to(self._device), words.to(self._device))
        except torch.OutOfMemoryError as error:
            raise Rs2Sam2Error(
                f"device {str(self._device)!r} has too little memory for {len(ids)} expressions: "
                "ask for fewer at once or use device 'cpu'"
            ) from error
        return (_one(output, index) for index in range(len(ids)))

    def answer(
        self, image: RasterImage, expression: str, output: RS2SAM2Output, threshold: float | None = None
    ) -> Segmentation:
        """What the model's numbers mean; asked again with another threshold, the model need not run again.

        Args:
            image: the one that was asked about.
            expression: likewise.
            output: of `outputs`.
            threshold: as in a call.

        Raises:
            ConfigError: if the threshold is not between 0 and 1.
        """
        decision = self._decision(threshold)
        probability = self._probability(output.mask_logits, image.height, image.width)
        if image.valid is not None:
            probability = np.where(image.valid, probability, np.float32(0))
        p_present = presence.p_present(output, decision.presence, float(probability.max()))
        mask = cut(probability, expression, decision)
        # An answer without a pixel points at nothing, whatever the object score says.
        is_there = p_present >= decision.presence_threshold and bool(mask.any())
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
        )

    def _decision(self, threshold: float | None) -> Decision:
        decision = self._bundle.decision
        return decision if threshold is None else replace(decision, mask_threshold=threshold)

    def _probability(self, mask_logits: Tensor, height: int, width: int) -> NDArray[np.float32]:
        """(height, width) of logits (1, 1, h, w)."""
        logits = to_image_grid(mask_logits, height, width)[0, 0]
        return mask_probability(logits, self._model.config).numpy().astype(np.float32, copy=False)


def _one(output: RS2SAM2Output, index: int) -> RS2SAM2Output:
    def pick(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor[index : index + 1].float().cpu()

    return RS2SAM2Output(**{field.name: pick(getattr(output, field.name)) for field in fields(output)})  # type: ignore[arg-type]


def _device(wanted: str | None) -> torch.device:
    if wanted is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        if device.type != "meta":
            torch.zeros(1, device=device).cpu()
            return device
        reason = "it holds no values"
    except Exception as error:  # each backend that is not there says so in its own way
        reason = str(error).partition("\n")[0]
    raise ConfigError(f"device {wanted!r} cannot be used here ({reason}): use 'cpu' or leave it out")


def _dtype(device: torch.device, precision: Precision) -> torch.dtype:
    if precision == "auto":
        return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32
