"""What a model is made of: frozen, validated dataclasses that survive a round trip through JSON.

`ModelConfig.preset("large")` is the paper's model. Every row of the paper's Tables 3 and 4 is a configuration:
`fusion_layer`, `fusion_after_encoding` and `mask_prompt` switch the parts of the model, the boundary loss is
switched in `rs2sam2.losses.LossWeights`. The baseline (union encoder + SAM 2) has all three switched off.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import isfinite
from typing import Any, Literal, Self, TypeVar, get_args, get_origin, get_type_hints

from rs2sam2.errors import ConfigError

FusionLayer = Literal["none", "linear", "uni", "bi"]
MaskPrompt = Literal["none", "no_attention", "full"]
MaskReading = Literal["published", "paper"]
Presence = Literal["object_score", "early", "both", "mask"]
OneThing = Literal["every part", "surest part"]
_Config = TypeVar("_Config")

PAD_ID = 3
"""BEiT-3's padding id, which is its unknown token too: the union encoder, and nothing else, masks such positions."""


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(message)


def _require_types(config: object, where: str) -> None:
    """Every value has its field's type: a file's "32" or 32.5 must not get as far as a layer's width."""
    for name, hint in get_type_hints(type(config)).items():
        value = getattr(config, name)
        if get_origin(hint) is Literal:
            _require(value in get_args(hint), f"{name}: {value!r} is not one of {', '.join(get_args(hint))}")
        elif get_origin(hint) is tuple:
            length = None if Ellipsis in get_args(hint) else len(get_args(hint))
            whole = isinstance(value, tuple) and all(type(i) is int for i in value) and length in (None, len(value))
            _require(whole, f"{where}: {name} takes {length or 'any number of'} whole numbers, not {value!r}")
        elif hint is int:
            _require(type(value) is int and value > 0, f"{where}: {name} is a whole number above 0, not {value!r}")
        elif hint is float:
            _require(
                type(value) in (int, float) and isfinite(value), f"{where}: {name} is a finite number, not {value!r}"
            )
        else:
            _require(isinstance(value, hint), f"{where}: {name} is a {hint.__name__}, not {value!r}")


