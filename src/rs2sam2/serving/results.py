"""What the model found, kept for other thresholds and for exports: small arrays, no masks.

A result's id is a checksum of the question: the same one asked again finds its answer here.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock

from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.segmentation import Segmentation
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.serving.library import Item
from rs2sam2.serving.model import Look, Question
from rs2sam2.serving.picture import Picture
from rs2sam2.serving.places import Window
from rs2sam2.serving.refusals import Refusal

_BYTES = 256 << 20


@dataclass(frozen=True)
class Result:
    """An answered question.

    Attributes:
        id: see `result_id`.
        item: the image that it is about.
        picture: of it.
        window: of the picture.
        question: in pixels of the window.
        looks: for each expression.
    """

    id: str
    item: Item
    picture: Picture
    window: Window
    question: Question
    looks: Sequence[Look]

    @property
    def size(self) -> int:
        """Bytes."""
        tensors = (tensor for look in self.looks for tensor in vars(look).values() if tensor is not None)
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def answers(self, segmenter: Segmenter, threshold: float | None) -> tuple[RasterImage, list[Segmentation]]:
        """The scene, and its answers cut at a threshold; None is the weights' own.

        Raises:
            Refusal: the image is not there any more (404).
        """
        image = self.picture.read(self.window)
        asked = zip(self.question.expressions, self.looks, strict=True)
        origin = self.window[:2]
        prompts = self.question.prompts
        return image, [
            segmenter.answer(image, text, look, threshold, origin=origin, prompts=prompts) for text, look in asked
        ]


def result_id(item: Item, window: Window, question: Question) -> str:
    """What names a question and its answer."""
    return sha256(repr((str(item.target), window, question)).encode(errors="surrogatepass")).hexdigest()[:32]


class Results:
    """The last ones that were used."""

    def __init__(self, most: int) -> None:
        """Keep so many, or fewer if they are large."""
        self._most = most
        self._kept: OrderedDict[str, Result] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def get(self, identifier: str) -> Result | None:
        """The result of this id; it counts as used. None if there is none, or its image is gone."""
        with self._lock:
            found = self._kept.get(identifier)
            if found is not None and not found.picture.path.is_file():
                self._drop(identifier)
                return None
            if found is not None:
                self._kept.move_to_end(identifier)
            return found

    def find(self, identifier: str) -> Result:
        """As `get`.

        Raises:
            Refusal: there is none (404).
        """
        found = self.get(identifier)
        if found is None:
            raise Refusal(404, "there is no such result, or not any more: ask again")
        return found

    def keep(self, result: Result) -> None:
        """Keep one more."""
        with self._lock:
            if result.id in self._kept:
                self._drop(result.id)
            self._kept[result.id] = result
            self._size += result.size
            while len(self._kept) > 1 and (len(self._kept) > self._most or self._size > _BYTES):
                self._drop(next(iter(self._kept)))

    def remove(self, identifier: str) -> None:
        """Forget one.

        Raises:
            Refusal: there is none (404).
        """
        with self._lock:
            if identifier not in self._kept:
                raise Refusal(404, "there is no such result")
            self._drop(identifier)

    def _drop(self, identifier: str) -> None:
        self._size -= self._kept.pop(identifier).size
