"""Pictures from COCO instances: a JSON file, and the folder of images that it names."""

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rs2sam2.data.building.names import UNKNOWN, nouns
from rs2sam2.data.building.picture import Footprint, Picture
from rs2sam2.data.coco_masks import decode_segmentation
from rs2sam2.data.pixels import read_rgb, read_size
from rs2sam2.data.places import PlacePattern
from rs2sam2.data.reading import inside, read_json
from rs2sam2.errors import DataError, ImageError
from rs2sam2.files import file_sha256

# Of an object that touches the border nobody knows how much lies beyond: enough not to call it whole.
_BEYOND_BORDER = 1.05
# A longer contact with the border, in roots of the area, is a cut: what is left may be a sliver of the object.
_LONGEST_CONTACT = 1.3
_LISTED = 3


@dataclass(frozen=True)
class _CocoPicture:
    """An image with its annotations; see `Picture`."""

    name: str
    place: str
    path: Path
    height: int
    width: int
    where: str
    annotations: Sequence[Mapping[str, Any]]
    noun_of: Mapping[Any, str | None]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def read(self) -> tuple[NDArray[np.uint8], list[Footprint]] | None:
        pixels = read_rgb(self.path)
        found = (self._footprint(annotation) for annotation in self.annotations)
        footprints = [footprint for footprint in found if footprint is not None]
        return (pixels, footprints) if footprints else None

    def write(self, path: Path, pixels: NDArray[np.uint8]) -> None:
        shutil.copyfile(self.path, path)  # as it is: compressed once more, it would only get worse

    def _footprint(self, annotation: Mapping[str, Any]) -> Footprint | None:
        noun = self.noun_of[annotation.get("category_id")]
        if noun is None:
            return None
        try:
            mask = decode_segmentation(annotation.get("segmentation"), self.height, self.width)
            outlined = bool(mask.any())
            if not outlined:
                mask = self._box(annotation.get("bbox"))
        except DataError as error:
            raise DataError(f"{self.where}: annotation {annotation.get('id')}: {error}") from error
        if mask.shape != (self.height, self.width):
            raise DataError(
                f"{self.where}: annotation {annotation.get('id')}: its run lengths are of {mask.shape[1]} x "
                f"{mask.shape[0]} pixels, the image is {self.width} x {self.height}: mend the file"
            )
        contact = int(sum(rim.sum() for rim in (mask[0], mask[-1], mask[:, 0], mask[:, -1])))
        area = float(mask.sum()) * (_BEYOND_BORDER if contact else 1.0)
        # A crowd is several objects in one outline.
        referable = not annotation.get("iscrowd") and contact <= _LONGEST_CONTACT * area**0.5
        return Footprint.of(noun, mask, area, referable=referable, outlined=outlined)

    def _box(self, box: object) -> NDArray[np.bool_]:
        """The pixels of a box (x, y, width, height); none where there is no box."""
        mask = np.zeros((self.height, self.width), dtype=bool)
        if box:
            corners = np.asarray(box)
            if corners.shape != (4,) or corners.dtype.kind not in "iuf" or not np.isfinite(corners).all():
                raise DataError(f"its box {box!r} is not x, y, width, height: mend the file")
            x, y, width, height = corners.clip(0, max(self.height, self.width)).tolist()
            mask[int(y) : int(np.ceil(y + height)), int(x) : int(np.ceil(x + width))] = True
        return mask


class CocoSource:
    """See `Source`."""

    def __init__(self, instances: Path, images: Path, place_pattern: str | None, renamed: Mapping[str, str]) -> None:
        """Read the annotations, and look whether their images are there.

        Args:
            instances: JSON file with images, annotations and categories.
            images: folder of the images that it names.
            place_pattern: see `PlacePattern`; of the file names as the JSON file has them.
            renamed: see `nouns`.

        Raises:
            DataError: the file is no COCO file, has no segmentations, or names images that are not there.
            ConfigError: the pattern or the new names do not fit.
        """
        content = read_json(instances)
        self.notes: list[str] = []
        try:
            listed, annotations = content["images"], content["annotations"]
            if not all(isinstance(entry, dict) for entry in (*listed, *annotations)):
                raise TypeError("an entry is no object")
            noun_of = _nouns_by_id(content["categories"], annotations, renamed)
            by_image = _by_image(annotations, {image["id"] for image in listed}, instances)
            self._pictures = _pictures(listed, by_image, noun_of, instances, images, place_pattern)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{instances}: not COCO instances ({error!r}): needs images, annotations and categories"
            ) from error
        self.nouns: Sequence[str] = sorted({noun for noun in noun_of.values() if noun})
        self.record: Mapping[str, Any] = {"kind": "coco", "instances": instances.name, "sha256": file_sha256(instances)}
        boxes = sum(not annotation.get("segmentation") for annotation in annotations)
        if not annotations:
            raise DataError(f"{instances}: no annotations: nothing to speak of")
        if boxes == len(annotations):
            raise DataError(
                f"{instances}: none of the {boxes} annotations has a segmentation: masks cannot be made of boxes"
            )
        if boxes:
            self.notes.append(f"{boxes} objects have a box but no segmentation: no sentence means them")
        if bare := len(listed) - len(self._pictures):
            self.notes.append(f"{bare} images without objects were left out: nobody says that they were searched")

    def places(self) -> Mapping[str, int]:
        """Place -> number of objects."""
        counts: Counter[str] = Counter()
        for picture in self._pictures:
            counts[picture.place] += len(picture.annotations)
        return counts

    def pictures(self, split_of: Mapping[str, str]) -> Sequence[Picture]:
        """In the order of the file."""
        return self._pictures


