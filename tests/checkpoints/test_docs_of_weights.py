"""The pages about weights say what the tables say, and name commands and options that exist."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from rs2sam2.checkpoints import beit3, meta_sam2, published, sam2_transformers
from rs2sam2.checkpoints.names import NameTable
from rs2sam2.cli import app

PAGES = sorted((Path(__file__).parents[2] / "docs" / "weights").glob("*.md"))
TABLES = {
    "published": published.TABLE,
    "meta_sam2": meta_sam2.TABLE,
    "sam2_transformers": sam2_transformers.TABLE,
    "beit3": beit3.TABLE,
}
COMMANDS = sorted({line for page in PAGES for line in re.findall(r"^ *(rs2sam2 .+)$", page.read_text(), re.MULTILINE)})


def documented(name: str) -> set[tuple[str, str]]:
    """(theirs, ours or reason) of every row below a table's mark, up to the next mark."""
    text = "\n".join(page.read_text() for page in PAGES)
    (part,) = re.findall(rf"<!-- table: {name} -->(.*?)(?=<!-- table|^# |\Z)", text, re.DOTALL | re.MULTILINE)
    return {
        (theirs, ours.strip("`")) for theirs, ours in re.findall(r"^\| `([^`]+)` \| ([^|]+) \|$", part, re.MULTILINE)
    }


@pytest.mark.parametrize(("name", "table"), TABLES.items(), ids=TABLES)
def test_tables_are_those_of_the_code(name: str, table: NameTable) -> None:
    # Renames within layers of transformers' folders are too many for a page, which says so.
    inner = () if name == "sam2_transformers" else table.inner
    assert documented(name) == {*table.prefixes, *inner, *table.dropped.items()}


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_and_their_options_exist(line: str) -> None:
    program, *arguments = shlex.split(line)
    assert program == "rs2sam2"
    command = get_command(app)
    while hasattr(command, "get_command"):
        command = command.get_command(typer.Context(command), arguments.pop(0))
    assert command is not None
    known = {option for parameter in command.params for option in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("-")} <= known


def test_there_are_commands() -> None:
    assert {shlex.split(line)[1] for line in COMMANDS} >= {"convert", "init", "info", "segment"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
