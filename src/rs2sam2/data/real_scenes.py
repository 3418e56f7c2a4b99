"""Real scenes with building outlines, read from the OAM-Ref set as instance maps with measured roof colours."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rs2sam2.data.coco_masks import decode_segmentation
from rs2sam2.data.pixels import read_rgb
from rs2sam2.data.reading import read_json
from rs2sam2.data.roof_colours import roof_colours
from rs2sam2.data.rrsisd import ANNOTATIONS, IMAGES
from rs2sam2.data.scene import Scene, Thing
from rs2sam2.data.unmapped_buildings import UNMAPPED_BUILDINGS
from rs2sam2.errors import DataError

BUILDING = 1
NEVER_SHOWN = frozenset({"aircraft", "ship", "storage tank", "tennis court", "basketball court", "swimming pool"})
# A box holds more than the roof.
IN_BOX_SHARE = 0.1


def load_scenes(root: str | Path, split: str) -> list[Scene]:
    """The ground of a split of OAM-Ref, once: whole mosaics, and windows only of mosaics that are not there as a whole.

    Args:
        root: folder `refer` of the set (holds `images` and `rrsisd`).
        split: "train" or "val".

    Returns:
        Scenes of class "building". Things that are not clearly roofs are rivals but not referable. One that the
        mosaic's border cuts is referable if another mosaic shows it as a clear roof, or its colours do. Buildings
        without an outline (`UNMAPPED_BUILDINGS`; known for "train" only) are rivals too.

    Raises:
        DataError: files are missing or lack what the layout asks for, or the split has no images.
        ImageError: an image is missing or damaged.
    """
    return list(_read(root, split, _whole_mosaics).values())


def scenes_by_image(root: str | Path, split: str) -> dict[str, Scene]:
    """Every image of a split of OAM-Ref, windows too, by file name; otherwise as `load_scenes`.

    Raises:
        DataError, ImageError: as `load_scenes`.
    """
    return _read(root, split, list)


def _read(
    root: str | Path, split: str, choose: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
) -> dict[str, Scene]:
    """Scenes of the chosen images of a split, by file name."""
    path = Path(root) / ANNOTATIONS / "instances.json"
    instances = read_json(path)
    try:
        images = choose([image for image in instances["images"] if image["split"] == split])
        buildings = defaultdict(list)
        for annotation in instances["annotations"]:
            if annotation["category_id"] == BUILDING:
                buildings[annotation["image_id"]].append(annotation)
        known = {building["source_id"] for found in buildings.values() for building in found if building["referable"]}
        scenes = {
            image["file_name"]: _scene(Path(root) / IMAGES, image, buildings[image["id"]], known) for image in images
        }
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: an image or annotation lacks what the layout asks for: {error!r}") from error
    if not scenes:
        raise DataError(f"{path}: no images in split {split!r}")
    return scenes


def _whole_mosaics(images: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Images that are whole mosaics, and those of mosaics that have no whole image."""
    largest: dict[str, int] = {}
    for image in images:
        largest[image["mosaic"]] = max(largest.get(image["mosaic"], 0), image["window"][2])
    return [image for image in images if image["window"][2] == largest[image["mosaic"]]]


def _is_roof(building: dict[str, Any], known: set[Any], maybe: frozenset[str]) -> bool:
    """Whether a building that the border cuts is a roof and no bare walls: seen elsewhere, or by its colours.

    Too little of it is seen to be meant alone, but "all buildings" means it too.
    """
    bare = {"green", "dark gray"} & maybe or not maybe
    return building["source_id"] in known or (building["visible"] < 0.6 and not bare)


def _scene(folder: Path, image: dict[str, Any], buildings: list[dict[str, Any]], known: set[Any]) -> Scene:
    pixels = read_rgb(folder / image["file_name"])
    height, width = pixels.shape[:2]
    labels = np.zeros((height, width), dtype=np.uint16)
    things: list[Thing] = []
    # Large ones first, so that an annexe drawn inside another outline stays visible.
    for building in sorted(buildings, key=lambda building: -building["area"]):
        mask = decode_segmentation(building["segmentation"], height, width)
        colours, maybe = roof_colours(pixels, mask)
        things.append(
            Thing(
                category="building",
                full_area=float(mask.sum() / max(building["visible"], 0.01)),
                colours=colours,
                maybe_colours=maybe,
                referable=building["referable"] or (building["truncated"] and _is_roof(building, known, maybe)),
            )
        )
        labels[mask] = len(things)
    left, upper = image["window"][:2]
    for x_from, y_from, x_to, y_to in UNMAPPED_BUILDINGS.get(image["mosaic"], ()):
        box = np.zeros((height, width), dtype=bool)
        box[max(y_from - upper, 0) : max(y_to - upper, 0), max(x_from - left, 0) : max(x_to - left, 0)] = True
        _, maybe = roof_colours(pixels, box, possible_share=IN_BOX_SHARE)
        full_area = float((x_to - x_from) * (y_to - y_from))
        things.append(Thing("building", full_area, maybe_colours=maybe, referable=False))
        labels[box & (labels == 0)] = len(things)
    return Scene(pixels, labels, tuple(things), NEVER_SHOWN)
