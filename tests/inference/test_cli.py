"""The command line: what it prints, what it refuses, what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import jsonschema
import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from PIL import Image

import rs2sam2
from rs2sam2.cli import main
from rs2sam2.inference import segmenter as segmenter_module

TEXT = "the white building"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "scene.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def geotiff(tmp_path: Path) -> Path:
    path = tmp_path / "scene.tif"
    place = {"crs": "EPSG:3857", "transform": Affine(0.1, 0, 9_520_000, 0, -0.1, 3_200_000)}
    with rasterio.open(path, "w", driver="GTiff", height=60, width=80, count=3, dtype="uint8", **place) as dataset:
        dataset.write(np.random.default_rng(0).integers(0, 256, (3, 60, 80), dtype=np.uint8))
    return path


@pytest.fixture(scope="module")
def schema(root: Path) -> dict[str, object]:
    return json.loads((root / "docs" / "segment.schema.json").read_text())


def test_all_outputs(geotiff: Path, weights_folder: Path, capsys: pytest.CaptureFixture[str], schema: dict) -> None:
    names = ["mask.png", "mask.tif", "out.geojson", "out.gpkg"]
    outputs = [part for name in names for part in ("-o", str(geotiff.parent / name))]
    overlay = geotiff.parent / "seen.png"
    asked = ["segment", str(geotiff), TEXT, "--weights", str(weights_folder), "--device", "cpu"]
    assert main([*asked, *outputs, "--overlay", str(overlay), "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    jsonschema.validate(report, schema)
    assert err == "" and report["warnings"] == []
    assert report["image"] == {"path": str(geotiff), "width": 80, "height": 60, "crs": "EPSG:3857"}
    assert [Path(output["path"]).name for output in report["outputs"]] == [*names, "seen.png"]
    assert all(Path(output["path"]).stat().st_size for output in report["outputs"])
    assert report["results"] == [{name: report[name] for name in report["results"][0]}]
    mask = np.asarray(Image.open(geotiff.parent / "mask.png")) > 0
    assert report["area_px"] == mask.sum() > 0 and report["present"]
    assert report["area_m2"] == pytest.approx(mask.sum() * 0.01 * 0.785, rel=0.01)
    x_min, y_min, x_max, y_max = report["bbox"]
    assert mask[y_min:y_max, x_min:x_max].sum() == mask.sum()
    collection = json.loads((geotiff.parent / "out.geojson").read_text())
    assert collection["rs2sam2"]["model_sha256"] == report["weights"]["sha256"]
    assert len(collection["features"]) == report["parts"]
    assert not [path for path in geotiff.parent.iterdir() if path.name.startswith(".")]


def test_polygons_as_asked_for(
    geotiff: Path, weights_folder: Path, capsys: pytest.CaptureFixture[str], schema: dict
) -> None:
    asked = ["segment", str(geotiff), TEXT, "-e", "the blue ship", "--weights", str(weights_folder), "--json"]
    shaped = ["--exclusive", "--min-area", "0.05", "--simplify", "1.5", "--style"]
    outputs = [geotiff.parent / "a.fgb", geotiff.parent / "a.gpkg"]
    assert main([*asked, *shaped, "-o", str(outputs[0]), "-o", str(outputs[1])]) == 0
    report = json.loads(capsys.readouterr().out)
    jsonschema.validate(report, schema)
    assert [output["kind"] for output in report["outputs"]] == ["polygons", "polygons", "style"]
    assert 0 < sum(result["area_px"] for result in report["results"]) <= 60 * 80, "no pixel is counted twice"
    for path in outputs:
        meta, _, shapes, values = pyogrio.raw.read(path)
        columns = dict(zip(meta["fields"], values, strict=True))
        assert len(shapes) and columns["area_m2"].min() >= 0.05
        assert columns["area_px"].sum() <= sum(result["area_px"] for result in report["results"])
    assert b"the blue ship" in (geotiff.parent / "a.qml").read_bytes()


def test_several_expressions(
    picture: Path, weights_folder: Path, capsys: pytest.CaptureFixture[str], schema: dict
) -> None:
    asked = [
        "segment",
        str(picture),
        TEXT,
        "-e",
        "the blue ship",
        "-e",
        "белое здание",
        "--weights",
        str(weights_folder),
    ]
    assert main([*asked, "--json", "-o", str(picture.parent / "labels.png")]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    jsonschema.validate(report, schema)
    assert [result["expression"] for result in report["results"]] == [TEXT, "the blue ship", "белое здание"]
    assert "present" not in report and report["results"][0]["area_m2"] is None
    assert len(report["warnings"]) == 1 and "Cyrillic" in report["warnings"][0]
    assert err == f"rs2sam2: warning: {report['warnings'][0]}\n"
    assert set(np.unique(np.asarray(Image.open(picture.parent / "labels.png")))) <= {0, 1, 2, 3}


def test_table(picture: Path, weights_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = picture.parent / "[b]mask.png"
    asked = [
        "segment",
        str(picture),
        "the [red] building",
        "--threshold",
        "0.2",
        "--weights",
        str(weights_folder),
        "-o",
        str(output),
    ]
    assert main(asked) == 0
    out = capsys.readouterr().out
    assert "the [red] building" in out and "yes" in out and f"wrote {output}" in out.replace("\n", "")


def test_nothing_found_is_a_success(picture: Path, weights_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = picture.parent / "mask.png"
    asked = ["segment", str(picture), TEXT, "--weights", str(weights_folder), "--threshold", "0.9", "-o", str(output)]
    assert main(asked) == 0
    assert f"nothing here matches: {TEXT}" in capsys.readouterr().out
    assert not np.asarray(Image.open(output)).any()
    assert main([*asked, "--json", "--overwrite"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["present"], report["area_px"], report["bbox"], report["parts"]) == (False, 0, None, 0)


REFUSED = {
    "no image": (["segment"], "Missing argument"),
    "no expression": (["segment", "{scene}"], "say what to look for"),
    "unknown option": (["segment", "{scene}", TEXT, "--bogus"], "--bogus"),
    "unknown command": (["segmnt"], "segmnt"),
    "precision": (["segment", "{scene}", TEXT, "--precision", "int4"], "int4"),
    "missing image": (["segment", "{folder}/no.png", TEXT], "no such file"),
    "image with a line break": (["segment", "{folder}/a\nb.png", TEXT], "no such file"),
    "text as image": (["segment", "{text}", TEXT], "not an image"),
    "blank": (["segment", "{scene}", "  "], "holds no word"),
    "one blank of two": (["segment", "{scene}", TEXT, "-e", ""], "holds no word"),
    "suffix": (["segment", "{scene}", TEXT, "-o", "{folder}/a.kml"], "unknown suffix '.kml'"),
    "overlay suffix": (["segment", "{scene}", TEXT, "--overlay", "{folder}/a.tif"], "unknown suffix"),
    "existing": (["segment", "{scene}", TEXT, "-o", "{old}"], "--overwrite"),
    "over the image": (["segment", "{scene}", TEXT, "-o", "{scene}", "--overwrite"], "image itself"),
    "twice": (["segment", "{scene}", TEXT, "-o", "{folder}/a.png", "--overlay", "{folder}/a.png"], "twice"),
    "no folder": (["segment", "{scene}", TEXT, "-o", "{folder}/none/a.png"], "no folder"),
    "unwritable": (["segment", "{scene}", TEXT, "-o", "/proc/a.png"], "cannot be written"),
    "minimum area": (["segment", "{scene}", TEXT, "--min-area", "-1"], "min_area -1.0: give 0 or more"),
    "style of nothing": (["segment", "{scene}", TEXT, "-o", "{folder}/a.png", "--style"], "goes beside polygons"),
    "threshold": (["segment", "{scene}", TEXT, "--threshold", "1.5"], "1.5 is outside 0..1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(case: str, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = picture.parent
    (folder / "old.png").write_bytes(b"old")
    (folder / "text.jpg").write_text("I am a text")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    places = {"scene": picture, "folder": folder, "old": folder / "old.png", "text": folder / "text.jpg"}
    arguments, says = REFUSED[case]
    assert main([argument.format(**places) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and says in err and err.startswith("rs2sam2: ")
    assert err.count("\n") == 1 and "Traceback" not in err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_refusals_that_need_the_model(picture: Path, weights_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["segment", str(picture), "the white building " * 40, "-o", str(picture.parent / "a.png")]
    assert main([*asked, "--weights", str(weights_folder)]) == 2
    assert "64" in capsys.readouterr().err
    assert main(["segment", str(picture), TEXT, "--weights", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert main(["segment", str(picture), TEXT, "--weights", str(weights_folder), "--device", "cuda:99"]) == 2
    assert "cuda:99" in capsys.readouterr().err
    assert [path.name for path in picture.parent.iterdir()] == ["scene.png"]


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize("case", ["missing image", "blank", "suffix", "existing", "text as image", "threshold"])
def test_early_refusals_do_not_wait_for_torch(case: str, picture: Path) -> None:
    (picture.parent / "old.png").touch()
    (picture.parent / "text.jpg").write_text("I am a text")
    places = {"scene": picture, "folder": picture.parent, "old": picture.parent / "old.png"}
    arguments = [argument.format(**places, text=picture.parent / "text.jpg") for argument in REFUSED[case][0]]
    done = run(
        "import sys; from rs2sam2.cli import main; code = main(sys.argv[1:])\n"
        "assert 'torch' not in sys.modules; sys.exit(code)",
        *arguments,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


def test_version(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == rs2sam2.__version__
    assert f'\nversion = "{rs2sam2.__version__}"\n' in (root / "pyproject.toml").read_text()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert all(command in out for command in ("segment", "demo", "train", "evaluate")) and err == ""


def test_help_tells_what_a_mask_of_several_means(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["segment", "--help"]) == 0
    assert "k where the k-th is meant" in " ".join(capsys.readouterr().out.replace("│", " ").split())


def test_interrupted(picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(segmenter_module.Segmenter, "from_pretrained", interrupt)
    assert main(["segment", str(picture), TEXT, "-o", str(picture.parent / "a.png")]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert [path.name for path in picture.parent.iterdir()] == ["scene.png"]


WRITES_SLOWLY = """
import os, sys, time
from pathlib import Path
from rs2sam2.inference.outputs import atomic
genuine = os.fsync
def slow(handle):
    genuine(handle)
    Path(sys.argv[-1]).touch()
    time.sleep(60)