@dataclass(frozen=True)
class HieraConfig:
    """SAM 2's image trunk (Hiera), in the terms of Meta's own configuration files.

    Attributes:
        embed_dim: channels of the first stage; each later stage doubles them.
        num_heads: attention heads of the first stage; each later stage doubles them.
        stages: blocks in each of the four stages (strides 4, 8, 16, 32).
        global_att_blocks: indices of the blocks that attend to the whole map instead of to windows.
        window_spec: window side of each stage, in tokens.
        window_pos_embed_bkg_spatial_size: rows and columns of the background position table.
    """

    embed_dim: int
    num_heads: int
    stages: tuple[int, int, int, int]
    global_att_blocks: tuple[int, ...]
    window_spec: tuple[int, int, int, int] = (8, 4, 16, 8)
    window_pos_embed_bkg_spatial_size: tuple[int, int] = (7, 7)

    def __post_init__(self) -> None:  # noqa: D105
        _require_types(self, "hiera")
        _require(self.embed_dim % self.num_heads == 0, f"hiera: {self.embed_dim} channels / {self.num_heads} heads")
        _require(min(self.stages) > 0, f"hiera: four stages of blocks, not {self.stages}")
        _require(
            min(self.window_spec) > 0 and not any(side % 2 for side in self.window_spec[:3]),
            f"hiera: windows {self.window_spec}, but those of the first three stages are halved on the way to the next",
        )
        _require(
            min(self.window_pos_embed_bkg_spatial_size) > 0,
            f"hiera: no positions in {self.window_pos_embed_bkg_spatial_size}",
        )
        _require(
            all(0 <= block < sum(self.stages) for block in self.global_att_blocks),
            f"hiera: global attention in blocks {self.global_att_blocks}, but there are {sum(self.stages)}",
        )

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Channels of the four stages, finest first."""
        return (self.embed_dim, 2 * self.embed_dim, 4 * self.embed_dim, 8 * self.embed_dim)


@dataclass(frozen=True)
class UnionEncoderConfig:
    """BEiT-3 as the union encoder of eq. 1.

    Attributes:
        embed_dim: D, width of every token.
        depth: number of layers.
        num_heads: attention heads.
        ffn_dim: hidden width of each modality's feed-forward network.
        image_size: H_u = W_u, pixels.
        patch_size: p, pixels.
        vocab_size: rows of the text embedding.
        max_text_tokens: longest sentence in tokens, its two markers included.
    """

    embed_dim: int
    depth: int
    num_heads: int
    ffn_dim: int
    image_size: int = 224
    patch_size: int = 16
    vocab_size: int = 64010
    max_text_tokens: int = 1022

    def __post_init__(self) -> None:  # noqa: D105
        _require_types(self, "union encoder")
        _require(
            self.embed_dim % self.num_heads == 0, f"union encoder: {self.embed_dim} channels / {self.num_heads} heads"
        )
        _require(
            self.image_size % self.patch_size == 0,
            f"union encoder: patches of {self.patch_size} pixels do not divide {self.image_size}",
        )
        _require(self.max_text_tokens >= 3, f"union encoder: no room for words in {self.max_text_tokens} tokens")

    @property
    def grid(self) -> int:
        """Patches along one side, H_u / p."""
        return self.image_size // self.patch_size


@dataclass(frozen=True)
class ModelConfig:
    """The whole of figure 2.

    Attributes:
        name: what the model is called in outputs.
        hiera: SAM 2's trunk.
        union_encoder: BEiT-3.
        image_size: H_s = W_s, pixels; a multiple of 32.
        width: C, channels of the neck, the prompts and the mask decoder.
        decoder_mlp_dim: hidden width of the mask decoder's transformer.
        fusion_layer: what each trunk block adds (Table 4, "structure"): nothing, an adapter that reads no text,
            text into image only, or both ways.
        fusion_heads: heads of the fusion layer's cross-attentions.
        fusion_reduction: trunk width over the hidden width of fusion layer and block adapter.
        fusion_after_encoding: eq. 4 on or off (Table 4, "components").
        mask_prompt: the mask prompt generator: absent, without its cross-attention, or whole (eq. 5).
        early_presence: whether the union encoder alone says if the thing is there; not in the paper.
        alpha_t: weight of the fused text against the text that came in (eq. 3).
        alpha_i: weight of the block adapter (eq. 3).
        mask_reading: how a mask logit z becomes a probability: "published", sigmoid(2z - 1), or "paper", sigmoid(z).
    """

    name: str
    hiera: HieraConfig
    union_encoder: UnionEncoderConfig
    image_size: int = 1024
    width: int = 256
    decoder_mlp_dim: int = 2048
    fusion_layer: FusionLayer = "bi"
    fusion_heads: int = 4
    fusion_reduction: int = 4
    fusion_after_encoding: bool = True
    mask_prompt: MaskPrompt = "full"
    early_presence: bool = False
    alpha_t: float = 0.2
    alpha_i: float = 0.5
    mask_reading: MaskReading = "published"

    def __post_init__(self) -> None:  # noqa: D105
        _require_types(self, "model")
        _require(self.image_size % 32 == 0, f"image_size: {self.image_size} is no multiple of 32")
        _require(self.width % 16 == 0, f"width: {self.width} is no multiple of 16 (8 heads at half width)")
        _require(0.0 <= self.alpha_t <= 1.0, f"alpha_t: {self.alpha_t} is outside 0..1")
        _require(
            self.mask_prompt != "full" or self.union_encoder.embed_dim % 8 == 0,
            f"mask_prompt: the union encoder's {self.union_encoder.embed_dim} channels / 8 heads",
        )
        if self.fusion_layer != "none":
            hidden = self.hiera.embed_dim // self.fusion_reduction
            _require(
                hidden > 0 and hidden % self.fusion_heads == 0,
                f"fusion layer: {hidden} channels in the first stage / {self.fusion_heads} heads",
            )

    @classmethod
    def preset(cls, name: str) -> Self:
        """One of `PRESETS`: large (the paper), base_plus, small, tiny, nano.

        Raises:
            ConfigError: if there is no preset of that name.
        """
        if name not in PRESETS:
            raise ConfigError(f"no preset named {name!r}: choose one of {', '.join(PRESETS)}")
        return cls(name=name, **PRESETS[name])

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401 - the fields' own types
        """A copy with other values, validated again."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, as JSON holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, also after JSON has turned tuples into lists.

        Raises:
            ConfigError: if a name is unknown or missing, or a value has the wrong type or cannot work.
        """
        parts = {"hiera": HieraConfig, "union_encoder": UnionEncoderConfig}
        if isinstance(values, Mapping):
            values = {**values, **{name: _build(part, values.get(name), name) for name, part in parts.items()}}
        return _build(cls, values, "model")


@dataclass(frozen=True)
class Decision:
    """How a model's numbers become an answer; it belongs to the weights and is stored beside them.

    Attributes:
        mask_threshold: a pixel is foreground where its probability is above this.
        presence: where P(present) comes from: SAM 2's object score; the early presence head; "both", the mean of
            their logits; or, for weights that trained neither (published code computes the object score and ignores
            it), the mask itself: its highest probability.
        presence_threshold: the thing is said to be there where P(present) is at least this.
        one_thing: what of the mask answers an expression that means one thing: "every part", as published, or the
            "surest part", the connected one with the greatest sum of probabilities.
        drop_below: a tile of a large raster is not looked at where the union encoder alone gives P(present) below this;
            0 looks at every tile. `rs2sam2 bench tiles` measures what it costs and gains.
    """

    mask_threshold: float = 0.5
    presence: Presence = "mask"
    presence_threshold: float = 0.5
    one_thing: OneThing = "every part"
    drop_below: float = 0.0

    def __post_init__(self) -> None:  # noqa: D105
        _require_types(self, "decision")
        _require(0.0 <= self.drop_below < 1.0, f"drop_below: {self.drop_below} is outside 0..1")
        for name in ("mask_threshold", "presence_threshold"):
            value = getattr(self, name)
            _require(0.0 < value < 1.0, f"{name}: {value} is outside 0..1")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From plain containers.

        Raises:
            ConfigError: as `ModelConfig.from_dict`.
        """
        return _build(cls, values, "decision")


