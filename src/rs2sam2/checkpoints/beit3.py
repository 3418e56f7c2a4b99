"""Names of BEiT-3's files (MIT), as torchscale writes them: pre-trained, or fine-tuned with a head for some task."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from math import isqrt

import torch
import torch.nn.functional as F
from torch import Tensor

from rs2sam2.checkpoints.names import NameTable, Plan
from rs2sam2.errors import WeightsError

PREFIXES = (
    ("beit3.text_embed.", "union_encoder.text_embed."),
    ("beit3.vision_embed.", "union_encoder.vision_embed."),
    ("beit3.encoder.embed_positions.A.", "union_encoder.vision_positions."),
    ("beit3.encoder.embed_positions.B.", "union_encoder.text_positions."),
    ("beit3.encoder.", "union_encoder."),
)

MASKING: Mapping[str, str] = {"beit3.vision_embed.mask_token": "BEiT-3's pre-training"}
"""What only BEiT-3's own pre-training reads."""

_HEADS: Mapping[str, str] = {
    "mlm_head.": "head for masked words and captions",
    "mim_head.": "head for masked image tokens",
    "vision_head.": "head for retrieval",
    "language_head.": "head for retrieval",
    "logit_scale": "head for retrieval",
    "head.": "head for classes or answers",
    "fc_norm.": "head for classes or answers",
    "pooler.": "head for classes or answers",
}

TABLE = NameTable(PREFIXES, dropped={**MASKING, **_HEADS})

FINAL_NORM = "union_encoder.layer_norm."
"""Ours; files that were fine-tuned on image classes or questions end without it."""

_POSITIONS = "union_encoder.vision_positions.weight"
# Two rows that are never read, as in fairseq, and the class token's.
_ROWS_BEFORE_THE_GRID = 3


def grid_side(rows: int) -> int:
    """Patches along one side, by the rows of an image position table.

    Raises:
        WeightsError: if the rows are those of no square grid.
    """
    side = isqrt(max(0, rows - _ROWS_BEFORE_THE_GRID))
    if rows != side**2 + _ROWS_BEFORE_THE_GRID or side == 0:
        raise WeightsError(
            f"the image position table has {rows} rows, which are {_ROWS_BEFORE_THE_GRID} and no square grid of patches"
        )
    return side


def at_grid(plan: Plan, side: int) -> Plan:
    """The plan with its image positions resampled to a grid of `side` x `side` patches."""
    entry = plan.entries[_POSITIONS]
    rows, *width = entry.shape
    found = grid_side(rows)
    if found == side:
        return plan
    resampled = replace(
        entry, shape=(_ROWS_BEFORE_THE_GRID + side**2, *width), change=partial(resample_positions, side=side)
    )
    return replace(plan, entries={**plan.entries, _POSITIONS: resampled})


def resample_positions(table: Tensor, side: int) -> Tensor:
    """An image position table (3 + n^2, D) for another grid: (3 + side^2, D).

    Bicubic on the grid, as BEiT-3 is fine-tuned at other sizes; the rows before it stay.
    """
    first, grid = table[:_ROWS_BEFORE_THE_GRID], table[_ROWS_BEFORE_THE_GRID:]
    found = grid_side(len(table))
    places = grid.float().unflatten(0, (found, found)).permute(2, 0, 1)[None]  # (1, D, n, n)
    places = F.interpolate(places, size=(side, side), mode="bicubic", align_corners=False)
    return torch.cat([first, places[0].permute(1, 2, 0).flatten(0, 1).to(table.dtype)])
