"""A weight folder with random weights: the path from words to files does not depend on what a model has learnt."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sentencepiece

from rs2sam2.checkpoints import native
from rs2sam2.config import Decision
from rs2sam2.inference.segmentation import Segmentation, Weights
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.tokenizer import Tokenizer
from tiny import tiny_config, tiny_model

SENTENCES = [
    f"the {size} {colour} {thing} at the {place}"
    for size in ("large", "small", "smallest")
    for colour in ("blue", "white", "red", "green")
    for thing in ("building", "ship", "aircraft", "swimming pool", "tennis court")
    for place in ("lower right", "upper left", "top", "bottom", "middle")
]
WEIGHTS = Weights("nano", "ab" * 32, "Apache-2.0")


@pytest.fixture(scope="session")
def weights_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=trained,
        vocab_size=400,
        byte_fallback=True,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    tokenizer = Tokenizer(trained.getvalue(), 64)
    words = replace(tiny_config().union_encoder, vocab_size=tokenizer.vocab_size, max_text_tokens=64)
    model = tiny_model(union_encoder=words)
    provenance = {"languages": ["en"], "license": "Apache-2.0", "vocabulary": sorted(set(" ".join(SENTENCES).split()))}
    decision = Decision(mask_threshold=0.27, presence="mask", presence_threshold=0.1)
    native.save(folder, model, tokenizer, decision, provenance, "A model for tests.\n")
    return folder


@pytest.fixture(scope="session")
def segmenter(weights_folder: Path) -> Segmenter:
    return Segmenter.from_pretrained(weights_folder, device="cpu")


@pytest.fixture
def answer() -> Callable[..., Segmentation]:
    """Make an answer of a mask."""

    def make(mask: np.ndarray, expression: str = "the white building", **more: object) -> Segmentation:
        values = {
            "expression": expression,
            "mask": mask,
            "probability": mask.astype(np.float32) * np.float32(0.9),
            "present": bool(mask.any()),
            "p_present": 0.9,
            "predicted_iou": 0.8,
            "weights": WEIGHTS,
        }
        return Segmentation(**(values | more))

    return make
