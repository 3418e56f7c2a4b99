"""What every output says about where it comes from."""

from collections.abc import Sequence

from rs2sam2 import __version__
from rs2sam2.inference.segmentation import Segmentation

SOFTWARE = f"rs2sam2 {__version__}"


def tags(answers: Sequence[Segmentation]) -> dict[str, str]:
    """Names and values for PNG text, TIFF tags and layer metadata.

    One expression is `expression`; several are `expression_1`, `expression_2` and so on.
    """
    if len(answers) == 1:
        asked = {"expression": answers[0].expression, "score": f"{answers[0].score:.4f}"}
    else:
        asked = {f"expression_{number}": answer.expression for number, answer in enumerate(answers, 1)}
        asked |= {f"score_{number}": f"{answer.score:.4f}" for number, answer in enumerate(answers, 1)}
    weights = answers[0].weights
    return asked | {
        "model": weights.name,
        "model_sha256": weights.sha256,
        "model_license": weights.license,
        "software": SOFTWARE,
    }
