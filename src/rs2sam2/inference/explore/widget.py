"""The map itself: an anywidget, whose other half is explorer.js beside this file. Nothing is fetched from anywhere.

The state of things goes to the browser as one dictionary. The browser sends what somebody did, `{"do": "click", ...}`,
and asks for pictures; what it sends is checked like any input.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rs2sam2.errors import PromptError, Rs2Sam2Error
from rs2sam2.inference.explore.layers import Layer
from rs2sam2.inference.explore.pictures import TILE, Tiles, heat_png, mask_png
from rs2sam2.inference.palette import colour

if TYPE_CHECKING:
    from anywidget import AnyWidget

    from rs2sam2.inference.explore.explorer import Explorer

_HERE = Path(__file__).parent
_MOST_SQUARES = 256


def make_widget(explorer: "Explorer") -> "AnyWidget":
    """A map of an explorer's image, which follows it."""
    import anywidget
    import traitlets

    class ExplorerWidget(anywidget.AnyWidget):
        _esm = _HERE / "explorer.js"
        _css = _HERE / "explorer.css"
        state = traitlets.Dict().tag(sync=True)

        def __repr__(self) -> str:
            return f"<map of {explorer.image.name}>"

    behind = Behind(explorer)
    widget = ExplorerWidget(state=behind.state())
    behind.send = widget.send
    widget.on_msg(lambda _, said, __: behind.hear(said))
    explorer.watch(lambda: widget.set_trait("state", behind.state()))
    return widget


class Behind:
    """What the map shows, and what its user does there."""

    send: Callable[..., None]
    """A message to the browser, and its files."""

    def __init__(self, explorer: "Explorer") -> None:
        self._explorer = explorer
        self._tiles = Tiles(explorer.image.pixels)
        self._deeds: dict[str, Callable[[Mapping[str, Any]], object]] = {
            "ask": lambda said: explorer.ask(said["expression"], said["scene"]),
            "click": lambda said: explorer.click(said["x"], said["y"], said["belongs"]),
            "box": lambda said: explorer.draw_box(*said["box"]),
            "threshold": lambda said: setattr(explorer, "threshold", said["value"]),
            "choose": lambda said: explorer.choose(said["number"]),
            "show": lambda said: explorer.show(said["number"], said["visible"]),
            "remove": lambda said: explorer.remove(said["number"]),
            "undo": lambda said: explorer.undo(),
            "squares": self._squares,
            "picture": self._picture,
        }

    def state(self) -> dict[str, Any]:
        """How things stand, as JSON."""
        explorer, image = self._explorer, self._explorer.image
        shape = {"width": image.width, "height": image.height, "tile": TILE, "levels": self._tiles.levels}
        return {
            "image": {"name": image.name} | shape,
            "layers": [_row(layer, explorer.own_threshold) for layer in explorer.step.layers],
            "current": explorer.step.current,
            "can_undo": explorer.can_undo,
        }

    def hear(self, said: Any) -> None:  # noqa: ANN401 - whatever comes
        """Do what the browser says, and say when it is done."""
        try:
            self._deeds[said["do"]](said)
            self.send({"kind": "done", "of": said["do"]})
        except Rs2Sam2Error as error:
            self.send({"kind": "failed", "message": str(error)})
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            self.send({"kind": "failed", "message": f"the map said what is not understood ({error!r})"})

    def _squares(self, said: Mapping[str, Any]) -> None:
        for level, column, row in said["squares"][:_MOST_SQUARES]:
            self.send({"kind": "square", "square": [level, column, row]}, [self._tiles.jpeg(level, column, row)])

    def _picture(self, said: Mapping[str, Any]) -> None:
        layers = [layer for layer in self._explorer.step.layers if layer.revision == said["revision"]]
        for layer in layers:  # none, if it is of the past by now
            self.send(
                {"kind": "picture", "revision": layer.revision, "show": said["show"]}, [_shown(layer, said["show"])]
            )


def _shown(layer: Layer, show: str) -> bytes:
    answer = layer.answer
    if show == "outline":
        return mask_png(answer)
    found = {"probability": answer.probability, "words": answer.pseudo_mask}[show]
    if found is None:
        raise PromptError("these weights have no mask of the words alone")
    return heat_png(found)


def _row(layer: Layer, own_threshold: float) -> dict[str, Any]:
    answer, prompts = layer.answer, layer.prompts
    return {
        "number": layer.number,
        "revision": layer.revision,
        "colour": "#{:02x}{:02x}{:02x}".format(*colour(layer.number)),
        "expression": layer.expression,
        "summary": answer.summary,
        "notes": list(answer.warnings),
        "visible": layer.visible,
        "scene": list(layer.scene),
        "points": [] if prompts is None else [list(point) for point in prompts.points],
        "labels": [] if prompts is None else list(prompts.labels),
        "box": None if prompts is None or prompts.box is None else list(prompts.box),
        "threshold": own_threshold if layer.threshold is None else layer.threshold,
        "words": answer.pseudo_mask_logits is not None,
    }
