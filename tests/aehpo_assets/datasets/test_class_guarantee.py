"""What a draw leaves short of a class is exchanged, and nothing else is touched."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aehpo_assets.datasets.class_guarantee import with_two_of_each
from aehpo_assets.datasets.labels import SPLITS

PARTS = np.repeat(np.array(SPLITS, dtype=object), [70, 10, 20])


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(seed).permutation(100)
    parts = np.empty(100, dtype=object)
    parts[order] = PARTS
    return parts, order


def masks(codes: np.ndarray, smallest: int = 1) -> list[np.ndarray]:
    return [codes == c for c in np.unique(codes) if (codes == c).sum() >= smallest]


@given(st.integers(0, 200))
@settings(max_examples=60, deadline=None)
def test_every_class_gets_two_in_each_part_and_the_sizes_stay(seed: int) -> None:
    parts, order = drawn(seed)
    generator = np.random.default_rng([seed, 1])
    classes = [m for _ in range(3) for m in masks(generator.integers(0, 4, 100), 15)]
    found = with_two_of_each(parts, classes, order, SPLITS)
    assert sorted(found) == sorted(parts)
    for mask in classes:
        assert min((mask & (found == part)).sum() for part in SPLITS) >= 2
    if all((mask & (parts == part)).sum() >= 2 for mask in classes for part in SPLITS):
        assert (found == parts).all()


def test_only_movable_parts_and_one_stratum_are_exchanged() -> None:
    parts, order = drawn(3)
    codes = np.zeros(100, dtype=int)
    codes[np.flatnonzero(parts == "train")[:20]] = 1
    strata = np.arange(100) % 2
    found = with_two_of_each(parts, masks(codes), order, ("train", "valid"), strata=strata)
    assert ((found == "test") == (parts == "test")).all()
    assert (codes[found == "valid"] == 1).sum() == 2
    for stratum in (0, 1):
        own = strata == stratum
        assert (found[own] == "valid").sum() == (parts[own] == "valid").sum()


def test_groups_move_whole() -> None:
    groups = np.arange(100) // 5
    parts = np.repeat(np.array(["train"] * 14 + ["valid"] * 2 + ["test"] * 4, dtype=object), 5)
    codes = (groups < 4).astype(int)
    found = with_two_of_each(parts, masks(codes), np.arange(100), SPLITS, groups=groups)
    for group in range(20):
        assert len(set(found[groups == group])) == 1
    assert min(((codes == 1) & (found == part)).sum() for part in SPLITS) >= 2


def test_what_cannot_be_had_stays_as_it_was_drawn() -> None:
    parts, order = drawn(5)
    single = np.zeros(100, dtype=bool)
    single[order[0]] = True
    assert (with_two_of_each(parts, [single], order, SPLITS) == parts).all()
