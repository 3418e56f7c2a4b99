"""What nano answers by way of ONNX Runtime and OpenVINO is what it answers by itself."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import rasterio

from rs2sam2.cli import main
from rs2sam2.data.synthetic.scene import render_scene
from rs2sam2.inference.images import RasterImage, open_image
from rs2sam2.inference.segmenter import Segmenter

pytestmark = pytest.mark.slow

EXPRESSIONS = ["the largest building", "all buildings", "the building at the upper left", "a swimming pool"]
ALIKE = 0.999


@pytest.fixture(scope="module")
def nano() -> Segmenter:
    return Segmenter.from_pretrained("nano", device="cpu", precision="float32")


@pytest.fixture(scope="module", params=["onnx", "openvino"])
def other(request: pytest.FixtureRequest, exported: Callable[[str, str], Path]) -> Segmenter:
    """Nano by another runtime; OpenVINO reads ONNX, too."""
    return Segmenter.from_pretrained(exported("nano", "onnx"), runtime=request.param)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    union = (one | other).sum()
    return float((one & other).sum() / union) if union else 1.0


def assert_alike(nano: Segmenter, other: Segmenter, image: RasterImage) -> int:
    """Ask both the same; how many of the masks hold something, before presence has its say."""
    filled = 0
    for mine, theirs in zip(nano(image, EXPRESSIONS), other(image, EXPRESSIONS), strict=True):
        assert theirs.p_present == pytest.approx(mine.p_present, abs=1e-4)
        assert theirs.predicted_iou == pytest.approx(mine.predicted_iou, abs=1e-4)
        assert np.abs(mine.probability - theirs.probability).max() < 1e-3
        cut = nano.decision.mask_threshold
        assert iou(mine.probability > cut, theirs.probability > cut) >= ALIKE
        assert mine.present == theirs.present and iou(mine.mask, theirs.mask) >= ALIKE
        filled += bool((mine.probability > cut).any())
    return filled


@pytest.mark.filterwarnings("ignore::rs2sam2.inference.language.LanguageWarning")
def test_real_images(nano: Segmenter, other: Segmenter, shared: Path) -> None:
    images = sorted((shared / "data" / "oam_buildings" / "refer" / "images").rglob("*.jpg"))[::40][:10]
    assert len(images) >= 5
    assert sum(assert_alike(nano, other, open_image(image)) for image in images) > len(images)


@pytest.mark.filterwarnings("ignore::rs2sam2.inference.language.LanguageWarning")
def test_rendered_images_in_batches_of_any_size(nano: Segmenter, other: Segmenter) -> None:
    images = [RasterImage(np.asarray(render_scene(np.random.default_rng(at), 500).image)) for at in range(3)]
    assert sum(assert_alike(nano, other, image) for image in images) > 0
    for count in (1, 5, 9):
        questions = [(images[at % 3], EXPRESSIONS[at % 4]) for at in range(count)]
        for mine, theirs in zip(nano.answers(questions), other.answers(questions), strict=True):
            assert iou(mine.mask, theirs.mask) >= ALIKE


def test_threads_may_ask_at_the_same_time(other: Segmenter) -> None:
    image = RasterImage(np.asarray(render_scene(np.random.default_rng(3), 256).image))
    alone = other(image, EXPRESSIONS[0]).probability
    with ThreadPoolExecutor(4) as threads:
        for answer in threads.map(lambda _: other(image, EXPRESSIONS[0]), range(12)):
            np.testing.assert_array_equal(answer.probability, alone)


def test_clicks_and_boxes(nano: Segmenter, other: Segmenter) -> None:
    image = RasterImage(np.asarray(render_scene(np.random.default_rng(4), 500).image))
    clicks = {"points": [(120, 80), (300, 250), (40, 400)], "labels": [1, 0, 1]}
    masks = []
    for given in (clicks, {"box": (50, 60, 300, 280)}, clicks | {"box": (50, 60, 420, 480)}):
        mine, theirs = (one(image, "the largest building", **given) for one in (nano, other))
        assert np.abs(mine.probability - theirs.probability).max() < 1e-3
        assert iou(mine.mask, theirs.mask) >= ALIKE
        masks.append(mine.mask)
    assert iou(masks[0], masks[1]) < 0.95, "prompts that change nothing would prove nothing"


@pytest.mark.parametrize("scope", ["tile", "scene"])
def test_rasters(
    exported: Callable[[str, str], Path], tmp_path: Path, scope: str, capsys: pytest.CaptureFixture[str]
) -> None:
    raster = tmp_path / "scene.tif"
    place = {"crs": "EPSG:32637", "transform": rasterio.Affine(0.3, 0, 5e5, 0, -0.3, 9e6)}
    with rasterio.open(raster, "w", driver="GTiff", width=1500, height=1100, count=3, dtype="uint8", **place) as made:
        made.write(np.asarray(render_scene(np.random.default_rng(7), 1500).image)[:1100].transpose(2, 0, 1))
    masks = []
    folder = str(exported("nano", "onnx"))
    for name, model in (
        ("eager", ["--weights", "nano"]),
        ("onnx", ["--weights", folder, "--runtime", "onnx"]),
        ("openvino", ["--weights", folder, "--runtime", "openvino"]),
    ):
        mask = tmp_path / f"{name}.tif"
        asked = ["segment", str(raster), "the largest building", "--scope", scope, "-o", str(mask), "--json"]
        asked += ["--precision", "float32"]
        capsys.readouterr()
        assert main([*asked, *model]) == 0
        assert json.loads(capsys.readouterr().out)["weights"]["name"] == "nano"
        with closing(rasterio.open(mask)) as dataset:
            masks.append(dataset.read(1) > 0)
    assert masks[0].any()
    assert iou(masks[0], masks[1]) >= ALIKE <= iou(masks[0], masks[2])


def test_early_dropping(nano: Segmenter, other: Segmenter) -> None:
    views = [nano.views(RasterImage(np.asarray(render_scene(np.random.default_rng(at), 256).image))) for at in range(4)]
    found = [one.look_at_tiles(views, ["the ships"] * 4, drop_below=0.3) for one in (nano, other)]
    assert [one is None for one in found[0]] == [one is None for one in found[1]]
    assert any(one is None for one in found[0])


def test_the_command_tells_what_it_cannot(
    exported: Callable[[str, str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = exported("nano", "onnx")
    from PIL import Image

    picture = tmp_path / "scene.png"
    Image.new("RGB", (64, 64)).save(picture)
    capsys.readouterr()
    for more, text in (
        (["--device", "cuda"], "device 'cuda': exported weights run on the cpu"),
        (["--precision", "bfloat16"], "precision 'bfloat16': ONNX Runtime runs these graphs in float32"),
        (["--runtime", "torch"], "runtime 'torch': "),
    ):
        assert main(["segment", str(picture), "a ship", "--weights", str(folder), *more]) == 2
        said = capsys.readouterr().err
        assert text in said and said.count("\n") == 1
    assert main(["export", "nano", str(folder), "--format", "onnx"]) == 2
    assert "holds an export already" in capsys.readouterr().err
    assert main(["info", str(folder)]) == 2
    assert main(["convert", str(folder), str(tmp_path / "back")]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_graphs_that_are_not_what_was_written(exported: Callable[[str, str], Path], tmp_path: Path) -> None:
    import shutil

    from rs2sam2.checkpoints.checksums import file_crc32
    from rs2sam2.errors import WeightsError

    folder = shutil.copytree(exported("nano", "onnx"), tmp_path / "nano")
    graph, settings = folder / "look.onnx", folder / "config.json"
    whole, said = graph.read_bytes(), json.loads(settings.read_text())
    flipped = whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:]
    for damaged in (whole[: len(whole) // 2], whole[:-1], flipped, b""):
        graph.write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"look\.onnx: damaged"):
            Segmenter.from_pretrained(folder)
    # A stranger who makes the checksums fit gets no further.
    for stranger in (whole[: len(whole) // 2], b"", b"nothing of the kind", (folder / "read.onnx").read_bytes()):
        graph.write_bytes(stranger)
        said["export"]["files"]["look.onnx"] = file_crc32(graph)
        settings.write_text(json.dumps(said))
        for runtime in ("onnx", "openvino"):
            with pytest.raises(WeightsError, match=r"look\.onnx: "):
                Segmenter.from_pretrained(folder, runtime=runtime)
    graph.unlink()
    with pytest.raises(WeightsError, match=r"look\.onnx: cannot be read"):
        Segmenter.from_pretrained(folder)


@pytest.mark.parametrize("place", ["../secret.bin", "{folder}/secret.bin"])
def test_a_graph_reads_no_file_outside_its_folder(tmp_path: Path, place: str) -> None:
    """ONNX may name files that hold its weights."""
    from onnx import TensorProto, helper

    from rs2sam2.errors import WeightsError
    from rs2sam2.export import onnx, openvino

    (tmp_path / "graphs").mkdir()
    (tmp_path / "secret.bin").write_bytes(b"\0" * 16)
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", place.format(folder=tmp_path)), ("offset", "0"), ("length", "16")):
        weights.external_data.add(key=key, value=value)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "graph", ends[:1], ends[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    path = tmp_path / "graphs" / "read.onnx"
    path.write_bytes(model.SerializeToString())
    for runtime in (onnx, openvino):
        with pytest.raises(WeightsError, match=r"read\.onnx: .* cannot open it \(.*\): export it again"):
            runtime.open_session(path)
