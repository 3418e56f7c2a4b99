"""`Segmenter.explore`: what the map in a notebook does, and what Python sees of it."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rs2sam2.errors import PromptError
from rs2sam2.inference.explore.layers import MOST_STEPS, Layer, Scene, Step
from rs2sam2.inference.extras import require_notebook
from rs2sam2.inference.images import ImageSource, RasterImage, open_image
from rs2sam2.inference.seen import Seen
from rs2sam2.inference.segmentation import Segmentation
from rs2sam2.inference.user_prompts import UserPrompts

if TYPE_CHECKING:
    from anywidget import AnyWidget

    from rs2sam2.inference.segmenter import Segmenter

MOST_PIXELS = 1 << 24
"""Of a scene: the model sees no more in a larger one, and each step keeps an answer of its size."""
_SEEN = 3
"""Scenes and expressions whose next click costs the mask decoder alone."""


class Explorer:
    """An image, what was asked about it, and the answers; shown as a map at the end of a notebook's cell.

    What the map does can be done in Python, too, and shows on the map. All coordinates are pixels of the whole image.

    >>> explorer = segmenter.explore("scene.tif")
    >>> explorer  # the map
    >>> explorer.answer.area_m2  # of what was asked last, there or here
    """

    def __init__(self, segmenter: "Segmenter", image: ImageSource | RasterImage) -> None:
        """Open the image.

        Raises:
            ImageError: if it cannot be opened.
            MissingExtraError: if the extra 'notebook' is not installed.
        """
        require_notebook("a map in a notebook")
        self.image = image if isinstance(image, RasterImage) else open_image(image)
        self._segmenter = segmenter
        self._steps = [Step()]
        self._asked = self._answers_made = 0
        self._sliding: int | None = None  # the layer whose threshold made the last step: it moves on, in the same one
        self._seen: OrderedDict[tuple[str, Scene], Seen] = OrderedDict()
        self._watchers: list[Callable[[], None]] = []

    @property
    def step(self) -> Step:
        """How things stand."""
        return self._steps[-1]

    @property
    def answers(self) -> tuple[Segmentation, ...]:
        """Of all layers, the oldest first."""
        return tuple(layer.answer for layer in self.step.layers)

    @property
    def answer(self) -> Segmentation | None:
        """Of the layer that clicks are for, which is the one asked last if no other was chosen; None without any."""
        layer = self.step.find(self.step.current)
        return None if layer is None else layer.answer

    @property
    def threshold(self) -> float:
        """Of the current layer; to be set, too, between 0 and 1: the model does not run again."""
        layer = self.step.find(self.step.current)
        return self.own_threshold if layer is None or layer.threshold is None else layer.threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        slides = self._sliding == self.step.current is not None
        self._correct(threshold=value, instead=slides)
        self._sliding = self.step.current

    @property
    def own_threshold(self) -> float:
        """Of the weights."""
        return self._segmenter.decision.mask_threshold

    def ask(self, expression: str, scene: Sequence[float] | None = None) -> Segmentation:
        """Ask for an expression, which becomes the current layer.

        Args:
            expression: one.
            scene: (x0, y0, x1, y1), the part of the image to look at; None for all of it.

        Raises:
            ExpressionError: as in a call of the segmenter.
            PromptError: if the scene lies outside the image, or is too large for one look.
        """
        layer = self._answered(self._asked, expression, self._scene(scene), None, None)
        self._asked += 1
        self._go_on(self.step.having(layer))
        return layer.answer

    def click(self, x: float, y: float, belongs: bool = True) -> Segmentation:
        """Correct the current layer: this pixel belongs to the thing, or does not.

        Raises:
            PromptError: if it lies outside the layer's scene, or nothing has been asked yet.
        """
        points, labels, box = _marks(self._current())
        return self._correct(prompts=UserPrompts.of([*points, (x, y)], [*labels, int(belongs)], box))

    def draw_box(self, x0: float, y0: float, x1: float, y1: float) -> Segmentation:
        """Correct the current layer: the thing lies in this box, in the place of one before.

        Raises:
            PromptError: as in `click`.
        """
        points, labels, _ = _marks(self._current())
        return self._correct(prompts=UserPrompts.of(points, labels, (x0, y0, x1, y1)))

    def choose(self, number: int) -> None:
        """Make the layer of this number the current one."""
        if self.step.find(number) is not None:
            self._steps[-1] = Step(self.step.layers, number)
            self._tell()

    def show(self, number: int, visible: bool) -> None:
        """Show or hide the layer of this number."""
        if (layer := self.step.find(number)) is not None:
            current = self.step.current
            self._go_on(Step(self.step.having(replace(layer, visible=visible)).layers, current))

    def remove(self, number: int) -> None:
        """Remove the layer of this number."""
        if self.step.find(number) is not None:
            self._go_on(self.step.without(number))

    def undo(self) -> None:
        """Take back the last question, click, box, threshold or removal."""
        if self.can_undo:
            self._steps.pop()
            self._sliding = None
            self._tell()

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return len(self._steps) > 1

    def watch(self, changed: Callable[[], None]) -> None:
        """Have a function called after every change."""
        self._watchers.append(changed)

    @cached_property
    def widget(self) -> "AnyWidget":
        """The map, an ipywidget."""
        from rs2sam2.inference.explore.widget import make_widget

        return make_widget(self)

    def _repr_mimebundle_(self, **how: Any) -> Any:  # noqa: ANN401 - what Jupyter asks and gets
        return self.widget._repr_mimebundle_(**how)

    def _current(self) -> Layer:
        layer = self.step.find(self.step.current)
        if layer is None:
            raise PromptError("nothing has been asked yet: type what you are looking for first")
        return layer

    def _correct(self, *, instead: bool = False, **changes: Any) -> Segmentation:  # noqa: ANN401 - prompts, threshold
        layer = self._current()
        asked = {"prompts": layer.prompts, "threshold": layer.threshold} | changes
        corrected = self._answered(layer.number, layer.expression, layer.scene, asked["prompts"], asked["threshold"])
        self._go_on(self.step.having(replace(corrected, visible=layer.visible)), instead=instead)
        return corrected.answer

    def _answered(
        self, number: int, expression: str, scene: Scene, prompts: UserPrompts | None, threshold: float | None
    ) -> Layer:
        seen = self._look(expression, scene)
        x, y = scene[:2]
        inside = None if prompts is None else prompts.moved(-x, -y)
        output = self._segmenter.decode(seen, inside)
        answer = self._segmenter.answer(seen.image, expression, output, threshold, origin=(x, y), prompts=inside)
        self._answers_made += 1
        return Layer(number, self._answers_made, expression, scene, prompts, threshold, answer)

    def _look(self, expression: str, scene: Scene) -> Seen:
        key = expression, scene
        if key not in self._seen:
            self._seen[key] = self._segmenter.see(self.image.part(*scene), expression)
            if len(self._seen) > _SEEN:
                self._seen.popitem(last=False)
        self._seen.move_to_end(key)
        return self._seen[key]

    def _scene(self, scene: Sequence[float] | None) -> Scene:
        width, height = self.image.width, self.image.height
        if scene is None:
            found = (0, 0, width, height)
        else:
            box = UserPrompts.of(box=list(scene))
            assert box is not None and box.box is not None
            x0, y0, x1, y1 = (round(side) for side in box.box)
            found = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
        pixels = (found[2] - found[0]) * (found[3] - found[1])
        if found[2] <= found[0] or found[3] <= found[1]:
            raise PromptError(f"scene {tuple(scene or ())}: shares no pixel with the image, {width} x {height} pixels")
        if pixels > MOST_PIXELS:
            raise PromptError(
                f"a scene of {pixels:,} pixels is too large for one look: zoom in and ask about the view, or give "
                f"`scene` with at most {MOST_PIXELS:,} pixels"
            )
        return found

    def _go_on(self, step: Step, *, instead: bool = False) -> None:
        self._steps = [*(self._steps[:-1] if instead else self._steps[-MOST_STEPS:]), step]
        self._sliding = None
        self._tell()

    def _tell(self) -> None:
        for changed in self._watchers:
            changed()


def _marks(layer: Layer) -> tuple[Sequence[tuple[float, float]], Sequence[int], Sequence[float] | None]:
    """Points, labels and box of a layer."""
    prompts = layer.prompts
    return ((), (), None) if prompts is None else (prompts.points, prompts.labels, prompts.box)
