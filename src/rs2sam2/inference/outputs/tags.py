"""What every output says about where it comes from."""

from collections.abc import Sequence

from rs2sam2 import __version__
from rs2sam2.inference.segmentation import Segmentation, Weights

SOFTWARE = f"rs2sam2 {__version__}"


def tags(answers: Sequence[Segmentation]) -> dict[str, str]:
    """Names and values for PNG text, TIFF tags and layer metadata.

    One expression is `expression`; several are `expression_1`, `expression_2` and so on.
    """
    expressions, scores = [answer.expression for answer in answers], [f"{answer.score:.4f}" for answer in answers]
    return _numbered("expression", expressions) | _numbered("score", scores) | _made_by(answers[0].weights)


def tags_without_score(expressions: Sequence[str], weights: Weights) -> dict[str, str]:
    """The same for what is put together from many answers, which has no score of its own."""
    return _numbered("expression", expressions) | _made_by(weights)


def _made_by(weights: Weights) -> dict[str, str]:
    """Names and values that say which model and software it was."""
    return {
        "model": weights.name,
        "model_sha256": weights.sha256,
        "model_license": weights.license,
        "software": SOFTWARE,
    }


def _numbered(name: str, values: Sequence[str]) -> dict[str, str]:
    if len(values) == 1:
        return {name: values[0]}
    return {f"{name}_{number}": value for number, value in enumerate(values, 1)}
