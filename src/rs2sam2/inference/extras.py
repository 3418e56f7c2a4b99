"""Whether the optional dependencies 'geo' and 'notebook' are here."""

from importlib.util import find_spec

from rs2sam2.errors import MissingExtraError

_GEO = ("rasterio", "shapely", "pyproj", "pyogrio", "pyarrow")
_NOTEBOOK = ("matplotlib", "anywidget", "traitlets")


def has_geo() -> bool:
    """True where every package of the extra 'geo' can be imported."""
    return all(find_spec(name) is not None for name in _GEO)


def require_geo(capability: str) -> None:
    """Refuse a `capability` that needs the extra 'geo'.

    Raises:
        MissingExtraError: if it is not installed.
    """
    if not has_geo():
        raise MissingExtraError(capability, "geo")


def require_notebook(capability: str) -> None:
    """Refuse a `capability` that needs the extra 'notebook'.

    Raises:
        MissingExtraError: if it is not installed.
    """
    if any(find_spec(name) is None for name in _NOTEBOOK):
        raise MissingExtraError(capability, "notebook")
