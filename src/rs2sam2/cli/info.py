"""`rs2sam2 info`: what a weight file is."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rs2sam2.checkpoints.describe import Description


def info(
    weights: Annotated[
        str, typer.Argument(metavar="PATH_OR_NAME", help="A weight file, a folder with weights, or a name.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read all of it: compare SHA-256 with what is recorded, or print it.")
    ] = False,
) -> None:
    """Say what weights are: parameters of each part, precision, where they come from, licence, training data."""
    from dataclasses import asdict

    from rs2sam2.checkpoints.describe import describe
    from rs2sam2.checkpoints.locate import locate

    description = describe(locate(weights), verify=verify)
    if as_json:
        print(json.dumps({**asdict(description), "parameters": description.total}, indent=2))
    else:
        print_description(description, verified=verify)


def print_description(description: "Description", *, verified: bool) -> None:
    """Two tables for people: what it is, and how many parameters each part has."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from rs2sam2.errors import printable

    console = Console()
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for key, value in _facts(description, verified=verified):
        facts.add_row(key, escape(printable(value)))
    console.print(facts)
    parts = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    parts.add_column("part")
    parts.add_column("parameters", justify="right")
    for part, count in description.parts.items():
        parts.add_row(part, f"{count:,}")
    parts.add_section()
    parts.add_row("together", f"{description.total:,}", style="bold")
    for reason, count in description.dropped.items():
        parts.add_row(f"left behind: {escape(printable(reason))}", f"{count:,}", style="dim")
    console.print(parts)


def _facts(description: "Description", *, verified: bool) -> list[tuple[str, str]]:
    return [
        ("weights", f"{description.title} ({description.name})"),
        ("format", description.format),
        ("path", description.path),
        ("size", f"{description.bytes:,} bytes"),
        ("precision", ", ".join(sorted(description.precision))),
        ("source", description.source),
        *(("from", f"{name} (sha256 {sha256})") for name, sha256 in _files(description.provenance)),
        ("licence", description.license),
        ("training data", description.training_data),
        *(
            (f"sha256{', verified' if verified else ''}", f"{sha256} {name}")
            for name, sha256 in description.sha256.items()
        ),
        *([("problems", description.problems)] if description.problems else []),
    ]


def _files(provenance: dict[str, object]) -> list[tuple[str, str]]:
    files = provenance.get("source_files")
    return [(str(name), str(sha256)) for name, sha256 in files.items()] if isinstance(files, dict) else []
