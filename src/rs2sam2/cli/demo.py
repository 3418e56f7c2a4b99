"""`rs2sam2 demo`: the whole path on a scene that is rendered on the spot."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np

    from rs2sam2.data.scene import Scene

SEED = 88
SIZE = 512
_EXPRESSIONS = 40


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the pictures go.")] = Path(
        "rs2sam2-demo"
    ),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing pictures.")] = False,
) -> None:
    """Render a scene, find what a sentence means in it, and write scene.png, mask.png and overlay.png."""
    import numpy as np

    from rs2sam2.data.synthetic import render_scene
    from rs2sam2.errors import OutputError
    from rs2sam2.inference.images import RasterImage
    from rs2sam2.inference.outputs.targets import check_targets
    from rs2sam2.inference.outputs.writing import write_picture_set

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be made ({error.strerror}): give another folder") from error
    scene_target, *targets = check_targets(
        [output / "scene.png", output / "mask.png"], output / "overlay.png", overwrite=overwrite
    )
    rng = np.random.default_rng(SEED)
    scene = render_scene(rng, SIZE)
    text = choose_expression(scene, rng)

    from rs2sam2.inference.segmenter import Segmenter

    image = RasterImage(scene.image, name=scene_target.name)
    answer = Segmenter.from_pretrained("nano", device="cpu")(image, text)
    write_picture_set(scene_target, targets, image, answer, overwrite=overwrite)
    print(f"asked: {text}")
    print(f"found: {'yes' if answer.present else 'no'}, score {answer.score:.2f}, {answer.area_px} pixels")
    for target in (scene_target, *targets):
        print(f"wrote {target.path}")


def choose_expression(scene: "Scene", rng: "np.random.Generator") -> str:
    """A sentence that means one thing in the scene, by its class or colour if there is such a sentence."""
    from rs2sam2.data.expressions import make_expressions

    single = [made for made in make_expressions(scene, rng, _EXPRESSIONS) if len(made.targets) == 1]
    telling = [made for made in single if made.kind in {"colour", "class", "colour+position", "class+position"}]
    return (telling or single)[0].text
