"""What the paper's training draws from a data set."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.training.referring_fake import SPM, UNION, write_refsegrs

from rs2sam2.data.prepared import CollatePrepared, PreparedSamples, one_sentence_per_thing
from rs2sam2.data.registry import open_dataset
from rs2sam2.errors import ConfigError
from rs2sam2.preprocess import model_inputs, normalise
from rs2sam2.tokenizer import Tokenizer
from rs2sam2.training.black_boxes import BlackBoxes
from rs2sam2.training.referring_datamodule import EpochShare, ReferringDataModule, ValidationShare
from tiny import tiny_config

CONFIG = tiny_config(union_encoder=UNION)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return [*open_dataset("RefSegRS", write_refsegrs(tmp_path_factory.mktemp("data") / "set"), "train")]


def test_pictures_at_s_and_u_and_masks_nearest(samples):
    item = PreparedSamples(samples, CONFIG, 96)[0]
    image, union_image = model_inputs(samples[0].image, CONFIG)
    assert torch.equal(normalise(item.image), image) and image.shape == (3, 64, 64)
    assert torch.equal(normalise(item.union_image), union_image) and union_image.shape == (3, 32, 32)
    assert torch.equal(
        item.mask, torch.from_numpy(samples[0].mask.astype(np.uint8)).repeat_interleave(2, 0).repeat_interleave(2, 1)
    )
    assert "image" not in samples[1].__dict__, "samples that were prepared keep no pixels"


def test_boxes_are_seen_by_both_encoders(samples):
    plain = PreparedSamples(samples, CONFIG, 64)[0]
    boxed = PreparedSamples(samples, CONFIG, 64, BlackBoxes(1.0, 64, 0))[0]
    assert not torch.equal(boxed.image, plain.image) and not torch.equal(boxed.union_image, plain.union_image)
    assert torch.equal(boxed.mask, plain.mask)


def test_batches_of_any_size(samples):
    collate, items = CollatePrepared(Tokenizer.from_file(SPM, 20)), PreparedSamples(samples, CONFIG, 64)
    batch = collate([items[0], items[1], items[len(items) + 2]])
    assert batch.image.shape == (3, 3, 64, 64) and batch.mask.shape == (3, 64, 64)
    assert batch.counted.tolist() == [True, True, False]
    assert batch.attention_mask.sum(1).max() == batch.input_ids.shape[1]
    assert batch.sample_ids == [samples[i].sample_id for i in (0, 1, 2)]
    taken = batch.normalised()
    for place, (image, union_image) in enumerate(model_inputs(samples[i].image, CONFIG) for i in (0, 1, 2)):
        assert torch.equal(taken.image[place], image) and torch.equal(taken.union_image[place], union_image)
    assert batch.normalised(torch.bfloat16).image.dtype == torch.bfloat16


def test_one_sentence_for_each_thing(samples):
    said = [replace(samples[0], ref_id=thing, sentence=f"{thing} {way}") for thing in (1, 2, 3) for way in range(20)]
    drawn = one_sentence_per_thing(said, seed=4)
    assert [sample.ref_id for sample in drawn] == [1, 2, 3]
    assert drawn == one_sentence_per_thing(said, seed=4)
    assert drawn != one_sentence_per_thing(said, seed=5)
    assert one_sentence_per_thing(samples, seed=4) == samples, "sets without things ask every sentence"


def fake_trainer(rank=0, world=2, step=0, batches=5, at_once=1):
    return SimpleNamespace(
        world_size=world,
        global_rank=rank,
        global_step=step,
        num_training_batches=batches,
        accumulate_grad_batches=at_once,
    )


def test_processes_share_an_epoch_and_the_next_is_in_another_order():
    shares = [EpochShare(range(20), fake_trainer(rank), 2, seed=1) for rank in (0, 1)]
    first = [*shares[0], *shares[1]]
    assert sorted(first) == [*range(20)]
    for share in shares:
        share.set_epoch(1)
    assert sorted([*shares[0], *shares[1]]) == [*range(20)] and [*shares[0]] != first[:10]


@pytest.mark.parametrize(
    ("step", "at_once", "seen"), [(0, 1, 0), (3, 1, 6), (5, 1, 0), (7, 1, 4), (1, 2, 4), (3, 2, 0)]
)
def test_a_resumed_epoch_goes_on_behind_what_was_seen(step, at_once, seen):
    whole = [*EpochShare(range(20), fake_trainer(), 2, seed=1)]
    assert [*EpochShare(range(20), fake_trainer(step=step, at_once=at_once), 2, seed=1)] == whole[seen:]


def test_lightning_may_ask_before_it_has_counted():
    assert len([*EpochShare(range(20), fake_trainer(batches=float("inf"), step=3), 2, seed=1)]) == 10


def test_validation_counts_each_sample_once(samples):
    items = PreparedSamples(samples[:3], CONFIG, 64)
    indices = [[*ValidationShare(items, 2, rank)] for rank in (0, 1)]
    assert indices == [[0, 2], [1, 3]]
    assert [items[i].counted for i in (0, 1, 2, 3)] == [True, True, True, False]


def test_settings_that_cannot_work_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"black_boxes: 1\.5 is no share"):
        ReferringDataModule("RefSegRS", tmp_path, black_boxes=1.5)
    with pytest.raises(ConfigError, match="batch_size: 0"):
        ReferringDataModule("RefSegRS", tmp_path, batch_size=0)
