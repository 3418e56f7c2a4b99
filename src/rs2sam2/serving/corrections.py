"""Masks that people have corrected and want to keep: one JSON file and one PNG each, in a folder."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from rs2sam2.data.coco_masks import encode_mask
from rs2sam2.errors import ConfigError, DataError
from rs2sam2.files import whole_file
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.segmentation import Segmentation
from rs2sam2.serving.refusals import Refusal

MOST = 10_000
FORMAT = "rs2sam2.correction/1"


@dataclass(frozen=True)
class Correction:
    """A mask that is kept.

    Attributes:
        id: from the scene's pixels and the expression: the same again takes its place.
        image: id of the image.
        name: of the image, for people.
        scene: checksum of the scene's pixels, and the name of its PNG file.
        window: (x0, y0, x1, y1) in the image.
        expression: what means the mask.
        category: what it is called, in the singular.
        area_px: pixels in the mask; 0 for "this is not there".
        mask: COCO's compressed run lengths.
    """

    id: str
    image: str
    name: str
    scene: str
    window: tuple[int, int, int, int]
    expression: str
    category: str
    area_px: int
    mask: Mapping[str, Any]


class Corrections:
    """All of them; what lies in the folder already is theirs, too."""

    def __init__(self, folder: Path) -> None:
        """Keep them in a folder, which is made if need be.

        Raises:
            ConfigError: it cannot be.
            DataError: a file there is none of theirs.
        """
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"--keep {folder}: cannot be made ({error.strerror}): give another folder") from error
        self._lock = Lock()
        self._kept = {one.id: one for one in map(_read, sorted(folder.glob("c-*.json")))}

    def all(self) -> list[Correction]:
        """In the order in which they were kept."""
        with self._lock:
            return list(self._kept.values())

    def keep(
        self, image_id: str, name: str, image: RasterImage, answer: Segmentation, category: str
    ) -> tuple[Correction, int]:
        """Keep a mask, and the pixels that it was made on.

        Returns:
            What is kept, and how many there are now.

        Raises:
            Refusal: there are too many (413).
        """
        scene = sha256(image.pixels.tobytes()).hexdigest()[:24]
        identifier = "c-" + sha256(f"{scene}|{answer.expression}".encode(errors="surrogatepass")).hexdigest()[:24]
        x0, y0 = answer.origin
        kept = Correction(
            id=identifier,
            image=image_id,
            name=name,
            scene=scene,
            window=(x0, y0, x0 + image.width, y0 + image.height),
            expression=answer.expression,
            category=category,
            area_px=answer.area_px,
            mask=encode_mask(answer.mask, "rs2sam2 serve"),
        )
        with self._lock:
            if len(self._kept) >= MOST and identifier not in self._kept:
                raise Refusal(413, f"{MOST} masks are kept already: take the data set away and remove some")
            picture = self.picture(kept)
            if not picture.is_file():
                with whole_file(picture) as path:
                    Image.fromarray(image.pixels).save(path, "PNG")
            with whole_file(self._record(kept)) as path:
                path.write_text(json.dumps({"format": FORMAT} | asdict(kept), ensure_ascii=False), encoding="utf-8")
            self._kept[identifier] = kept
            return kept, len(self._kept)

    def remove(self, identifier: str) -> None:
        """Forget one.

        Raises:
            Refusal: there is none (404).
        """
        with self._lock:
            if identifier not in self._kept:
                raise Refusal(404, "there is no such mask")
            gone = self._kept.pop(identifier)
            self._record(gone).unlink(missing_ok=True)
            if all(one.scene != gone.scene for one in self._kept.values()):
                self.picture(gone).unlink(missing_ok=True)

    def picture(self, kept: Correction) -> Path:
        """The PNG file of a correction's scene."""
        return self.folder / f"{kept.scene}.png"

    def _record(self, kept: Correction) -> Path:
        return self.folder / f"{kept.id}.json"


def _read(path: Path) -> Correction:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            raise ValueError("another format")
        values["window"] = tuple(values["window"])
        found = Correction(**values)
        if not (path.stem == found.id and np.prod(found.mask["size"]) > 0 and found.scene.isalnum()):
            raise ValueError("values that do not fit")
        return found
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: no mask that rs2sam2 serve has kept ({error}): move it elsewhere") from error
