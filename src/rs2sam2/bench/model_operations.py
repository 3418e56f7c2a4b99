"""What a forward pass spends its time on, by kind of operation."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

REST = "the rest, and Python between operations"
_LINEAR, _ATTENTION = "products of linear layers", "products of attention"
_KINDS = {
    _LINEAR: ("_linear_pointwise", "linear", "addmm", "mm"),
    _ATTENTION: ("bmm", "baddbmm", "matmul", "scaled_dot_product_attention"),
    "softmax": ("softmax",),
    "activations": ("gelu", "relu", "sigmoid"),
    "norms": ("layer_norm",),
    "convolutions": ("conv2d", "conv_transpose2d"),
    "sums, and products of numbers": ("add", "add_", "mul", "maximum"),
    "copies": ("flatten", "reshape", "clone", "contiguous", "cat", "stack", "to", "pad", "repeat", "copy_"),
}
KINDS = (*_KINDS, REST)
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names}


class OperationTimes(TorchDispatchMode):
    """Sums up seconds by the clock while it is on."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._spent: dict[str, float] = defaultdict(float)

    def of(self, run: Callable[[], object]) -> dict[str, float]:
        """Seconds by kind of one run."""
        self._spent.clear()
        start = time.perf_counter()
        with self:
            run()
        taken = time.perf_counter() - start
        found = {kind: self._spent[kind] for kind in _KINDS}
        return {**found, REST: taken - sum(found.values())}

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - torch's own signature
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Run an operation, and see what it takes."""
        start = time.perf_counter()
        found = func(*args, **(kwargs or {}))
        self._spent[_KIND_OF.get(func.overloadpacket.__name__, REST)] += time.perf_counter() - start
        return found


def shares(operations: Mapping[str, float], of: float) -> Sequence[float]:
    """How much of so many seconds linear layers' products take, attention's, and all else."""
    linear, attention = operations[_LINEAR], operations[_ATTENTION]
    return linear / of, attention / of, (sum(operations.values()) - linear - attention) / of
