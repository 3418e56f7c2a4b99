"""A configuration read off shapes: widths, depths, stages. What shapes do not tell, a preset or config.json does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from rs2sam2.checkpoints.beit3 import grid_side
from rs2sam2.checkpoints.names import Shape
from rs2sam2.checkpoints.settings import mapping_with
from rs2sam2.config import PRESETS, HieraConfig, ModelConfig, UnionEncoderConfig
from rs2sam2.errors import ConfigError, WeightsError

_BLOCKS, _LAYERS = "trunk.blocks.", "union_encoder.layers."
_RESERVED_ROWS = 2


def hiera_config(shapes: Mapping[str, Shape], settings: Mapping[str, Any]) -> HieraConfig:
    """The trunk's configuration.

    Args:
        shapes: of the checkpoint's tensors, by our names.
        settings: its config.json.

    Raises:
        WeightsError: if the shapes are those of no trunk, or heads and windows are not known from anywhere.
    """
    embed_dim = _size(shapes, "trunk.patch_embed.proj.weight", 0)
    background = (_size(shapes, "trunk.pos_embed", 2), _size(shapes, "trunk.pos_embed", 3))
    stages = _stages(shapes)
    for preset in PRESETS.values():
        hiera: HieraConfig = preset["hiera"]
        if (hiera.embed_dim, hiera.stages, hiera.window_pos_embed_bkg_spatial_size) == (embed_dim, stages, background):
            return hiera
    if said := mapping_with(settings, "num_heads", "global_att_blocks", "window_spec"):  # Meta's terms
        rest = said["num_heads"], _tuple(said["global_att_blocks"]), _tuple(said["window_spec"])
    elif said := mapping_with(  # transformers' terms
        settings, "num_attention_heads", "global_attention_blocks", "window_size_per_stage"
    ):
        rest = (
            said["num_attention_heads"],
            _tuple(said["global_attention_blocks"]),
            _tuple(said["window_size_per_stage"]),
        )
    else:
        raise WeightsError(
            f"a trunk of width {embed_dim} with {stages} blocks is not one of {', '.join(PRESETS)}, and its heads, "
            "windows and global blocks cannot be read off shapes: put num_heads, window_spec and global_att_blocks, "
            "as in SAM 2's own configuration files, into a config.json beside the weights"
        )
    heads, global_blocks, windows = rest
    with _that_work():
        return HieraConfig(embed_dim, heads, stages, global_blocks, windows, background)


def union_encoder_config(shapes: Mapping[str, Shape], settings: Mapping[str, Any]) -> UnionEncoderConfig:
    """The union encoder's configuration, at the image size of its own position table.

    Args:
        shapes: of the checkpoint's tensors, by our names.
        settings: its config.json.

    Raises:
        WeightsError: if the shapes are those of no such encoder, or the number of heads is not known from anywhere.
    """
    width = _size(shapes, "union_encoder.text_embed.weight", 1)
    patch = _size(shapes, "union_encoder.vision_embed.proj.weight", 2)
    known: dict[int, Any] = {
        preset["union_encoder"].embed_dim: preset["union_encoder"].num_heads for preset in PRESETS.values()
    }
    said = mapping_with(settings, "encoder_attention_heads")
    if width not in known and said is None:
        raise WeightsError(
            f"a union encoder of width {width} is none of BEiT-3's ({', '.join(map(str, sorted(known)))}), and its "
            "heads cannot be read off shapes: put encoder_attention_heads into a config.json beside the weights"
        )
    heads = known[width] if said is None or width in known else said["encoder_attention_heads"]
    with _that_work():
        return UnionEncoderConfig(
            embed_dim=width,
            depth=len(_indices(shapes, _LAYERS)),
            num_heads=heads,
            ffn_dim=_size(shapes, f"{_LAYERS}0.ffn.A.fc1.weight", 0),
            image_size=patch * grid_side(_size(shapes, "union_encoder.vision_positions.weight", 0)),
            patch_size=patch,
            vocab_size=_size(shapes, "union_encoder.text_embed.weight", 0),
            max_text_tokens=_size(shapes, "union_encoder.text_positions.weight", 0) - _RESERVED_ROWS,
        )


def model_config(name: str, shapes: Mapping[str, Shape], hiera: HieraConfig, union: UnionEncoderConfig) -> ModelConfig:
    """The paper's model with these two encoders, and with the widths of the fusion layers that `shapes` has, if any.

    Raises:
        WeightsError: if they cannot work together.
    """
    config: dict[str, Any] = {
        "name": name,
        "hiera": hiera,
        "union_encoder": union,
        "width": _size(shapes, "neck.convs.0.conv.weight", 0),
        "decoder_mlp_dim": _size(shapes, "mask_decoder.transformer.layers.0.mlp.layers.0.weight", 0),
        "early_presence": any(part.startswith("early_presence.") for part in shapes),
    }
    first_fusion = f"{_BLOCKS}0.fusion.image_in.weight"
    if first_fusion in shapes:
        config["fusion_reduction"] = hiera.embed_dim // max(1, _size(shapes, first_fusion, 0))
    with _that_work():
        return ModelConfig(**config)


@contextmanager
def _that_work() -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        raise WeightsError(f"sizes that cannot work: {error}") from error


def _size(shapes: Mapping[str, Shape], name: str, axis: int) -> int:
    shape = shapes.get(name)
    if shape is None:
        raise WeightsError(f"its sizes cannot be told, what becomes {name} is missing; get the file again")
    if len(shape) <= axis:
        raise WeightsError(f"its sizes cannot be told, {name} has the shape {shape}; get the file again")
    return shape[axis]


def _stages(shapes: Mapping[str, Shape]) -> tuple[int, int, int, int]:
    """Blocks in each stage: the first block of a stage after the first has a projection to the new width."""
    count = len(_indices(shapes, _BLOCKS))
    starts = [block for block in range(count) if f"{_BLOCKS}{block}.proj.weight" in shapes]
    lengths = [end - start for start, end in pairwise([0, *starts, count])]
    if len(lengths) != 4:
        raise WeightsError(
            f"its trunk has {len(lengths)} stages ({count} blocks), a Hiera has four; get the file again"
        )
    first, second, third, fourth = lengths
    return first, second, third, fourth


def _indices(shapes: Mapping[str, Shape], prefix: str) -> set[str]:
    return {name.removeprefix(prefix).split(".")[0] for name in shapes if name.startswith(prefix)}


def _tuple(values: object) -> tuple[Any, ...]:
    return tuple(values) if isinstance(values, list) else ()
