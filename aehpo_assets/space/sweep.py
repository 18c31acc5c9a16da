"""Sweeps: one or two hyperparameters vary, and every other one is said to be what it is."""

from __future__ import annotations

import difflib
from pathlib import Path

from aehpo_assets.errors import InputError
from aehpo_assets.space.defaults import default_configuration
from aehpo_assets.space.distributions import value_text
from aehpo_assets.space.search_space import ARCHITECTURE_SPACES, known_hyperparameters, search_space
from aehpo_assets.study.configurations import Configurations


def refuse_sweep(settings: Configurations, architecture: str, file: Path | None) -> None:
    """Refuse a sweep that leaves open what a configuration is, or sweeps what is not read.

    Parameters
    ----------
    settings
        The study's; without a sweep there is nothing to refuse.
    architecture
        One of the study's architectures.
    file
        The study file, for the message.

    Raises
    ------
    InputError
        If a hyperparameter is unknown, the architecture does not read what is swept, or has one
        that is neither swept nor fixed.
    """
    if settings.sweep is None or architecture not in ARCHITECTURE_SPACES:
        return
    known = known_hyperparameters()
    for key, names in (("sweep", settings.sweep), ("at", settings.at)):
        for name in names:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                remedy = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(known)}."
                raise InputError(
                    "unknown hyperparameter",
                    file=file,
                    key=f"configurations.{key}.{name}",
                    remedy=remedy,
                )
    own = ARCHITECTURE_SPACES[architecture].known
    for name in settings.sweep:
        if name not in own:
            raise InputError(
                f"is not read by {architecture}, whose runs would all be the same",
                file=file,
                key=f"configurations.sweep.{name}",
                remedy=f"Take {architecture} out of architectures, or sweep something else.",
            )
    _refuse_values(settings, architecture, file)
    usual = search_space(architecture)
    if left := [name for name in usual.names if name not in settings.swept_space]:
        default = default_configuration(usual)
        missing = ", ".join(f"{name}: {value_text(default[name])}" for name in left)
        are = "is" if len(left) == 1 else "are"
        raise InputError(
            f"does not say what {', '.join(left)} of {architecture} {are}",
            file=file,
            key="configurations.at",
            remedy=f"Add what is wanted; untuned would be {{{missing}}}.",
        )


def _refuse_values(settings: Configurations, architecture: str, file: Path | None) -> None:
    """Refuse values that no network can have, by the place where they stand."""
    try:
        search_space(architecture, settings.swept_space, file=file)
    except InputError as error:
        name = (error.key or "").removeprefix("space.")
        place = "sweep" if name in (settings.sweep or {}) else "at"
        raise InputError(
            error.problem, file=file, key=f"configurations.{place}.{name}", remedy=error.remedy
        ) from None
