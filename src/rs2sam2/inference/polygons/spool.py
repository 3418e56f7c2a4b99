"""Complete objects on disk until all have come, read back in one fixed order. Needs the optional 'geo' dependencies."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np

from rs2sam2.errors import OutputError
from rs2sam2.inference.polygons.objects import Objects
from rs2sam2.inference.polygons.simplify import simplified

_KEY = ("first_row", "first_column", "expression")
_NUMBERS = (*_KEY, "score", "area_px", "area_m2", "perimeter_m", "tiles")
_BATCH = 128


class Spool:
    """A temporary SQLite file of objects, of any number: memory holds a batch of them.

    Use it as a context manager, which removes the file at the end.
    """

    def __init__(self, path: Path) -> None:
        """Begin a new file at `path`, replacing what a run that was killed has left there.

        Raises:
            OutputError: if it cannot be written.
        """
        self._path = path
        try:
            path.unlink(missing_ok=True)
            self._table = sqlite3.connect(path, isolation_level=None)
            # Nobody reads the file after a crash.
            self._table.execute("PRAGMA journal_mode = OFF")
            self._table.execute("PRAGMA synchronous = OFF")
            columns = f"{', '.join(_NUMBERS)}, outline, PRIMARY KEY ({', '.join(_KEY)})"
            self._table.execute(f"CREATE TABLE objects ({columns})")
        except (OSError, sqlite3.Error) as error:
            raise self._unwritable(error) from error

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Remove the file."""
        self._table.close()
        self._path.unlink(missing_ok=True)

    def add(self, objects: Objects) -> None:
        """Keep these objects, in any order.

        Raises:
            OutputError: if the disk is full.
        """
        import shapely

        numbers = [getattr(objects, name).tolist() for name in _NUMBERS]
        rows = zip(*numbers, shapely.to_wkb(objects.outline), strict=True)
        self._run(f"INSERT INTO objects VALUES ({', '.join('?' * (len(_NUMBERS) + 1))})", list(rows))

    def simplify(self, tolerance: float, *, exclusive: bool) -> None:
        """Simplify all outlines, see `simplified`.

        Raises:
            OutputError: if the disk is full.
        """
        import shapely

        for some in simplified(self.batches(), tolerance, exclusive=exclusive):
            keys = (getattr(some, name).tolist() for name in _KEY)
            condition = " AND ".join(f"{name} = ?" for name in _KEY)
            rows = list(zip(shapely.to_wkb(some.outline), *keys, strict=True))
            self._run(f"UPDATE objects SET outline = ? WHERE {condition}", rows)

    def batches(self) -> Iterator[Objects]:
        """All objects in the order of their first pixels, row by row; at one pixel, in that of their expressions."""
        import shapely

        after = (-1, -1, -1)
        key = ", ".join(_KEY)
        query = f"SELECT {', '.join(_NUMBERS)}, outline FROM objects WHERE ({key}) > (?, ?, ?) ORDER BY {key} LIMIT ?"
        while rows := self._table.execute(query, (*after, _BATCH)).fetchall():
            after = rows[-1][: len(_KEY)]
            *numbers, outlines = zip(*rows, strict=True)
            kinds = {"score": np.float64, "area_m2": np.float64, "perimeter_m": np.float64}
            columns: dict[str, Any] = {
                name: np.array(values, dtype=kinds.get(name, np.int64))
                for name, values in zip(_NUMBERS, numbers, strict=True)
            }
            yield Objects(**columns, outline=shapely.from_wkb(outlines))

    def totals(self, expression: int) -> tuple[int, float | None, float | None]:
        """How many objects of an expression there are, their square metres and metres; None for what is unknown."""
        query = "SELECT COUNT(*), TOTAL(area_m2), TOTAL(perimeter_m), COUNT(area_m2) FROM objects WHERE expression = ?"
        count, area, perimeter, measured = self._table.execute(query, (expression,)).fetchone()
        return (count, area, perimeter) if measured == count else (count, None, None)

    def _run(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        try:
            self._table.execute("BEGIN")
            self._table.executemany(statement, rows)
            self._table.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: Exception) -> OutputError:
        return OutputError(f"{self._path}: cannot be written ({error}): free some room or give another place")
