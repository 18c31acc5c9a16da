"""The ridge regressions of many runs against scikit-learn's, one by one."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aehpo_gpu.evaluation.regression import fit_ridge, r2_of_ridge


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    latent_dim=st.integers(1, 40),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    padding=st.integers(0, 3),
)
def test_equals_scikit_learn(seed: int, latent_dim: int, scale: float, padding: int) -> None:
    rng = np.random.default_rng(seed)
    latents = rng.normal(3, 1, (2, 30, latent_dim)) * scale
    values = latents[0, :, 0] / scale + rng.normal(size=30)
    padded = torch.from_numpy(np.concatenate([latents, np.zeros((2, 30, padding))], -1))
    y = torch.from_numpy(values)
    coefficients = fit_ridge(padded[:, :20], y[:20])
    assert bool((coefficients[:, latent_dim:-1] == 0).all())
    r2 = r2_of_ridge(padded[:, 20:], coefficients, y[20:])
    for run in range(2):
        model = make_pipeline(StandardScaler(), Ridge(alpha=1.0))
        model.fit(latents[run, :20], values[:20])
        expected = r2_score(values[20:], model.predict(latents[run, 20:]))
        np.testing.assert_allclose(r2[run], expected, rtol=1e-8, atol=1e-8)


def test_constant_latents_predict_the_mean_of_train() -> None:
    y = torch.tensor([1.0, 2.0, 6.0])
    coefficients = fit_ridge(torch.full((1, 3, 2), 0.1), y)
    assert coefficients.tolist() == [[0.0, 0.0, 3.0]]


def test_equal_values_leave_r2_undefined() -> None:
    latents = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    coefficients = fit_ridge(latents, torch.arange(5.0))
    assert bool(r2_of_ridge(latents, coefficients, torch.ones(5)).isnan().all())
