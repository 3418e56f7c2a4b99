"""What the command lines of this part share."""

from collections.abc import Sequence

import typer

from rs2sam2.errors import MissingExtraError

PIPED_WIDTH = 120
"""Columns of a table that is not printed to a terminal."""


def new_app() -> typer.Typer:
    """A command line whose errors the caller prints."""
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def start(app: typer.Typer, name: str, arguments: Sequence[str]) -> int:
    """Run `rs2sam2 <name>` with the arguments that follow it; the command finds them as its context's object.

    Raises:
        Rs2Sam2Error: with one line for the user.
    """
    try:
        code = app(args=list(arguments), prog_name=f"rs2sam2 {name}", standalone_mode=False, obj=list(arguments))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("rs2sam2"):
            raise
        raise MissingExtraError(f"rs2sam2 {name}", "train") from error
    return code if isinstance(code, int) else 0
