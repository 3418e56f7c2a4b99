"""What the paper's training needs, of a few pixels and made by code: weights to start from, and a data set."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image

from rs2sam2.checkpoints import native
from rs2sam2.config import Decision, UnionEncoderConfig
from rs2sam2.tokenizer import Tokenizer
from tiny import tiny_model

CONFIGS = Path(__file__).parents[2] / "configs"
SPM = Path(__file__).parents[1] / "parity" / "golden" / "tiny.spm"
UNION = UnionEncoderConfig(
    embed_dim=32, depth=1, num_heads=4, ffn_dim=48, image_size=32, patch_size=8, vocab_size=1210, max_text_tokens=20
)
SIDE = 48
SENTENCES = ("the red roof", "the roof at the top left", "a large roof in the middle")


def write_weights(folder: Path) -> Path:
    """A weight folder as `rs2sam2 init` writes it: S = 64, U = 32."""
    provenance = {"source": "made for a test", "license": "Apache-2.0", "training_data": "nothing"}
    tokenizer = Tokenizer.from_file(SPM, UNION.max_text_tokens)
    model = tiny_model(union_encoder=UNION)
    native.save(folder, model, tokenizer, Decision(), provenance, "# A card\n", torch.float32)
    return folder


def write_refsegrs(root: Path, train: int = 4, val: int = 3) -> Path:
    """RefSegRS: one red square in each picture."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    number = 0
    for split, count in (("train", train), ("val", val)):
        lines = []
        for index in range(count):
            number += 1
            mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
            mask[4 : 24 + number, 4:24] = 255
            pixels = np.random.default_rng(number).integers(60, 90, (SIDE, SIDE, 3)).astype(np.uint8)
            pixels[mask > 0] = (200, 40, 40)
            Image.fromarray(pixels).save(root / f"images/{number}.tif")
            Image.fromarray(mask).save(root / f"masks/{number}.tif")
            lines.append(f"{number} {SENTENCES[index % len(SENTENCES)]}\n")
        (root / f"output_phrase_{split}.txt").write_text("".join(lines))
    return root


def small_recipes(folder: Path, train: int = 4) -> Callable[..., Path]:
    """What writes a recipe of the paper for the CPU, with weights and data of a few pixels: `run` names its folder."""
    weights, data = write_weights(folder / "init"), write_refsegrs(folder / "RefSegRS", train)

    def make(run: str, name: str = "refsegrs", **trainer: object) -> Path:
        recipe, place = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text()), str(folder / run)
        recipe["trainer"] |= {"accelerator": "cpu", "devices": 1, "strategy": "auto", "precision": "32-true"}
        recipe["trainer"] |= {"default_root_dir": place, "max_epochs": 2, "enable_progress_bar": False, **trainer}
        recipe["trainer"]["logger"] = recipe["trainer"]["logger"][:1]
        recipe["trainer"]["logger"][0]["init_args"] = {"save_dir": place, "name": "log"}
        for callback in recipe["trainer"]["callbacks"]:
            if "dirpath" in callback.get("init_args", {}):
                callback["init_args"]["dirpath"] = place
        if "export" in recipe:
            recipe["export"] = f"{place}/weights"
        recipe["model"]["init_from"] = str(weights)
        recipe["data"] |= {"dataset": "refsegrs", "root": str(data), "workers": 0}
        path = folder / f"{run}.yaml"
        path.write_text(yaml.safe_dump(recipe))
        return path

    return make
