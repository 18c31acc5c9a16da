"""The search space of each architecture, and how a study narrows it.

Which hyperparameters there are, and which an architecture has, is said in ``architectures``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aehpo_assets.errors import InputError
from aehpo_assets.registry import Registry
from aehpo_assets.space import architectures
from aehpo_assets.space.architectures import ArchitectureSpace
from aehpo_assets.space.distributions import Choice, Distribution, distribution_from_json
from aehpo_assets.space.hyperparameter import Hyperparameter, distribution_of

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

    @property
    def overcomplete(self) -> bool:
        """Whether a configuration may have more latents than features."""
        return ARCHITECTURE_SPACES[self.architecture].overcomplete

    def problem(self, values: Mapping[str, Any]) -> str | None:
        """Say why a configuration lies outside the space, or None if it lies inside."""
        for name, distribution in self.hyperparameters.items():
            if name not in values:
                return f"{name} is missing"
            if not distribution.contains(values[name]):
                return f"{name}={values[name]} lies outside {distribution}"
        if not self.overcomplete and values["k_filter"] < values["latent_dim_fixed"]:
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

    It has the hyperparameters that are searched anyway, and those that the study names.

    Parameters
    ----------
    architecture
        A key of :data:`ARCHITECTURE_SPACES`.
    overrides
        The study's ``space``: hyperparameter to a list of values, or to ``{uniform: [a, b]}`` or
        ``{loguniform: [a, b]}``. Hyperparameters of other architectures are accepted and ignored;
        :func:`refuse_unread` looks at all architectures of a study.
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
    own = ARCHITECTURE_SPACES[architecture].known
    known = known_hyperparameters() | own
    searched = [one.name for one in ARCHITECTURE_SPACES[architecture].hyperparameters]
    given_by_study: dict[str, Distribution] = {}
    for name, given in (overrides or {}).items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            remedy = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(known))}."
            raise InputError(
                "unknown hyperparameter", file=file, key=f"space.{name}", remedy=remedy
            )
        given_by_study[name] = distribution_of(given, known[name], file)
    hyperparameters = {
        name: given_by_study.get(name, one.distribution)
        for name, one in own.items()
        if name in searched or name in given_by_study
    }
    if not ARCHITECTURE_SPACES[architecture].overcomplete:
        _refuse_too_narrow(hyperparameters, file)
    _refuse_reward(hyperparameters, file)
    return SearchSpace(architecture, hyperparameters)


def known_hyperparameters() -> dict[str, Hyperparameter]:
    """Return every hyperparameter of any architecture, by name."""
    spaces = ARCHITECTURE_SPACES.values()
    return {name: one for space in spaces for name, one in space.known.items()}


def refuse_unread(
    architectures: Sequence[str],
    overrides: Mapping[str, Any],
    *,
    file: str | Path | None = None,
) -> None:
    """Refuse a space that names a hyperparameter which none of the architectures reads.

    Raises
    ------
    InputError
        At the first.
    """
    read = {name for one in architectures for name in ARCHITECTURE_SPACES[one].known}
    for name in overrides:
        if name not in read:
            readers = [one.name for one in ARCHITECTURE_SPACES.values() if name in one.known]
            raise InputError(
                f"is read by none of the study's architectures ({', '.join(architectures)})",
                file=file,
                key=f"space.{name}",
                remedy=f"Remove it; it is read by {', '.join(readers)}.",
            )


def whole_values(space: SearchSpace, name: str) -> list[int]:
    """Whole numbers that a space allows, ascending; the two ends of a continuous one.

    Where an architecture lacks the hyperparameter, they are those that others draw from.
    """
    usual = known_hyperparameters()[name].distribution
    distribution = space.hyperparameters.get(name, usual)
    values = distribution.values if isinstance(distribution, Choice) else distribution.support
    return sorted(int(value) for value in values)


def _refuse_reward(hyperparameters: dict[str, Distribution], file: str | Path | None) -> None:
    """Refuse a space that would reward latents for being unlike their prior (InfoVAE)."""
    if not {"info_alpha", "info_lambda"} <= hyperparameters.keys():
        return
    alpha, _ = hyperparameters["info_alpha"].support
    weight, _ = hyperparameters["info_lambda"].support
    if alpha + weight < 1:
        raise InputError(
            f"allows info_lambda {weight:g} beside info_alpha {alpha:g}: the weight of the "
            f"discrepancy, info_alpha + info_lambda - 1, would be {alpha + weight - 1:g}",
            file=file,
            key="space.info_lambda",
            remedy="Raise the smallest info_lambda or the smallest info_alpha.",
        )


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
