"""`rs2sam2 bench model`: the speed of a forward pass, and the page about it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from rs2sam2.cli.bench import Output, Overwrite, Seed, check_output, deliver, finish
from rs2sam2.errors import ConfigError


class Section(StrEnum):
    """What is measured."""

    full = "full"
    nano = "nano"
    tried = "tried"
    agreement = "agreement"
    int8 = "int8"
    compile = "compile"
    expressions = "expressions"


def model(
    context: typer.Context,
    section: Annotated[
        Section | None,
        typer.Option(
            help="full: the paper's model. nano. tried: what each trick is worth. agreement: masks of two precisions. "
            "int8: its gain, files and masks. compile: what it gains and takes. "
            "expressions: several on one image."
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is timed, in turns; figures are medians.")] = 5,
    root: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="For agreement and int8: a data set, as for rs2sam2 diagnose.")
    ] = None,
    render: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the page about its model_SECTION.json, and measure nothing."),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="PICTURE", help="With --render: the picture of time by part, a .png.")
    ] = None,
    seed: Seed = 1,
    output: Output = None,
    overwrite: Overwrite = False,
) -> None:
    """Time and memory of a forward pass by part, beside products of matrices and `transformers`' SAM 2 encoder.

    The paper's model wants 10 GB of free memory, and a quarter of an hour on two cores.
    """
    check_output(output, overwrite=overwrite)
    if render is not None:
        from rs2sam2.bench.model_page import page, read_sections
        from rs2sam2.bench.model_picture import save_picture

        reports = read_sections(render, [one.value for one in Section])
        if picture is not None:
            check_output(picture, overwrite=overwrite)
            save_picture(reports, picture)
        deliver(page(reports), output)
        return
    if section is None:
        raise ConfigError(f"say what to measure (--section {', '.join(Section)}), or --render what was measured")
    finish(context, {"section": section.value, **_measured(section, rounds, root, seed)}, seed, output)


def _measured(section: Section, rounds: int, root: Path | None, seed: int) -> dict[str, Any]:
    from rs2sam2.bench.model import FORMAT, machine

    if section in (Section.agreement, Section.int8):
        if root is None:
            raise ConfigError(f"{section.value} needs real pictures: give --root")
        if section is Section.agreement:
            from rs2sam2.bench.model_agreement import agreement

            measured = agreement(root)
        else:
            from rs2sam2.bench.model_int8 import in_int8

            measured = in_int8(root, "large", rounds, seed)
    elif section is Section.expressions:
        from rs2sam2.bench.model_expressions import expressions

        measured = expressions("large", rounds, seed)
    elif section is Section.compile:
        from rs2sam2.bench.model_compiled import compiled

        measured = compiled("nano", rounds, seed)
    elif section is Section.tried:
        from rs2sam2.bench.model_tried import tried

        measured = tried(rounds)
    else:
        from rs2sam2.bench.model import measure, ratios

        measured = measure("large" if section is Section.full else "nano", rounds, seed)
        measured["ratios"] = ratios(measured)
    return {"format": FORMAT, **measured, "machine": machine()}
