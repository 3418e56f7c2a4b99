"""A style for QGIS beside a vector file: each expression in its colour, the image to be seen through."""

from collections.abc import Sequence
from xml.etree import ElementTree

from rs2sam2.inference.palette import colour

_DOCTYPE = b"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_VERSION = "3.28.0"  # the oldest long-term release that reads symbols as options; later ones read what it wrote
_OPAQUE, _SEEN_THROUGH = 255, 60
_LINE_MM = "0.5"


def encode_qml(expressions: Sequence[str]) -> bytes:
    """A QGIS layer style (`.qml`): categories by the column `expression`, in the colours of the overlay picture."""
    root = ElementTree.Element("qgis", version=_VERSION, styleCategories="Symbology")
    renderer = ElementTree.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr="expression", symbollevels="0", enableorderby="0"
    )
    categories = ElementTree.SubElement(renderer, "categories")
    symbols = ElementTree.SubElement(renderer, "symbols")
    for index, expression in enumerate(expressions):
        shown = "".join(character for character in expression if character in "\t\n\r" or character >= " ")
        ElementTree.SubElement(
            categories, "category", value=shown, label=shown, symbol=str(index), type="string", render="true"
        )
        symbol = ElementTree.SubElement(symbols, "symbol", type="fill", name=str(index), alpha="1", clip_to_extent="1")
        layer = ElementTree.SubElement(symbol, "layer", {"class": "SimpleFill"}, enabled="1", locked="0")
        layer.set("pass", "0")
        options = ElementTree.SubElement(layer, "Option", type="Map")
        for name, value in _fill(index).items():
            ElementTree.SubElement(options, "Option", name=name, value=value, type="QString")
    ElementTree.indent(root)
    return _DOCTYPE + ElementTree.tostring(root, encoding="unicode").encode() + b"\n"


def _fill(index: int) -> dict[str, str]:
    red, green, blue = colour(index)
    return {
        "color": f"{red},{green},{blue},{_SEEN_THROUGH}",
        "style": "solid",
        "outline_color": f"{red},{green},{blue},{_OPAQUE}",
        "outline_style": "solid",
        "outline_width": _LINE_MM,
        "outline_width_unit": "MM",
        "joinstyle": "bevel",
    }
