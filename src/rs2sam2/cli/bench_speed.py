"""`rs2sam2 bench guard`, `start` and `runtimes`: nano's own speed, from nothing to a mask, and by other runtimes."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from rs2sam2.cli.bench import Output, Overwrite, Render, Seed, check_output, finish, write_page


def guard(
    context: typer.Context,
    against: Annotated[
        Path | None, typer.Option(metavar="REPORT", help="Exit with 1 if something is slower than this report says.")
    ] = None,
    output: Output = None,
    overwrite: Overwrite = False,
) -> None:
    """CPU time of nano's forward pass and of the raster pipeline, relative to work that never changes."""
    check_output(output, overwrite=overwrite)
    import tempfile

    from rs2sam2.bench.guard import FORMAT, measure, slower
    from rs2sam2.cli.segment import clean_on_sigterm
    from rs2sam2.evaluation.report_file import read_report
    from rs2sam2.inference.segmenter import Segmenter

    recorded = None if against is None else read_report(against, FORMAT, "bench guard")
    with clean_on_sigterm(), tempfile.TemporaryDirectory(prefix="rs2sam2-") as folder:
        measured = measure(Path(folder), Segmenter.from_pretrained("nano", "cpu", "float32"))
    finish(context, measured, 0, output)
    if recorded is not None and (factors := slower(measured, recorded)):
        said = ", ".join(f"{name} takes {factor:.2f} times what it took" for name, factor in factors.items())
        print(f"rs2sam2: {said}; try again, and look for the change if it stays so", file=sys.stderr)
        raise typer.Exit(1)


def start(
    context: typer.Context,
    weights: Annotated[str, typer.Option(metavar="WEIGHTS", help="nano, or weights on disk.")] = "nano",
    repeats: Annotated[int, typer.Option(min=1, help="Runs, of which the median counts.")] = 7,
    seed: Seed = 1,
    render: Render = None,
    output: Output = None,
    overwrite: Overwrite = False,
) -> None:
    """Seconds from nothing to the mask of a picture of 1024 pixels, and what of them is importing."""
    check_output(output, overwrite=overwrite)
    if render is not None:
        from rs2sam2.bench.start import FORMAT
        from rs2sam2.bench.start_page import page

        return write_page(render, FORMAT, "start", page, output)
    import tempfile

    from rs2sam2.bench.start import measure
    from rs2sam2.cli.segment import clean_on_sigterm

    with clean_on_sigterm(), tempfile.TemporaryDirectory(prefix="rs2sam2-") as folder:
        measured = measure(Path(folder), weights, repeats, seed)
    finish(context, measured, seed, output)


def runtimes(
    context: typer.Context,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:BATCH", help="nano or a preset, and how many questions at once; may be repeated."),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds in which each runtime takes turns with torch.")] = 5,
    seed: Seed = 1,
    render: Render = None,
    output: Output = None,
    overwrite: Overwrite = False,
) -> None:
    """Seconds of one pass by torch, ONNX Runtime and OpenVINO, in turns, and how far their answers agree.

    Needs the extras 'onnx' and 'openvino', which both open the same ONNX. Without --model: nano, once with 1 and once
    with 8 questions, and the preset tiny with stand-in weights, which wants 8 GB of memory and 3 GB in TMPDIR.
    """
    check_output(output, overwrite=overwrite)
    if render is not None:
        from rs2sam2.bench.runtimes import FORMAT
        from rs2sam2.bench.runtimes_page import page

        return write_page(render, FORMAT, "runtimes", page, output)
    import tempfile

    from rs2sam2.bench.runtimes import measure, parse
    from rs2sam2.cli.segment import clean_on_sigterm

    models = parse(model or ["nano:1", "nano:8", "tiny:1"])
    with clean_on_sigterm(), tempfile.TemporaryDirectory(prefix="rs2sam2-") as folder:
        measured = measure(Path(folder), models, repeats, seed)
    finish(context, measured, seed, output)
