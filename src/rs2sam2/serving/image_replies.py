"""Images in answers."""

from rs2sam2.serving.library import Item, Library
from rs2sam2.serving.picture import BLOCK, Picture
from rs2sam2.serving.schemas import ImageReply, Tiles, TileSets
from rs2sam2.serving.tiles import LOWEST_ZOOM, pixel_zoom


def image_reply(library: Library, item: Item) -> ImageReply:
    """What is known of an image at this time; nothing is opened for it."""
    state, preparation = library.state(item)
    failure = preparation.future.exception() if preparation is not None and state == "failed" else None
    reply = ImageReply(
        id=item.id,
        name=item.name,
        kind=item.kind,
        state=state,
        progress=1.0 if state == "ready" else 0.0 if preparation is None else preparation.progress,
        error=None if failure is None else str(failure),
    )
    if state != "ready" or preparation is None:
        return reply
    picture = preparation.future.result()
    return reply.model_copy(
        update={
            "width": picture.width,
            "height": picture.height,
            "bands": picture.bands,
            "dtype": picture.dtype,
            "crs": crs_name(picture),
            "transform": None if picture.transform is None else list(picture.transform[:6]),
            "bounds": None if picture.bounds is None else list(picture.bounds),
            "metres_per_pixel": picture.metres,
            "tiles": tile_sets(picture, f"/v1/images/{item.id}/tiles", f"?v={item.version}"),
        }
    )


def tile_sets(picture: Picture, base: str, query: str) -> TileSets:
    """Where the tiles of a picture, or of something on its grid, are."""
    zoom = pixel_zoom(picture.width, picture.height)
    pixels = Tiles(
        url=f"{base}/pixels/{{z}}/{{x}}/{{y}}.png{query}", minzoom=LOWEST_ZOOM, maxzoom=zoom, tile_size=BLOCK
    )
    if picture.zooms is None:
        return TileSets(pixels=pixels, mercator=None)
    low, high = picture.zooms
    url = f"{base}/mercator/{{z}}/{{x}}/{{y}}.png{query}"
    return TileSets(pixels=pixels, mercator=Tiles(url=url, minzoom=low, maxzoom=high, tile_size=BLOCK))


def crs_name(picture: Picture) -> str | None:
    """As in EPSG:32617, or WKT; None without a CRS."""
    return None if picture.crs is None else str(picture.crs.to_string())
