"""Where a raster is, and which of GDAL's formats it may be. Needs the optional 'geo' dependencies."""

from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from rs2sam2.errors import ImageError

DRIVERS = {
    ".tif": "GTiff",
    ".tiff": "GTiff",
    ".vrt": "VRT",
    ".jp2": "JP2OpenJPEG",
    ".j2k": "JP2OpenJPEG",
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".img": "HFA",
}
"""By suffix: by content a file could be any of GDAL's formats, some of which fetch or run what they name."""

REMOTE = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # neighbours of a remote file are not asked for
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "GDAL_HTTP_CONNECTTIMEOUT": "20",
    "GDAL_HTTP_LOW_SPEED_TIME": "60",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1",
}
"""Settings of GDAL for what is read over the network."""


def is_remote(source: str | Path) -> bool:
    """Whether this is an http(s) address."""
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


def suffix_of(source: str | Path) -> str:
    """In lower case, with its dot; an address's query does not count."""
    path = urlsplit(str(source)).path if is_remote(source) else str(source)
    return PurePosixPath(path).suffix.lower()


def gdal_name(source: str | Path) -> tuple[str, str]:
    """GDAL's name of a path or address, and the driver that may open it.

    Raises:
        ImageError: if the suffix is none of `DRIVERS`, or there is no such file.
    """
    suffix = suffix_of(source)
    if suffix not in DRIVERS:
        raise ImageError(f"{source}: cannot be read as a large raster: give {', '.join(DRIVERS)}")
    if is_remote(source):
        return f"/vsicurl/{source}", DRIVERS[suffix]
    path = Path(source)
    try:
        found = path.is_file()
    except (OSError, ValueError):
        found = False
    if not found:
        raise ImageError(f"{source}: there is no such file: check the path")
    return str(path.resolve()), DRIVERS[suffix]
