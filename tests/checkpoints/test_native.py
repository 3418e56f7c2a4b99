"""Our own weight folder: it comes back as it went, and whatever is wrong with it is said in one line."""

import hashlib
import io
import json
import pickle
import resource
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from rs2sam2.checkpoints.names import mismatch
from rs2sam2.checkpoints.native import Bundle, load, save
from rs2sam2.config import Decision, UnionEncoderConfig
from rs2sam2.errors import OutputError, WeightsError
from rs2sam2.model.rs2sam2 import RS2SAM2
from rs2sam2.tokenizer import Tokenizer
from tiny import VOCABULARY, tiny_inputs, tiny_model

SPM = Path(__file__).parents[1] / "parity" / "golden" / "tiny.spm"
DECISION = Decision(mask_threshold=0.4, presence="object_score", presence_threshold=0.6)
FILES = {"model.safetensors", "config.json", "tokenizer.spm", "provenance.json", "README.md"}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(SPM, max_tokens=20)


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> RS2SAM2:
    union = UnionEncoderConfig(
        embed_dim=32, depth=1, num_heads=4, ffn_dim=48, image_size=32, patch_size=8, vocab_size=1210, max_text_tokens=20
    )
    return tiny_model(union_encoder=union)


@pytest.fixture
def folder(tmp_path: Path, model: RS2SAM2, tokenizer: Tokenizer) -> Path:
    save(tmp_path / "weights", model, tokenizer, DECISION, {"license": "Apache-2.0", "steps": 3}, "# A card\n")
    return tmp_path / "weights"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rewrite(folder: Path, state: dict[str, torch.Tensor]) -> None:
    """Other weights, with no checksum to contradict them."""
    save_file(state, folder / "model.safetensors")
    (folder / "provenance.json").write_text("{}")


def test_folder_comes_back_as_it_went(folder: Path, model: RS2SAM2, tokenizer: Tokenizer) -> None:
    assert {path.name for path in folder.iterdir()} == FILES
    bundle = load(folder)
    assert isinstance(bundle, Bundle)
    assert bundle.model.config == model.config
    assert bundle.decision == DECISION
    assert bundle.tokenizer.sha256 == tokenizer.sha256
    assert bundle.tokenizer.max_tokens == 20
    assert (bundle.name, bundle.license, bundle.provenance["steps"]) == ("test", "Apache-2.0", 3)
    assert not bundle.model.training
    assert not any(p.requires_grad for p in bundle.model.parameters())
    found, expected = bundle.model.state_dict(), model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name].half().float()) for name in expected)
    inputs = tiny_inputs(model.config, 1, 6)
    with torch.no_grad():
        assert torch.allclose(bundle.model(*inputs).mask_logits, model(*inputs).mask_logits, atol=0.05)


def test_second_round_trip_changes_nothing(folder: Path, tmp_path: Path) -> None:
    bundle = load(folder)
    save(tmp_path / "again", bundle.model, bundle.tokenizer, bundle.decision, bundle.provenance, "# A card\n")
    assert contents(tmp_path / "again") == contents(folder)


def test_checksum_is_that_of_the_weights(folder: Path) -> None:
    expected = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert load(folder).sha256 == expected
    assert json.loads((folder / "provenance.json").read_text())["sha256"] == expected


def test_weights_are_stored_in_half_precision_and_read_in_what_is_asked(folder: Path) -> None:
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.float16}
    assert {p.dtype for p in load(folder).model.parameters()} == {torch.float32}
    for name, parameter in load(folder, dtype=torch.bfloat16).model.named_parameters():
        coarse = (
            name.startswith(("union_encoder.layers.", "trunk.blocks.")) or name == "union_encoder.text_embed.weight"
        )
        assert parameter.dtype == (torch.bfloat16 if coarse else torch.float32), name


def test_license_is_unknown_where_nothing_is_said(folder: Path) -> None:
    (folder / "provenance.json").write_text("{}")
    assert load(folder).license == "unknown"


@pytest.mark.parametrize("name", sorted(FILES - {"README.md"}))
def test_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=name):
        load(folder)


def test_missing_card_is_no_matter(folder: Path) -> None:
    (folder / "README.md").unlink()
    load(folder)


def test_names_that_do_not_fit_are_listed(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    del state["no_memory_embedding"]
    state["surprise"] = torch.zeros(1)
    state["text_weight.bias"] = torch.zeros(7)
    rewrite(folder, state)
    with pytest.raises(WeightsError) as caught:
        load(folder)
    message = str(caught.value)
    assert "1 missing: no_memory_embedding" in message
    assert "1 unexpected: surprise" in message
    assert "1 of the wrong shape: text_weight.bias (7,) instead of (1,)" in message
    assert "\n" not in message


def test_weights_of_another_size_are_refused_with_counts(folder: Path) -> None:
    rewrite(folder, {f"strange.{n:02}": torch.zeros(1) for n in range(25)})
    with pytest.raises(WeightsError) as caught:
        load(folder)
    assert "25 unexpected: strange.00, strange.01" in str(caught.value)
    assert "strange.09, ..." in str(caught.value)
    assert "strange.10" not in str(caught.value)


def test_mismatch_of_equals_is_none() -> None:
    assert mismatch({"a": (1, 2)}, {"a": (1, 2)}) is None


@pytest.mark.parametrize("keep", [0, 7, 8, 100, 0.5, -1])
def test_truncated_weights_are_refused(folder: Path, keep: float) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        load(folder)


@pytest.mark.parametrize("place", [0, 5, 8, 9, 60, 0.3, 0.9, -1])
def test_flipped_bit_is_noticed(folder: Path, place: float) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[int(place * len(content)) if isinstance(place, float) else place] ^= 4
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        load(folder)


def test_quick_checksum_is_enough_for_a_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(path: Path) -> str:
        raise AssertionError(f"{path}: a SHA-256 of a large file takes seconds")

    monkeypatch.setattr("rs2sam2.checkpoints.native.file_sha256", slow)
    assert load(folder).sha256 == json.loads((folder / "provenance.json").read_text())["sha256"]


@pytest.mark.parametrize("kept", ["sha256", "crc32"])
def test_either_checksum_alone_notices_a_flipped_bit(folder: Path, kept: str) -> None:
    provenance = json.loads((folder / "provenance.json").read_text())
    (folder / "provenance.json").write_text(json.dumps({kept: provenance[kept]}))
    assert load(folder).sha256 == provenance["sha256"]
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 64
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"model\.safetensors: damaged"):
        load(folder)


