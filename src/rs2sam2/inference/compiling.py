"""The model through `torch.compile`: what it spends on reading and looking, as code made for it.

Both are one graph each (`fullgraph`). The mask decoder is little of the work, and is asked with any number of clicks:
it stays as it is. Code is made once for each machine, model and number of threads, kept in the cache folder, and found
there by later processes, which only trace the graphs again.

Texts may have any length. On CPUs questions go through the model one by one (`rs2sam2.inference.looking`), so that
there is one shape to make code for; a GPU takes them together, in any number.
"""

import os
from collections.abc import Callable
from shutil import which
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException
from torch._inductor.exc import InductorError
from torch.utils._pytree import tree_map_only

from rs2sam2.errors import ConfigError, Rs2Sam2Error
from rs2sam2.files import cache_folder
from rs2sam2.model.rs2sam2 import RS2SAM2, Reading, Sight

_FOLDER_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
Found = TypeVar("Found")


def check_compiler(device: torch.device, *, in_int8: bool) -> None:
    """Refuse what no code can be made for, before anything is loaded.

    Raises:
        ConfigError: if there is no C++ compiler, the device is none that code is made for, or the model is in int8,
            which chooses scales by the numbers that it meets.
    """
    if in_int8:
        raise ConfigError("compile does not go together with precision 'int8': leave one of them out")
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"compile is for CPUs and CUDA, not for {str(device)!r}: leave it out")
    compiler = os.environ.get("CXX", "g++")
    if which(compiler) is None:
        raise ConfigError(f"compile needs a C++ compiler, and {compiler!r} is not there: install g++ or leave it out")


def compile_model(model: RS2SAM2, device: torch.device) -> None:
    """Let `read` and `look` of a model be compiled when they are first asked.

    On CUDA with mode "reduce-overhead": a pass is hundreds of small kernels, which CUDA graphs start as one. They hold
    for one shape, and one is recorded for each number of questions and words that comes. CPUs have nothing of that
    kind; there the code takes as many threads as PyTorch has when it runs, which worker threads set to one.
    """
    folder = os.environ.setdefault(_FOLDER_VARIABLE, str(cache_folder() / "compiled"))
    on_gpu = device.type == "cuda"
    how: dict[str, Any] = {"mode": "reduce-overhead"} if on_gpu else {"options": {"cpp.dynamic_threads": True}}
    read: Callable[..., Reading] = torch.compile(model.read, fullgraph=True, **how)
    look: Callable[..., Sight] = torch.compile(model.look, fullgraph=True, **how)

    def compiled_read(union_image: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Reading:
        _any_number(union_image, input_ids, attention_mask)
        _any_length(input_ids, attention_mask)
        return _run(lambda: read(union_image, input_ids, attention_mask), folder, on_gpu=on_gpu)

    def compiled_look(image: Tensor, reading: Reading) -> Sight:
        image, reading = _of_one_kind((image, reading))
        _any_number(image, *(part for part in reading if part is not None))
        _any_length(reading.text, reading.text_mask)
        return _run(lambda: look(image, reading), folder, on_gpu=on_gpu)

    setattr(model, "read", compiled_read)  # noqa: B010 - to type checkers a method is nothing to assign to
    setattr(model, "look", compiled_look)  # noqa: B010


def _of_one_kind(inputs: Found) -> Found:
    """In inference mode, tensors that were made before it are another kind of input, with code of its own."""
    if not torch.is_inference_mode_enabled():
        return inputs
    copied: Found = tree_map_only(Tensor, lambda one: one if one.is_inference() else one.clone(), inputs)
    return copied


def _any_number(*tensors: Tensor) -> None:
    for tensor in tensors:
        torch._dynamo.maybe_mark_dynamic(tensor, 0)


def _any_length(*tensors: Tensor) -> None:
    for tensor in tensors:
        torch._dynamo.maybe_mark_dynamic(tensor, 1)


def _run(part: Callable[[], Found], folder: str, *, on_gpu: bool) -> Found:
    """Run compiled code; on a GPU what it gives is copied, as the next run writes to the same place.

    Raises:
        Rs2Sam2Error: if no code can be made, or what is kept of it is damaged.
    """
    try:
        found = part()
    except (TorchDynamoException, InductorError) as error:
        reason = " ".join(str(error).split("\n")[:2])  # which of torch's parts failed, and why
        raise Rs2Sam2Error(f"torch.compile failed ({reason}): empty {folder}, or go without compile") from error
    return tree_map_only(Tensor, Tensor.clone, found) if on_gpu else found
