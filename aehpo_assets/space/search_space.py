"""The search space of each architecture, and how a study narrows it.

Which hyperparameters there are, and which an architecture has, is said in ``architectures``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aehpo_assets.errors import InputError
from aehpo_assets.registry import Registry
from aehpo_assets.space import architectures
from aehpo_assets.space.architectures import ArchitectureSpace, Hyperparameter
from aehpo_assets.space.distributions import (
    INTERVALS,
    Choice,
    Distribution,
    distribution_from_json,
)

ARCHITECTURE_SPACES = Registry(ArchitectureSpace, "aehpo.architectures", architectures)
"""Every architecture's space by its name, those of other packages included."""


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

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads back, for whatever must know its space."""
        domains = {name: domain.to_json() for name, domain in self.hyperparameters.items()}
        return {"architecture": self.architecture, "hyperparameters": domains}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> SearchSpace:
        """Rebuild the space whose :meth:`to_json` is given."""
        domains = content["hyperparameters"].items()
        return cls(
            content["architecture"],
            {name: distribution_from_json(domain) for name, domain in domains},
        )


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
    every = [one for space in ARCHITECTURE_SPACES.values() for one in space.hyperparameters]
    own = {one.name: one for one in ARCHITECTURE_SPACES[architecture].hyperparameters}
    known = {one.name: one for one in every} | own
    hyperparameters = {name: one.distribution for name, one in own.items()}
    for name, given in (overrides or {}).items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            remedy = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(known))}."
            raise InputError(
                "unknown hyperparameter", file=file, key=f"space.{name}", remedy=remedy
            )
        distribution = _distribution(given, known[name], file)
        if name in hyperparameters:
            hyperparameters[name] = distribution
    _refuse_too_narrow(hyperparameters, file)
    return SearchSpace(architecture, hyperparameters)


def whole_values(space: SearchSpace, name: str) -> list[int]:
    """Whole numbers that a space allows, ascending; the two ends of a continuous one."""
    distribution = space.hyperparameters[name]
    values = distribution.values if isinstance(distribution, Choice) else distribution.support
    return sorted(int(value) for value in values)


def _distribution(
    given: Any, hyperparameter: Hyperparameter, file: str | Path | None
) -> Distribution:
    key = f"space.{hyperparameter.name}"
    if isinstance(given, list):
        for value in given:
            if not _is_number(value):
                raise InputError(f"{value!r} is no number", file=file, key=key)
        # 1 and 1.0 are one value.
        if not given or len(set(given)) != len(given):
            raise InputError("needs a list of distinct values", file=file, key=key)
        distribution: Distribution = Choice(tuple(given))
    elif isinstance(given, dict) and set(given) <= set(INTERVALS) and len(given) == 1:
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
        distribution = INTERVALS[kind](*map(float, bounds))
    else:
        raise InputError(
            f"{given!r} is no distribution",
            file=file,
            key=key,
            remedy="Give a list of values, {uniform: [a, b]} or {loguniform: [a, b]}.",
        )
    (lower, upper), (low, high) = hyperparameter.limits, distribution.support
    if low < lower or high > upper:
        raise InputError(
            f"allows {low if low < lower else high}, outside {lower:g} to {upper:g}",
            file=file,
            key=key,
            remedy="Narrow the distribution.",
        )
    if hyperparameter.kind == "whole":
        whole = isinstance(distribution, Choice) and all(
            isinstance(value, int) for value in distribution.values
        )
        if not whole:
            raise InputError("takes a list of whole numbers", file=file, key=key)
    return distribution


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _refuse_too_narrow(hyperparameters: dict[str, Distribution], file: str | Path | None) -> None:
    narrowest, _ = hyperparameters["k_filter"].support
    _, deepest = hyperparameters["latent_dim_fixed"].support
    if narrowest < deepest:
        raise InputError(
            f"allows k_filter {narrowest:g} below latent_dim_fixed {deepest:g}",
            file=file,
            key="space.k_filter",
            remedy="Raise the smallest k_filter or lower the largest latent_dim_fixed.",
        )
