"""The distributions a hyperparameter can have, each drawing from Python's own generator.

The formulas are those of the reference study, so that a seed gives its very configurations.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

Scalar = int | float | str
"""A value of a hyperparameter: a number, or a word such as the name of an optimiser."""


def value_text(value: Scalar, digits: int = 4) -> str:
    """Return a value as pages and commands show it: a word as it is, a number to so many digits."""
    return value if isinstance(value, str) else f"{value:.{digits}g}"


@dataclass(frozen=True)
class Choice:
    """One of a list of values, each as likely as the next."""

    values: tuple[Scalar, ...]

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.values))}]"

    @property
    def size(self) -> float:
        """Number of distinct values."""
        return len(set(self.values))

    @property
    def of_words(self) -> bool:
        """Whether the values are words, which have no order."""
        return any(isinstance(value, str) for value in self.values)

    @property
    def support(self) -> tuple[float, float]:
        """Lowest and highest value; of numbers only."""
        numbers = [float(value) for value in self.values]
        return min(numbers), max(numbers)

    def draw(self, generator: random.Random) -> Scalar:
        """Draw one value."""
        return generator.choice(self.values)

    def at(self, share: float) -> Scalar:
        """Return the value below which a share of the draws lies, in the order of the list."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def contains(self, value: Any) -> bool:
        """Whether a value lies in the support."""
        return value in self.values

    def nearest(self, wanted: Scalar) -> Scalar:
        """Return the value whose ratio to a number is nearest to 1; the difference if one is 0.

        Of words, the one that is wanted, or else the first.
        """
        if wanted in self.values:
            return wanted
        if isinstance(wanted, str):
            return self.values[0]
        number = float(wanted)
        if math.isinf(number):
            return max(self.values, key=float)
        if self.support[0] <= 0 or number == 0:
            return min(self.values, key=lambda value: abs(float(value) - number))
        return min(self.values, key=lambda value: abs(math.log(float(value) / number)))

    def syne_tune(self) -> Any:
        """Return the matching domain of ``syne_tune.config_space``, whose values share one type."""
        from syne_tune import config_space

        values: list[Any] = list(self.values)
        if len(set(map(type, values))) > 1:
            values = [float(value) for value in values]
        return config_space.choice(values)

    def to_json(self) -> dict[str, list[Any]]:
        """Return what :func:`distribution_from_json` reads back."""
        return {"choice": list(self.values)}


@dataclass(frozen=True)
class _Interval:
    """What lies between two bounds, whatever is likely there."""

    lower: float
    upper: float

    def __str__(self) -> str:
        return f"{self._kind} [{self.lower:g}, {self.upper:g}]"

    @property
    def _kind(self) -> str:
        return type(self).__name__.lower()

    @property
    def of_words(self) -> bool:
        """Whether the values are words."""
        return False

    @property
    def size(self) -> float:
        """Number of distinct values; between two bounds, more than anyone can draw."""
        return 1 if self.lower == self.upper else math.inf

    @property
    def support(self) -> tuple[float, float]:
        """Lowest and highest value."""
        return self.lower, self.upper

    def nearest(self, wanted: Scalar) -> Scalar:
        """Return a number, or the bound that it lies beyond."""
        return float(min(max(float(wanted), self.lower), self.upper))

    def syne_tune(self) -> Any:
        """Return the matching domain of ``syne_tune.config_space``, which has the same name."""
        from syne_tune import config_space

        return getattr(config_space, self._kind)(self.lower, self.upper)

    def to_json(self) -> dict[str, list[Any]]:
        """Return what :func:`distribution_from_json` reads back."""
        return {self._kind: [self.lower, self.upper]}


class Uniform(_Interval):
    """Uniform between two bounds."""

    def draw(self, generator: random.Random) -> float:
        """Draw one value."""
        return generator.uniform(self.lower, self.upper)

    def at(self, share: float) -> float:
        """Return the value below which a share of the draws lies."""
        return self.lower + share * (self.upper - self.lower)

    def contains(self, value: Any) -> bool:
        """Whether a value lies in the support."""
        return self.lower <= value <= self.upper


class LogUniform(_Interval):
    """Uniform on the logarithmic scale: ``exp(log a + u (log b - log a))``."""

    def draw(self, generator: random.Random) -> float:
        """Draw one value."""
        return math.exp(generator.uniform(math.log(self.lower), math.log(self.upper)))

    def at(self, share: float) -> float:
        """Return the value below which a share of the draws lies."""
        lower, upper = math.log(self.lower), math.log(self.upper)
        return math.exp(lower + share * (upper - lower))

    def contains(self, value: Any) -> bool:
        """Whether a value lies in the support, up to the rounding of ``exp(log(x))``."""
        slack = 1e-12
        return self.lower * (1 - slack) <= value <= self.upper * (1 + slack)


Distribution = Choice | Uniform | LogUniform

INTERVALS: dict[str, type[Uniform] | type[LogUniform]] = {
    "uniform": Uniform,
    "loguniform": LogUniform,
}
"""Distributions between two bounds, by the names that studies and JSON give them."""


def distribution_from_json(content: dict[str, list[Any]]) -> Distribution:
    """Rebuild the distribution whose ``to_json`` is given."""
    kind, values = next(iter(content.items()))
    return Choice(tuple(values)) if kind == "choice" else INTERVALS[kind](*values)
