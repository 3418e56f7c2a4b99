"""Words to ids: as published, and no text can smuggle a control token in."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rs2sam2.config import PAD_ID
from rs2sam2.errors import ExpressionError, WeightsError
from rs2sam2.tokenizer import BEGIN_ID, END_ID, UNKNOWN_ID, Tokenizer

GOLDEN = Path(__file__).parent / "parity" / "golden"
PUBLISHED = json.loads((GOLDEN / "tokenizer.json").read_text())
CONTROL_TEXTS = ("<s>", "</s>", "<pad>", "<unk>", "<mask>", "[SEG]", "[CLS]", "[PAD]")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(GOLDEN / "tiny.spm", max_tokens=40)


@pytest.mark.parametrize("row", PUBLISHED["rows"], ids=lambda row: repr(row["text"][:20]))
def test_ids_are_the_published_ones(tokenizer: Tokenizer, row: dict[str, Any]) -> None:
    assert tokenizer.encode(row["text"]) == row["input_ids"]


def test_special_ids_are_the_published_ones(tokenizer: Tokenizer) -> None:
    assert PUBLISHED["unk_token_id"] == UNKNOWN_ID
    assert PUBLISHED["pad_token_id"] == PAD_ID
    assert tokenizer.vocab_size == PUBLISHED["sp_pieces"] + 1


@pytest.mark.parametrize("control", CONTROL_TEXTS)
@pytest.mark.parametrize("text", ["{}", "a {} b", "the road{}", "{}{}", "{} ship", "ship {}"])
def test_control_tokens_in_a_text_stay_text(tokenizer: Tokenizer, control: str, text: str) -> None:
    begin, *inner, end = tokenizer.encode(text.replace("{}", control))
    assert (begin, end) == (BEGIN_ID, END_ID)
    assert not {0, 1, 2} & set(inner)
    assert max(inner) < tokenizer.vocab_size
    assert len(inner) > len(tokenizer.encode(text.replace("{}", ""))) - 2, "the characters must have been read"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(CONTROL_TEXTS))
def test_no_text_reaches_a_control_id(text: str) -> None:
    tokenizer = Tokenizer.from_file(GOLDEN / "tiny.spm")
    begin, *inner, end = tokenizer.encode(text)
    assert (begin, end) == (BEGIN_ID, END_ID)
    assert all(UNKNOWN_ID <= i < tokenizer.vocab_size for i in inner)


def test_batch_pads_at_the_end(tokenizer: Tokenizer) -> None:
    expressions = ["road", "The ship in the harbor on the lower right", "vehicles in the parking area"]
    ids, mask = tokenizer.batch(expressions)
    longest = max(len(tokenizer.encode(e)) for e in expressions)
    assert ids.shape == mask.shape == (3, longest)
    assert (str(ids.dtype), str(mask.dtype)) == ("torch.int64", "torch.bool")
    for row, expression in enumerate(expressions):
        own = tokenizer.encode(expression)
        assert ids[row, : len(own)].tolist() == own
        assert mask[row].tolist() == [True] * len(own) + [False] * (longest - len(own))
        assert set(ids[row, len(own) :].tolist()) <= {PAD_ID}


def test_unknown_words_are_inside_the_sentence_s_mask(tokenizer: Tokenizer) -> None:
    ids, mask = tokenizer.batch(["GROUND TRACK FIELD"])
    assert (ids == PAD_ID).any()
    assert mask.all()


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u3000", "\u00a0", "\u200b", "\ufeff", "\u200b \u200b"])
def test_blank_expression_is_refused(tokenizer: Tokenizer, blank: str) -> None:
    with pytest.raises(ExpressionError, match="blank"):
        tokenizer.batch(["road", blank])


def test_text_that_is_no_unicode_is_refused(tokenizer: Tokenizer) -> None:
    """What a terminal hands over for bytes that it cannot decode."""
    with pytest.raises(ExpressionError, match="Unicode"):
        tokenizer.batch(["caf\udce9"])


def test_too_long_an_expression_is_refused_and_the_limit_named(tokenizer: Tokenizer) -> None:
    fits = "a " * 38
    assert tokenizer.batch([fits])[0].shape == (1, 40)
    with pytest.raises(ExpressionError, match=r"41 tokens.* 40"):
        tokenizer.batch(["road", fits + "a"])


def test_error_is_one_line(tokenizer: Tokenizer) -> None:
    with pytest.raises(ExpressionError) as caught:
        tokenizer.batch(["a\nb\n" * 40])
    assert "\n" not in str(caught.value)


def test_saved_model_is_the_same_model(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "again.spm")
    again = Tokenizer.from_file(tmp_path / "again.spm")
    assert again.sha256 == tokenizer.sha256
    assert (tmp_path / "again.spm").read_bytes() == (GOLDEN / "tiny.spm").read_bytes()


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x00" * 100, (GOLDEN / "tiny.spm").read_bytes()[:1000]])
def test_file_that_is_no_model_is_refused(content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.spm"
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        Tokenizer.from_file(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone\.spm"):
        Tokenizer.from_file(tmp_path / "gone.spm")
