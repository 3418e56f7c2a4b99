"""The training mixture: the same sample for the same index, words that stay true, batches that fit the model."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from rs2sam2.config import ModelConfig
from rs2sam2.data.groups import Collate, photometric
from rs2sam2.data.mixture import Mixture, MixtureWeights, Phase
from rs2sam2.data.paste import paste_roofs
from rs2sam2.data.scene import Scene, Thing
from rs2sam2.model.rs2sam2 import RS2SAM2
from rs2sam2.tokenizer import Tokenizer

SMALL_TOKENIZER = Path(__file__).parents[1] / "parity" / "golden" / "tiny.spm"

EXTREME = re.compile(r"(?:the )?(left|right|western|eastern)most \w+(?: (?:in|of) the \w+)?\.?$")


def _ground() -> Scene:
    """Two roofs on plain ground, a large red one on the left and a small blue one on the right."""
    image = np.full((384, 384, 3), 90, dtype=np.uint8)
    labels = np.zeros((384, 384), dtype=np.uint16)
    labels[60:200, 30:160], labels[220:280, 280:340] = 1, 2
    image[labels == 1], image[labels == 2] = (180, 30, 30), (30, 60, 190)
    red, blue = frozenset({"red"}), frozenset({"blue"})
    return Scene(
        image,
        labels,
        (Thing("building", 140 * 130, red, red), Thing("building", 60 * 60, blue, blue)),
        frozenset({"ship"}),
    )


def _mixture(
    weights: MixtureWeights, paste_share: float = 0.0, seed: int = 1, length: int = 12, several: bool = True
) -> Mixture:
    return Mixture(
        [_ground()],
        [],
        weights,
        [Phase(0.0, 128, 128, 4, 0.25, 0.5), Phase(0.5, 160, 96, 3, 0.25, 0.5)],
        length=length,
        step=1,
        seed=seed,
        paste_share=paste_share,
        several=several,
    )


@pytest.mark.parametrize("weights", [MixtureWeights(1, 0, 0), MixtureWeights(0, 1, 0)])
def test_an_item_depends_on_seed_and_index_alone(weights):
    first, again, other = _mixture(weights), _mixture(weights), _mixture(weights, seed=2)
    [first[index] for index in range(3)]  # what was drawn before changes nothing
    for index in (0, 7):
        for group, twin, stranger in zip(first[index], again[index], other[index], strict=True):
            assert [words for words, _ in group.said] == [words for words, _ in twin.said]
            np.testing.assert_array_equal(group.image, twin.image)
            assert not np.array_equal(group.image, stranger.image)


def test_phases_change_on_schedule_and_groups_are_full():
    mixture = _mixture(MixtureWeights(0.5, 0.5, 0))
    for index in range(12):
        side, seen, said = (128, 128, 4) if index < 6 else (160, 96, 3)
        for group in mixture[index]:
            assert group.image.shape == (side, side, 3) and group.image_size == seen
            assert [mask.shape for _, mask in group.said] == [(side, side)] * said


def test_what_is_said_of_both_pictures_means_something_in_one_of_them():
    """Words alone cannot tell what is absent: the other picture shows it."""
    mixture, swapped = _mixture(MixtureWeights(1, 0, 0), length=60), 0
    for index in range(60):
        first, second = ({words: mask.any() for words, mask in group.said} for group in mixture[index])
        both = first.keys() & second.keys()
        swapped += sum(first[words] != second[words] for words in both)
    assert swapped >= 10


def test_a_mixture_has_an_end():
    mixture = _mixture(MixtureWeights(0, 1, 0))
    assert len(list(mixture)) == len(mixture) == 12


def test_position_words_are_true_of_what_is_shown():
    """However the ground was turned or mirrored: the leftmost building is left of everything else that is marked."""
    mixture, checked = _mixture(MixtureWeights(0, 1, 0), length=250), 0
    for index in range(250):
        group, _ = mixture[index]
        red = (group.image[..., 0] > 120) & (group.image[..., 2] < 90)
        blue = (group.image[..., 2] > 120) & (group.image[..., 0] < 90)
        if red.sum() < 40 or blue.sum() < 40:
            continue
        for words, mask in group.said:
            found = EXTREME.match(words.lower())
            if found is None or not mask.any():
                continue
            columns = [np.nonzero(colour)[1].mean() for colour in (red, blue)]
            wanted = (np.argmin if found[1] in ("left", "western") else np.argmax)(columns)
            assert (mask & (red, blue)[wanted]).sum() > 0.5 * mask.sum(), words
            checked += 1
    assert checked >= 3


def test_pasting_covers_nothing_and_labels_what_it_adds():
    scene, rng = _ground(), np.random.default_rng(3)
    added = 0
    for _ in range(10):
        pasted = paste_roofs(scene, [scene], rng, max_count=3)
        for thing in (1, 2):
            assert ((pasted.labels == thing) == (scene.labels == thing)).all()
            np.testing.assert_array_equal(pasted.image[scene.labels == thing], scene.image[scene.labels == thing])
        assert int(pasted.labels.max()) <= len(pasted.things)
        added += len(pasted.things) - 2
        for thing in pasted.things[2:]:
            assert thing.colours <= {"red", "blue"}
    assert added > 0


def test_light_changes_little():
    image = _ground().image
    changed = photometric(image, np.random.default_rng(0))
    assert changed.shape == image.shape and changed.dtype == np.uint8
    assert np.abs(changed.astype(int) - image.astype(int)).mean() < 60


def test_a_batch_fits_the_model():
    config = ModelConfig.preset("nano").replace(image_size=128)
    collate = Collate(Tokenizer.from_file(SMALL_TOKENIZER, 64), config.union_encoder.image_size)
    mixture = _mixture(MixtureWeights(0.5, 0.5, 0))
    batch = collate([mixture[0], mixture[1]])
    assert batch.image.shape == (16, 3, 128, 128) and batch.mask.shape == (16, 128, 128)
    with torch.no_grad():
        out = RS2SAM2(config)(batch.image, batch.union_image, batch.input_ids, batch.attention_mask)
    smaller = collate([mixture[7]])
    assert smaller.image.shape == (6, 3, 96, 96) and smaller.mask.shape == smaller.classes.shape == (6, 96, 96)
    assert set(smaller.mask.unique().tolist()) <= {0, 1}
    assert out.mask_logits.shape == (16, 1, 32, 32)


def test_without_several_no_sentence_means_more_than_one_thing():
    def meant(several: bool) -> list[int]:
        mixture = _mixture(MixtureWeights(0, 1, 0), length=40, several=several)
        said = [mask for index in range(40) for group in mixture[index] for _, mask in group.said]
        assert len(said) >= 40 * 2 * 3, "every group is full, whatever is left out"
        return [ndimage.label(mask)[1] for mask in said]

    assert max(meant(several=True)) > 1
    assert max(meant(several=False)) == 1
