"""Static STAC for tests, written as other people's tools write it."""

import json
from pathlib import Path
from typing import Any


def item(
    name: str, href: str, *, key: str = "visual", roles: tuple[str, ...] = ("data",), **more: Any
) -> dict[str, Any]:
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "geometry": None,
        "properties": {"datetime": "2020-05-01T10:00:00Z"},
        "links": [],
        "assets": {
            key: {"href": href, "type": "image/tiff; application=geotiff", "roles": list(roles)},
            "thumbnail": {"href": "small.png", "roles": ["thumbnail"]},
        },
    }


def catalogue(kind: str, links: list[tuple[str, str]]) -> dict[str, Any]:
    """`kind` is Catalog or Collection; links are (rel, href)."""
    found = {"type": kind, "stac_version": "1.0.0", "id": "c", "description": "of tests"}
    return found | {"links": [{"rel": rel, "href": href} for rel, href in links]}


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def served_catalogue(folder: Path, names: list[str]) -> None:
    """catalog.json -> collection/collection.json -> items/<name>/<name>.json -> ../../cogs/<name>.tif, and back up."""
    write(
        folder / "catalog.json",
        catalogue("Catalog", [("self", "./catalog.json"), ("child", "./collection/collection.json")]),
    )
    links = [("root", "../catalog.json"), ("parent", "../catalog.json"), ("child", "../catalog.json")]
    links += [("item", f"../items/{name}/{name}.json") for name in names]
    write(folder / "collection" / "collection.json", catalogue("Collection", links))
    for name in names:
        write(folder / "items" / name / f"{name}.json", item(name, f"../../cogs/{name}.tif"))
