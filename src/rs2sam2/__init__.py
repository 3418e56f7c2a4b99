"""RS2-SAM2: words in, mask out, on images seen from above.

The public names load when they are first used, so that `import rs2sam2` and `rs2sam2 --help` stay fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rs2sam2.config import ModelConfig
    from rs2sam2.errors import Rs2Sam2Error
    from rs2sam2.inference.segmentation import Segmentation
    from rs2sam2.inference.segmenter import Segmenter

__version__ = "0.1.0"
__all__ = ["ModelConfig", "Rs2Sam2Error", "Segmentation", "Segmenter", "__version__"]

_HOMES = {
    "ModelConfig": "rs2sam2.config",
    "Rs2Sam2Error": "rs2sam2.errors",
    "Segmentation": "rs2sam2.inference.segmentation",
    "Segmenter": "rs2sam2.inference.segmenter",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the public name stands for
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
