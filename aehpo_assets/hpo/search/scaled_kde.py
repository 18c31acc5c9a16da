"""Syne Tune's tree-structured Parzen estimator, without three defects of 0.16.0.

Its densities are computed here as well, in one batch. Each defect has a test of the stock.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri
from syne_tune.config_space import Categorical, Domain, Float, is_log_space, uniform
from syne_tune.optimizer.schedulers.searchers.kde import KernelDensityEstimator


class ScaledKernelDensityEstimator(KernelDensityEstimator):
    """TPE whose densities see every hyperparameter on a scale that makes sense.

    Three defects of the stock searcher are worked around:

    - Log-uniform hyperparameters are mapped linearly to [0, 1], where 90 % of ``[1e-5, 1e-1]`` is
      the last decade. May go when ``_to_feature`` honours ``is_log_space``.
    - Where all good trials share one category, statsmodels divides by ``num_levels - 1 = 0``, and
      every category that was *never* good gets infinite density and wins. Categories are taken by
      their position instead. May go when Syne Tune passes the number of levels on.
    - It refuses to fit with as many good trials as hyperparameters, which is its own default, so
      that 8 hyperparameters mean random search up to 60 trials. May go with that comparison.
    """

    def __init__(self, config_space: dict[str, Any], **settings: Any):
        self._stock_space = config_space
        scaled = {name: _scaled_domain(domain) for name, domain in config_space.items()}
        searched = sum(isinstance(domain, Domain) for domain in scaled.values())
        settings.setdefault("num_min_data_points", searched + 1)
        super().__init__(config_space=scaled, **settings)

    def suggest(self, **kwargs: Any) -> dict[str, Any] | None:
        """Suggest a configuration; candidates are drawn and scored in one batch."""
        if self.points_to_evaluate:
            return self._next_points_to_evaluate()
        suggestion = self._proposal()
        return {
            name: _from_scaled(suggestion[name], domain)
            for name, domain in self._stock_space.items()
        }

    def _proposal(self) -> dict[str, Any]:
        """Propose a configuration on the scale of the densities."""
        with warnings.catch_warnings():
            # statsmodels announces a change of a default generator that is not used here.
            warnings.simplefilter("ignore", FutureWarning)
            densities = self._train_kde(np.array(self.X), np.array(self.y)) if self.y else None
        if densities is None or self.random_state.rand() < self.random_fraction:
            return self._get_random_config()
        bad, good = densities
        means = good.data[self.random_state.randint(0, len(good.data), self.num_candidates)]
        width = self.bandwidth_factor * np.maximum(good.bw, self.min_bandwidth)
        # Normal around good trials, cut to [0, 1]: the inverse of its distribution function.
        low, high = ndtr(-means / width), ndtr((1 - means) / width)
        draws = low + self.random_state.uniform(size=means.shape) * (high - low)
        candidates = np.clip(means + width * ndtri(draws), 0, 1)
        ratio = np.maximum(product_kernel_density(bad.data, bad.bw, candidates), 1e-32)
        ratio /= np.maximum(product_kernel_density(good.data, good.bw, candidates), 1e-32)
        return self._from_feature(candidates[int(np.argmin(ratio))])

    def on_trial_complete(self, trial_id: int, config: dict[str, Any], metric: float) -> None:
        """Take in the loss of a configuration."""
        scaled = {name: _to_scaled(config[name], self._stock_space[name]) for name in config}
        super().on_trial_complete(trial_id, scaled, metric)


def product_kernel_density(data: np.ndarray, bandwidth: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Density of a Gaussian product kernel, as ``statsmodels``' ``KDEMultivariate.pdf`` has it.

    Parameters
    ----------
    data, bandwidth, at
        (observations, dimensions), (dimensions,) and (points, dimensions).

    Returns
    -------
    numpy.ndarray
        (points,)
    """
    gaps = (at[:, None, :] - data[None]) / bandwidth
    kernels = np.exp(-0.5 * (gaps**2).sum(axis=2))
    return kernels.mean(axis=1) / np.prod(np.sqrt(2 * np.pi) * bandwidth)


def _scaled_domain(domain: Any) -> Any:
    if isinstance(domain, Categorical):
        return uniform(0.0, float(len(domain.categories)))
    if isinstance(domain, Float) and is_log_space(domain):
        return uniform(float(np.log(domain.lower)), float(np.log(domain.upper)))
    return domain


def _to_scaled(value: Any, domain: Any) -> Any:
    if isinstance(domain, Categorical):
        return domain.categories.index(value) + 0.5
    if isinstance(domain, Float) and is_log_space(domain):
        return float(np.log(value))
    return value


def _from_scaled(value: Any, domain: Any) -> Any:
    if isinstance(domain, Categorical):
        return domain.categories[min(int(value), len(domain.categories) - 1)]
    if isinstance(domain, Float) and is_log_space(domain):
        return float(np.exp(value))
    return value
