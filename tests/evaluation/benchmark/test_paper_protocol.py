"""The protocol of published figures, by hand: logits enlarged before the threshold, truth by nearest neighbour."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.evaluation.conftest import LEFT, SIDE, answer

from rs2sam2.checkpoints.native import Bundle
from rs2sam2.config import Decision
from rs2sam2.errors import ConfigError
from rs2sam2.evaluation.benchmark.answers import Answer
from rs2sam2.evaluation.benchmark.questions import read_questions
from rs2sam2.evaluation.benchmark.score import score
from rs2sam2.inference.segmenter import Segmenter
from tiny import tiny_model


def segmenter(decision, reading="published"):
    return Segmenter(Bundle(tiny_model(mask_reading=reading), None, decision, {}, "test", "", ""))


def with_logits(rows, p_present=1.0):
    logits = np.array(rows, dtype=np.float32)
    return replace(answer("the roof", np.zeros((2, 2), dtype=bool), p_present), mask_logits=logits)


# Between two columns of logits, a grid twice as wide has 3/4 and 1/4 of each.
@pytest.mark.parametrize(
    ("reading", "logits", "row"),
    [
        ("published", [3.0, 0.0], [1, 1, 1, 0]),  # 3, 2.25, 0.75 and 0: foreground begins above 0.5
        ("published", [3.0, -1.0], [1, 1, 0, 0]),  # 3, 2, 0, -1
        ("paper", [3.0, -0.9], [1, 1, 1, 0]),  # 3, 2.025, 0.075, -0.9: foreground begins above 0
    ],
)
def test_logits_are_enlarged_and_then_cut(reading, logits, row):
    found = segmenter(Decision(), reading).mask_on_grid(with_logits([logits, logits]), 4, 4)
    assert found.astype(int).tolist() == [row] * 4


def test_presence_is_decided_once_or_read_from_this_mask():
    refused = with_logits([[3.0, 3.0], [3.0, 3.0]], p_present=0.2)
    assert not segmenter(Decision(presence="object_score")).mask_on_grid(refused, 4, 4).any()
    assert segmenter(Decision(presence="mask")).mask_on_grid(refused, 4, 4).all()
    faint = with_logits([[0.6, 0.0], [0.0, 0.0]])  # a highest probability of 0.55
    assert not segmenter(Decision(presence_threshold=0.6)).mask_on_grid(faint, 4, 4).any()
    assert segmenter(Decision()).mask_on_grid(faint, 4, 4).any()


def test_an_answer_of_several_looks_has_no_logits():
    with pytest.raises(ConfigError, match="parts of the image"):
        segmenter(Decision()).mask_on_grid(replace(with_logits([[0.0]]), mask_logits=None), 4, 4)


@pytest.fixture
def question(places_root):
    """The left roof: 20 x 20 of 64 x 64 pixels, 320 x 320 of 1024 x 1024."""
    (found,) = (q for q in read_questions("rrsisd", places_root / "refer", "val") if q.sample == "10-100")
    return found


def left_roof(scale):
    left, upper, right, lower = (scale * edge for edge in LEFT)
    mask = np.zeros((scale * SIDE, scale * SIDE), dtype=bool)
    mask[upper:lower, left:right] = True
    return mask


def test_the_systems_own_mask_at_1024_counts(question):
    large = left_roof(16)
    large[: large.shape[0] // 2 - 160] = False
    own = score(question, question.read(), Answer(left_roof(1), large))
    assert (own.intersection, own.union) == (400, 400)
    assert own.intersection_at_1024 == large.sum() < own.union_at_1024 == 320 * 320


def test_masks_without_logits_are_enlarged_by_nearest_neighbour(question):
    moved = score(question, question.read(), Answer(np.roll(left_roof(1), 5, axis=1)))
    assert (moved.intersection, moved.union) == (300, 500)
    assert (moved.intersection_at_1024, moved.union_at_1024) == (300 * 256, 500 * 256)


def test_truth_is_brought_to_1024_as_it_is_stored(question):
    """A mask of another size than its image is not stretched to the image first."""
    sample = question.read()
    stored = np.zeros((SIDE, 2 * SIDE), dtype=bool)
    stored[:, :3] = True
    sample.__dict__["stored_mask"] = stored
    with pytest.warns(UserWarning, match="differ in size"):
        found = score(question, sample, Answer(np.zeros((SIDE, SIDE), dtype=bool)))
    assert found.union_at_1024 == 1024 * 3 * 8
    assert found.union in {SIDE, 2 * SIDE}


def test_evaluate_asks_weights_for_it(evaluate, places_root, tmp_path, monkeypatch, with_oracle):
    monkeypatch.setattr(type(with_oracle), "mask_on_grid", lambda *_: np.ones((1024, 1024), dtype=bool))
    assert evaluate("rrsisd", places_root / "refer", tmp_path / "out") == 0
    rows = pq.read_table(tmp_path / "out/samples.parquet").to_pylist()
    assert {row["iou"] for row in rows} == {1.0}
    assert {row["union_at_1024"] for row in rows} == {1024**2}
