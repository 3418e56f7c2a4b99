"""Weights that are loaded for inference: where they come from, what they decide, and how they are passed on."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch

from rs2sam2.checkpoints.convert import check_target, is_native, load_any
from rs2sam2.checkpoints.exported import is_exported, read_exported
from rs2sam2.checkpoints.locate import locate
from rs2sam2.checkpoints.native import save_decision
from rs2sam2.config import Decision, ModelConfig
from rs2sam2.errors import ConfigError, OutputError, WeightsError
from rs2sam2.export.running import AnyBundle, AnyModel, Runtime, open_exported
from rs2sam2.inference.device import Precision, check_int8, check_precision, choose_device, choose_dtype
from rs2sam2.inference.room import FEW, LARGEST_BATCH
from rs2sam2.inference.segmentation import Weights
from rs2sam2.model.precision import LinearKind
from rs2sam2.model.rs2sam2 import RS2SAM2


class Pretrained:
    """A model with its tokenizer, its decision and its provenance."""

    def __init__(self, bundle: AnyBundle, source: Path | None = None, *, one_by_one: bool = False) -> None:
        """Take weights that are loaded already.

        Args:
            bundle: of `rs2sam2.checkpoints.native.load`.
            source: the place they came from.
            one_by_one: never let several questions go through the model together.
        """
        self._bundle, self._source, self._one_by_one = bundle, source, one_by_one
        self._model: AnyModel = bundle.model
        self._device, self._dtype = torch.device("cpu"), torch.float32  # of exported graphs
        if isinstance(self._model, RS2SAM2):
            self._model.eval()
            self._device, self._dtype = next(self._model.parameters()).device, self._model.trunk.dtype
        self.weights = Weights(bundle.name, bundle.sha256, bundle.license)

    @property
    def at_once(self) -> int:
        """How many threads may ask the model at the same time: as many as PyTorch has, where it runs on the CPU.

        Other runtimes and devices spread one question over all that they have.
        """
        return torch.get_num_threads() if isinstance(self._model, RS2SAM2) and self._device.type == "cpu" else 1

    @property
    def together(self) -> int:
        """How many questions are best asked in one pass, where there are many.

        On the CPU a few: their maps stay in its caches, and memory is that of a few. Others have to be kept busy.
        """
        is_on_cpu = isinstance(self._model, RS2SAM2) and self._device.type == "cpu"
        return FEW if is_on_cpu else LARGEST_BATCH

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path = "nano",
        device: str | None = None,
        precision: Precision = "auto",
        *,
        compile: bool = False,
        runtime: Runtime | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        refresh: bool = False,
    ) -> Self:
        """Load weights by name, from disk or from the Hub.

        Args:
            name_or_path: "nano", which comes with the package; weights on disk, ours or published, or what
                `rs2sam2 export` made of them; or `owner/name` of a model on the Hub, also as
                `owner/name@revision:subfolder`, which is downloaded the first time.
            device: "cpu", "cuda", "cuda:1", "mps"; None takes the first of cuda, mps and cpu that is there.
            precision: "auto" is bfloat16 where it is fast and exact enough (`choose_dtype`), float32 elsewhere. "int8"
                is for CPUs: linear layers multiply 8-bit integers, whatever the weights are stored in. Both are for the
                blocks that read picture and words (`rs2sam2.model.precision`), the rest stays in float32.
            compile: make code for the model with `torch.compile`, see `rs2sam2.inference.compiling`: minutes the first
                time, seconds later. Meant for GPUs; on a CPU `nano` gains nothing. Not together with int8.
            runtime: "torch" for weights, "onnx" or "openvino" for exported ones; None is what they were made for.
            subfolder: of the folder or of the model on the Hub.
            revision: branch, tag or commit of a model on the Hub.
            refresh: ask the Hub whether the revision is another commit by now; otherwise what was downloaded once
                is used without a question.

        Raises:
            WeightsError: if there are no such weights, they are damaged, or the Hub does not give them.
            ConfigError: if device, precision or runtime cannot be used here.
            MissingExtraError: if the runtime is not installed.
        """
        check_precision(precision)
        source = locate(name_or_path, subfolder, revision, refresh=refresh)
        if is_exported(source):
            if device not in (None, "cpu"):
                raise ConfigError(f"device {device!r}: exported weights run on the cpu: leave it out")
            if compile:
                raise ConfigError("compile: exported weights are compiled already: leave it out")
            return cls(open_exported(read_exported(source), runtime, precision), source)
        if runtime not in (None, "torch"):
            raise ConfigError(
                f"runtime {runtime!r}: {name_or_path} is not exported: make it so with "
                f"`rs2sam2 export {name_or_path} DST --format {runtime}`, and name DST"
            )
        place = choose_device(device)
        in_int8 = precision == "int8"
        if in_int8:
            check_int8(place)
        if compile:
            from rs2sam2.inference.compiling import check_compiler, compile_model

            check_compiler(place, in_int8=in_int8)
        linear: LinearKind = "int8" if in_int8 else "plain" if compile else "packed"
        bundle = load_any(source, place, partial(choose_dtype, place, precision), linear)
        if compile:
            compile_model(bundle.model, place)
        # What hangs on the numbers that come together, and what is made for one shape, asks one question at a time.
        return cls(bundle, source, one_by_one=in_int8 or (compile and place.type == "cpu"))

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

    def with_decision(self, decision: Decision) -> Self:
        """The same model, whose numbers become answers in another way."""
        return type(self)(replace(self._bundle, decision=decision), self._source, one_by_one=self._one_by_one)

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
        return self._model.config

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Where the weights come from: data, languages, command, versions."""
        return self._bundle.provenance

    @property
    def has_pseudo_mask(self) -> bool:
        """Whether the weights show what the words alone find (eq. 5)."""
        return self.config.mask_prompt != "none"
