"""Virtual rasters (VRT): XML files that tell GDAL to open other files. Only plain mosaics of local GeoTIFFs pass.

GDAL would follow a VRT anywhere: to other folders, into archives, over the network, to programs' own drivers. So what
may stand in one is listed here, and what is not listed is refused.
"""

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from rs2sam2.errors import ImageError
from rs2sam2.serving.kinds import kind_of

_LARGEST = 4 << 20
_NAMES = """
BlockXSize BlockYSize ColorInterp ColorTable ComplexSource Description DstRect Entry GeoTransform HideNoDataValue MDI
MaskBand Metadata NODATA NoDataValue Offset OverviewList SRS Scale ScaleOffset ScaleRatio SimpleSource SourceBand
SourceFilename SourceProperties SrcRect UnitType UseMaskBand VRTDataset VRTRasterBand
"""
_ELEMENTS = frozenset(_NAMES.split())
"""No warped, pan-sharpened, raw or derived bands (these may run code), no pixel functions, no options."""


def check_vrt(path: Path, is_allowed: Callable[[Path], bool]) -> None:
    """Refuse a VRT that is more than a mosaic of GeoTIFFs which may be served themselves.

    Args:
        path: the VRT.
        is_allowed: whether a file, given by its real path, may be served.

    Raises:
        ImageError: so it is.
    """
    if path.stat().st_size > _LARGEST:
        raise _refused(path, "it is larger than 4 MB")
    text = path.read_bytes()
    if re.search(rb"<!(?!--)", text) or not text.isascii():
        raise _refused(path, "it declares a document type, or is not plain ASCII")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise _refused(path, f"its XML is damaged: {error}") from error
    for element in root.iter():
        if element.tag not in _ELEMENTS or "subClass" in element.attrib or "subclass" in element.attrib:
            raise _refused(path, f"it holds more than a plain mosaic: {element.tag}")
        if element.tag == "SourceFilename":
            _check_source(path, element, is_allowed)


def _check_source(path: Path, element: ElementTree.Element, is_allowed: Callable[[Path], bool]) -> None:
    name = (element.text or "").strip()
    source = Path(name)
    if element.get("relativeToVRT", element.get("relativetoVRT")) == "1":
        source = path.parent / name
    # GDAL tries a name as a file first only if nothing in it means more: "/vsicurl/", "GTIFF_DIR:1:", "<VRTDataset>".
    if not name or name.startswith("/vsi") or any(sign in name for sign in ":<>{}|\\\n") or not source.is_absolute():
        raise _refused(path, "a source of it is no plain file name")
    real = source.resolve()
    if not real.is_file() or not is_allowed(real):
        raise _refused(path, "a source of it lies outside the folders that are served")
    if kind_of(real) != "tiff":
        raise _refused(path, "a source of it is no TIFF file")


def _refused(path: Path, reason: str) -> ImageError:
    return ImageError(f"{path.name}: this VRT is not served: {reason}")
