"""The linear autoencoder is trained: it reaches what components reach, and not by them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from aehpo_gpu.evaluation import linear_autoencoder
from aehpo_gpu.evaluation.linear_autoencoder import linear_latents

TRAIN = np.arange(90) % 3 > 0


@pytest.fixture(params=[20, 100], ids=["fewer features than samples", "more"])
def matrix(request: pytest.FixtureRequest) -> np.ndarray:
    """Five factors of falling weight, with noise."""
    source = np.random.default_rng(0)
    hidden = source.normal(size=(90, 5)) * [4, 3, 2, 1.5, 1]
    loadings = source.normal(size=(5, request.param))
    return hidden @ loadings + 0.3 * source.normal(size=(90, request.param)) + 1


def left_over(latents: np.ndarray, values: np.ndarray) -> float:
    """Squared error of the best linear reconstruction of the train samples."""
    fitted = LinearRegression().fit(latents[TRAIN], values[TRAIN])
    return float(np.square(values[TRAIN] - fitted.predict(latents[TRAIN])).sum())


def test_it_reconstructs_nearly_what_components_do_along_axes_of_its_own(
    matrix: np.ndarray,
) -> None:
    latents = linear_latents(matrix, TRAIN, 3, 0)
    components = PCA(3).fit(matrix[TRAIN]).transform(matrix)
    best = left_over(components, matrix)
    assert best <= left_over(latents, matrix) < 1.05 * best
    overlap = np.abs(np.corrcoef(latents[TRAIN].T, components[TRAIN].T)[:3, 3:])
    assert overlap.max(axis=1).min() < 0.99


def test_untrained_it_is_no_better_than_chance(
    matrix: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear_autoencoder, "STEPS", 0)
    untrained = left_over(linear_latents(matrix, TRAIN, 3, 0), matrix)
    best = left_over(PCA(3).fit(matrix[TRAIN]).transform(matrix), matrix)
    assert untrained > 1.2 * best


def test_the_seed_decides_and_nothing_else(matrix: np.ndarray) -> None:
    first, again, other = (linear_latents(matrix, TRAIN, 3, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_only_train_samples_are_learned_from(matrix: np.ndarray) -> None:
    moved = matrix.copy()
    moved[~TRAIN] += 5
    first, other = (linear_latents(values, TRAIN, 3, 0) for values in (matrix, moved))
    np.testing.assert_array_equal(first[TRAIN], other[TRAIN])
    assert not np.allclose(first[~TRAIN], other[~TRAIN])


def test_it_follows_the_gradient_of_the_reconstruction_error(matrix: np.ndarray) -> None:
    """The products that the gradients are made of are those of the plain loss."""
    centred = torch.from_numpy(matrix[TRAIN] - matrix[TRAIN].mean(axis=0))
    generator = torch.Generator().manual_seed(0)
    features = matrix.shape[1]
    E, D = (
        torch.rand(*shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in ((features, 2), (2, features))
    )
    loss = (centred - centred @ E @ D).square().sum() / len(centred)
    loss.backward()
    with torch.no_grad():
        times = linear_autoencoder._covariance(centred)
        of_encoder, of_decoder = linear_autoencoder._gradients(E, D, times)
    torch.testing.assert_close(of_encoder, E.grad)
    torch.testing.assert_close(of_decoder, D.grad)
