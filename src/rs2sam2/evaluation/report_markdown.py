"""What the pages about a report have in common: a head, how it was measured, tables."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rs2sam2.errors import DataError
from rs2sam2.evaluation.provenance import run_facts, versions_of
from rs2sam2.evaluation.tabular import Table, markdown_table

Report = Mapping[str, Any]


def report_page(
    head: str,
    report: Report,
    source: str,
    command: str,
    facts: Callable[[Report], Iterable[tuple[str, str]]],
    tables: Callable[[Report], Iterable[Table]],
) -> str:
    """The page in Markdown.

    Args:
        head: what it begins with; `{source}` and the report's own names in braces are filled in.
        report: what the command wrote.
        source: name of the file that it was read from.
        command: of `rs2sam2`, which writes such reports.
        facts: names and values of the report that stand between its commit and its seed.
        tables: of the report.

    Raises:
        DataError: if the report lacks something.
    """
    try:
        run = report["run"]
        rows = [*run_facts(run), *facts(report), ("Seed", str(run["seed"])), ("Versions", versions_of(run))]
        begin = head.format(source=source, **report)
        parts = [markdown_table(table) for table in tables(report)]
    except DataError:
        raise
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise DataError(f"{source}: the report lacks {error}: make it again with rs2sam2 {command}") from error
    told = "".join(f"| {name} | {value} |\n" for name, value in rows)
    return f"{begin}\n| | |\n|---|---|\n{told}\n" + "\n".join(parts)


def rounds_and_machine(report: Report) -> list[tuple[str, str]]:
    """Facts of what was timed in rounds, on a machine that others may use."""
    load = f"load average {report['load_average_at_end']:.1f} at the end"
    return [
        ("Machine", f"{report['cores']} cores, {report['run']['torch_threads']} threads, {load}"),
        ("Rounds", str(report["repeats"])),
    ]
