"""`rs2sam2 bench step`: it takes the step that it reports."""

import json

import pytest

from rs2sam2.bench.step import measure
from rs2sam2.bench.step_page import computed, most_held
from rs2sam2.cli import main
from rs2sam2.errors import DataError, Rs2Sam2Error
from tiny import tiny_config


@pytest.mark.parametrize("checkpointing", [True, False])
def test_parts_can_be_counted(checkpointing):
    found = measure(tiny_config(), mixed=False, checkpointing=checkpointing, seed=1)
    size = found["bytes"]
    assert size["parameters"] == 4 * found["parameters"] and size["gradients"] == 4 * found["trained"]
    assert 0 < found["trained"] < found["parameters"], "the trunk is frozen"
    moments = size["optimiser"] - 2 * size["gradients"]
    assert 0 < moments < 4000, "AdamW keeps two numbers for each that is trained, and counts steps"
    peaks = [phase["peak"] for phase in found["phases"].values()]
    assert list(found["phases"]) == ["build", "forward", "backward", "optimiser"]
    assert peaks == sorted(peaks) and peaks[-1] > size["parameters"] + size["gradients"] + size["optimiser"]
    assert all(phase["seconds"] > 0 and phase["after"] <= phase["peak"] for phase in found["phases"].values())


def test_checkpointing_changes_memory_alone():
    loss = {measure(tiny_config(), mixed=False, checkpointing=on, seed=1)["loss"] for on in (True, False)}
    assert len(loss) == 1
    assert measure(tiny_config(), mixed=False, checkpointing=True, seed=2)["loss"] not in loss


def test_a_loss_that_is_no_number_is_one_line(monkeypatch):
    monkeypatch.setattr("rs2sam2.bench.step._sample", _spoilt)
    with pytest.raises(Rs2Sam2Error, match="the loss of seed 1 is nan"):
        measure(tiny_config(), mixed=False, checkpointing=False, seed=1)


def _spoilt(config, seed):
    from rs2sam2.bench.load_seeded import seeded_inputs

    image, union_image, ids = seeded_inputs(config, seed)
    spoilt = image * float("nan")
    return _Sample(spoilt, union_image, ids)


class _Sample:
    def __init__(self, image, union_image, ids):
        self.image, self.union_image, self.input_ids = image, union_image, ids
        self.attention_mask, self.mask = ids >= 0, image[:, 0] > 0


def test_the_command(tmp_path, capsys):
    path = tmp_path / "step.json"
    assert main(["bench", "step", "--preset", "nano", "--image-size", "64", "--float32", "-o", str(path)]) == 0
    values = json.loads(path.read_text())
    assert (values["image_size"], values["precision"], values["activation_checkpointing"]) == (64, "float32", True)
    assert "--preset nano --image-size 64 --float32" in values["run"]["command"]
    assert main(["bench", "step", "--preset", "nano", "--image-size", "63"]) == 2
    assert "no multiple of 32" in capsys.readouterr().err


def test_the_documentation_s_page_is_made_from_its_figures_and_the_estimate_is_near(root, tmp_path, capsys):
    numbers = root / "docs/numbers/step.json"
    written = tmp_path / "step.md"
    assert main(["bench", "step", "--render", str(numbers), "-o", str(written)]) == 0
    assert (root / "docs/train_step.md").read_text() == written.read_text()
    report, planned = (json.loads((root / f"docs/numbers/{name}.json").read_text()) for name in ("step", "train_plan"))
    assert (report["model"], report["image_size"]) == ("large", 1024)
    estimate = computed(report, planned)
    assert sum(estimate.values()) == pytest.approx(most_held(report), rel=0.15)
    assert all(estimate[part] == pytest.approx(report["bytes"][part], rel=0.001) for part in report["bytes"])
    with pytest.raises(DataError, match="no plan of this very step"):
        computed({**report, "image_size": 512}, planned)
    capsys.readouterr()
    broken = tmp_path / "step.json"
    broken.write_text(json.dumps({"format": report["format"]}))
    assert main(["bench", "step", "--render", str(broken)]) == 2
    (tmp_path / "train_plan.json").write_text(json.dumps(planned))
    assert main(["bench", "step", "--render", str(broken)]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2 and "train plan" in told[0] and "make it again with rs2sam2 bench step" in told[1]
