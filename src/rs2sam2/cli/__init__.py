"""The command `rs2sam2`: parse, call, print.

Every command imports what it needs when it runs, so that help and refusals never wait for torch.
"""

import gc
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated

import typer

from rs2sam2.cli import bench, bench_model, data
from rs2sam2.cli.batch import batch
from rs2sam2.cli.bench_speed import guard, runtimes, start
from rs2sam2.cli.convert import convert
from rs2sam2.cli.demo import demo
from rs2sam2.cli.export import export
from rs2sam2.cli.info import info
from rs2sam2.cli.init import init
from rs2sam2.cli.segment import segment
from rs2sam2.cli.serve import serve
from rs2sam2.errors import MissingExtraError, Rs2Sam2Error, StoppedError

USER_ERROR = 2
INTERRUPTED = 130

_OBJECTS = 100_000


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Garbage is collected every 100,000 new objects, and not every 700.

    A command makes that many while it imports and drops none of them; looking through them again and again takes a
    twentieth of the time in which it starts. For commands that end soon: a server or a training drops what it made.
    """
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


app = typer.Typer(
    help="Words in, mask out: find what an expression means in an image seen from above.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(collecting_seldom()(segment))
app.command()(batch)
app.command()(serve)
app.command()(demo)
app.command()(info)
app.command()(convert)
app.command()(export)
app.command()(init)
app.add_typer(data.app, name="data")
bench.app.command()(bench_model.model)
app.add_typer(bench.app, name="bench")
for _measures in (guard, runtimes, start):
    bench.app.command()(_measures)

_KEPT = {
    "evaluate": "the same command goes on from here",
    "ablate": "the same command goes on from here",
    "batch": "the same command goes on from here",
    "train": "go on from the last checkpoint with --ckpt_path last",
}
"""What is left of a command that Ctrl-C ended, where it is not nothing."""
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        from rs2sam2 import __version__

        print(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(context_settings=_PASS_ON)
def train(context: typer.Context) -> None:
    """Train a model from a configuration file, or export its weights (see `rs2sam2 train --help`)."""
    _pass_on("rs2sam2.training.cli", context)


@app.command(context_settings=_PASS_ON)
def evaluate(context: typer.Context) -> None:
    """Measure weights, or masks of another system, on a data set (see `rs2sam2 evaluate --help`)."""
    _pass_on("rs2sam2.evaluation.benchmark.cli", context)


@app.command(context_settings=_PASS_ON)
def compare(context: typer.Context) -> None:
    """Compare two systems that were measured on the same data (see `rs2sam2 compare --help`)."""
    _pass_on("rs2sam2.evaluation.comparison.cli", context)


@app.command(context_settings=_PASS_ON)
def diagnose(context: typer.Context) -> None:
    """Find out whether weights listen, know what is absent, and are rightly sure (see `rs2sam2 diagnose --help`)."""
    _pass_on("rs2sam2.evaluation.diagnosis.cli", context)


@app.command(context_settings=_PASS_ON)
def calibrate(context: typer.Context) -> None:
    """Choose the thresholds of weights on training data (see `rs2sam2 calibrate --help`)."""
    _pass_on("rs2sam2.evaluation.calibration.cli", context)


@app.command(context_settings=_PASS_ON)
def ablate(context: typer.Context) -> None:
    """Train the rows of an ablation alike and compare them (see `rs2sam2 ablate --help`)."""
    _pass_on("rs2sam2.ablation.cli", context)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code.

    0 for success, also when nothing is found; 2, with one line on stderr, for what the user can mend; 130 for Ctrl-C.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without a letter still gets the rest
    try:
        code = app(args=arguments, prog_name="rs2sam2", standalone_mode=False)
        sys.stdout.flush()
    except StoppedError as error:
        _refuse(str(error))
        return INTERRUPTED
    except Rs2Sam2Error as error:
        return _refuse(str(error))
    except typer.TyperException as error:
        return _refuse(f"{error.format_message()} (see {_help_command(error)})")
    except MemoryError:
        return _refuse("there is too little memory for this: scale the image down or cut it into parts")
    except OSError as error:
        # Standard output is closed or full: at its own end, Python would try it again and complain.
        sys.stdout = None
        if isinstance(error, BrokenPipeError):
            return 1
        return _refuse(f"cannot print or read ({error}): give it another place")
    if code == INTERRUPTED:
        begun = (sys.argv[1:] if arguments is None else [*arguments])[:1]
        kept = _KEPT.get("".join(begun), "no result was written")
        print(f"rs2sam2: interrupted, {kept}", file=sys.stderr)
    return code if isinstance(code, int) else 0


def _refuse(message: str) -> int:
    print("rs2sam2: " + " ".join(message.split()), file=sys.stderr)
    return USER_ERROR


def _help_command(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context is not None else 'rs2sam2'} --help"


def _pass_on(module: str, context: typer.Context) -> None:
    """Hand all further arguments to the command line of another part."""
    try:
        part = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("rs2sam2"):
            raise
        raise MissingExtraError(f"rs2sam2 {context.info_name}", "train") from error
    raise typer.Exit(part.main(context.args) or 0)
