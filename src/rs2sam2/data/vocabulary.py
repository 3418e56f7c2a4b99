"""The project's own SentencePiece model: every word can be written in it (byte fallback), common ones in one piece.

It is trained on generated expressions, so that the words of the task are pieces of their own, and on the English prose
of Python's own documentation topics, so that other words fall into sensible parts.
"""

import re
from io import BytesIO
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import sentencepiece

from rs2sam2.data.absent_objects import ABSENT_OBJECTS
from rs2sam2.data.expressions import make_expressions
from rs2sam2.data.synthetic import render_scene
from rs2sam2.errors import OutputError
from rs2sam2.tokenizer import Tokenizer

PIECES = 4000
SCENES, EXPRESSIONS_PER_SCENE, SCENE_SIZE = 250, 16, 192


def ensure_tokenizer(path: Path, max_tokens: int = 64) -> Tokenizer:
    """The tokeniser at `path`, trained and written first if there is none.

    Raises:
        OutputError: if it has to be written and cannot be.
        WeightsError: if the file is no SentencePiece model.
    """
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(train_tokenizer())
        except OSError as error:
            raise OutputError(f"{path}: cannot write the tokenizer: {error.strerror}") from error
    return Tokenizer.from_file(path, max_tokens)


def train_tokenizer(pieces: int = PIECES, seed: int = 0) -> bytes:
    """A serialised SentencePiece model (unigram, byte fallback, case folded)."""
    model = BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_corpus(seed)),
        model_writer=model,
        vocab_size=pieces,
        model_type="unigram",
        byte_fallback=True,
        character_coverage=1.0,
        normalization_rule_name="nmt_nfkc_cf",
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def words(seed: int = 0) -> list[str]:
    """The lower-case words that generated expressions are made of, sorted."""
    return sorted({word for sentence in _expressions(seed) for word in re.findall(r"[a-z]+", sentence.lower())})


def _expressions(seed: int) -> list[str]:
    sentences = [f"the {name}" for name in ABSENT_OBJECTS for _ in range(10)]
    for index in range(SCENES):
        rng = np.random.default_rng([seed, index])
        made = make_expressions(render_scene(rng, SCENE_SIZE), rng, EXPRESSIONS_PER_SCENE)
        sentences += [expression.text for expression in made]
    return sentences


def _corpus(seed: int) -> list[str]:
    prose = [line.strip() for text in topics.values() for line in text.splitlines()]
    return _expressions(seed) + [line for line in prose if line.isascii() and len(line) > 20]
