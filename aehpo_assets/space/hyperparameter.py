"""What is known of one hyperparameter, and which values a study may give it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aehpo_assets.errors import InputError
from aehpo_assets.foreign import quoted
from aehpo_assets.space.distributions import INTERVALS, Choice, Distribution, Scalar


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter.

    Attributes
    ----------
    name
        Its name in studies and tables.
    distribution
        What it is drawn from, unless a study says otherwise.
    default
        What somebody gets who leaves every setting as it is; infinity is the largest value.
    limits
        Lowest and highest value that a network can have.
    kind
        ``whole`` takes lists of whole numbers only, ``switch`` takes true and false, which tables
        hold as 1 and 0, and ``word`` takes lists of ``words``.
    words
        The words that are known.
    none
        The number that a null in a study stands for, if it may hold one.
    """

    name: str
    distribution: Distribution
    default: Scalar
    limits: tuple[float, float] = (0, math.inf)
    kind: Literal["whole", "real", "word", "switch"] = "real"
    words: tuple[str, ...] = ()
    none: float | None = None


def word(name: str, words: Sequence[str], default: str | None = None) -> Hyperparameter:
    """Return a hyperparameter that is one of some words: the first, unless a study names it."""
    chosen = words[0] if default is None else default
    return Hyperparameter(name, Choice((chosen,)), chosen, kind="word", words=tuple(words))


def distribution_of(
    given: Any, hyperparameter: Hyperparameter, file: str | Path | None
) -> Distribution:
    """Return the distribution that a study gives a hyperparameter.

    Parameters
    ----------
    given
        A list of values, ``{uniform: [a, b]}`` or ``{loguniform: [a, b]}``.
    hyperparameter
        Of which.
    file
        The study file, for the messages.

    Raises
    ------
    InputError
        If it is no distribution, or one that allows what no network can have.
    """
    key = f"space.{hyperparameter.name}"
    if isinstance(given, list):
        values = [_value(value, hyperparameter, key, file) for value in given]
        # 1 and 1.0 are one value.
        if not values or len(set(values)) != len(values):
            raise InputError("needs a list of distinct values", file=file, key=key)
        distribution: Distribution = Choice(tuple(values))
    elif isinstance(given, dict) and set(given) <= set(INTERVALS) and len(given) == 1:
        distribution = _interval(*next(iter(given.items())), key, file)
    else:
        raise InputError(
            f"{given!r} is no distribution",
            file=file,
            key=key,
            remedy="Give a list of values, {uniform: [a, b]} or {loguniform: [a, b]}.",
        )
    if hyperparameter.kind in ("word", "switch"):
        if not isinstance(distribution, Choice):
            raise InputError("takes a list of values", file=file, key=key)
        return distribution
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


def _value(value: Any, hyperparameter: Hyperparameter, key: str, file: str | Path | None) -> Scalar:
    """One value of a list as tables hold it."""
    if hyperparameter.kind == "word":
        if isinstance(value, str) and value in hyperparameter.words:
            return value
        known = ", ".join(hyperparameter.words)
        problem = f"{quoted(str(value))} is not known"
        raise InputError(problem, file=file, key=key, remedy=f"Known: {known}.")
    if hyperparameter.kind == "switch":
        if isinstance(value, bool):
            return int(value)
        raise InputError(f"{value!r} is neither true nor false", file=file, key=key)
    if value is None and hyperparameter.none is not None:
        return hyperparameter.none
    if not is_number(value):
        raise InputError(f"{value!r} is no number", file=file, key=key)
    return value


def _interval(kind: str, bounds: Any, key: str, file: str | Path | None) -> Distribution:
    ordered = (
        isinstance(bounds, list)
        and len(bounds) == 2
        and all(map(is_number, bounds))
        and bounds[0] < bounds[1]
    )
    if not ordered or (kind == "loguniform" and bounds[0] <= 0):
        raise InputError(
            f"{kind} needs two bounds, the lower one first"
            + (" and above zero" if kind == "loguniform" else ""),
            file=file,
            key=key,
        )
    return INTERVALS[kind](*map(float, bounds))


def is_number(value: Any) -> bool:
    """Whether something is a finite number, and no truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
