"""What the pages about a bench's report have in common: a head, how it was measured, tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rs2sam2.errors import DataError
from rs2sam2.evaluation.provenance import run_facts, versions_of
from rs2sam2.evaluation.tabular import Table, markdown_table


def bench_page(
    head: str, report: Mapping[str, Any], source: str, tables: Callable[[Mapping[str, Any]], Sequence[Table]]
) -> str:
    """The page in Markdown.

    Args:
        head: what it begins with; `{source}` and the report's own names in braces are filled in.
        report: what the bench wrote.
        source: name of the file that it was read from.
        tables: made of the report.

    Raises:
        DataError: if the report lacks something.
    """
    try:
        rows = "".join(f"| {name} | {value} |\n" for name, value in _facts(report))
        begin = head.format(source=source, **report)
        return f"{begin}\n| | |\n|---|---|\n{rows}\n" + "\n".join(map(markdown_table, tables(report)))
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise DataError(f"{source}: the report lacks {error}: make it again by its command") from error


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    run = report["run"]
    load = f"load average {report['load_average_at_end']:.1f} at the end"
    return [
        *run_facts(run),
        ("Machine", f"{report['cores']} cores, {run['torch_threads']} threads, {load}"),
        ("Rounds", str(report["repeats"])),
        ("Seed", str(run["seed"])),
        ("Versions", versions_of(run)),
    ]
