"""What baselines take: how often each is fitted and scored, at the prices of one core.

What is tried is decided in ``aehpo_gpu.evaluation.baselines``; here it is counted. The prices were
fitted to timings of 200 to 2,000 samples on a core of an Intel Xeon (Sapphire Rapids).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aehpo_gpu.evaluation.baselines import DEFAULT_METHODS, SEEDS
from aehpo_gpu.evaluation.linear_autoencoder import STEPS
from aehpo_gpu.evaluation.mofa_factors import REFITS
from aehpo_gpu.evaluation.representations import FEWEST_DIMS, METHODS

UMAP_COMPILATION = 4.0
"""Seconds of the first layout of a process, beyond the layout itself."""

_UMAP = 5.4e-4
_UMAP_GROWTH = 1.3
_PROBE = 3.5e-7
_PROBE_OF_A_LABEL = 0.01
_DECOMPOSITION = 1e-9
_LINEAR_STEP = 3e-4
_LINEAR = 1e-10
_STEPS = {"nmf": 1.3e-7, "mofa": 1.5e-6}
"""Of a sample, feature and dimension, of what goes by steps; the others decompose a matrix. MOFA
took a tenth of it on simulated data, and 1.2e-6 to 2.4e-6 on real cells."""


@dataclass(frozen=True)
class BaselineSeconds:
    """Seconds of the baselines of a task.

    Attributes
    ----------
    train
        Train samples.
    features
        Features of the task.
    classes
        Number of classes of each label that is scored.
    dims, k_filters
        Numbers of dimensions and of features that are tried.
    methods
        Which are scored.
    """

    train: int
    features: int
    classes: tuple[int, ...]
    dims: tuple[int, ...]
    k_filters: tuple[int, ...]
    methods: tuple[str, ...] = DEFAULT_METHODS

    def tried(self) -> float:
        """Of everything that is tried in one replicate."""
        fewer = sorted({k for k in self.k_filters if k < self.features})
        return sum(self._tried(method, fewer) for method in self.methods)

    def _tried(self, method: str, fewer: Sequence[int]) -> float:
        how, widths = METHODS[method], [*fewer, self.features]
        if how.whole:
            return sum(self.probe(min(width, self.train)) for width in widths)
        if not how.is_costly:
            small = [min(dim, width) for width in widths for dim in self.dims]
            fits = sum(self._fit(method, width, self._largest) for width in widths)
            return fits + sum(map(self.probe, small))
        widest = self._widest(method)
        below = [k for k in fewer if k < widest]
        fits = sum(self._fit(method, widest, dim) for dim in self.dims)
        fits += sum(self._fit(method, width, self._largest) for width in below)
        return fits + (len(self.dims) + len(below)) * self.probe(self._largest)

    def again(self) -> float:
        """Of what speaks for each method, computed again in one replicate."""
        probes = {True: min(self.features, self.train), False: self._largest}
        return sum(
            self._fit(method, self._widest(method), self._largest)
            + self.probe(probes[METHODS[method].whole])
            for method in self.methods
        )

    def raced(self) -> float:
        """Of what races beside autoencoders in one replicate."""
        return sum(map(self._raced, self.methods))

    def _raced(self, method: str) -> float:
        how = METHODS[method]
        if how.whole:
            return sum(self.probe(min(k, self.features, self.train)) for k in set(self.k_filters))
        dims = sorted(self.dims)[:FEWEST_DIMS] if how.is_slow else self.dims
        fits = [self._fit(method, self._widest(method), dim) for dim in dims]
        return (sum(fits) if how.is_costly else max(fits, default=0.0)) + sum(map(self.probe, dims))

    def performance(self, replicates: int, fresh: int) -> float:
        """Of the asset ``baseline_performance``.

        Parameters
        ----------
        replicates
            Those of the study.
        fresh
            Further ones, in which the chosen are scored; used where there are several.
        """
        if replicates == 1:
            seeded = [method for method in self.methods if METHODS[method].has_seed]
            fits = sum(self._fit(method, self.features, self._largest) for method in seeded)
            return self._compilation + self.tried() + (len(SEEDS) - 1) * fits
        return self._compilation + replicates * self.tried() + fresh * self.again()

    def factors(self) -> float:
        """Of choosing how many factors of MOFA there are, and of fitting those again and again."""
        if "mofa" not in self.methods:
            return 0.0
        chosen = self._fit("mofa", self.features, self._largest)
        return (1 + REFITS) * chosen + sum(
            self._fit("mofa", self.features, dim) for dim in self.dims
        )

    def probe(self, dim: int) -> float:
        """Of scoring one representation of so many dimensions."""
        per_sample = _PROBE * sum(self.classes) * self.train * dim
        return _PROBE_OF_A_LABEL * len(self.classes) + per_sample

    @property
    def _largest(self) -> int:
        return max(self.dims, default=1)

    @property
    def _compilation(self) -> float:
        return UMAP_COMPILATION if "umap" in self.methods else 0.0

    def _widest(self, method: str) -> int:
        """Features of the widest matrix that a method is fitted on."""
        if method == "linear_autoencoder":
            return min(self.features, max(self.k_filters, default=self.features))
        return self.features

    def _fit(self, method: str, features: int, dim: int) -> float:
        """Of fitting a method once, and representing all samples."""
        if method == "umap":
            return _UMAP * self.train**_UMAP_GROWTH
        smaller = min(features, self.train)
        if method == "linear_autoencoder":
            return STEPS * (_LINEAR_STEP + _LINEAR * features * smaller * dim)
        if METHODS[method].whole or method == "random_features":
            return 0.0
        by_steps = _STEPS.get(method, 0.0) * self.train * features * dim
        return by_steps or _DECOMPOSITION * self.train * features * smaller


def dims_and_filters(dims: Sequence[int], k_filters: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return the two as :class:`BaselineSeconds` takes them."""
    return {"dims": tuple(map(int, dims)), "k_filters": tuple(map(int, k_filters))}
