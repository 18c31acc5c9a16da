"""The distributions a hyperparameter can have, each drawing from Python's own generator.

The formulas are those of the reference study, so that a seed gives its very configurations.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

Scalar = int | float


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

    def draw(self, generator: random.Random) -> Scalar:
        """Draw one value."""
        return generator.choice(self.values)

    def contains(self, value: Any) -> bool:
        """Whether a value lies in the support."""
        return value in self.values

    def syne_tune(self) -> Any:
        """Return the matching domain of ``syne_tune.config_space``."""
        from syne_tune import config_space

        return config_space.choice(list(self.values))


@dataclass(frozen=True)
class Uniform:
    """Uniform between two bounds."""

    lower: float
    upper: float

    def __str__(self) -> str:
        return f"uniform [{self.lower:g}, {self.upper:g}]"

    @property
    def size(self) -> float:
        """Number of distinct values; between two bounds, more than anyone can draw."""
        return 1 if self.lower == self.upper else math.inf

    def draw(self, generator: random.Random) -> float:
        """Draw one value."""
        return generator.uniform(self.lower, self.upper)

    def contains(self, value: Any) -> bool:
        """Whether a value lies in the support."""
        return self.lower <= value <= self.upper

    def syne_tune(self) -> Any:
        """Return the matching domain of ``syne_tune.config_space``."""
        from syne_tune import config_space

        return config_space.uniform(self.lower, self.upper)


@dataclass(frozen=True)
class LogUniform:
    """Uniform on the logarithmic scale: ``exp(log a + u (log b - log a))``."""

    lower: float
    upper: float

    def __str__(self) -> str:
        return f"loguniform [{self.lower:g}, {self.upper:g}]"

    @property
    def size(self) -> float:
        """Number of distinct values; between two bounds, more than anyone can draw."""
        return 1 if self.lower == self.upper else math.inf

    def draw(self, generator: random.Random) -> float:
        """Draw one value."""
        return math.exp(generator.uniform(math.log(self.lower), math.log(self.upper)))

    def contains(self, value: Any) -> bool:
        """Whether a value lies in the support, up to the rounding of ``exp(log(x))``."""
        slack = 1e-12
        return self.lower * (1 - slack) <= value <= self.upper * (1 + slack)

    def syne_tune(self) -> Any:
        """Return the matching domain of ``syne_tune.config_space``."""
        from syne_tune import config_space

        return config_space.loguniform(self.lower, self.upper)


Distribution = Choice | Uniform | LogUniform
