"""What a study makes of data sets: joint tasks, their features, and their splits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from aehpo_assets.settings import Name, Settings, distinct


class Fusion(Settings):
    """A joint task: several modalities of one data set as one matrix, on their common samples."""

    dataset: Name
    modalities: list[Name] = Field(min_length=2)

    @field_validator("modalities")
    @classmethod
    def _each_once(cls, values: list[str]) -> list[str]:
        return distinct(values)

    @property
    def task(self) -> str:
        """Name of the task."""
        return f"{self.dataset}_{'+'.join(self.modalities)}"


class Preprocessing(Settings):
    """Which features are kept, and how they are scaled; all of it fitted on train only.

    Filters and scalers carry the names of Autoencodix, in lower case, and ``hvg``, scanpy's highly
    variable genes. ``correlation_limit`` is for ``varcorr``: a feature that correlates more than
    that with one of higher variance repeats it.
    """

    filter: Literal["var", "mad", "corr", "varcorr", "hvg", "nonzerovar"] = "var"
    correlation_limit: float = Field(default=0.9, gt=0, le=1)
    scaler: Literal["standard", "robust", "minmax", "maxabs", "none"] = "standard"
    clip: float | None = Field(default=None, gt=0)


SplitColumn = str | dict[Name, str] | None
"""A column of every data set's label table, or data set to column, or none."""


class ClassLoss(Settings):
    """The label by which ``xmodalix`` draws samples together, weighed by ``delta_class``.

    ``label`` is a column of every data set's label table, or a mapping from data set to column. It
    may not be scored. Samples without it are refused, or with ``missing: leave_out`` trained
    without a class.
    """

    label: str | dict[Name, str]
    missing: Literal["refuse", "leave_out"] = "refuse"


class Split(Settings):
    """Shares of the samples, drawn once per data set.

    ``stratify`` names a label whose classes get the same shares, ``group`` a column whose values
    (patients, donors) never straddle two parts, ``column`` one that holds train, valid or test
    already. Each is a column of the label table of every data set, or a mapping from data set to
    column; data sets that the mapping does not name are split by the shares alone. Beside
    ``column``, ``group`` is for further replicates, which draw train and valid again.
    """

    train: float = Field(default=0.7, gt=0, lt=1)
    valid: float = Field(default=0.1, gt=0, lt=1)
    test: float = Field(default=0.2, gt=0, lt=1)
    seed: int = 0
    stratify: SplitColumn = None
    group: SplitColumn = None
    column: SplitColumn = None

    @model_validator(mode="after")
    def _one_way_to_split(self) -> Split:
        given = [name for name in ("stratify", "group", "column") if getattr(self, name)]
        if len(given) > 1 and given != ["group", "column"]:
            raise ValueError(f"{given[0]} and {given[1]} exclude each other")
        return self

    @model_validator(mode="after")
    def _shares_add_up(self) -> Split:
        if abs(self.train + self.valid + self.test - 1) > 1e-9:
            raise ValueError("train, valid and test must add up to 1")
        return self
