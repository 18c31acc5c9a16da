"""The AUC of many runs against scikit-learn's, one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from aehpo_gpu.evaluation.auc import auc_one_vs_one


def reference(scores: np.ndarray, codes: np.ndarray) -> list[float]:
    if scores.shape[-1] == 2:
        return [roc_auc_score(codes, run[:, 1]) for run in scores]
    return [roc_auc_score(codes, run, multi_class="ovo", average="macro") for run in scores]


def draw(
    seed: int, n_classes: int, extra: int, imbalance: float, levels: int | None
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    share = np.arange(1, n_classes + 1.0) ** -imbalance
    more = rng.choice(n_classes, extra, p=share / share.sum())
    codes = rng.permutation(np.r_[np.arange(n_classes), more])
    if levels is None:
        scores = rng.dirichlet(np.ones(n_classes), (3, len(codes)))
    else:
        # Few different samples, so that scores are tied within and between classes.
        kinds = rng.dirichlet(np.ones(n_classes), (3, levels))
        scores = np.take_along_axis(
            kinds, rng.integers(0, levels, (3, len(codes), 1)).repeat(n_classes, -1), 1
        )
    return scores, codes


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n_classes=st.integers(2, 9),
    extra=st.integers(0, 60),
    imbalance=st.sampled_from([0.0, 1.0, 3.0]),
    levels=st.sampled_from([None, 1, 2, 5]),
)
def test_equals_scikit_learn(
    seed: int, n_classes: int, extra: int, imbalance: float, levels: int | None
) -> None:
    scores, codes = draw(seed, n_classes, extra, imbalance, levels)
    auc = auc_one_vs_one(torch.from_numpy(scores), torch.from_numpy(codes), n_classes)
    assert auc.dtype == torch.float64
    np.testing.assert_allclose(auc, reference(scores, codes), rtol=0, atol=1e-12)


def test_equals_scikit_learn_for_many_classes() -> None:
    scores, codes = draw(0, 33, 500, 0.5, None)
    auc = auc_one_vs_one(torch.from_numpy(scores[:1]), torch.from_numpy(codes), 33)
    np.testing.assert_allclose(auc, reference(scores[:1], codes), rtol=0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), n_classes=st.integers(2, 6))
def test_only_the_order_within_a_column_counts(seed: int, n_classes: int) -> None:
    scores, codes = draw(seed, n_classes, 30, 1.0, 6)
    plain = auc_one_vs_one(torch.from_numpy(scores), torch.from_numpy(codes), n_classes)
    moved = auc_one_vs_one(torch.from_numpy(scores**3 * 7 - 2), torch.from_numpy(codes), n_classes)
    turned = auc_one_vs_one(torch.from_numpy(-scores), torch.from_numpy(codes), n_classes)
    torch.testing.assert_close(moved, plain, rtol=0, atol=0)
    torch.testing.assert_close(turned, 1 - plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_equal_scores_are_a_coin_toss(n_classes: int) -> None:
    codes = torch.arange(n_classes).repeat_interleave(torch.arange(1, n_classes + 1))
    scores = torch.full((2, len(codes), n_classes), 1 / n_classes)
    assert auc_one_vs_one(scores, codes, n_classes).tolist() == [0.5, 0.5]


def test_refuses_a_class_without_samples() -> None:
    with pytest.raises(ValueError, match="every class needs a sample"):
        auc_one_vs_one(torch.zeros(1, 4, 3), torch.tensor([0, 1, 0, 1]), 3)


def test_refuses_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        auc_one_vs_one(torch.zeros(1, 4, 3), torch.tensor([0, 1, 0]), 3)
