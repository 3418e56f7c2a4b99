"""Pickles: plain values come back, everything else is refused before it does anything."""

import array
import datetime
import os
import pickle
import pickletools
import resource
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rs2sam2.data.plain_pickle import LARGEST, read_plain_pickle
from rs2sam2.errors import DataError

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


class Command:
    def __init__(self, how):
        self.how = how

    def __reduce__(self):
        return self.how


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("pickles") / "refs(unc).p"


@given(plain, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_values_come_back(path, value, protocol):
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    assert read_plain_pickle(path) == value


def test_sets_are_plain_where_they_are_no_calls(path):
    path.write_bytes(pickle.dumps([{1, 2}, frozenset("a")], protocol=4))
    assert read_plain_pickle(path) == [{1, 2}, frozenset("a")]


def test_text_that_python_2_wrote(path):
    path.write_bytes(b"(lp0\nS'the ship'\np1\naV\\u8239\np2\naI1\na.")
    assert read_plain_pickle(path) == ["the ship", "\u8239", 1]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value",
    [
        np.float64(1),
        np.arange(3),
        np.int64(1),
        OrderedDict(a=1),
        datetime.date(2026, 1, 1),
        array.array("d", [1.0]),
        complex(1, 2),
        bytearray(b"x"),
        print,
        range(3),
        {"deep": [{"inside": (os.getcwd,)}]},
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_else_is_read(path, value, protocol):
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    with pytest.raises(DataError, match="refused, do not trust"):
        read_plain_pickle(path)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_code_runs(path, tmp_path, protocol):
    trace = tmp_path / "trace"
    for how in ((os.system, (f"touch {trace}",)), (eval, (f"open({str(trace)!r}, 'w')",)), (exec, ("1/0",))):
        path.write_bytes(pickle.dumps([Command(how)], protocol=protocol))
        with pytest.raises(DataError, match=r"refs\(unc\)\.p: the pickle names .*(system|eval|exec)"):
            read_plain_pickle(path)
    assert not trace.exists()


def test_every_opcode_that_could_build_an_object_is_refused(path):
    """Also where no name comes before: an object on the stack, an extension's number, an id from outside."""
    said = {}
    for opcode in pickletools.opcodes:
        path.write_bytes(b"\x80\x02]" + opcode.code.encode("latin1") + b"\x01\x00\x00\x00\n\n.")
        try:
            read_plain_pickle(path)
        except DataError as error:
            said[opcode.name] = str(error)
    refused = {name for name, text in said.items() if "refused" in text}
    building = {"REDUCE", "BUILD", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "GLOBAL"}
    foreign = {"PERSID", "BINPERSID", "NEXT_BUFFER", "READONLY_BUFFER", "BYTEARRAY8", "BINBYTES", "SHORT_BINBYTES"}
    # STACK_GLOBAL fails earlier here: no two texts lie on the stack.
    assert refused == building | foreign | {"BINBYTES8"}
    assert "STACK_GLOBAL" in said


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        b"\x80\x05\x95",
        b"\x80\x09].",
        b"\x80\x04\x8d" + (2**62).to_bytes(8, "little") + b"abc.",
        b"\x80\x02\x8b" + (2**31 - 1).to_bytes(4, "little") + b"\x01.",
        b"I" + b"9" * 100_000 + b"\n.",
        b"]]" * 1000,
        pickle.dumps(["a" * 1000])[:-20],
    ],
    ids=range(9),
)
def test_damaged_ones(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"refs\(unc\)\.p: not a readable pickle"):
        read_plain_pickle(path)


def test_no_memory_for_claims(path):
    """A few bytes that name an index of four thousand million: C's unpickler makes a table for it."""
    path.write_bytes(b"\x80\x02]r" + (2**32 - 1).to_bytes(4, "little") + b".")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read_plain_pickle(path) == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_size_is_bounded(path):
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(DataError, match="more than the limit"):
        read_plain_pickle(path)


def test_what_is_no_file(tmp_path):
    with pytest.raises(DataError, match="not a regular file"):
        read_plain_pickle(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="not a regular file"):
        read_plain_pickle(tmp_path / "pipe")
