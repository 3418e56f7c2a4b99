"""What docs/evaluation.md says exists: commands, options, figures, and Python that runs."""

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from rs2sam2.cli import main
from rs2sam2.data.registry import DATASETS
from rs2sam2.evaluation.figures import NATIVE_FIGURES

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/evaluation.md").read_text()
LINES = [line for block in re.findall(r"```bash\n(.*?)```", TEXT, re.S) for line in block.splitlines() if line]
MODULES = [line.split()[2] for line in LINES if line.startswith("python -m ")]
COMMANDS = [line for line in LINES if not line.startswith("python -m ")]


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_options_exist(command, capsys):
    program, name, *words = shlex.split(command)
    assert program == "rs2sam2"
    assert main([name, "--help"]) == 0
    said = capsys.readouterr().out
    assert [word for word in words if word.startswith("-") and word not in said] == []


def test_modules_exist():
    assert MODULES
    assert [name for name in MODULES if find_spec(name) is None] == []


def test_figures_are_explained():
    named = [figure.name for figure in NATIVE_FIGURES if not figure.name.startswith("precision_at_")]
    assert [name for name in named if f"`{name}`" not in TEXT] == []


def test_data_sets_are_named_in_the_document_and_in_the_help(capsys):
    assert main(["evaluate", "--help"]) == 0
    said = capsys.readouterr().out
    for reader in DATASETS:
        assert reader.name in said
        assert f"`{reader.name}`" in TEXT


def test_links_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)", TEXT) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


@pytest.mark.parametrize("script", [body for body in re.findall(r"```python\n(.*?)```", TEXT, re.S) if "torch" in body])
def test_python_runs(script):
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
