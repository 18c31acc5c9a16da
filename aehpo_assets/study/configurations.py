"""Which configurations a study trains."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field, field_validator, model_validator

from aehpo_assets.settings import Settings

GRID = "grid"
DRAWN = ("sample", "sobol", GRID)
"""Sources of configurations that are no file."""


class Configurations(Settings):
    """How many configurations, how they are drawn, and how many of them are trained.

    They are drawn independently (``source: sample``), the points of a scrambled Sobol sequence
    (``sobol``), the first ``count`` combinations of the listed values (``grid``), or those of a
    Parquet file.

    With a ``sweep`` of one or two hyperparameters, such as ``{beta: [0.1, 1, 10]}``, every other
    one stays what ``at`` says. The configurations are all combinations of the values, and there is
    no other space: the study searches among them.
    """

    count: int = Field(gt=0)
    train: int | None = Field(default=None, gt=0)
    seed: int = 42
    source: str = "sample"
    sweep: dict[str, list[Any]] | None = Field(default=None, min_length=1, max_length=2)
    at: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _all_that_is_swept(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(swept := given.get("sweep"), dict):
            return given
        lists = [values for values in swept.values() if isinstance(values, list)]
        combinations = math.prod(map(len, lists))
        if given.get("count", combinations) != combinations:
            raise ValueError(f"a sweep has all of its {combinations} combinations: leave out count")
        if given.get("source", GRID) != GRID:
            raise ValueError("a sweep is its own source: leave out source")
        return given | {"count": combinations, "source": GRID}

    @field_validator("sweep")
    @classmethod
    def _of_several_values(cls, swept: dict[str, list[Any]] | None) -> dict[str, list[Any]] | None:
        for name, values in (swept or {}).items():
            if len(values) < 2:
                raise ValueError(f"{name} needs two values or more to be swept")
        return swept

    @model_validator(mode="after")
    def _swept_or_fixed(self) -> Configurations:
        if self.at and self.sweep is None:
            raise ValueError("at is for what a sweep does not sweep: give sweep, or leave out at")
        if both := [name for name in self.sweep or {} if name in self.at]:
            raise ValueError(f"{both[0]} is swept and fixed: take it out of sweep or of at")
        return self

    @property
    def swept_space(self) -> dict[str, list[Any]]:
        """The space of a sweep: its values, and the one value of all else."""
        return {**(self.sweep or {}), **{name: [value] for name, value in self.at.items()}}

    @model_validator(mode="after")
    def _train_within_count(self) -> Configurations:
        if self.train is not None and self.train > self.count:
            raise ValueError(f"train ({self.train}) exceeds count ({self.count})")
        return self

    @property
    def from_file(self) -> bool:
        """Whether they come from a Parquet file."""
        return self.source not in DRAWN

    @property
    def trained(self) -> int:
        """Number of configurations that are trained: the first ``train`` of the list."""
        return self.count if self.train is None else self.train
