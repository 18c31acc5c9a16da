"""The granularity is the largest change of the score that one swap can make."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aehpo_assets.datasets.labels import ClassificationTarget, DownstreamTargets
from aehpo_gpu.evaluation.auc import auc_one_vs_one
from aehpo_gpu.evaluation.granularity import valid_granularity


def one_label(codes: np.ndarray) -> DownstreamTargets:
    classes = tuple(str(code) for code in range(int(codes.max()) + 1))
    return DownstreamTargets((ClassificationTarget("L", classes, codes, 1.0),), (), {})


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), n_classes=st.integers(2, 4))
def test_no_swap_of_neighbours_moves_the_score_further(seed: int, n_classes: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.r_[np.arange(n_classes), rng.integers(0, n_classes, 6)])
    step = valid_granularity(one_label(codes), np.full(len(codes), "valid"))
    # The order of the samples is the order of their scores, the same in every column.
    place = torch.arange(len(codes), dtype=torch.float64)[None, :, None].expand(-1, -1, n_classes)
    before = auc_one_vs_one(place, torch.from_numpy(codes), n_classes)
    for at in range(len(codes) - 1):
        swapped = codes.copy()
        swapped[[at, at + 1]] = swapped[[at + 1, at]]
        after = auc_one_vs_one(place, torch.from_numpy(swapped), n_classes)
        assert abs(float(after - before)) <= step + 1e-12


def test_two_classes_and_two_labels() -> None:
    codes = np.array([0, 0, 1, 1, 1, -1, 0, 1])
    split = np.array(["valid"] * 6 + ["train"] * 2)
    assert valid_granularity(one_label(codes), split) == pytest.approx(1 / 6)
    half = ClassificationTarget("L", ("0", "1"), codes, 0.5)
    stage = ClassificationTarget("M", ("0", "1", "2"), np.array([0, 0, 1, 1, 2, 2, 0, 0]), 0.5)
    targets = DownstreamTargets((half, stage), (), {})
    assert valid_granularity(targets, split) == pytest.approx(0.5 / 6 + 0.5 / 3 / 4)


def test_without_labels_there_is_none() -> None:
    assert math.isnan(valid_granularity(DownstreamTargets((), (), {}), np.array(["valid"])))
