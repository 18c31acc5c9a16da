"""The configuration that nobody tuned: what a person gets who leaves every setting as it is.

The values are those of Autoencodix 0.2.5 (``autoencodix.configs.DefaultConfig`` and the classes
that override it), by the names of this platform. What a search space is belongs to
``search_space``.
"""

from __future__ import annotations

import math
from typing import Any

from aehpo_assets.space.distributions import Choice, Distribution, Scalar
from aehpo_assets.space.search_space import SearchSpace

AUTOENCODIX_DEFAULTS: dict[str, float] = {
    # Its k_filter is None, which keeps every feature.
    "k_filter": math.inf,
    # It counts the layers without the latent one, and has three of them.
    "n_layers": 4,
    "enc_factor": 4.0,
    "latent_dim_fixed": 16,
    "lr_fixed": 1e-3,
    "beta": 1.0,
    "beta_mi": 1.0,
    "beta_tc": 1.0,
    "beta_dimKL": 1.0,
    "batch_size": 32,
    "drop_p": 0.1,
}
"""Hyperparameter to its value in ``DefaultConfig``."""

OVERRIDES: dict[str, dict[str, float]] = {"varix": {"beta": 0.1}}
"""Architecture to what its own class (``VarixConfig``) sets otherwise."""


def default_configuration(space: SearchSpace) -> dict[str, Any]:
    """Return the untuned configuration of an architecture, as near as a search space allows.

    Parameters
    ----------
    space
        The architecture's search space, as the study narrows it.

    Returns
    -------
    dict
        Hyperparameter to value, in the order of the space. Of a list, the value whose ratio to the
        default is nearest to 1 (the nearest difference if 0 is in the list); within bounds, the
        default itself or the bound that it lies beyond. ``k_filter`` is the largest value, so
        that it never lies below the latent dimension.
    """
    defaults = AUTOENCODIX_DEFAULTS | OVERRIDES.get(space.architecture, {})
    return {
        name: _nearest(domain, defaults[name]) for name, domain in space.hyperparameters.items()
    }


def _nearest(distribution: Distribution, wanted: float) -> Scalar:
    if not isinstance(distribution, Choice):
        return float(min(max(wanted, distribution.lower), distribution.upper))
    if math.isinf(wanted):
        return max(distribution.values)
    if min(distribution.values) <= 0:
        return min(distribution.values, key=lambda value: abs(value - wanted))
    return min(distribution.values, key=lambda value: abs(math.log(value / wanted)))
