"""A published model, in every layout and precision that there is, becomes one of ours; nothing happens silently."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from foreign_weights import SETTINGS, SPM, beit3_state, model, published_state, sam2_state, write_folder, write_pickle
from safetensors.torch import load_file, save_file
from torch import Tensor

from rs2sam2.checkpoints import native
from rs2sam2.checkpoints.convert import convert, load_any
from rs2sam2.config import Decision
from rs2sam2.errors import OutputError, WeightsError
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.model.rs2sam2 import RS2SAM2
from tiny import relative_error, tiny_inputs

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@pytest.fixture(scope="module")
def whole() -> RS2SAM2:
    return model()


@pytest.fixture(scope="module")
def state(whole: RS2SAM2) -> dict[str, Tensor]:
    return published_state(whole)


@pytest.fixture
def source(tmp_path: Path, state: dict[str, Tensor]) -> Path:
    return write_folder(tmp_path / "rrsisd", state)


def equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in found)


@pytest.mark.parametrize("pickled", [False, True], ids=["safetensors", "bin"])
@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("precision", DTYPES)
def test_every_layout_and_precision(
    tmp_path: Path, whole: RS2SAM2, state: dict[str, Tensor], pickled: bool, shards: int, precision: str
) -> None:
    stored = {name: tensor.to(DTYPES[precision]) for name, tensor in state.items()}
    source = write_folder(tmp_path / "theirs", stored, pickled=pickled, shards=shards)
    convert(source, tmp_path / "ours")
    expected = {name: tensor.to(DTYPES[precision]).float() for name, tensor in whole.state_dict().items()}
    assert equal(load_file(tmp_path / "ours" / "model.safetensors"), expected)
    bundle = native.load(tmp_path / "ours")
    assert bundle.model.config == whole.config.replace(name="theirs", image_size=1024)
    assert equal(dict(bundle.model.state_dict()), expected)
    assert equal(dict(load_any(source).model.state_dict()), expected)


@pytest.mark.parametrize("precision", DTYPES)
def test_precision_that_is_asked_for(tmp_path: Path, source: Path, whole: RS2SAM2, precision: str) -> None:
    convert(source, tmp_path / "ours", dtype=DTYPES[precision])
    found = load_file(tmp_path / "ours" / "model.safetensors")
    assert equal(found, {name: tensor.to(DTYPES[precision]) for name, tensor in whole.state_dict().items()})


def test_answers_are_the_same(tmp_path: Path, source: Path, whole: RS2SAM2) -> None:
    inputs = tiny_inputs(whole.config, 2, 5)
    convert(source, tmp_path / "ours")
    with torch.no_grad():
        expected = whole(*inputs)
        for bundle in (native.load(tmp_path / "ours"), load_any(source)):
            assert relative_error(bundle.model(*inputs).mask_logits, expected.mask_logits) <= 1e-6
            assert bundle.decision == Decision(mask_threshold=0.5, presence="mask")


def test_segmenter_takes_the_published_folder_itself(source: Path) -> None:
    segmenter = Segmenter.from_pretrained(source, device="cpu")
    assert segmenter.weights.name == "rrsisd"
    assert segmenter.weights.sha256 == hashlib.sha256((source / "model.safetensors").read_bytes()).hexdigest()
    image = torch.arange(3 * 40 * 50, dtype=torch.uint8).reshape(40, 50, 3).numpy()
    assert segmenter(image, "the white building").mask.shape == (40, 50)


def test_file_alone_is_taken_with_the_tokenizer_beside_it(tmp_path: Path, source: Path) -> None:
    convert(source / "model.safetensors", tmp_path / "ours")
    assert native.load(tmp_path / "ours").name == "rrsisd"


def test_provenance_says_what_happened(tmp_path: Path, source: Path) -> None:
    (source / "README.md").write_text("---\nlanguage: en\nlicense: cc-by-nc-4.0\n---\nlicense: other\n")
    convert(source, tmp_path / "ours")
    provenance = json.loads((tmp_path / "ours" / "provenance.json").read_text())
    for name in ("model.safetensors", "sentencepiece.bpe.model"):
        assert provenance["source_files"][name] == hashlib.sha256((source / name).read_bytes()).hexdigest()
    weights = (tmp_path / "ours" / "model.safetensors").read_bytes()
    assert provenance["sha256"] == hashlib.sha256(weights).hexdigest()
    assert provenance["license"] == "cc-by-nc-4.0"
    assert provenance["tool"]["rs2sam2"]
    assert provenance["dropped"]["never called"] == ["meo_linear.weight"]
    assert "visual_model.maskmem_tpos_enc" in provenance["dropped"]["memory mechanism, for video"]
    card = (tmp_path / "ours" / "README.md").read_text()
    assert "cc-by-nc-4.0" in card and "maskmem_tpos_enc" not in card and "{" + "name}" not in card
    assert str(tmp_path) not in json.dumps(provenance) + card, "where somebody keeps files is nobody's business"


def test_conversion_is_the_same_every_time(tmp_path: Path, source: Path) -> None:
    for name in ("a", "b"):
        convert(source, tmp_path / name)
    assert [p.read_bytes() for p in sorted((tmp_path / "a").iterdir())] == [
        p.read_bytes() for p in sorted((tmp_path / "b").iterdir())
    ]


def test_own_folder_in_another_precision(tmp_path: Path, source: Path, whole: RS2SAM2) -> None:
    convert(source, tmp_path / "full")
    convert(tmp_path / "full", tmp_path / "half", dtype=torch.bfloat16)
    bundle = native.load(tmp_path / "half")
    expected = {name: tensor.bfloat16().float() for name, tensor in whole.state_dict().items()}
    assert equal(dict(bundle.model.state_dict()), expected)
    assert bundle.name == "rrsisd"
    assert "converted_from" in bundle.provenance


class TestWhatDoesNotFit:
    def changed(self, tmp_path: Path, state: dict[str, Tensor], change: Callable[[dict[str, Tensor]], Any]) -> str:
        state = dict(state)
        change(state)
        source = write_folder(tmp_path / "theirs", state)
        messages = []
        for attempt in (lambda: convert(source, tmp_path / "ours"), lambda: load_any(source)):
            with pytest.raises(WeightsError) as caught:
                attempt()
            messages.append(str(caught.value))
        assert not (tmp_path / "ours").exists()
        assert messages[0] == messages[1] and "\n" not in messages[0] and str(source) in messages[0]
        return messages[0]

    def test_all_kinds_in_one_message(self, tmp_path: Path, state: dict[str, Tensor]) -> None:
        def change(state: dict[str, Tensor]) -> None:
            del state["text_hidden_fcs.0.0.bias"]
            state["surprise"] = torch.zeros(1)
            state["visual_model.image_encoder.trunk.surprise"] = torch.zeros(1)
            state["text2one_linear.bias"] = torch.zeros(7)

        message = self.changed(tmp_path, state, change)
        assert "1 missing: token_mlp.0.bias" in message
        assert "2 unexpected: surprise, visual_model.image_encoder.trunk.surprise" in message
        assert "1 of the wrong shape: text_weight.bias (7,) instead of (1,)" in message

    def test_ten_of_many(self, tmp_path: Path, state: dict[str, Tensor]) -> None:
        message = self.changed(tmp_path, state, lambda s: s.update({f"odd.{n:02}": torch.zeros(1) for n in range(30)}))
        assert "30 unexpected: odd.00" in message and "odd.09, ..." in message and "odd.10" not in message

    @pytest.mark.parametrize(
        "name",
        [
            "visual_model.image_encoder.trunk.pos_embed",
            "mm_extractor.beit3.text_embed.weight",
            "visual_model.image_encoder.neck.convs.0.conv.weight",
        ],
    )
    def test_what_sizes_are_read_from_is_missing(self, tmp_path: Path, state: dict[str, Tensor], name: str) -> None:
        assert "cannot be told" in self.changed(tmp_path, state, lambda s: s.pop(name))

    def test_two_names_for_one_weight(self, tmp_path: Path, state: dict[str, Tensor]) -> None:
        twice = "vmtoken.multihead_attn.in_proj.weight"
        message = self.changed(tmp_path, state, lambda s: s.update({twice: torch.zeros(96, 32)}))
        assert "1 unexpected: " in message and "vmtoken" in message

    def test_table_of_positions_that_is_no_square(self, tmp_path: Path, state: dict[str, Tensor]) -> None:
        name = "mm_extractor.beit3.encoder.embed_positions.A.weight"
        assert "no square grid" in self.changed(tmp_path, state, lambda s: s.update({name: torch.zeros(21, 32)}))

    def test_stages_of_another_trunk(self, tmp_path: Path, state: dict[str, Tensor]) -> None:
        name = "visual_model.image_encoder.trunk.blocks.1.proj.weight"
        assert "3 stages" in self.changed(tmp_path, state, lambda s: s.pop(name))

    @pytest.mark.parametrize(
        ("dtype", "text"),
        [
            (torch.int32, "whole numbers, the first: mask_linear.bias"),
            (torch.int8, "mask_linear.bias is int8, but there is no mask_linear.bias_scale"),
        ],
        ids=str,
    )
    def test_whole_numbers_are_no_weights(
        self, tmp_path: Path, state: dict[str, Tensor], dtype: torch.dtype, text: str
    ) -> None:
        change = {"mask_linear.bias": torch.zeros(32, dtype=dtype)}
        assert text in self.changed(tmp_path, state, lambda s: s.update(change))


@pytest.mark.parametrize("settings", [{}, {"model_type": "rs2sam2"}, {"encoder_attention_heads": 4}])
def test_what_shapes_do_not_tell_must_be_said(tmp_path: Path, state: dict[str, Tensor], settings: Any) -> None:
    source = write_folder(tmp_path / "theirs", state, settings=settings)
    with pytest.raises(WeightsError, match=r"width 16.*window_spec"):
        convert(source, tmp_path / "ours")


def test_heads_of_an_encoder_that_is_not_beit3s(tmp_path: Path, state: dict[str, Tensor]) -> None:
    source = write_folder(tmp_path / "theirs", state, settings={"trunk": SETTINGS["model"]["trunk"]})
    with pytest.raises(WeightsError, match=r"width 32.*encoder_attention_heads"):
        convert(source, tmp_path / "ours")


@pytest.mark.parametrize("heads", [0, 3, "4", None, [4]])
def test_numbers_that_cannot_be_are_refused(tmp_path: Path, state: dict[str, Tensor], heads: Any) -> None:
    source = write_folder(tmp_path / "theirs", state, settings=SETTINGS | {"encoder_attention_heads": heads})
    with pytest.raises(WeightsError, match="cannot work"):
        convert(source, tmp_path / "ours")


def test_no_tokenizer(tmp_path: Path, source: Path) -> None:
    (source / "sentencepiece.bpe.model").unlink()
    with pytest.raises(WeightsError, match=r"sentencepiece\.bpe\.model.*--spm"):
        convert(source, tmp_path / "ours")
    convert(source, tmp_path / "ours", tokenizer=SPM)
    assert native.load(tmp_path / "ours").tokenizer.model_proto == SPM.read_bytes()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_no_numbers(tmp_path: Path, state: dict[str, Tensor], value: float) -> None:
    source = write_folder(tmp_path / "theirs", {**state, "mask_linear.bias": torch.full((32,), value)})
    with pytest.raises(WeightsError, match=r"theirs: mask_prompt_generator\.token\.bias holds infinity or something"):
        convert(source, tmp_path / "ours")
    assert list((tmp_path / "ours").iterdir()) == []


def test_value_beyond_half_precision_is_named(tmp_path: Path, state: dict[str, Tensor]) -> None:
    source = write_folder(tmp_path / "theirs", {**state, "mask_linear.bias": torch.full((32,), -70000.0)})
    with pytest.raises(WeightsError, match=r"mask_prompt_generator\.token\.bias holds 70000, which float16 cannot"):
        convert(source, tmp_path / "ours", dtype=torch.float16)
    convert(source, tmp_path / "ours", dtype=torch.bfloat16)


@pytest.mark.parametrize("what", ["sam2", "beit3"])
def test_half_of_a_model_points_to_init(tmp_path: Path, whole: RS2SAM2, what: str) -> None:
    made = sam2_state(whole) if what == "sam2" else beit3_state(whole)
    path = write_pickle(tmp_path / "half.pt", made)
    for attempt in (lambda: convert(path, tmp_path / "ours"), lambda: Segmenter.from_pretrained(path, device="cpu")):
        with pytest.raises(WeightsError, match=rf"rs2sam2 init .*--{what} {path}"):
            attempt()


def test_unknown_weights_are_refused_with_what_is_known(tmp_path: Path) -> None:
    save_file({"resnet.weight": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"resnet\.weight.*expected.*SAM 2.*BEiT-3"):
        convert(tmp_path, tmp_path / "ours")


class TestTarget:
    def test_weights_that_are_there_stay(self, tmp_path: Path, source: Path) -> None:
        convert(source, tmp_path / "ours")
        before = (tmp_path / "ours" / "provenance.json").read_bytes()
        with pytest.raises(OutputError, match=r"has model\.safetensors.*--overwrite"):
            convert(source, tmp_path / "ours", dtype=torch.float16)
        assert (tmp_path / "ours" / "provenance.json").read_bytes() == before
        convert(source, tmp_path / "ours", dtype=torch.float16, overwrite=True)
        assert (tmp_path / "ours" / "provenance.json").read_bytes() != before

    def test_source_is_never_overwritten(self, source: Path) -> None:
        before = {path.name: path.read_bytes() for path in source.iterdir()}
        for path in (source, source / "model.safetensors"):
            with pytest.raises(OutputError, match="holds the source"):
                convert(path, source, overwrite=True)
        assert {path.name: path.read_bytes() for path in source.iterdir()} == before

    def test_file_in_the_way(self, tmp_path: Path, source: Path) -> None:
        (tmp_path / "ours").write_text("in the way")
        with pytest.raises(OutputError, match="is a file"):
            convert(source, tmp_path / "ours", overwrite=True)
