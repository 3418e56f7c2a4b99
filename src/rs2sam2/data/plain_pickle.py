"""Pickles from the internet, read without running anything: a list of opcodes that build plain values, and no others.

The interpreter is Python's own (`pickle._Unpickler`, the one in Python), for two reasons: its table of opcodes can be
cut down, and its memo is a dictionary, whereas the one in C allocates whatever size an index of the file names.
"""

import io
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from rs2sam2.data.reading import read_bytes
from rs2sam2.errors import DataError

LARGEST = 256 * 2**20
"""Bytes of a pickle. One byte becomes about a hundred bytes of memory at most, an entry of the memo."""

# Frames, stack and memo; nothing, truth and numbers; text, as Python 2 wrote it, too; containers.
_OPCODES = """
    PROTO FRAME STOP MARK POP POP_MARK DUP PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET
    NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT
    UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 STRING BINSTRING SHORT_BINSTRING
    EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM SETITEMS
    EMPTY_SET ADDITEMS FROZENSET
"""
_PLAIN = frozenset(_OPCODES.split())
# These name code; they stay so that the refusal can say which.
_NAMING = frozenset({"GLOBAL", "STACK_GLOBAL", "INST"})


def _refusal(opcode: str) -> Callable[[Any], NoReturn]:
    def refuse(_: object) -> NoReturn:
        raise DataError(f"the pickle holds {opcode}, which plain values never need: refused, do not trust this file")

    return refuse


class _PlainUnpickler(pickle._Unpickler):
    dispatch = {  # noqa: RUF012 - as in the base class
        ord(op.code): pickle._Unpickler.dispatch[ord(op.code)] if op.name in _PLAIN | _NAMING else _refusal(op.name)
        for op in pickletools.opcodes
    }

    def find_class(self, module: str, name: str) -> NoReturn:
        raise DataError(f"the pickle names {module}.{name}, which plain values never need: refused, do not trust it")


def read_plain_pickle(path: Path) -> Any:  # noqa: ANN401 - whatever plain containers the file holds
    """Read a pickle that holds lists, tuples, dicts, sets, strings, numbers, True, False and None only.

    Raises:
        DataError: the file is missing, larger than `LARGEST`, damaged, or holds anything else.
    """
    content = read_bytes(path, LARGEST)
    try:
        return _PlainUnpickler(io.BytesIO(content), encoding="utf-8").load()
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except Exception as error:  # damaged pickles raise nearly anything
        reason = str(error) or type(error).__name__
        raise DataError(f"{path}: not a readable pickle ({reason}): get the file again") from error
