"""Smaller train parts: each inside the next, with every class, of sizes that make sense."""

from __future__ import annotations

import numpy as np
import pytest

from aehpo_assets.datasets.labels import (
    ClassificationTarget,
    DownstreamTargets,
    RegressionTarget,
)
from aehpo_assets.datasets.train_sizes import kept_samples, nested_order, sizes_of, targets_of
from aehpo_assets.errors import InputError

SPLIT = np.array((["train"] * 7 + ["valid"] + ["test"] * 2) * 20)
CODES = np.where(np.arange(200) % 40 < 2, 1, 0)
CODES[np.arange(200) % 3 == 0] = -1
AGE = np.where(np.arange(200) > 150, 60.0, np.nan)
TARGETS = DownstreamTargets(
    (ClassificationTarget("stage", ("I", "II"), CODES, 1.0),), (RegressionTarget("age", AGE),), {}
)


def test_the_first_samples_have_two_of_every_class_and_number() -> None:
    order, needed = nested_order(SPLIT, TARGETS, "a_rna", seed=3)
    assert sorted(order) == np.flatnonzero(SPLIT == "train").tolist()
    first = order[:needed]
    assert needed <= 6
    assert min((CODES[first] == code).sum() for code in (0, 1)) >= 2
    assert np.isfinite(AGE[first]).sum() >= 2
    # Which they are is drawn: again the same, and others for another seed.
    assert (nested_order(SPLIT, TARGETS, "a_rna", seed=3)[0] == order).all()
    assert (nested_order(SPLIT, TARGETS, "a_rna", seed=4)[0] != order).any()


def test_each_part_lies_in_the_next_and_the_rest_stays() -> None:
    order, _ = nested_order(SPLIT, TARGETS, "a_rna", seed=0)
    small, large = (kept_samples(SPLIT, order, size) for size in (20, 50))
    assert (SPLIT[small] == "train").sum() == 20
    assert (large | small == large).all()
    for part in ("valid", "test"):
        assert small[part == SPLIT].all()
    own = targets_of(TARGETS, small)
    assert own.classification[0].codes.tolist() == CODES[small].tolist()
    assert own.classification[0].classes == ("I", "II")
    assert len(own.regression[0].values) == small.sum()


def test_sizes_are_halves_or_those_that_are_asked_for() -> None:
    assert sizes_of(None, 400, 30, "a_rna") == [50, 100, 200, 400]
    assert sizes_of(None, 400, 4, "a_rna") == [25, 50, 100, 200, 400]
    assert sizes_of(None, 100_000, 4, "a_rna") == [3125, 6250, 12500, 25000, 50000, 100000]
    assert sizes_of([90, 50, 900], 400, 4, "a_rna") == [50, 90, 400]


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match=r"3 train samples of a_rna are too few .* takes 4"):
        sizes_of([3, 50], 400, 4, "a_rna")
    with pytest.raises(InputError, match="no size lies below the 40 train samples of a_rna"):
        sizes_of([40, 900], 40, 4, "a_rna")
    with pytest.raises(InputError, match="of which 30 have two of each class"):
        sizes_of(None, 40, 30, "a_rna")
