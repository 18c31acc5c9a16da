"""What baselines take: how often each is fitted and scored, at the prices of one core.

What is tried is decided in ``aehpo_gpu.evaluation.baselines``; here it is counted. The prices were
fitted to timings of 200 to 2,000 samples on a core of an Intel Xeon (Sapphire Rapids).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aehpo_gpu.evaluation.baselines import SEEDS, UMAP_DIMS
from aehpo_gpu.evaluation.linear_autoencoder import STEPS

UMAP_COMPILATION = 4.0
"""Seconds of the first layout of a process, beyond the layout itself."""

_UMAP = 5.4e-4
_UMAP_GROWTH = 1.3
_PROBE = 3.5e-7
_PROBE_OF_A_LABEL = 0.01
_DECOMPOSITION = 1e-9
_LINEAR_STEP = 3e-4
_LINEAR = 1e-10


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
        Numbers of dimensions and of features that an autoencoder of the study may have.
    """

    train: int
    features: int
    classes: tuple[int, ...]
    dims: tuple[int, ...]
    k_filters: tuple[int, ...]

    def tried(self) -> float:
        """Of everything that is tried in one replicate."""
        fewer = sorted({k for k in self.k_filters if k < self.features})
        widths = [*fewer, self.features]
        widest = min(self.features, max(self.k_filters, default=self.features))
        below = [k for k in fewer if k < widest]
        small = [min(dim, width) for width in widths for dim in self.dims]
        return (
            sum(map(self._decomposition, widths))
            + 2 * sum(map(self.probe, small))
            + sum(self.probe(min(width, self.train)) for width in widths)
            + (len(self.dims) + len(fewer)) * (self._umap() + self.probe(self._largest))
            + sum(self._linear(widest, dim) for dim in self.dims)
            + sum(self._linear(width, self._largest) for width in below)
        )

    def again(self) -> float:
        """Of what speaks for each method, computed again in one replicate."""
        widest = min(self.features, max(self.k_filters, default=self.features))
        return (
            self._decomposition(self.features)
            + self._umap()
            + self._linear(widest, self._largest)
            + 4 * self.probe(self._largest)
            + self.probe(min(self.features, self.train))
        )

    def raced(self) -> float:
        """Of what races beside autoencoders in one replicate."""
        widest = min(self.features, max(self.k_filters, default=self.features))
        return (
            self._decomposition(self.features)
            + min(UMAP_DIMS, len(self.dims)) * self._umap()
            + sum(self._linear(widest, dim) for dim in self.dims)
            + 4 * sum(map(self.probe, self.dims))
            + sum(self.probe(min(k, self.features, self.train)) for k in set(self.k_filters))
        )

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
            seeded = (len(SEEDS) - 1) * (self._umap() + self._linear(self.features, self._largest))
            return UMAP_COMPILATION + self.tried() + seeded
        return UMAP_COMPILATION + replicates * self.tried() + fresh * self.again()

    def probe(self, dim: int) -> float:
        """Of scoring one representation of so many dimensions."""
        per_sample = _PROBE * sum(self.classes) * self.train * dim
        return _PROBE_OF_A_LABEL * len(self.classes) + per_sample

    @property
    def _largest(self) -> int:
        return max(self.dims, default=1)

    def _umap(self) -> float:
        return _UMAP * self.train**_UMAP_GROWTH

    def _decomposition(self, features: int) -> float:
        return _DECOMPOSITION * self.train * features * min(self.train, features)

    def _linear(self, features: int, dim: int) -> float:
        smaller = min(features, self.train)
        return STEPS * (_LINEAR_STEP + _LINEAR * features * smaller * dim)


def dims_and_filters(dims: Sequence[int], k_filters: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return the two as :class:`BaselineSeconds` takes them."""
    return {"dims": tuple(map(int, dims)), "k_filters": tuple(map(int, k_filters))}
