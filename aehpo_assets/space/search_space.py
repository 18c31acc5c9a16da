"""The search space of each architecture, and how a study narrows it.

A space belongs to an architecture by name only; the layers and losses behind the name live in
``aehpo_gpu.architectures``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aehpo_assets.errors import InputError
from aehpo_assets.space.distributions import Choice, Distribution, LogUniform, Uniform

STUDY_HYPERPARAMETERS: dict[str, Distribution] = {
    "k_filter": Choice((128, 256, 512, 1024, 2048, 4096)),
    "n_layers": Choice((2, 3, 4)),
    "enc_factor": Uniform(1, 4),
    "latent_dim_fixed": Choice((2, 4, 8, 16, 32, 64)),
    "lr_fixed": LogUniform(1e-5, 1e-1),
    "beta": LogUniform(1e-3, 10),
    "batch_size": Choice((32, 64, 128, 256)),
    "drop_p": Uniform(0, 0.9),
}
"""The eight hyperparameters of the reference study, in the order in which they are drawn."""

_SHARED = tuple(name for name in STUDY_HYPERPARAMETERS if name != "beta")

ARCHITECTURE_SPACES: dict[str, dict[str, Distribution]] = {
    "vanillix": {name: STUDY_HYPERPARAMETERS[name] for name in _SHARED},
    "varix": dict(STUDY_HYPERPARAMETERS),
    "disentanglix": {
        **{name: STUDY_HYPERPARAMETERS[name] for name in _SHARED},
        "beta_mi": LogUniform(1e-3, 10),
        "beta_tc": LogUniform(1e-3, 10),
        "beta_dimKL": LogUniform(1e-3, 10),
    },
}
"""The default space of each architecture."""

_WHOLE_NUMBERS = ("k_filter", "n_layers", "latent_dim_fixed", "batch_size")


@dataclass(frozen=True)
class SearchSpace:
    """The hyperparameters of one architecture and their distributions, in drawing order."""

    architecture: str
    hyperparameters: dict[str, Distribution]

    @property
    def names(self) -> list[str]:
        """Names of the hyperparameters, in drawing order."""
        return list(self.hyperparameters)

    @property
    def size(self) -> float:
        """Number of distinct configurations; infinite as soon as one hyperparameter is no list."""
        return math.prod(domain.size for domain in self.hyperparameters.values())

    def problem(self, values: Mapping[str, Any]) -> str | None:
        """Say why a configuration lies outside the space, or None if it lies inside."""
        for name, distribution in self.hyperparameters.items():
            if name not in values:
                return f"{name} is missing"
            if not distribution.contains(values[name]):
                return f"{name}={values[name]} lies outside {distribution}"
        if values["k_filter"] < values["latent_dim_fixed"]:
            return (
                f"k_filter={values['k_filter']} lies below "
                f"latent_dim_fixed={values['latent_dim_fixed']}"
            )
        return None

    def syne_tune(self) -> dict[str, Any]:
        """Return the space as Syne Tune's configuration space."""
        return {name: domain.syne_tune() for name, domain in self.hyperparameters.items()}


def search_space(
    architecture: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    file: str | Path | None = None,
) -> SearchSpace:
    """Return the space of an architecture as a study wants it.

    Parameters
    ----------
    architecture
        A key of :data:`ARCHITECTURE_SPACES`.
    overrides
        The study's ``space``: hyperparameter to a list of values, or to ``{uniform: [a, b]}`` or
        ``{loguniform: [a, b]}``. Hyperparameters of other architectures are accepted and ignored.
    file
        The study file, for the messages.

    Raises
    ------
    InputError
        If the architecture or a hyperparameter is unknown, a distribution is malformed, or the
        space allows ``k_filter`` below ``latent_dim_fixed``.
    """
    if architecture not in ARCHITECTURE_SPACES:
        raise InputError(
            f"unknown architecture {architecture!r}",
            file=file,
            key="architectures",
            remedy=f"Known are: {', '.join(ARCHITECTURE_SPACES)}.",
        )
    known = {name for space in ARCHITECTURE_SPACES.values() for name in space}
    hyperparameters = dict(ARCHITECTURE_SPACES[architecture])
    for name, given in (overrides or {}).items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            remedy = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(known))}."
            raise InputError(
                "unknown hyperparameter", file=file, key=f"space.{name}", remedy=remedy
            )
        distribution = _distribution(given, name, file)
        if name in hyperparameters:
            hyperparameters[name] = distribution
    _refuse_too_narrow(hyperparameters, file)
    return SearchSpace(architecture, hyperparameters)


