"""Scenes out of STAC documents (https://stacspec.org): items, item collections, collections and static catalogues.

Documents are a stranger's: they end in size, number and time, and what comes from the network leads to no file here.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from rs2sam2.errors import DataError, printable
from rs2sam2.inference.batch.fetch import read_json
from rs2sam2.inference.batch.scenes import Scene
from rs2sam2.inference.extras import require_geo
from rs2sam2.inference.raster.address import DRIVERS, is_remote, suffix_of

if TYPE_CHECKING:
    from pystac import Asset, Item

MOST_DOCUMENTS = 100_000
_DOWN = ("child", "item")
_ONWARD = "next"  # the next page of an item collection
_LOOKED_AT = ("visual", "data")
_NOT_MEANT = frozenset({"thumbnail", "overview", "metadata"})


def stac_scenes(place: str, asset: str | None) -> Iterator[Scene]:
    """The scenes of a document and of all that it links to, in the documents' order.

    Args:
        place: a path or an http(s) address.
        asset: the key of the assets that are meant; None takes the one called or said to be `visual`, else the first
            raster that is said to be `data`, else the only raster.

    Raises:
        DataError: if a document cannot be read or is no STAC, or an item has no such asset.
        MissingExtraError: if the extra 'geo' is not installed.
    """
    require_geo("reading STAC")
    waiting, seen = [place], {place}
    while waiting:
        at = waiting.pop()
        document = read_json(at)
        if document.get("type") == "Feature":
            yield _scene(document, at, at, asset)
            continue
        for feature in _objects(document.get("features")):
            yield _scene(feature, _own_place(feature, at), at, asset)
        links = [link for link in _objects(document.get("links")) if link.get("rel") in (*_DOWN, _ONWARD)]
        if not links and "features" not in document and document.get("type") not in {"Catalog", "Collection"}:
            raise DataError(f"{printable(at)}: no STAC item, collection or catalogue: check what it is")
        onward = [_resolved(link.get("href"), at) for link in links if link.get("method", "GET") == "GET"]
        fresh = [next_place for next_place in dict.fromkeys(onward) if next_place not in seen]
        seen.update(fresh)
        if len(seen) > MOST_DOCUMENTS:
            raise DataError(f"{printable(place)}: leads to more than {MOST_DOCUMENTS} documents: give a part of it")
        waiting += reversed(fresh)


def _scene(feature: dict[str, Any], base: str, document: str, asset: str | None) -> Scene:
    import pystac

    try:
        # Not migrated to a newer version: that may fetch what the document names.
        item = pystac.Item.from_dict(feature, href=base, migrate=False, preserve_dict=False)
        meant = _meant(item, asset)
    except DataError:
        raise
    except Exception as error:  # pystac trusts its input, and a stranger's breaks it anywhere
        name = printable(str(feature.get("id"))[:80])
        raise DataError(f"{printable(document)}: item {name!r} is no STAC item ({error!r}): leave it out") from error
    source = _resolved(meant.href, base)
    if suffix_of(source) == ".vrt":
        raise DataError(f"{printable(source)}: a .vrt may name any other file: give it by its own name")
    return Scene(source, base, None if item.datetime is None else item.datetime.isoformat())


def _meant(item: "Item", asset: str | None) -> "Asset":
    if asset is not None:
        if asset not in item.assets:
            there = ", ".join(printable(name) for name in list(item.assets)[:12])
            raise DataError(f"item {printable(item.id)!r} has no asset {asset!r}: it has {there}")
        return item.assets[asset]
    rasters = {
        name: found
        for name, found in item.assets.items()
        if suffix_of(found.href) in DRIVERS and not _NOT_MEANT & set(found.roles or ())
    }
    for wanted in _LOOKED_AT:
        for name, found in rasters.items():
            if name == wanted or wanted in (found.roles or ()):
                return found
    if len(rasters) == 1:
        return next(iter(rasters.values()))
    names = ", ".join(map(printable, rasters)) or "none"
    raise DataError(f"item {printable(item.id)!r}: which asset is meant? --asset NAME; its rasters: {names}")


def _own_place(feature: dict[str, Any], document: str) -> str:
    """Where an item of an item collection has its own document, which its relative addresses start from."""
    for link in _objects(feature.get("links")):
        if link.get("rel") == "self" and is_remote(document) and is_remote(str(link.get("href"))):
            return str(link["href"])
    return document


def _resolved(href: object, base: str) -> str:
    """Where a link leads.

    Raises:
        DataError: if that is neither an http(s) address nor, from a file, a path.
    """
    if not isinstance(href, str) or not href or "\0" in href:
        raise DataError(f"{printable(base)}: links to {printable(repr(href)[:80])}, which is no address: mend it")
    if is_remote(base):
        href = urljoin(base, href)
    if is_remote(href):
        return href
    scheme = urlsplit(href).scheme
    if is_remote(base) or scheme not in {"", "file"}:
        raise DataError(
            f"{printable(base)}: leads to {printable(href[:200])}: only http(s) can be followed, and paths from a file"
        )
    path = unquote(urlsplit(href).path) if scheme == "file" else href
    return os.path.normpath(os.path.join(os.path.dirname(base), path))  # noqa: PTH118, PTH120 - '..' without symlinks


def _objects(values: object) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
