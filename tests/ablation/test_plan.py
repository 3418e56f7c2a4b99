"""The configuration: the paper's rows and figures, nothing else changed, and mistakes said in one line."""

from pathlib import Path

import pytest
import yaml
from tests.model.test_ablations import ROWS

from rs2sam2.ablation.plan import NAMES, merged, read_plan
from rs2sam2.config import ModelConfig
from rs2sam2.errors import ConfigError

PATH = Path(__file__).parents[2] / "configs" / "ablation_nano.yaml"
PAPER = {
    "table 3: baseline": "baseline",
    "table 3: boundary loss": "boundary",
    "table 3: boundary loss, mask prompt": "boundary_mask_prompt",
    "table 3: boundary loss, fusion": "boundary_fusion",
    "table 3: all": "full",
    "table 4: mask prompt without attention": "mask_prompt_without_attention",
    "table 4: mask prompt with attention": "full",
    "table 4: linear": "linear",
    "table 4: uni": "uni",
    "table 4: bi": "full",
    "table 4: without fusion after encoding": "without_fusion_after_encoding",
    "table 4: without fusion layers": "without_fusion_layers",
    "table 4: with both": "full",
}


@pytest.fixture(scope="module")
def plan():
    return read_plan(PATH)


def test_thirteen_rows_of_the_paper_in_its_order(plan):
    assert PAPER.keys() == ROWS.keys()
    tables = [names for title, names in plan.tables.items() if title.startswith("Table")]
    assert [name for names in tables for name in names] == list(PAPER.values())


@pytest.mark.parametrize("row", PAPER)
def test_each_row_is_the_paper_s_configuration(plan, row):
    changes, boundary, _ = ROWS[row]
    model = merged(plan.training["model"], plan.rows[PAPER[row]].changes.get("model", {}))
    nano = ModelConfig.preset("nano").to_dict()
    same = {**nano, **plan.training["model"]["changes"]}  # what all rows share
    assert ModelConfig.from_dict({**nano, **model["changes"]}) == ModelConfig.from_dict({**same, **changes})
    assert model["loss"]["boundary_reading"] == boundary


def test_rows_share_everything_but_the_model(plan):
    of = {run.name: plan.recipe(run) for run in plan.runs}
    assert len({yaml.safe_dump(recipe["data"]) for name, recipe in of.items() if name.endswith("-2026")}) == 1
    first, second = of["full-2026"], of["full-2027"]
    assert (first["seed_everything"], first["data"]["seed"]) == (2026, 2026)
    assert (second["seed_everything"], second["data"]["seed"]) == (2027, 2027)
    assert len({recipe["trainer"]["max_steps"] for recipe in of.values()}) == 1


def test_two_seeds_for_the_full_model_and_table_3(plan):
    twice = {row.name for row in plan.rows.values() if len(row.seeds) == 2}
    assert twice == set(plan.tables["Table 3, components"])
    assert sum(bool(run.row.paper) for run in plan.runs) == 15


def test_the_recipe_s_full_row_is_nano_s_own():
    """Shorter, in one process, and the average forgets faster; nothing else differs."""
    plan = read_plan(PATH.with_name("ablation_recipe.yaml"))
    nano = yaml.safe_load(PATH.with_name("nano.yaml").read_text())
    full = plan.recipe(plan.runs[0])
    assert plan.runs[0].name == "full-2026" and full["model"] == nano["model"]
    own = ("steps", "tokenizer", "seed", "root")
    assert {**full["data"], **{key: nano["data"][key] for key in own}} == nano["data"]
    names = [[one["class_path"] for one in recipe["trainer"]["callbacks"]] for recipe in (full, nano)]
    assert sorted(names[0]) == sorted(names[1])


def test_a_row_changes_what_it_is_named_for_alone():
    plan = read_plan(PATH.with_name("ablation_recipe.yaml"))
    of = {run.row.name: plan.recipe(run) for run in plan.runs if run.seed == 2026}
    full = of.pop("full")
    differing = {
        name: {section for section in ("trainer", "model", "data") if one(recipe, section) != one(full, section)}
        for name, recipe in of.items()
    }
    assert differing == {
        "adamw_only": {"model"},
        "without_pairs": {"data"},
        "without_clicks": {"model"},
        "without_several": {"data"},
        "reads_never_first": {"model", "data"},
        "without_average": {"trainer"},
        "published_boundary": {"model"},
    }

    assert of["reads_never_first"]["trainer"]["max_steps"] == of["reads_never_first"]["data"]["steps"] == 600


def one(recipe, section):
    """A section without the places and lengths that belong to the run."""
    found = {name: value for name, value in recipe[section].items() if name not in ("max_steps", "steps", "logger")}
    if section == "trainer":
        found["callbacks"] = [call["class_path"] for call in recipe[section]["callbacks"]]
        del found["default_root_dir"]
    return found


def test_figures_are_those_of_the_paper(plan, shared):
    lines = (shared / "paper" / "rs2-sam2.txt").read_text().splitlines()
    reported = [line for line in lines if line.startswith("|") and line.count("|") > 6 and "." in line]
    for row in plan.rows.values():
        if row.paper:
            cells = " | ".join(f"{row.paper[name]:.2f}" for name in NAMES)
            assert any(cells in line for line in reported), row.name


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"step": 3}, "unknown settings step"),
        ({"rows": {"full": {"says": "x", "modle": {}}}}, "row full: unknown settings modle"),
        ({"rows": {"other": {"says": "x"}}, "tables": {"T": ["other"]}}, "no row 'full'"),
        ({"tables": {"T": ["full", "nobody"]}}, "rows nobody"),
        ({"rows": {"full": {"says": "x"}, "a": {"says": "y", "seeds": [7]}}, "tables": {"T": ["full", "a"]}}, "rows a"),
        ({"rows": {"full": {"says": "x", "paper": {"miou": 1}}}}, "`paper` has to hold"),
        ({"seeds": []}, "wrong shape"),
        ({"steps": 0}, "0 steps"),
        ({"steps": 12}, "no multiple of checkpoint_every 5"),
        ({"rows": {"full": {"says": "x", "steps": 7}}}, "row full: 7 steps, no multiple of checkpoint_every 5"),
        ({"rendered": {"scenes": 1, "size": 96, "seed": 1}}, "1 rendered scenes"),
        ({"rendered": {"scenes": 2}}, "wrong shape"),
    ],
)
def test_mistakes(tmp_path, changes, said):
    settings = {
        "name": "own",
        "title": "Own rows",
        "folder": str(tmp_path),
        "steps": 10,
        "checkpoint_every": 5,
        "seeds": [1],
        "real": "x",
        "rendered": {"scenes": 2, "size": 96, "seed": 1},
        "training": {},
        "rows": {"full": {"says": "full"}},
        "tables": {"T": ["full"]},
    }
    path = tmp_path / "ablation.yaml"
    path.write_text(yaml.safe_dump(settings))
    assert read_plan(path).rows["full"].seeds == (1,)
    path.write_text(yaml.safe_dump({**settings, **changes}))
    with pytest.raises(ConfigError, match=said):
        read_plan(path)
