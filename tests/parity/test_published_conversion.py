"""The golden model, in the folders that people download: converted, it answers what the published code answered."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from seeded import seeded_inputs, seeded_weight
from torch import Tensor

from rs2sam2.checkpoints.convert import convert
from rs2sam2.checkpoints.native import load
from tiny import relative_error

GOLDEN = Path(__file__).parent / "golden"
DESCRIPTION = json.loads((GOLDEN / "published_small.json").read_text())
SEED, TOKENS = DESCRIPTION["config"]["seeds"][0], DESCRIPTION["config"]["lens"][0]


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return {name: seeded_weight(name, tuple(shape)) for name, shape in DESCRIPTION["keys"].items()}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder without weights; half a gigabyte is not kept when the test is over."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "config.json").write_text(json.dumps(DESCRIPTION["config"]))
    shutil.copy(GOLDEN / "tiny.spm", tmp_path / "theirs" / "sentencepiece.bpe.model")
    yield tmp_path / "theirs"
    shutil.rmtree(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "shards", "dtype", "tolerance"),
    [
        pytest.param("safetensors", 1, torch.float32, 1e-5, id="safetensors-float32"),
        pytest.param("bin", 2, torch.float32, 1e-5, id="bin-in-shards-float32"),
        pytest.param("bin", 1, torch.float16, 1e-2, id="bin-float16"),
        pytest.param("safetensors", 2, torch.bfloat16, 1e-1, id="safetensors-in-shards-bfloat16"),
    ],
)
def test_converted_answers_as_published(
    folder: Path, state: dict[str, Tensor], suffix: str, shards: int, dtype: torch.dtype, tolerance: float
) -> None:
    stem = "model" if suffix == "safetensors" else "pytorch_model"
    placed = {}
    for shard in range(shards):
        file = f"{stem}.{suffix}" if shards == 1 else f"{stem}-{shard + 1:05}-of-{shards:05}.{suffix}"
        part = {name: state[name].to(dtype) for name in sorted(state)[shard::shards]}
        placed |= dict.fromkeys(part, file)
        save_file(part, folder / file) if suffix == "safetensors" else torch.save(part, folder / file)
    if shards > 1:
        (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps({"weight_map": placed}))
    convert(folder, folder.parent / "ours")

    model = load(folder.parent / "ours").model
    assert model.config.hiera.stages == tuple(DESCRIPTION["config"]["hiera"]["stages"])
    assert model.config.union_encoder.depth == DESCRIPTION["config"]["layers"]
    image, union_image, ids = seeded_inputs(SEED, TOKENS)
    with torch.inference_mode():
        found = model(image, union_image, ids, torch.ones_like(ids, dtype=torch.bool)).mask_logits
    expected = load_file(GOLDEN / "published_small.safetensors")[f"case{SEED}.low_res_logits"]
    assert relative_error(found, expected) <= tolerance
    assert ((found > 0.5) == (expected > 0.5)).float().mean() > 0.99
