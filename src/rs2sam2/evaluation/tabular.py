"""A table of text, which a terminal, a document and a page each show in their way. Figures are percent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

_FIGURE = ("", "+", "-", *"0123456789")


@dataclass(frozen=True)
class Table:
    """Rows of text under headings; the first column holds names, the others figures."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""


def print_table(table: Table, console: Console) -> None:
    """Print a table to a terminal."""
    drawn = RichTable(title=escape(table.title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, figures in zip(table.headings, _holds_figures(table), strict=True):
        drawn.add_column(escape(heading), justify="right" if figures else "left")
    for row in table.rows:
        drawn.add_row(*map(escape, row))
    console.print(drawn)
    if table.note:
        console.print(table.note, style="dim", markup=False)
    console.print()


def markdown_table(table: Table) -> str:
    """A table for a Markdown document, under its title."""
    lines = [
        f"## {table.title}",
        "",
        "| " + " | ".join(table.headings) + " |",
        "|" + "".join("---:|" if figures else "---|" for figures in _holds_figures(table)),
        *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table.rows),
    ]
    return "\n".join(lines + (["", table.note] if table.note else [])) + "\n"


def without_empty_columns(table: Table) -> Table:
    """The table without columns in which every cell is empty."""
    kept = [column for column in range(len(table.headings)) if any(row[column] for row in table.rows)]
    rows = [tuple(row[column] for column in kept) for row in table.rows]
    return replace(table, headings=tuple(table.headings[column] for column in kept), rows=rows)


def percent(fraction: float | None) -> str:
    """A fraction in percent, with one decimal; empty for None."""
    return "" if fraction is None else f"{100 * fraction:.1f}"


def between(figure: Mapping[str, float | None]) -> str:
    """The interval of a figure in percent; empty if it has none."""
    low, high = figure["low"], figure["high"]
    return "" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"


def _holds_figures(table: Table) -> list[bool]:
    """Of each column: whether it holds figures, which stand on the right; the first holds names."""
    columns = [[row[column] for row in table.rows] for column in range(1, len(table.headings))]
    return [False, *(all(cell[:1] in _FIGURE for cell in cells) for cells in columns)]
