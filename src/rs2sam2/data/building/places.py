"""Splits by place: whatever shows the same ground goes to one split."""

from collections.abc import Mapping

import numpy as np

from rs2sam2.errors import ConfigError, DataError

SPLITS = ("train", "val", "test")


def check_shares(val: float, test: float) -> None:
    """Refuse shares that leave nothing to train on.

    Raises:
        ConfigError: one is no share, or both together are 1 or more.
    """
    for name, share in (("--val", val), ("--test", test)):
        if not 0 <= share < 1:
            raise ConfigError(f"{name} {share}: no share of the objects: give one from 0 to below 1")
    if val + test >= 1:
        raise ConfigError(f"--val {val} --test {test}: leave nothing to train on: give less than 1 together")


def split_places(places: Mapping[str, int], val: float, test: float, rng: np.random.Generator) -> dict[str, str]:
    """Place -> split, so that each split has about its share of the objects, and at least one place if not none.

    Args:
        places: place -> number of objects.
        val: share of the objects.
        test: share of the objects; "train" has the rest.
        rng: decides which places.

    Raises:
        DataError: there are fewer places than splits.
    """
    shares = {"train": 1 - val - test, "val": val, "test": test}
    wanted = [split for split in SPLITS if shares[split] > 0]
    if len(places) < len(wanted):
        raise DataError(
            f"{len(places)} place(s) cannot make {len(wanted)} splits that share no ground: give more images or "
            "smaller tiles, or leave splits out with --val 0 --test 0"
        )
    total = sum(places.values())
    names = sorted(places)
    drawn = [names[int(index)] for index in rng.permutation(len(names))]
    held, split_of = dict.fromkeys(wanted, 0), {}
    for number, place in enumerate(drawn):
        still_empty = [split for split in wanted if not held[split]]
        # The last places go to splits that have none yet.
        open_to = still_empty if still_empty and len(drawn) - number <= len(still_empty) else wanted
        split = max(open_to, key=lambda name: shares[name] * total - held[name])
        split_of[place] = split
        held[split] += max(places[place], 1)
    return split_of