def _build(cls: type[_Config], values: object, where: str) -> _Config:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: expected a mapping of settings, got {type(values).__name__}")
    known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
    if unknown := sorted(map(str, set(values) - known)):
        raise ConfigError(f"{where}: unknown settings {', '.join(unknown)}")
    try:
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    except TypeError as error:
        raise ConfigError(f"{where}: {error}") from error


_BEIT3_BASE = UnionEncoderConfig(embed_dim=768, depth=12, num_heads=12, ffn_dim=3072)
_BEIT3_LARGE = UnionEncoderConfig(embed_dim=1024, depth=24, num_heads=16, ffn_dim=4096)

PRESETS: dict[str, dict[str, Any]] = {
    "large": {
        "hiera": HieraConfig(144, 2, (2, 6, 36, 4), (23, 33, 43)),
        "union_encoder": _BEIT3_LARGE,
    },
    "base_plus": {
        "hiera": HieraConfig(112, 2, (2, 3, 16, 3), (12, 16, 20), (8, 4, 14, 7), (14, 14)),
        "union_encoder": _BEIT3_BASE,
    },
    "small": {
        "hiera": HieraConfig(96, 1, (1, 2, 11, 2), (7, 10, 13), (8, 4, 14, 7)),
        "union_encoder": _BEIT3_BASE,
    },
    "tiny": {
        "hiera": HieraConfig(96, 1, (1, 2, 7, 2), (5, 7, 9), (8, 4, 14, 7)),
        "union_encoder": _BEIT3_BASE,
    },
    "nano": {
        "hiera": HieraConfig(32, 1, (1, 2, 3, 1), (4, 5), (8, 4, 8, 4)),
        "union_encoder": UnionEncoderConfig(
            embed_dim=128, depth=4, num_heads=4, ffn_dim=512, image_size=192, vocab_size=4096, max_text_tokens=64
        ),
        "early_presence": True,
        "image_size": 256,
        "width": 128,
        "decoder_mlp_dim": 512,
        "fusion_heads": 2,
        "fusion_reduction": 2,
    },
}
