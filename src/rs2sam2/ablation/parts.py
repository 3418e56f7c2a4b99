"""What every run is measured by: sets of questions, each with its figures."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from rs2sam2.ablation.plan import NAMES
from rs2sam2.evaluation.figures import MASK_FIGURES, Figure
from rs2sam2.evaluation.metrics import MeanIoU, Quotient

CLICKS = 3
"""Of the simulated user on an answer, at most."""


@dataclass(frozen=True)
class Part:
    """Questions of one sort.

    Attributes:
        title: what people call them.
        figures: heading -> figure, in the order of a table.
        decides: heading of the figure whose difference makes a verdict.
    """

    title: str
    figures: Mapping[str, Figure]
    decides: str

    @property
    def deciding(self) -> str:
        """The name of the figure that decides."""
        return self.figures[self.decides].name


class _Share(Quotient):
    """The share of samples of which something is true."""

    def terms(self, true: Tensor) -> tuple[Tensor, Tensor]:
        """From (B,) bool."""
        return true.long(), true.new_ones(true.shape).long()


_HEADINGS = dict(zip(NAMES, ("Pr@0.5", "Pr@0.7", "Pr@0.9", "mIoU", "oIoU"), strict=True))
_MASKS = {_HEADINGS[name]: figure for name in NAMES for figure in MASK_FIGURES if figure.name == name}
_PRESENCE = {
    "balanced accuracy": Figure(
        "balanced_accuracy",
        "of both halves of pairs, those in which the object score says rightly whether the thing is there: P above 0.5",
        _Share,
        ("right",),
    ),
    "ranked right": Figure(
        "ranked_right",
        "pairs in which the object score is higher where the thing is",
        _Share,
        ("ranked",),
        "there",
    ),
    "ranked right, early": Figure(
        "ranked_right_early",
        "pairs in which the union encoder's own early score is higher where the thing is",
        _Share,
        ("ranked_early",),
        "there",
    ),
}
_CLICKS = {
    f"mIoU, {clicks} clicks" if clicks != 1 else "mIoU, 1 click": Figure(
        f"mean_iou_after_{clicks}",
        f"mIoU after {clicks} corrective clicks beside the words",
        MeanIoU,
        (f"intersection_{clicks}", f"union_{clicks}"),
    )
    for clicks in range(CLICKS + 1)
}
PARTS: Mapping[str, Part] = {
    "real": Part("real questions", _MASKS, "mIoU"),
    "rendered": Part("rendered questions", _MASKS, "mIoU"),
    "real_several": Part("real questions about several things", _MASKS, "mIoU"),
    "rendered_several": Part("rendered questions about several things", _MASKS, "mIoU"),
    "real_pairs": Part("presence on real pairs", _PRESENCE, "ranked right"),
    "rendered_pairs": Part("presence on rendered pairs", _PRESENCE, "ranked right"),
    "real_clicks": Part("real questions with clicks", _CLICKS, f"mIoU, {CLICKS} clicks"),
    "rendered_clicks": Part("rendered questions with clicks", _CLICKS, f"mIoU, {CLICKS} clicks"),
}
MASKS = ("real", "rendered")
"""The parts that the paper has figures of, too."""
