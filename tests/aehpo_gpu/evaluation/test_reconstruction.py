"""The R2 of reconstructed samples against scikit-learn's, sample by sample."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from aehpo_gpu.evaluation.reconstruction import r2_per_sample


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n_features=st.lists(st.integers(2, 12), min_size=1, max_size=4),
    double=st.booleans(),
)
def test_equals_scikit_learn_behind_any_padding(
    seed: int, n_features: list[int], double: bool
) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.float64 if double else np.float32
    target = np.zeros((len(n_features), 5, 12), dtype=dtype)
    guess = np.zeros_like(target)
    for run, count in enumerate(n_features):
        target[run, :, :count] = rng.normal(size=(5, count))
        guess[run, :, :count] = target[run, :, :count] + rng.normal(size=(5, count))
    found = r2_per_sample(
        torch.from_numpy(target), torch.from_numpy(guess), torch.tensor(n_features)
    )
    assert found.dtype == torch.float64
    for run, count in enumerate(n_features):
        for sample in range(5):
            expected = r2_score(target[run, sample, :count], guess[run, sample, :count])
            np.testing.assert_allclose(
                found[run, sample], expected, rtol=1e-12 if double else 1e-4, atol=1e-5
            )


def test_exact_and_mean_reconstructions() -> None:
    target = torch.tensor([[[1.0, 2.0, 3.0, 0.0]]])
    mean = torch.tensor([[[2.0, 2.0, 2.0, 0.0]]])
    n_features = torch.tensor([3])
    assert r2_per_sample(target, target, n_features).item() == 1
    assert r2_per_sample(target, mean, n_features).item() == 0


def test_a_sample_of_equal_features_is_right_or_wrong() -> None:
    target = torch.tensor([[[0.1, 0.1, 0.1], [0.1, 0.1, 0.1]]])
    guess = torch.tensor([[[0.1, 0.1, 0.1], [0.1, 0.1, 0.3]]])
    assert r2_per_sample(target, guess, torch.tensor([3])).tolist() == [[1.0, 0.0]]


def test_a_reconstruction_that_is_not_finite_is_not_hidden() -> None:
    target = torch.ones(1, 1, 2)
    guess = torch.tensor([[[torch.nan, 1.0]]])
    assert not torch.isfinite(r2_per_sample(target, guess, torch.tensor([2]))).any()
