"""docs/notebook.ipynb runs from top to bottom and prints what stands in it; `make pictures` writes it anew."""

import copy
import os
import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="the extra 'dev' is not installed")
client = pytest.importorskip("nbclient", reason="the extra 'dev' is not installed")

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "notebook.ipynb"
NUMBER = r"\d+(?:\.\d+)?"


def said(notebook):
    """What its cells print or give, text alone."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", output
            assert output.get("name") != "stderr", output
            found.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return [text.strip() for text in found]


@pytest.fixture(scope="module")
def committed():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_was_run_from_top_to_bottom(committed):
    nbformat.validate(committed)
    counts = [cell.execution_count for cell in committed.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert NOTEBOOK.stat().st_size < 500_000
    pictures = [
        output
        for cell in committed.cells
        for output in cell.get("outputs", [])
        if "image/jpeg" in output.get("data", {})
    ]
    assert len(pictures) == 3 and "/home/" not in NOTEBOOK.read_text() and "/work/" not in NOTEBOOK.read_text()


@pytest.mark.slow
def test_it_says_what_it_says(committed, tmp_path, monkeypatch):
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(NOTEBOOK.parents[1] / "src"), os.environ.get("PYTHONPATH", "")])
    )
    again = copy.deepcopy(committed)
    how = {"timeout": 300, "record_timing": False, "store_widget_state": False}
    client.NotebookClient(again, resources={"metadata": {"path": str(tmp_path)}}, **how).execute()
    if "RS2SAM2_PICTURES" in os.environ:
        nbformat.write(again, NOTEBOOK)
        return
    now, before = said(again), said(committed)
    assert [re.sub(NUMBER, "#", text) for text in now] == [re.sub(NUMBER, "#", text) for text in before]
    numbers = [[float(number) for text in texts for number in re.findall(NUMBER, text)] for texts in (now, before)]
    assert numbers[0] == pytest.approx(numbers[1], rel=0.02), "run `make pictures`"
    assert any(
        "application/vnd.jupyter.widget-view+json" in o.get("data", {})
        for c in again.cells
        for o in c.get("outputs", [])
    )