def _nouns_by_id(
    categories: Iterable[Mapping[str, Any]], annotations: Iterable[Mapping[str, Any]], renamed: Mapping[str, str]
) -> dict[Any, str | None]:
    """Noun of each category id; None for what is left out. An annotation without a category is of unknown class."""
    names = {category["id"]: str(category["name"]) for category in categories}
    said = nouns((name for name in names.values()), renamed)
    by_id: dict[Any, str | None] = {number: said.get(name) for number, name in names.items()}
    unknown = {annotation.get("category_id") for annotation in annotations} - set(by_id)
    return by_id | dict.fromkeys(unknown, UNKNOWN)


def _by_image(
    annotations: Iterable[Mapping[str, Any]], known: set[Any], instances: Path
) -> dict[Any, list[Mapping[str, Any]]]:
    found = defaultdict(list)
    for annotation in annotations:
        if annotation["image_id"] not in known:
            raise DataError(
                f"{instances}: annotation {annotation.get('id')} is about image {annotation['image_id']!r}, which the "
                "file does not list: mend the file"
            )
        found[annotation["image_id"]].append(annotation)
    return found


def _pictures(
    listed: Sequence[Mapping[str, Any]],
    by_image: Mapping[Any, Sequence[Mapping[str, Any]]],
    noun_of: Mapping[Any, str | None],
    instances: Path,
    folder: Path,
    place_pattern: str | None,
) -> list[_CocoPicture]:
    """Images with objects; a copy of an image is at the image's place."""
    shown = [image for image in listed if by_image.get(image["id"])]
    paths = [inside(folder, str(image["file_name"])) for image in shown]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        examples = ", ".join(path.name for path in missing[:_LISTED])
        raise DataError(f"{folder}: {len(missing)} of {len(paths)} images are missing ({examples}): check the folder")
    place_of = PlacePattern(place_pattern)
    places = [place_of(str(image["file_name"])) for image in shown]
    names = _flat_names([str(image["file_name"]) for image in shown], instances)
    found = []
    for image, path, place, name in zip(shown, paths, _of_copies(paths, places), names, strict=True):
        size = image["height"], image["width"]
        try:
            there = read_size(path)
        except ImageError as error:
            raise DataError(f"{instances}: {error}") from error
        if size != there:
            raise DataError(
                f"{path}: {there[1]} x {there[0]} pixels, {instances.name} says {size[1]} x {size[0]}: mend the file"
            )
        found.append(_CocoPicture(name, place, path, *there, f"{instances}: {name}", by_image[image["id"]], noun_of))
    return found


def _flat_names(names: Sequence[str], instances: Path) -> list[str]:
    """File names without folders; two files cannot have one."""
    flat = ["_".join(Path(name).parts) for name in names]
    again = [name for name, times in Counter(flat).items() if times > 1]
    if again:
        raise DataError(f"{instances}: lists image {again[0]!r} more than once: mend the file")
    return flat


def _of_copies(paths: Sequence[Path], places: Sequence[str]) -> list[str]:
    """Places, with those of files joined that are the same byte by byte."""
    same_size = defaultdict(list)
    for number, path in enumerate(paths):
        same_size[path.stat().st_size].append(number)
    joined: dict[str, str] = {}

    def root(place: str) -> str:
        while place in joined:
            place = joined[place]
        return place

    for numbers in same_size.values():
        first: dict[str, int] = {}
        for number in numbers if len(numbers) > 1 else ():
            other = first.setdefault(file_sha256(paths[number]), number)
            one, two = sorted((root(places[number]), root(places[other])))
            if one != two:
                joined[two] = one
    return [root(place) for place in places]