def latent_dimensions(space: SearchSpace) -> list[int]:
    """Latent dimensions that a space allows, ascending; the two ends of a continuous one."""
    return _whole_values(space, "latent_dim_fixed")


def filter_sizes(space: SearchSpace) -> list[int]:
    """Numbers of features (``k_filter``) that a space allows, as :func:`latent_dimensions`."""
    return _whole_values(space, "k_filter")


def _whole_values(space: SearchSpace, name: str) -> list[int]:
    distribution = space.hyperparameters[name]
    values = distribution.values if isinstance(distribution, Choice) else _support(distribution)
    return sorted(int(value) for value in values)


def _distribution(given: Any, name: str, file: str | Path | None) -> Distribution:
    key = f"space.{name}"
    numeric = STUDY_HYPERPARAMETERS.get(name)
    if isinstance(given, list):
        for value in given:
            if not _is_number(value):
                raise InputError(f"{value!r} is no number", file=file, key=key)
        # 1 and 1.0 are one value.
        if not given or len(set(given)) != len(given):
            raise InputError("needs a list of distinct values", file=file, key=key)
        distribution: Distribution = Choice(tuple(given))
    elif isinstance(given, dict) and set(given) <= {"uniform", "loguniform"} and len(given) == 1:
        kind, bounds = next(iter(given.items()))
        ordered = (
            isinstance(bounds, list)
            and len(bounds) == 2
            and all(map(_is_number, bounds))
            and bounds[0] < bounds[1]
        )
        if not ordered or (kind == "loguniform" and bounds[0] <= 0):
            raise InputError(
                f"{kind} needs two bounds, the lower one first"
                + (" and above zero" if kind == "loguniform" else ""),
                file=file,
                key=key,
            )
        distribution = (Uniform if kind == "uniform" else LogUniform)(*map(float, bounds))
    else:
        raise InputError(
            f"{given!r} is no distribution",
            file=file,
            key=key,
            remedy="Give a list of values, {uniform: [a, b]} or {loguniform: [a, b]}.",
        )
    _refuse_impossible(name, distribution, key, file)
    if name in _WHOLE_NUMBERS and isinstance(numeric, Choice):
        whole = isinstance(distribution, Choice) and all(
            isinstance(value, int) for value in distribution.values
        )
        if not whole:
            raise InputError("takes a list of whole numbers", file=file, key=key)
    return distribution


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


_LIMITS: dict[str, tuple[float, float]] = {
    "k_filter": (1, float("inf")),
    "n_layers": (1, float("inf")),
    "enc_factor": (1, float("inf")),
    "latent_dim_fixed": (1, float("inf")),
    "lr_fixed": (1e-12, float("inf")),
    "batch_size": (2, float("inf")),
    "drop_p": (0, 1 - 1e-9),
}


def _support(distribution: Distribution) -> tuple[float, float]:
    """Lowest and highest value of a numeric distribution."""
    if isinstance(distribution, Choice):
        numbers = [float(value) for value in distribution.values]
        return min(numbers), max(numbers)
    return distribution.lower, distribution.upper


def _refuse_impossible(
    name: str, distribution: Distribution, key: str, file: str | Path | None
) -> None:
    """Refuse values no network can have, such as a dropout of one."""
    lower, upper = _LIMITS.get(name, (0, float("inf")))
    low, high = _support(distribution)
    if low < lower or high > upper:
        raise InputError(
            f"allows {low if low < lower else high}, outside {lower:g} to {upper:g}",
            file=file,
            key=key,
            remedy="Narrow the distribution.",
        )


def _refuse_too_narrow(hyperparameters: dict[str, Distribution], file: str | Path | None) -> None:
    narrowest, _ = _support(hyperparameters["k_filter"])
    _, deepest = _support(hyperparameters["latent_dim_fixed"])
    if narrowest < deepest:
        raise InputError(
            f"allows k_filter {narrowest:g} below latent_dim_fixed {deepest:g}",
            file=file,
            key="space.k_filter",
            remedy="Raise the smallest k_filter or lower the largest latent_dim_fixed.",
        )
