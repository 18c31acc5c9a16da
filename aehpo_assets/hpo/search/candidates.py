"""Random candidates drawn, encoded and picked in batches, for searchers that score many at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from syne_tune.config_space import Domain, is_log_space

from aehpo_assets.hpo.surrogate.encoding import Encoder
from aehpo_assets.space import Choice, Distribution, LogUniform, SearchSpace, Uniform

Columns = dict[str, list[Any]]


def draw_candidates(
    config_space: dict[str, Any], count: int, generator: np.random.RandomState
) -> Columns:
    """Draw ``count`` configurations, hyperparameter by hyperparameter."""
    columns: Columns = {}
    for name, domain in config_space.items():
        if isinstance(domain, Domain):
            drawn = domain.sample(size=count, random_state=generator)
            columns[name] = drawn if count > 1 else [drawn]
        else:
            columns[name] = [domain] * count
    return columns


def encoder_of(config_space: dict[str, Any]) -> Encoder:
    """Return the encoder of a Syne Tune space; constants are left out."""
    distributions: dict[str, Distribution] = {}
    for name, domain in config_space.items():
        if not isinstance(domain, Domain):
            continue
        if hasattr(domain, "categories"):
            distributions[name] = Choice(tuple(domain.categories))
        else:
            kind = LogUniform if is_log_space(domain) else Uniform
            distributions[name] = kind(domain.lower, domain.upper)
    return Encoder(SearchSpace("", distributions), one_hot=True)


def row(columns: Columns, position: int) -> dict[str, Any]:
    """Return one of the configurations."""
    return {name: values[position] for name, values in columns.items()}
