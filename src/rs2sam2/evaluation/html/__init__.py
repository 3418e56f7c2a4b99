"""A report as one HTML file that needs nothing else: style, script and pictures are inside it."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from rs2sam2.evaluation.case_pictures import FOUND, MEANT, RIGHT
from rs2sam2.evaluation.tabular import Table


@dataclass(frozen=True)
class Picture:
    """A picture with what is to be said of it.

    Attributes:
        jpeg: the file's bytes.
        caption: the sentence that was asked.
        details: everything else.
    """

    jpeg: bytes
    caption: str
    details: str

    @property
    def source(self) -> str:
        """The picture as an address that holds it."""
        return "data:image/jpeg;base64," + b64encode(self.jpeg).decode()


@dataclass(frozen=True)
class Gallery:
    """Pictures under a title; `panels` says what is seen from left to right."""

    title: str
    panels: str
    pictures: Sequence[Picture]
    note: str = ""


@dataclass(frozen=True)
class Histogram:
    """Counts of samples, as bars."""

    title: str
    bars: Sequence[tuple[str, int]]
    note: str = ""


Part = Table | Gallery | Histogram


def page(title: str, summary: str, facts: Sequence[tuple[str, str]], parts: Sequence[Part]) -> str:
    """The text of the file.

    Args:
        title: heading of the page.
        summary: one sentence below it.
        facts: name and value of what the figures rest on.
        parts: in the order of the page; those without a row, picture or bar are left out.
    """
    environment = Environment(
        loader=PackageLoader(__name__, ""),
        autoescape=True,  # sentences and names come from strangers' files
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    inks = {name: f"rgb{ink}" for name, ink in (("meant", MEANT), ("found", FOUND), ("right", RIGHT))}
    return environment.get_template("page.html.jinja").render(
        title=title,
        summary=summary,
        facts=facts,
        parts=[(type(part).__name__.lower(), part) for part in parts if _holds(part)],
        inks=inks,
    )


def _holds(part: Part) -> bool:
    if isinstance(part, Table):
        return bool(part.rows)
    return bool(part.pictures if isinstance(part, Gallery) else part.bars)
