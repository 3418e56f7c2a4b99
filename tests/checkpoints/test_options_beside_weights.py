"""Training scripts keep an argparse.Namespace beside the weights: it is admitted, holds nothing, and runs nothing."""

import argparse
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from foreign_weights import SPM, beit3_state, model, sam2_state, write_pickle
from weight_files import TENSORS, is_whole, refused, written, zipped

from rs2sam2.checkpoints.joining import join
from rs2sam2.checkpoints.pickles import Namespace
from rs2sam2.checkpoints.reading import open_tensors

OPTIONS = argparse.Namespace(
    lr=1e-4, task="vqav2", betas=[0.9, 0.98], resume=None, more=argparse.Namespace(a={1: (2,)})
)


class Calls:
    """Pickled, it is a call of `function`; with a `state`, what that gives is told it."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self.answer = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> Any:
        return self.answer


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_options_are_left_aside(zipped: bool, tmp_path: Path) -> None:
    content = {"model": TENSORS, "optimizer": {"state": {}}, "epoch": 9, "args": OPTIONS}
    torch.save(content, tmp_path / "beit3.pth", _use_new_zipfile_serialization=zipped)
    with open_tensors(tmp_path / "beit3.pth") as source:
        assert is_whole(source)


def test_beit3_as_its_fine_tuning_saves_it(tmp_path: Path) -> None:
    sam2 = write_pickle(tmp_path / "sam2" / "sam2.pt", sam2_state(model()))
    beit3 = write_pickle(tmp_path / "beit3" / "beit3.pth", {})
    torch.save({"model": beit3_state(model()), "args": OPTIONS}, beit3)
    assert join(sam2, beit3, SPM, tmp_path / "start")["trained"] is False


def test_options_alone_are_no_weights(tmp_path: Path) -> None:
    refused(written(tmp_path / "weights.pt", OPTIONS), "no dictionary of tensors but Namespace")
    refused(written(tmp_path / "weights.pt", {"args": OPTIONS}), "1 of its 1 entries are no tensors: args")


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("layout", ["zip", "legacy"])
@pytest.mark.parametrize(
    "hidden",
    [
        argparse.Namespace(lr=Calls(os.mkdir, "ran")),
        argparse.Namespace(**{"__setstate__": os.mkdir}),
        Calls(argparse.Namespace, state={"__reduce__": os.mkdir}),
        Calls(argparse.ArgumentParser, "ran"),
        Calls(argparse.FileType("w"), "ran"),
        Calls(setattr, argparse.Namespace(), "__class__", os.mkdir),
    ],
    ids=["value", "method", "state", "parser", "file", "class"],
)
def test_code_behind_options_does_not_run(
    hidden: Any, layout: str, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = {"model": TENSORS, "args": hidden}
    path = tmp_path / "weights.pt"
    torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=layout == "zip")
    refused(path, "wants to call" if protocol or layout == "zip" else "neither")
    assert list(tmp_path.iterdir()) == [path]


# Opcodes as no pickler writes them: an empty Namespace, then what a hostile file would do with it.
MADE = b"\x80\x02}X\x05\x00\x00\x00modelcargparse\nNamespace\n)\x81q\x01"


@pytest.mark.parametrize(
    "more",
    [
        b"}X\x0c\x00\x00\x00__setstate__ctorch\nSize\nsbh\x01)b",  # plants a method, then has it called
        b"N}X\x09\x00\x00\x00__class__ctorch\nFloatStorage\ns\x86b",  # becomes something else, by its slots
        b"}X\x09\x00\x00\x00__class__ccollections\nOrderedDict\nsb",
        b"(X\x01\x00\x00\x00aK\x01u",  # is filled like a dictionary
        b"K\x01a",  # like a list
    ],
    ids=["method", "class by slots", "class", "dictionary", "list"],
)
def test_namespace_cannot_be_made_into_anything(more: bytes, tmp_path: Path) -> None:
    refused(zipped(tmp_path / "weights.pt", MADE + more + b"s."), "no dictionary of tensors|are no tensors|damaged")


@pytest.mark.parametrize("arguments", [b"K\x01\x85\x81", b"K\x01\x85R", b"}\x85R"])
def test_namespace_takes_no_arguments(arguments: bytes, tmp_path: Path) -> None:
    data = b"\x80\x02}X\x01\x00\x00\x00acargparse\nNamespace\n" + arguments + b"s."
    refused(zipped(tmp_path / "weights.pt", data), "damaged")


def test_depth_does_no_harm(tmp_path: Path) -> None:
    """A hundred thousand options, each within the one before."""
    one = b"cargparse\nNamespace\n)\x81}X\x01\x00\x00\x00a"
    data = b"\x80\x02}X\x01\x00\x00\x00b" + one * 100_000 + b"N" + b"sb" * 100_000 + b"s."
    refused(zipped(tmp_path / "weights.pt", data), "are no tensors: b")


def test_stand_in_holds_nothing_and_stands_in_only_while_loading(tmp_path: Path) -> None:
    stand_in = Namespace()
    stand_in.__setstate__({"lr": 1})
    assert not hasattr(stand_in, "__dict__") and not hasattr(stand_in, "lr")
    with pytest.raises(AttributeError):
        stand_in.lr = 1  # type: ignore[attr-defined]
    path = written(tmp_path / "weights.pt", {"model": TENSORS, "args": OPTIONS})
    open_tensors(path)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
