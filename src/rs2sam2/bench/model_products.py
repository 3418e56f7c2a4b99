"""How fast this machine multiplies matrices, in the sizes and numbers that a model's linear layers need."""

import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from rs2sam2.bench.load_seeded import TOKENS
from rs2sam2.checkpoints.native import on_meta
from rs2sam2.config import ModelConfig
from rs2sam2.model.precision import PackedLinear, can_pack

PRECISIONS = ("float32", "bfloat16", "int8")
_LEAST_S = 1e-3
"""For which a product is timed; quicker ones are repeated."""

Shape = tuple[int, int, int]
"""Rows, columns in and columns out of a linear layer's product."""


class _Linear(TorchFunctionMode):
    """Counts the products of linear layers while it is on."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: Counter[Shape] = Counter()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,  # noqa: ANN401 - torch's own signature
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        if func is F.linear:
            x, weight = args[:2]
            self.shapes[x.numel() // x.shape[-1], x.shape[-1], weight.shape[0]] += 1
        return func(*args, **(kwargs or {}))


def counted(config: ModelConfig) -> tuple[int, Counter[Shape]]:
    """Operations (a product and a sum are two) of one forward pass, and its linear layers' products; nothing is run."""
    model = on_meta(config).eval()
    with torch.device("meta"):
        image, union_image = (
            torch.empty(1, 3, side, side) for side in (config.image_size, config.union_encoder.image_size)
        )
        ids = torch.zeros(1, TOKENS, dtype=torch.int64)
        with torch.inference_mode(), _Linear() as linear, FlopCounterMode(display=False) as counter:
            model(image, union_image, ids, ids == 0)
    return counter.get_total_flops(), linear.shapes


class Products:
    """The products of a model's linear layers, each of them once in each precision at a call."""

    def __init__(self, config: ModelConfig) -> None:
        self.operations, self.shapes = counted(config)
        self.linear_operations = sum(count * _work(shape) for shape, count in self.shapes.items())
        self._ready = {
            precision: {shape: _product(shape, precision) for shape in self.shapes} for precision in PRECISIONS
        }

    def __call__(self) -> dict[str, dict[str, float]]:
        """For each precision CPU "seconds" for all linear layers, and operations "per_second"."""
        found = {}
        for precision, products in self._ready.items():
            seconds = sum(self.shapes[shape] * _seconds(run) for shape, run in products.items())
            found[precision] = {"seconds": seconds, "per_second": self.linear_operations / seconds}
        return found


def _work(shape: Shape) -> int:
    return 2 * math.prod(shape)


def _product(shape: Shape, precision: str) -> Callable[[], Tensor]:
    rows, columns, out = shape
    if precision == "int8":
        a, b = (torch.randint(-127, 128, size, dtype=torch.int8) for size in ((rows, columns), (out, columns)))
        return lambda: torch._int_mm(a, b.t())
    dtype = getattr(torch, precision)
    x, weight = (torch.randn(size).to(dtype) for size in ((rows, columns), (out, columns)))
    if can_pack("cpu", dtype):
        layer = PackedLinear(weight, weight.new_zeros(out))
        return lambda: layer(x)
    result = torch.empty(rows, out, dtype=dtype)
    return lambda: torch.mm(x, weight.t(), out=result)


def _seconds(run: Callable[[], Tensor]) -> float:
    start, times, spent = time.process_time(), 0, 0.0
    while spent < _LEAST_S:
        run()
        times += 1
        spent = time.process_time() - start
    return spent / times
