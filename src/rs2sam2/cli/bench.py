"""`rs2sam2 bench ...`: measurements of this machine, each as one JSON object that says how it was made."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="Measure this machine.")

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the JSON object there instead of printing it."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]
Seed = Annotated[int, typer.Option(min=0, help="Of whatever is rendered.")]
Render = Annotated[
    Path | None, typer.Option(metavar="REPORT", help="Write the page about such a report, and measure nothing.")
]


@app.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def data(
    context: typer.Context,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that read; without it one for each core.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Samples in a batch.")] = 4,
    samples: Annotated[int, typer.Option(min=1, help="Samples to time.")] = 400,
    preset: Annotated[str, typer.Option(help="Whose image sizes: large (the paper), ..., nano.")] = "large",
    seed: Seed = 0,
    output: Output = None,
    overwrite: Overwrite = False,
) -> None:
    """Samples a second from 1024-pixel JPEG files to both views and the mask, without a model."""
    check_output(output, overwrite=overwrite)
    import os
    import tempfile

    from rs2sam2.bench.data import measure
    from rs2sam2.config import ModelConfig

    config = ModelConfig.preset(preset)
    used = len(os.sched_getaffinity(0)) if workers is None else workers
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder), config, used, batch_size, samples, seed)
    finish(context, measured, seed, output)


@app.command()
def load(
    context: typer.Context,
    weights: Annotated[
        str | None,
        typer.Option(metavar="PATH_OR_NAME", help="A whole model; without it, the paper's with stand-in weights."),
    ] = None,
    seed: Seed = 1,
    render: Render = None,
    output: Output = None,
    overwrite: Overwrite = False,
) -> None:
    """Seconds and memory from a weight file to a model that is ready, and to its first mask, in both precisions.

    The paper's model needs 10 GB in the folder for temporary files (TMPDIR), and 10 GB of memory.
    """
    check_output(output, overwrite=overwrite)
    if render is not None:
        from rs2sam2.bench.load import FORMAT
        from rs2sam2.bench.load_page import page

        return write_page(render, FORMAT, "load", page, output)
    import tempfile

    from rs2sam2.bench.load import make_full_size, measure
    from rs2sam2.checkpoints.locate import locate
    from rs2sam2.cli.segment import clean_on_sigterm

    with clean_on_sigterm(), tempfile.TemporaryDirectory(prefix="rs2sam2-") as folder:
        source = Path(folder) / "made" if weights is None else locate(weights)
        if weights is None:
            make_full_size(source)
        measured = measure(source, Path(folder), seed)
    finish(context, measured, seed, output)


@app.command()
def step(
    context: typer.Context,
    preset: Annotated[str, typer.Option(help="The model: large (the paper), ..., nano.")] = "large",
    image_size: Annotated[
        int | None, typer.Option(min=32, help="Side of the picture in pixels; without it the preset's.")
    ] = None,
    float32: Annotated[bool, typer.Option("--float32", help="Without autocast to bfloat16.")] = False,
    keep: Annotated[bool, typer.Option("--keep-activations", help="Without activation checkpointing.")] = False,
    seed: Seed = 1,
    render: Annotated[
        Path | None,
        typer.Option(metavar="REPORT", help="Measure nothing: the page about a report beside train_plan.json."),
    ] = None,
    output: Output = None,
    overwrite: Overwrite = False,
) -> None:
    """Memory by part, peak and seconds of one optimisation step with one sample, of the paper's trainable parts.

    The paper's model wants 16 GB of free memory.
    """
    check_output(output, overwrite=overwrite)
    if render is not None:
        from rs2sam2.bench.step import FORMAT
        from rs2sam2.bench.step_page import page
        from rs2sam2.evaluation.report_file import read_report
        from rs2sam2.training import plan_page

        planned = read_report(render.with_name(Path(plan_page.NUMBERS).name), plan_page.FORMAT, "train plan")
        deliver(page(read_report(render, FORMAT, "bench step"), planned, render.name), output)
        return
    from rs2sam2.bench.step import measure
    from rs2sam2.config import ModelConfig

    config = ModelConfig.preset(preset)
    if image_size is not None:
        config = config.replace(image_size=image_size)
    finish(context, measure(config, mixed=not float32, checkpointing=not keep, seed=seed), seed, output)


@app.command()
def raster(
    context: typer.Context,
    weights: Annotated[str, typer.Option(metavar="PATH_OR_NAME", help="Of the model.")] = "nano",
    side: Annotated[
        list[int] | None,
        typer.Option(min=1024, help="Of a raster whose memory is watched; may be repeated. 4096, 8192, 16384, 32768."),
    ] = None,
    speed_side: Annotated[int, typer.Option(min=1024, help="Of the raster that is timed.")] = 8192,
    filled: Annotated[int, typer.Option(min=1, help="Every how many-th part shows a scene; the rest is black.")] = 4,
    seed: Seed = 1,
    render: Render = None,
    output: Output = None,
    overwrite: Overwrite = False,
) -> None:
    """Peak memory on rasters of growing size, and pixels a second of the whole pipeline beside the model's own.

    Rasters are rendered in the folder for temporary files (TMPDIR): up to 2 GB at 32768 pixels a side.
    """
    check_output(output, overwrite=overwrite)
    if render is not None:
        from rs2sam2.bench.raster import FORMAT
        from rs2sam2.bench.raster_page import page

        return write_page(render, FORMAT, "raster", page, output)
    import tempfile

    from rs2sam2.bench.raster import measure
    from rs2sam2.cli.segment import clean_on_sigterm

    sides = side or [4096, 8192, 16384, 32768]
    with clean_on_sigterm(), tempfile.TemporaryDirectory(prefix="rs2sam2-") as folder:
        measured = measure(Path(folder), weights, sides, speed_side, filled, seed)
    finish(context, measured, seed, output)


@app.command()
def serve(
    context: typer.Context,
    requests: Annotated[int, typer.Option(min=10, help="How many; 6 in 100 run the model.")] = 5000,
    clients: Annotated[int, typer.Option(min=1, help="That ask at the same time.")] = 8,
    mark: Annotated[int, typer.Option(min=1, help="Requests after which memory is looked at first.")] = 500,
    side: Annotated[int, typer.Option(min=1000, help="Of a large raster whose tiles are timed, in pixels.")] = 20_000,
    seed: Seed = 1,
    render: Render = None,
    output: Output = None,
    overwrite: Overwrite = False,
) -> None:
    """Requests a second, seconds and memory of `rs2sam2 serve` with nano on rendered scenes of 1024 pixels.

    Needs the extras 'geo' and 'serve', and 9 bytes in TMPDIR for each pixel of the large raster.
    """
    check_output(output, overwrite=overwrite)
    if render is not None:
        from rs2sam2.bench.serve import FORMAT
        from rs2sam2.bench.serve_page import page

        return write_page(render, FORMAT, "serve", page, output)
    import tempfile

    from rs2sam2.bench.serve import measure
    from rs2sam2.cli.segment import clean_on_sigterm

    with clean_on_sigterm(), tempfile.TemporaryDirectory(prefix="rs2sam2-") as folder:
        measured = measure(Path(folder), requests, clients, mark, side, seed)
    finish(context, measured, seed, output)


@app.command()
def tiles(
    context: typer.Context,
    weights: Annotated[str, typer.Option(metavar="WEIGHTS", help="nano, weights on disk or on the Hub.")] = "nano",
    scenes: Annotated[int, typer.Option(min=2, help="To render; half of them choose, the others are measured.")] = 200,
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the weights there with the setting that was chosen.")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="A real data set, too: its training split chooses, its validation split tries."
        ),
    ] = None,
    seed: Seed = 0,
    render: Render = None,
    output: Output = None,
    overwrite: Overwrite = False,
) -> None:
    """Which tiles of a large raster the union encoder alone may drop: loss in recall and gain in time."""
    check_output(output, overwrite=overwrite)
    if render is not None:
        from rs2sam2.bench.tiles import FORMAT
        from rs2sam2.bench.tiles_page import page

        return write_page(render, FORMAT, "tiles", page, output)
    from rs2sam2.bench import tiles as bench
    from rs2sam2.inference.segmenter import Segmenter

    segmenter = Segmenter.from_pretrained(weights, "cpu")
    if save is not None:
        segmenter.check_calibrated(save, overwrite=overwrite)
    measured = bench.measure(segmenter, scenes, seed, root)
    if save is not None:
        bench.save(segmenter, measured, save)
    finish(context, measured, seed, output)


def check_output(output: Path | None, *, overwrite: bool) -> None:
    """Refuse before the work what cannot be written after it.

    Raises:
        OutputError: the file exists, or its folder does not.
    """
    from rs2sam2.errors import OutputError

    if output is None:
        return
    if output.is_dir() or not output.parent.is_dir():
        raise OutputError(f"{output}: not a file in an existing folder: give another place")
    if output.exists() and not overwrite:
        raise OutputError(f"{output}: this file exists: use --overwrite to replace it")


def finish(context: typer.Context, measured: dict[str, Any], seed: int, output: Path | None) -> None:
    """Add how it was made, and print or write the whole.

    Raises:
        OutputError: the file cannot be written.
    """
    from rs2sam2.evaluation.provenance import run_record

    run = run_record("bench", _typed(context), seed, "cpu")
    deliver(json.dumps({**measured, "run": run}, indent=1, allow_nan=False) + "\n", output)


def write_page(
    report: Path, version: str, bench: str, page: Callable[[dict[str, Any], str], str], output: Path | None
) -> None:
    """Print or write the page about a report.

    Args:
        report: of `rs2sam2 bench`.
        version: the "format" that it has to have.
        bench: the sub-command that writes such reports.
        page: from a report and the name of its file to Markdown.
        output: where it goes.

    Raises:
        DataError: the report cannot be read, or lacks something.
        OutputError: the file cannot be written.
    """
    from rs2sam2.evaluation.report_file import read_report

    deliver(page(read_report(report, version, f"bench {bench}"), report.name), output)


def deliver(text: str, output: Path | None) -> None:
    """Print a text or write it.

    Raises:
        OutputError: the file cannot be written.
    """
    from rs2sam2.errors import OutputError
    from rs2sam2.files import whole_file

    if output is None:
        print(text, end="")
        return
    try:
        with whole_file(output) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror}): give another place") from error
    print(f"wrote {output}")


def _typed(context: typer.Context) -> list[str]:
    """Sub-command and every option as it was used, so that defaults that change later do not matter."""
    words = [str(context.info_name)]
    for name, value in context.params.items():
        if value is not None and value is not False and name != "output":
            for one in value if isinstance(value, list | tuple) else [value]:
                words += [f"--{name.replace('_', '-')}", *([] if one is True else [str(one)])]
    return words
