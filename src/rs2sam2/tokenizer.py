"""Words in: a SentencePiece model with the ids of XLM-R, as BEiT-3 reads them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import sentencepiece
import torch
from torch import Tensor

from rs2sam2.config import PAD_ID
from rs2sam2.errors import ExpressionError, WeightsError

BEGIN_ID, END_ID, UNKNOWN_ID = 0, 2, PAD_ID
# XLM-R moves SentencePiece's ids up by one; piece 0, "unknown", becomes 3, which BEiT-3 uses as padding too.
_OFFSET = 1


class Tokenizer:
    """Text to ids. Text that looks like a control token ("<s>") is text: no special token is ever read from it."""

    def __init__(self, model_proto: bytes, max_tokens: int) -> None:
        """Take a serialised SentencePiece model and the longest sentence, in tokens with both markers.

        Raises:
            WeightsError: if the bytes are no SentencePiece model.
        """
        self.model_proto, self.max_tokens = model_proto, max_tokens
        self._pieces = sentencepiece.SentencePieceProcessor()
        try:
            # Not through the constructor, which takes no bytes for no model at all, and fails only when it is used.
            self._pieces.LoadFromSerializedProto(model_proto)
        except RuntimeError as error:
            raise WeightsError(f"the tokenizer file is no SentencePiece model ({len(model_proto)} bytes)") from error

    @classmethod
    def from_file(cls, path: Path | str, max_tokens: int = 1022) -> Self:
        """Read a `.spm` or `.model` file.

        Raises:
            WeightsError: if it is missing or no SentencePiece model.
        """
        try:
            return cls(Path(path).read_bytes(), max_tokens)
        except OSError as error:
            raise WeightsError(f"{path}: cannot read the tokenizer: {error.strerror}") from error

    @property
    def vocab_size(self) -> int:
        """Ids run from 0 to one below this."""
        return int(self._pieces.get_piece_size()) + _OFFSET

    @property
    def sha256(self) -> str:
        """Checksum of the SentencePiece model."""
        return hashlib.sha256(self.model_proto).hexdigest()

    def encode(self, text: str) -> list[int]:
        """Ids of a text between its two markers; a text of nothing but blanks gives the markers alone."""
        pieces: list[int] = self._pieces.encode(text)
        return [BEGIN_ID, *(piece + _OFFSET if piece else UNKNOWN_ID for piece in pieces), END_ID]

    def batch(self, expressions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Several expressions side by side, padded at the end.

        Returns:
            input_ids (B, L) int64 and attention_mask (B, L) bool, True within each sentence.

        Raises:
            ExpressionError: if one is blank, or longer than `max_tokens`.
        """
        rows = [self._checked(expression) for expression in expressions]
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), PAD_ID)
        mask = torch.zeros(len(rows), longest, dtype=torch.bool)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = torch.tensor(row)
            mask[index, : len(row)] = True
        return ids, mask

    def save(self, path: Path) -> None:
        """Write the SentencePiece model."""
        path.write_bytes(self.model_proto)

    def _checked(self, expression: str) -> list[int]:
        try:
            expression.encode()
        except UnicodeEncodeError as error:
            raise ExpressionError(f"the expression {expression[:40]!r} is no Unicode text: type it again") from error
        ids = self.encode(expression)
        if len(ids) == 2:  # the markers alone; Python's idea of blanks has no zero-width characters
            raise ExpressionError(f"the expression {expression[:40]!r} is blank: say what to look for")
        if len(ids) > self.max_tokens:
            raise ExpressionError(
                f"the expression has {len(ids)} tokens, the model reads {self.max_tokens}: shorten "
                f"{expression[:40]!r}..."
            )
        return ids
