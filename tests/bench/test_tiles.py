"""`rs2sam2 bench tiles`: which setting it chooses, and what it says that costs."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rs2sam2.bench.tiles import ask_rendered
from rs2sam2.bench.tiles_dropped import MOST_LOST, Asked, at, figures, highest
from rs2sam2.bench.tiles_page import page
from rs2sam2.bench.tiles_real import ask_real
from rs2sam2.cli import main
from rs2sam2.data.synthetic import render_scene
from rs2sam2.errors import DataError
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.presence import early_presence
from rs2sam2.inference.segmenter import Segmenter

QUESTIONS = st.lists(st.builds(Asked, st.floats(0, 1), st.integers(0, 3), st.integers(0, 3)), max_size=60)


@given(asked=QUESTIONS)
def test_the_highest_setting_loses_little_and_the_next_too_much(asked: list[Asked]) -> None:
    chosen = highest(asked)
    found = sum(one.found for one in asked)
    assert 0 <= chosen < 1
    assert at(asked, chosen)["lost"] <= MOST_LOST * found
    above = sorted(one.early for one in asked if one.found and one.early >= chosen)
    if found and chosen < 0.999 and above:  # the first thing at or above it would have been one too many
        reached = chosen + 0.001
        worse = sum(one.found for one in asked if one.early <= reached)
        assert worse > MOST_LOST * found or max(one.early for one in asked) <= reached


def test_what_a_setting_costs() -> None:
    asked = [Asked(0.1, 0, 0), Asked(0.2, 2, 1), Asked(0.6, 1, 1), Asked(0.9, 3, 2)]
    told = figures(asked, 0.5)
    assert told == {
        "questions": 4,
        "holding_none": 1,
        "things": 6,
        "drop_below": 0.5,
        "dropped": 2,
        "found": 4,
        "lost": 1,
        "loss_in_recall": 0.25,
    }
    assert highest(asked) == 0.2, "the thing at 0.2 stays: dropped is what lies below"
    assert highest([Asked(0.3, 0, 0)]) == 0.0, "nothing to lose says nothing"


def test_the_page_in_the_docs_is_that_of_its_figures_and_nano_has_that_setting(root: Path, nano: Segmenter) -> None:
    figures = json.loads((root / "docs/numbers/tiles.json").read_text())
    assert (root / "docs/dropped_tiles.md").read_text() == page(figures, "tiles.json")
    assert figures["drop_below"] == nano.decision.drop_below
    for name in ("rendered", "real"):
        assert figures[name]["tried_on"]["loss_in_recall"] <= MOST_LOST
    with pytest.raises(DataError, match=r"tiles\.json: the report lacks 'curve'"):
        page(
            figures | {"real": {"chosen_on": figures["real"]["chosen_on"], "tried_on": figures["real"]["tried_on"]}},
            "tiles.json",
        )


@pytest.fixture(scope="module")
def nano() -> Segmenter:
    return Segmenter.from_pretrained("nano", device="cpu")


def test_a_tile_below_the_setting_is_not_looked_at(nano: Segmenter) -> None:
    scenes = [render_scene(np.random.default_rng([5, seed]), 256) for seed in range(3)]
    views = [nano.tile_views(RasterImage(scene.image)) for scene in scenes]
    texts = ["the buildings", "the ships", "the swimming pools"]
    whole = nano.look_at_tiles(views, texts)
    early = [float(early_presence(output)[0]) for output in whole if output is not None]
    assert len(early) == 3, "without a setting every tile is looked at"
    between = sorted(early)[1]
    some = nano.look_at_tiles(views, texts, drop_below=between)
    assert [output is None for output in some] == [one < between for one in early]
    for output, alone in zip(some, whole, strict=True):
        if output is not None and alone is not None:
            np.testing.assert_allclose(output.mask_logits, alone.mask_logits, atol=1e-3)
    assert nano.look_at_tiles(views, texts, drop_below=0.9999) == [None] * 3


@pytest.mark.slow
def test_a_few_scenes(nano: Segmenter, tmp_path: Path) -> None:
    output, weights = tmp_path / "tiles.json", tmp_path / "weights"
    assert main(["bench", "tiles", "--scenes", "8", "-o", str(output), "--save", str(weights)]) == 0
    report = json.loads(output.read_text())
    tried = report["rendered"]["tried_on"]
    assert report["real"] is None and tried["questions"] == report["rendered"]["chosen_on"]["questions"] > 8
    assert tried["things"] >= tried["found"] > 0
    assert report["cpu_seconds"]["looking_at_all"] > report["cpu_seconds"]["dropping"] > 0
    saved = Segmenter.from_pretrained(weights, device="cpu")
    assert saved.decision.drop_below == report["drop_below"]


@pytest.mark.slow
def test_the_shipped_setting_loses_next_to_nothing(nano: Segmenter, shared: Path) -> None:
    """On scenes that have not chosen it, and on the validation split of the real ones."""
    assert nano.decision.drop_below > 0
    asked = ask_real(nano, shared / "data/oam_buildings", "val")
    real = figures(asked, nano.decision.drop_below)
    assert real["questions"] > 200 and real["found"] > 50
    assert real["loss_in_recall"] <= MOST_LOST
    scenes = [render_scene(np.random.default_rng([5, seed]), 256) for seed in range(100)]
    drawn = figures([one for scene in scenes for one in ask_rendered(nano, scene)], nano.decision.drop_below)
    assert drawn["questions"] == 800 and drawn["found"] > 100
    assert drawn["loss_in_recall"] <= MOST_LOST and drawn["dropped"] > 0.8 * drawn["holding_none"]
