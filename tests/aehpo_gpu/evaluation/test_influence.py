"""What samples add to an AUC: DeLong's variances, and what drawing other samples does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aehpo_gpu.evaluation.auc import auc_one_vs_one
from aehpo_gpu.evaluation.influence import auc_influence


def delong(scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Covariance of the AUCs of several scores, as the paper writes it."""
    ones, zeros = scores[:, positive], scores[:, ~positive]
    wins = (ones[:, :, None] > zeros[:, None, :]) + 0.5 * (ones[:, :, None] == zeros[:, None, :])
    of_ones, of_zeros = wins.mean(axis=2), wins.mean(axis=1)
    covariance = np.cov(of_ones) / of_ones.shape[1] + np.cov(of_zeros) / of_zeros.shape[1]
    return np.atleast_2d(covariance)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    ones=st.integers(2, 30),
    zeros=st.integers(2, 30),
    levels=st.sampled_from([None, 2, 5]),
)
def test_two_classes_have_the_variances_of_delong(
    seed: int, ones: int, zeros: int, levels: int | None
) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.r_[np.ones(ones, int), np.zeros(zeros, int)])
    score = rng.random((3, len(codes))) if levels is None else rng.integers(0, levels, (3, 1)) / 7
    score = np.broadcast_to(score, (3, len(codes))) + 0.3 * codes * rng.random((3, 1))
    probabilities = torch.from_numpy(np.stack([1 - score, score], axis=-1))
    found = auc_influence(probabilities, torch.from_numpy(codes), 2).numpy()
    np.testing.assert_allclose(found @ found.T, delong(score, codes == 1), rtol=0, atol=1e-12)


def test_the_influence_of_a_class_sums_to_zero() -> None:
    rng = np.random.default_rng(1)
    codes = rng.permutation(np.repeat(np.arange(4), [3, 8, 20, 1]))
    scores = torch.from_numpy(rng.dirichlet(np.ones(4), (2, len(codes))))
    found = auc_influence(scores, torch.from_numpy(codes), 4).numpy()
    for one in range(4):
        np.testing.assert_allclose(found[:, codes == one].sum(axis=1), 0, atol=1e-14)
    assert not found[:, codes == 3].any()


@pytest.mark.parametrize("n_classes", [2, 4])
def test_its_variance_is_that_of_drawing_other_samples(n_classes: int) -> None:
    rng = np.random.default_rng(2)
    codes = np.repeat(np.arange(n_classes), [40, 25, 60, 30][:n_classes])

    def draw(shift: float) -> torch.Tensor:
        logits = rng.normal(size=(1500, len(codes), n_classes))
        logits[:, np.arange(len(codes)), codes] += shift
        return torch.from_numpy(logits).softmax(-1)

    labels = torch.from_numpy(codes)
    scores = draw(0.8)
    aucs = auc_one_vs_one(scores, labels, n_classes).numpy()
    said = auc_influence(scores, labels, n_classes).square().sum(-1).numpy()
    assert said.mean() == pytest.approx(aucs.var(ddof=1), rel=0.08)
