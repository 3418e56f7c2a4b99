"""A graph that some runtime has opened: arrays by name in, arrays out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from rs2sam2.errors import Rs2Sam2Error, WeightsError

Arrays: TypeAlias = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Session:
    """An opened graph. Threads may ask it at the same time.

    Attributes:
        path: of its file.
        inputs: names of what it takes.
        outputs: names of what it gives.
        run: arrays by name to arrays in the order of `outputs`.
    """

    path: Path
    inputs: Sequence[str]
    outputs: Sequence[str]
    run: Callable[[Arrays], Sequence[NDArray[Any]]]

    def check(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Refuse a graph that takes or gives something else.

        Raises:
            WeightsError: if it does.
        """
        if set(self.inputs) != set(inputs) or not set(outputs) <= set(self.outputs):
            raise WeightsError(
                f"{self.path}: takes {', '.join(self.inputs)} and gives {', '.join(self.outputs)}, which is not what "
                "config.json says: export it again"
            )

    def __call__(self, arrays: Arrays) -> dict[str, NDArray[Any]]:
        """Run it.

        Raises:
            Rs2Sam2Error: if the runtime fails, most likely for want of memory.
        """
        try:
            return dict(zip(self.outputs, self.run(arrays), strict=True))
        except Exception as error:  # each runtime has errors of its own
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise Rs2Sam2Error(
                f"{self.path}: the runtime failed ({reason}): ask less at once, or export it again"
            ) from error