atomic.os.fsync = slow
from rs2sam2.cli import main
sys.exit(main(sys.argv[1:-1]))
"""


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_stopped_while_writing(picture: Path, weights_folder: Path, tmp_path: Path, sent: int, code: int) -> None:
    folder, flag = tmp_path / "out", tmp_path / "writing"
    folder.mkdir()
    command = ["segment", str(picture), TEXT, "--weights", str(weights_folder), "-o", str(folder / "a.png")]
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES_SLOWLY, *command, str(flag)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not flag.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(folder.iterdir()), "there was nothing to clean up"
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, list(folder.iterdir())) == (code, [])
    assert "Traceback" not in err


@pytest.mark.parametrize("target", ["full disk", "closed pipe"])
def test_output_that_nobody_takes(target: str) -> None:
    command = [sys.executable, "-m", "rs2sam2", "--version"]
    if target == "full disk":
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 2 and "No space left" in done.stderr and done.stderr.count("\n") == 1
    else:
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
        os.close(writing)
        assert (done.returncode, done.stderr) == (1, "")


def test_table_needs_no_utf8_terminal(picture: Path, weights_folder: Path) -> None:
    command = ["segment", str(picture), "the “white” building", "--weights", str(weights_folder)]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-m", "rs2sam2", *command], capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert rb"\u201cwhite" in done.stdout


@pytest.mark.filterwarnings("ignore::rs2sam2.inference.language.LanguageWarning")
def test_demo(
    tmp_path: Path, weights_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    genuine = segmenter_module.Segmenter.from_pretrained
    monkeypatch.setattr(
        segmenter_module.Segmenter, "from_pretrained", lambda _, device: genuine(weights_folder, device=device)
    )
    folder = tmp_path / "new" / "pictures"
    assert main(["demo", "-o", str(folder)]) == 0
    out = capsys.readouterr().out
    names = ["mask.png", "overlay.png", "scene.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert all(f"wrote {folder / name}" in out for name in names) and "asked: " in out
    asked = Image.open(folder / "mask.png").text["expression"]
    assert f"asked: {asked}\n" in out
    scene = (folder / "scene.png").read_bytes()
    assert main(["demo", "-o", str(folder)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["demo", "-o", str(folder), "--overwrite"]) == 0
    assert (folder / "scene.png").read_bytes() == scene, "the same scene every time"
    assert main(["demo", "-o", str(folder / "scene.png" / "x")]) == 2


def test_other_parts_are_imported_when_they_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    part = types.ModuleType("rs2sam2.training.cli")
    part.main = lambda arguments: called.append((arguments, sys.argv)) or 3
    monkeypatch.setitem(sys.modules, "rs2sam2.training.cli", part)
    monkeypatch.setattr(sys, "argv", ["rs2sam2", "train", "fit"])
    assert main(["train", "fit", "--config", "a.yaml", "-o", "x", "--help"]) == 3
    # sys.argv stays as it was: further processes of a training run are started with it.
    assert called == [(["fit", "--config", "a.yaml", "-o", "x", "--help"], ["rs2sam2", "train", "fit"])]


def test_a_part_without_its_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(sys.modules, "rs2sam2.training.cli", raising=False)
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    assert main(["train", "fit"]) == 2
    assert "rs2sam2[train]" in capsys.readouterr().err
