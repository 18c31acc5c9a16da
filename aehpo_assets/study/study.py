"""A study: all sections of its file, what holds between them, and how the file is read."""

from __future__ import annotations

import zoneinfo
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from aehpo_assets.settings import (
    Name,
    Settings,
    distinct,
    parse_yaml,
    read_settings,
    read_yaml,
    settings_error,
)
from aehpo_assets.study.configurations import Configurations
from aehpo_assets.study.data import ClassLoss, Fusion, Preprocessing, Split
from aehpo_assets.study.results import Baselines, Probe, Race, Report, TrainSizes
from aehpo_assets.study.searches import RETIRED_SURROGATES, Benchmark, Hpo, Live, TransferBenchmark

DEFAULT_STEPS = 3000
"""Optimiser steps of a run where a study says neither steps nor epochs. On small data a few hundred
epochs are a few hundred steps, after which no autoencoder reaches what PCA does."""


class Study(Settings):
    """A study: tasks, architectures, configurations, and what else its numbers depend on.

    ``fusion`` adds joint tasks: those that it lists, ``{dataset: tcga, modalities: [rna, cna]}`` as
    ``tcga_rna+cna``, or of a study of all tasks ``all_pairs`` of modalities of each data set.
    ``k_filter`` counts the features of all modalities together, and each has the same share.

    Every configuration is trained once with each of ``seeds``, on one split; or, with
    ``replicates`` above 1, once for each replicate, which is a seed and a split: train and valid
    are drawn again, and test stays what it is.

    A run is trained for so many ``epochs``, or for the fewest whole epochs that have so many
    optimiser ``steps``: how many these are depends on its batch size and on the train samples of
    its task. Without either, it has :data:`DEFAULT_STEPS` steps. ``fidelities`` count as the length
    does, in epochs or in steps, and annealing runs over all epochs of a run in either case.

    ``timezone``, such as Europe/Berlin, says when the night is in which the rest is caught up;
    without it that is the machine's.

    With ``test: closed``, what runs score on the test samples is shown by ``test_results`` alone,
    for what was validated; with ``test: open`` it lies beside the valid scores.
    """

    name: Name
    tasks: Literal["all"] | list[Name]
    fusion: list[Fusion] | Literal["all_pairs"] = Field(default_factory=list)
    architectures: list[str] = Field(min_length=1)
    configurations: Configurations
    space: dict[str, Any] = Field(default_factory=dict, validate_default=True)
    steps: int | None = Field(default=None, gt=0)
    epochs: int | None = Field(default=None, gt=0)
    fidelities: list[int] = Field(default_factory=list)
    score_fidelities: bool = False
    seeds: list[int] = Field(default=[0], min_length=1)
    replicates: int = Field(default=1, gt=0)
    annealing: Literal[
        "logistic-early",
        "logistic-mid",
        "logistic-late",
        "3phase-linear",
        "3phase-log",
        "5phase-constant",
        "linear-warmup",
        "no-annealing",
    ] = "logistic-mid"
    vae_loss: Literal["kl", "mmd"] = "kl"
    test: Literal["closed", "open"] = "closed"
    preprocessing: Preprocessing = Preprocessing()
    split: Split = Split()
    class_loss: ClassLoss | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "float64", "tf32", "bfloat16"] = "float32"
    baselines: Baselines = Baselines()
    hpo: Hpo = Hpo()
    benchmark: Benchmark | None = None
    transfer_benchmark: TransferBenchmark | None = None
    live: Live | None = None
    race: Race | None = None
    train_sizes: TrainSizes | None = None
    probe: Probe | None = None
    report: Report | None = Report()
    timezone: str | None = None

    @field_validator("space")
    @classmethod
    def _space_of_a_sweep(cls, space: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        configurations: Configurations | None = info.data.get("configurations")
        if configurations is None or configurations.sweep is None:
            return space
        swept = configurations.swept_space
        if space not in ({}, swept):
            raise ValueError(
                f"a sweep has no space beside it: put {', '.join(space)} into configurations.sweep "
                "or configurations.at"
            )
        return swept

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, timezone: str | None) -> str | None:
        if timezone is not None and timezone not in zoneinfo.available_timezones():
            raise ValueError(f"there is no timezone {timezone!r}; one is Europe/Berlin")
        return timezone

    @model_validator(mode="before")
    @classmethod
    def _some_length(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("epochs") is None and given.get("steps") is None:
            return given | {"steps": DEFAULT_STEPS}
        return given

    @field_validator("tasks", "architectures", "seeds", "fidelities")
    @classmethod
    def _no_repeats(cls, values: Any) -> Any:
        return distinct(values) if isinstance(values, list) else values

    @field_validator("epochs")
    @classmethod
    def _one_length(cls, epochs: int | None, info: ValidationInfo) -> int | None:
        if "steps" not in info.data:
            return epochs  # What is wrong with them is told already.
        steps = info.data["steps"]
        if epochs is not None and steps is not None:
            raise ValueError(f"a study has either epochs or steps ({steps}), not both")
        return epochs

    @model_validator(mode="after")
    def _joint_tasks(self) -> Study:
        if self.fusion == "all_pairs":
            if self.tasks != "all":
                raise ValueError(
                    "fusion: all_pairs is of a study of tasks: all; list the pairs instead, such "
                    "as {dataset: tcga, modalities: [rna, cna]}"
                )
            return self
        joined = [(one.dataset, *sorted(one.modalities)) for one in self._fused]
        if repeated := next((one for one in joined if joined.count(one) > 1), None):
            raise ValueError(f"fusion joins {', '.join(repeated[1:])} of {repeated[0]} twice")
        return self

    @model_validator(mode="after")
    def _class_loss_of_a_label(self) -> Study:
        weights = self.space.get("delta_class")
        if self.class_loss is None and any(weights if isinstance(weights, list) else [weights]):
            raise ValueError(
                "space.delta_class weighs a class loss, and the study names no label for it: add "
                "class_loss: {label: COLUMN}"
            )
        if self.class_loss is not None and weights is None:
            raise ValueError(
                "class_loss is weighed by delta_class, which the study does not name: add "
                "delta_class: [0, 5] to space"
            )
        return self

    @property
    def _fused(self) -> list[Fusion]:
        return [] if self.fusion == "all_pairs" else list(self.fusion)

    @property
    def fused_tasks(self) -> list[str]:
        """Names of the joint tasks that the study lists."""
        return [one.task for one in self._fused]

    @property
    def wanted_tasks(self) -> Literal["all"] | list[str]:
        """The tasks of the study, the joint ones included: ``all``, or their names."""
        return "all" if self.tasks == "all" else [*self.tasks, *self.fused_tasks]

    @model_validator(mode="after")
    def _seeds_or_replicates(self) -> Study:
        if self.replicates > 1 and self.seeds != [0]:
            raise ValueError(
                "replicates bring their own seeds (replicate 3 has seed 3 and split 3): "
                "leave out seeds, or set replicates to 1"
            )
        if self.replicates == 1 and self.split.column and self.split.group:
            raise ValueError("split.group stands beside split.column for replicates above 1 only")
        return self

    @property
    def run_seeds(self) -> list[int]:
        """Seeds of the runs of each configuration; with several replicates, their numbers."""
        return list(range(self.replicates)) if self.replicates > 1 else list(self.seeds)

    @model_validator(mode="after")
    def _live_within_replicates(self) -> Study:
        # What a search has seen no validation may use, and only these are known to be seen.
        if self.live and self.live.replicates > len(self.run_seeds):
            raise ValueError(
                f"live.replicates ({self.live.replicates}) are of the study's own "
                f"{len(self.run_seeds)}: raise replicates, or list more seeds"
            )
        return self

    @model_validator(mode="after")
    def _fidelities_within_length(self) -> Study:
        if any(not 0 < fidelity <= self.length for fidelity in self.fidelities):
            unit = "epochs" if self.steps is None else "steps"
            raise ValueError(f"fidelities must lie between 1 and {unit} ({self.length})")
        return self

    @property
    def length(self) -> int:
        """How long a run is trained, in the unit that the study counts in."""
        length = self.epochs if self.steps is None else self.steps
        assert length is not None
        return length

    @property
    def unit(self) -> Literal["epoch", "step"]:
        """What the study counts in: the column of learning curves that holds its fidelities."""
        return "epoch" if self.steps is None else "step"

    @property
    def rungs(self) -> list[int]:
        """The fidelities and the length: where runs are evaluated, in the study's unit."""
        return sorted({*self.fidelities, self.length})


def read_study(path: Path) -> Study:
    """Read and validate a study file.

    A relative ``configurations.source`` is resolved against the folder of the study file.

    Raises
    ------
    InputError
        If the file cannot be read, a key is unknown or missing, or a value is impossible; the
        message names the file, the key and the remedy.
    """
    path = Path(path)
    study = _parsed(read_settings(path), path)
    if study.configurations.from_file:
        resolved = (path.parent / study.configurations.source).resolve()
        configurations = study.configurations.model_copy(update={"source": str(resolved)})
        study = study.model_copy(update={"configurations": configurations})
    return study


def passed_over(path: Path) -> list[str]:
    """Say what of an older study file means nothing any more, a sentence each.

    Parameters
    ----------
    path
        A study file that :func:`read_study` takes.
    """
    hpo = read_yaml(Path(path)).get("hpo") or {}
    return [
        f"hpo.surrogates: {name} is passed over: {why}."
        for name, why in RETIRED_SURROGATES.items()
        if name in (hpo.get("surrogates") or [])
    ]


@lru_cache(maxsize=4)
def _parsed(raw: bytes, path: Path) -> Study:
    """Parse a file's content once: automation asks for the study of a home hundreds of times."""
    try:
        return Study.model_validate(parse_yaml(raw, path))
    except ValidationError as error:
        raise settings_error(error, path, Study) from None
