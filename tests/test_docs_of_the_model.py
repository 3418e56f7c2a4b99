"""What the documents say of the model is so: tests and switches exist, shapes are the model's, links lead somewhere."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rs2sam2 import config, losses
from rs2sam2.config import ModelConfig
from rs2sam2.data.rrsisd import RRSISD
from rs2sam2.model.rs2sam2 import RS2SAM2
from tiny import tiny_inputs

ROOT = Path(__file__).resolve().parents[1]
PAPER = (ROOT / "docs" / "paper_vs_code.md").read_text()
HOW = (ROOT / "docs" / "how_it_works.md").read_text()
# Sizes that no layer has, so that they can be told from those that are.
BATCH, TOKENS = 5, 11


def rows(text: str, columns: int) -> list[list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [row for row in cells if len(row) == columns and not set(row[0]) <= {"-", " "}]


ITEMS = rows(PAPER, 7)[1:]


@cache
def names_of_tests(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_item_has_its_row_and_its_decision() -> None:
    assert [int(row[0]) for row in ITEMS] == list(range(1, 24))
    assert all(all(row) for row in ITEMS)


def test_every_item_has_a_test() -> None:
    assert [row[0] for row in ITEMS if "::" not in row[6] or "not there yet" in row[4]] == []


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", PAPER))))
def test_named_test_exists(named: str) -> None:
    path, name = named.split("::")
    assert name in names_of_tests(ROOT / path)


@pytest.mark.parametrize("row", ITEMS, ids=lambda row: row[0])
def test_named_switch_exists(row: list[str]) -> None:
    switches = re.findall(r"`(\w+)\.(\w+)`", row[5])
    assert switches or row[5] == "none"
    for owner, name in switches:
        assert name in settings_of(owner), f"{owner}.{name}"


def settings_of(owner: str) -> set[str]:
    """Fields of a dataclass, or arguments of a constructor (read, not imported, where an extra brings it)."""
    if owner == "RRSISD":
        return set(RRSISD.__init__.__annotations__)
    for path in sorted((ROOT / "src" / "rs2sam2" / "training").glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name == owner:
                return set(_settings(node))
    return set((getattr(config, owner, None) or getattr(losses, owner)).__dataclass_fields__)


def _settings(node: ast.ClassDef) -> Iterator[str]:
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            yield part.target.id
        elif isinstance(part, ast.FunctionDef) and part.name == "__init__":
            yield from (argument.arg for argument in part.args.args)


def test_ablation_rows_are_the_tested_ones() -> None:
    table = [row for row in rows(PAPER, 6) if row[0] in ("3", "4")]
    tested = (ROOT / "tests" / "model" / "test_ablations.py").read_text()
    assert len(table) == len(set(re.findall(r'^    "(table \d: [^"]+)":', tested, re.MULTILINE))) == 13


def shapes(name: str) -> Iterator[tuple[str, Tensor]]:
    """Every tensor that the table of shapes names, on the meta device."""
    settings = ModelConfig.preset(name)
    parts = ("union_encoder", "text_projection", "trunk", "neck", "fusion_after_encoding", "token_mlp")
    seen = {}
    with torch.device("meta"):
        model = RS2SAM2(settings).eval()
        for part in (*parts, "prompt_encoder.mask_downscaling"):
            model.get_submodule(part).register_forward_hook(lambda _, __, out, part=part: seen.update({part: out}))
        image, union_image, ids, mask = (t.to("meta") for t in tiny_inputs(settings, BATCH, TOKENS))
        answer = model(image, union_image, ids, mask)
    yield from {"image": image, "union image": union_image}.items()
    yield from zip(("V_cls", "V", "union text"), seen["union_encoder"], strict=True)
    yield "T", seen["text_projection"]
    for number, stage in enumerate(seen["trunk"].stages, start=1):
        yield f"trunk, stage {number}", stage
    yield "text after the trunk", seen["trunk"].text
    yield from zip(("neck, stride 4", "neck, stride 8", "neck, stride 16"), seen["neck"], strict=True)
    yield "F_en", seen["fusion_after_encoding"]
    assert answer.pseudo_mask_logits is not None
    yield "M_p", answer.pseudo_mask_logits
    yield "dense prompt", seen["prompt_encoder.mask_downscaling"]
    yield "sparse prompt", seen["token_mlp"]
    yield "z", answer.mask_logits
    yield "predicted IoU", answer.predicted_iou
    yield "object score", answer.object_score_logits
    yield "text weight", answer.text_weight


@pytest.mark.parametrize(("column", "name"), [(2, "large"), (3, "nano")])
def test_table_of_shapes_is_the_model_s(column: int, name: str) -> None:
    letters = {BATCH: "B", TOKENS: "L"}
    expected = {
        part: f"({', '.join(letters.get(size, str(size)) for size in tensor.shape)})" for part, tensor in shapes(name)
    }
    assert {row[0]: row[column] for row in rows(HOW, 4)[1:]} == expected


@pytest.mark.parametrize("name", ["large", "nano"])
def test_sizes_in_words_are_the_presets(name: str) -> None:
    settings = ModelConfig.preset(name)
    union = settings.union_encoder
    sizes = f"S = {settings.image_size}, U = {union.image_size}, C = {settings.width}, D = {union.embed_dim}"
    assert re.search(rf"`{name}`[^`]+{sizes}", HOW)


def test_files_and_names_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", HOW + PAPER):
        assert (ROOT / "docs" / link).exists(), link
    for row in rows(HOW, 4)[1:]:
        assert (ROOT / "src" / "rs2sam2" / row[1].strip("`")).is_file(), row[1]
    source = "\n".join(path.read_text() for path in (ROOT / "src" / "rs2sam2").rglob("*.py"))
    for name in re.findall(r"`([A-Z]\w+|[a-z]+_\w+)`", HOW):
        assert re.search(rf"\b{name}\b", source), name