@pytest.mark.parametrize("value", [3, None, [], "zz", {"a": 1}])
def test_checksum_that_is_none_is_a_wrong_one_or_no_record(folder: Path, value: Any) -> None:
    edit(folder / "provenance.json", crc32=value)
    if value is None:
        load(folder)
    else:
        with pytest.raises(WeightsError, match="damaged"):
            load(folder)


def test_weights_in_their_own_precision_are_mapped_and_may_be_changed(folder: Path) -> None:
    before = (folder / "model.safetensors").read_bytes()
    bundle = load(folder, dtype=torch.float16)
    with torch.no_grad():
        for parameter in bundle.model.parameters():
            parameter.mul_(2)
    assert (folder / "model.safetensors").read_bytes() == before


def test_loaded_model_can_be_saved_over_its_own_file(folder: Path, model: RS2SAM2) -> None:
    bundle = load(folder, dtype=torch.float16)
    for dtype in (torch.bfloat16, torch.float32):
        save(folder, bundle.model, bundle.tokenizer, bundle.decision, {}, "", dtype)
    found = load(folder).model.state_dict()
    assert all(torch.equal(found[name], tensor.half().float()) for name, tensor in model.state_dict().items())


class Mischief:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran-code-from-the-file"),)


def test_pickle_in_place_of_safetensors_runs_no_code(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Mischief()))
    for content in (pickle.dumps(Mischief()), zipped.getvalue(), b"\x80\x02", b"PK" * 500):
        (folder / "model.safetensors").write_bytes(content)
        with pytest.raises(WeightsError, match=r"model\.safetensors"):
            load(folder)
    assert not (tmp_path / "ran-code-from-the-file").exists()


def test_folder_where_a_file_should_be(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        load(folder)


@pytest.mark.parametrize("name", ["config.json", "provenance.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b"3", b"\xff\xfe", b'"a"'])
def test_bad_json_is_refused(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(WeightsError, match=name):
        load(folder)


@pytest.mark.parametrize("number", [0, 2, "1", None, [1]])
def test_format_of_another_version_is_refused(folder: Path, number: object) -> None:
    edit(folder / "config.json", format=number)
    with pytest.raises(WeightsError, match="this version reads 1"):
        load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": None},
        {"model": []},
        {"model": {}},
        {"model": "large"},
        {"decision": 5},
        {"decision": {"mask_threshold": 2}},
        {"decision": {"mask_threshold": "half"}},
        {"decision": {"unheard_of": 1}},
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused(folder: Path, changes: dict[str, Any]) -> None:
    edit(folder / "config.json", **changes)
    with pytest.raises(WeightsError, match=r"config\.json"):
        load(folder)


def test_tokenizer_of_other_weights_is_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    """Its ids would run past the model's table of words."""
    assert tokenizer.vocab_size > VOCABULARY
    save(tmp_path, tiny_model(), tokenizer, DECISION, {}, "")
    with pytest.raises(WeightsError, match=rf"tokenizer\.spm: {tokenizer.vocab_size} ids"):
        load(tmp_path)


def test_garbage_for_a_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.spm").write_bytes(b"garbage")
    with pytest.raises(WeightsError, match="SentencePiece"):
        load(folder)


class BreaksDown(Tokenizer):
    """A tokenizer whose file does not fit on the disk any more."""

    def save(self, path: Path) -> None:
        path.write_bytes(self.model_proto[:100])
        raise OSError(28, "No space left on device")


def test_failure_leaves_nothing_half_written(tmp_path: Path, model: RS2SAM2, tokenizer: Tokenizer) -> None:
    broken = BreaksDown(tokenizer.model_proto, 20)
    with pytest.raises(OutputError, match="No space left"):
        save(tmp_path / "new", model, broken, DECISION, {}, "# A card\n")
    assert list((tmp_path / "new").iterdir()) == []


def test_failure_leaves_what_was_there(folder: Path, model: RS2SAM2, tokenizer: Tokenizer) -> None:
    before = contents(folder)
    with pytest.raises(OutputError):
        save(folder, model, BreaksDown(tokenizer.model_proto, 20), Decision(), {"steps": 4}, "# Another card\n")
    assert contents(folder) == before


def test_disk_that_fills_up_while_weights_are_written(tmp_path: Path, model: RS2SAM2, tokenizer: Tokenizer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutputError, match="cannot write weights"):
            save(tmp_path / "new", model, tokenizer, DECISION, {}, "")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "new").iterdir()) == []


def test_place_that_cannot_be_written_is_an_output_error(tmp_path: Path, model: RS2SAM2, tokenizer: Tokenizer) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write weights"):
        save(tmp_path / "file", model, tokenizer, DECISION, {}, "")
