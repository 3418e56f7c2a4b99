"""Finished measurements for the documentation: their figures as JSON, and a page rendered from these files alone.

Run as `python -m rs2sam2.evaluation.publish MEASURED [MEASURED ...] --docs docs`.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from rs2sam2.errors import Rs2Sam2Error
from rs2sam2.evaluation.benchmark.folder import METRICS
from rs2sam2.evaluation.benchmark.report_page import WRITTEN_BY, report_markdown
from rs2sam2.evaluation.benchmark.summary import FORMAT
from rs2sam2.evaluation.report_file import read_report
from rs2sam2.files import whole_file

NUMBERS, PREFIX, PAGE = "numbers", "measured_", "measured.md"
_HEAD = """# Measured

Written by `python -m rs2sam2.evaluation.publish`; do not edit. [Measuring](evaluation.md) says what each figure is and
which commands made them.
"""


def measured_page(docs: Path) -> str:
    """The page of every measurement whose figures lie in `docs/numbers`, in the order of their names.

    Raises:
        DataError: one of the files is damaged, or of another version.
    """
    parts = [_HEAD]
    for path in sorted((docs / NUMBERS).glob(f"{PREFIX}*.json")):
        section = re.sub("^#", "##", report_markdown(read_report(path, FORMAT, "evaluate")), flags=re.MULTILINE)
        parts.append(section.replace(WRITTEN_BY, f"From [{path.name}]({NUMBERS}/{path.name}).", 1))
    return "\n".join(parts)


def publish(folders: Sequence[Path], docs: Path) -> Path:
    """Put the figures of finished measurements into the documentation, each under its folder's name.

    Args:
        folders: that `rs2sam2 evaluate` filled.
        docs: folder of the documentation.

    Returns:
        The page.

    Raises:
        DataError: a measurement is not finished, or of another version.
    """
    for folder in folders:
        read_report(folder / METRICS, FORMAT, "evaluate")
        with whole_file(docs / NUMBERS / f"{PREFIX}{folder.resolve().name}.json") as path:
            path.write_bytes((folder / METRICS).read_bytes())
    with whole_file(docs / PAGE) as path:
        path.write_text(measured_page(docs), encoding="utf-8")
    return docs / PAGE


def main() -> int:
    """Read the command line and write figures and page."""
    parser = argparse.ArgumentParser(description="Put finished measurements into the documentation.")
    parser.add_argument("measured", type=Path, nargs="+", help="folder that rs2sam2 evaluate filled")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder of the documentation")
    arguments = parser.parse_args()
    try:
        print(f"wrote {publish(arguments.measured, arguments.docs)}")
    except (Rs2Sam2Error, OSError) as error:
        print(f"rs2sam2: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
