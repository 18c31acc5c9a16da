"""MOFA+ (Argelaguet et al. 2020) by its authors' own program, with factors of new samples.

``mofapy2`` (the extra ``reference``) fits the factors of the samples that it is given and has no
transform. The posterior mean of a factor given what was learnt of the weights and of the noise is
a linear function of a sample, which holds for new samples as well; of the train samples it is what
mofapy2 itself arrives at.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aehpo_assets.store.provenance import named_seed

ITERATIONS = 1_000
"""Most iterations of a fit; it ends before, when its bound hardly rises any more."""


@dataclass(frozen=True)
class Mofa:
    """A fitted model.

    Attributes
    ----------
    centres
        (features,) mean of each feature on train, of each modality.
    weights, squares
        (features, factors) E[W] and E[W^2] of each modality.
    precisions
        (features,) E[tau], one over the noise, of each modality.
    factors
        (train samples, factors) as mofapy2 has them.
    """

    centres: list[np.ndarray]
    weights: list[np.ndarray]
    squares: list[np.ndarray]
    precisions: list[np.ndarray]
    factors: np.ndarray

    def transform(self, views: Sequence[np.ndarray]) -> np.ndarray:
        """Return posterior means of the factors of any samples, of which nothing is missing.

        With the precision ``I + sum_m W' diag(tau) W``, of which mofapy2 has ``E[W^2]`` on the
        diagonal, and the information ``sum_m W' diag(tau) (x - mean)``.

        Parameters
        ----------
        views
            (samples, features) of each modality.

        Returns
        -------
        numpy.ndarray
            (samples, factors) float64.
        """
        precision = np.eye(self.factors.shape[1])
        information = np.zeros((len(views[0]), len(precision)))
        learnt = zip(self.centres, self.weights, self.squares, self.precisions, strict=True)
        for view, (centre, weights, squares, tau) in zip(views, learnt, strict=True):
            own = weights.T @ (tau[:, None] * weights)
            np.fill_diagonal(own, tau @ squares)
            precision += own
            information += ((view - centre) * tau) @ weights
        return np.linalg.solve(precision, information.T).T

    def variance_explained(self, views: Sequence[np.ndarray]) -> np.ndarray:
        """Return how much of each modality each factor explains, as mofapy2 says it.

        Parameters
        ----------
        views
            (samples, features) of each modality, of the train samples for mofapy2's own figures.

        Returns
        -------
        numpy.ndarray
            (factors, modalities) ``1 - SS_residual / SS_total`` of the centred modality.
        """
        factors = self.transform(views)
        explained = []
        for view, centre, weights in zip(views, self.centres, self.weights, strict=True):
            centred = view - centre
            total = (centred**2).sum()
            each = [
                ((centred - np.outer(factors[:, k], weights[:, k])) ** 2).sum()
                for k in range(factors.shape[1])
            ]
            explained.append(1 - np.array(each) / total)
        return np.stack(explained, axis=1)


def fit_mofa(views: Sequence[np.ndarray], factors: int, seed: int) -> Mofa:
    """Fit MOFA+ with Gaussian views and its own defaults: spike-and-slab and ARD on the weights.

    Parameters
    ----------
    views
        (train samples, features) of each modality; missing entries are NaN.
    factors
        Number of factors; those that explain nothing stay, near zero.
    seed
        Of its start.

    Raises
    ------
    ImportError
        If mofapy2 is not installed, which a study that names it is refused for.
    """
    from mofapy2.run.entry_point import entry_point

    given = [[np.asarray(view, dtype=np.float64).copy()] for view in views]
    with _quiet(), _own_numbers():
        model = entry_point()
        model.set_data_options(scale_views=False)
        model.set_data_matrix(given)
        model.set_model_options(factors=factors)
        model.set_train_options(
            iter=ITERATIONS, convergence_mode="fast", seed=seed, quiet=True, verbose=False
        )
        model.build()
        model.run()
    nodes: dict[str, Any] = model.model.getNodes()
    weights = [node.getExpectations() for node in nodes["W"].getNodes()]
    return Mofa(
        centres=[np.nanmean(np.asarray(view, dtype=np.float64), axis=0) for view in views],
        weights=[np.asarray(of["E"]) for of in weights],
        squares=[np.asarray(of["E2"]) for of in weights],
        precisions=[np.asarray(node.getExpectation())[0] for node in nodes["Tau"].getNodes()],
        factors=np.asarray(nodes["Z"].getExpectation()),
    )


def mofa_factors(
    views: Sequence[np.ndarray], train: np.ndarray, dims: Sequence[int], seed: int
) -> list[np.ndarray]:
    """Factors of all samples by models fitted on train, one for each number of them."""
    found = []
    for dim in dims:
        fitted = fit_mofa([view[train] for view in views], dim, named_seed(seed, "mofa"))
        found.append(fitted.transform([view.astype(np.float64) for view in views]))
    return found


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep its banner and what it tells to itself."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


@contextlib.contextmanager
def _own_numbers() -> Iterator[None]:
    """Leave NumPy's shared random numbers as they were: mofapy2 seeds them."""
    before = np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
