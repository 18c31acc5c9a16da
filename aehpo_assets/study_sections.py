"""The sections of a study file, as pydantic models that refuse unknown keys.

Here belong the settings of each section and their validation as far as the section alone allows it.
What concerns several sections belongs to ``study``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from aehpo_assets.settings import Name, Settings


def distinct(values: list[Any]) -> list[Any]:
    """Refuse a list that says a thing twice."""
    if len(set(values)) != len(values):
        raise ValueError("lists an entry twice")
    return values


Searchers = Annotated[list[str], AfterValidator(distinct)]
"""Names of searchers, each once."""


SearchObjective = Literal["score", "valid_r2", "valid_loss"]
"""What searches may be after."""


RETIRED_SURROGATES = {
    "nearest_neighbours": "it told what single runs had by luck, and is no surrogate any more"
}
"""What ``hpo.surrogates`` of an older study file may name, and why it is passed over."""


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


class Hpo(Settings):
    """Budgets of the simulated searches, and how many recommendations are really trained.

    With several workers and ``clock: measured``, the order in which simulated trials finish, and
    so what a searcher proposes next, depends on measured training seconds. ``clock: unit`` gives
    every whole training the same length, so that no decision depends on a stopwatch; it is the
    default unless ``simulated_hours`` asks for real ones. ``searcher_settings`` maps a searcher to
    the settings that Syne Tune names, such as ``{regularized_evolution: {population_size: 20}}``.
    Transfer restricts a search to the ``transfer_top_k`` best configurations of the other tasks,
    ``weighted`` by how alike the tasks are, or as one plain ``box``. Of several ``surrogates``,
    each objective gets the one under which the means of configurations that it did not see are
    most likely; a later one of the list has to be better by more than chance. Searches are after
    the valid score, or else the valid R2 or the valid loss, by which they then recommend as well;
    the loss is a fair one only among configurations of one kind of error, reduction and weight.
    """

    searchers: Searchers = Field(default=["regularized_evolution", "cqr"], min_length=1)
    objective: SearchObjective = "score"
    trials: int = Field(default=200, gt=0)
    simulated_hours: float | None = Field(default=None, gt=0)
    workers: int = Field(default=4, gt=0)
    repetitions: int = Field(default=1, gt=0)
    transfer_top_k: int = Field(default=30, gt=0)
    transfer: Literal["box", "weighted"] = "weighted"
    validate_top: int = Field(default=3, gt=0)
    validation_seeds: int | None = Field(default=None, gt=0)
    seed: int = 0
    clock: Literal["measured", "unit"] = "unit"
    searcher_settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    surrogates: list[Literal["gaussian_process", "xgboost", "shallow_xgboost", "random_forest"]] = (
        Field(
            default=["gaussian_process", "xgboost", "shallow_xgboost", "random_forest"],
            min_length=1,
        )
    )

    @field_validator("surrogates", mode="before")
    @classmethod
    def _without_retired(cls, names: Any) -> Any:
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return names
        left = [name for name in names if name not in RETIRED_SURROGATES]
        return left or (["gaussian_process"] if names else names)

    @model_validator(mode="before")
    @classmethod
    def _hours_are_measured(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("simulated_hours") is not None:
            return {"clock": "measured"} | given
        return given

    @model_validator(mode="after")
    def _hours_need_measured_time(self) -> Hpo:
        if self.clock == "unit" and self.simulated_hours is not None:
            raise ValueError("simulated_hours has no meaning with clock: unit")
        return self


class Benchmark(Settings):
    """The comparison of searchers on the study's own surrogates, if there is to be one.

    A searcher with ``+box`` searches the box around the best configurations of the other tasks.
    Searches end at ``trials`` or ``simulated_hours``, whichever comes first; without hours every
    whole training counts the same. On the ``surrogate`` what is true is what it predicts; on the
    ``table`` the measured mean of the nearest trained configuration, and no model stands in
    between. Where the noise is known, searchers are told it with that of one training. With
    ``validate_repetitions``, what the first so many searches of each kind found is trained for
    real.
    """

    searchers: Searchers = Field(
        default=["random_search", "kde", "regularized_evolution", "bore", "cqr"], min_length=2
    )
    repetitions: int = Field(default=10, gt=0)
    trials: int = Field(default=200, gt=0)
    simulated_hours: float | None = Field(default=None, gt=0)
    grounds: Annotated[list[Literal["surrogate", "table"]], AfterValidator(distinct)] = Field(
        default=["surrogate", "table"], min_length=1
    )
    validate_repetitions: int | None = Field(default=None, gt=0)
    processes: int = Field(default=1, gt=0)

    @model_validator(mode="after")
    def _validates_what_was_searched(self) -> Benchmark:
        if self.validate_repetitions is not None and self.validate_repetitions > self.repetitions:
            raise ValueError(
                f"validate_repetitions ({self.validate_repetitions}) exceeds repetitions "
                f"({self.repetitions})"
            )
        return self


class TransferBenchmark(Settings):
    """The comparison of searches with and without other tasks, if there is to be one.

    Every task is held out in turn and searched with ``trials`` evaluations: without
    transfer, in the unweighted box of the other tasks, in the similarity-weighted one, whose first
    ``probe`` evaluations are random configurations, and warm, knowing ``earlier_runs`` of the task
    itself. ``ground`` is as for the benchmark of searchers.
    """

    searchers: Searchers = Field(
        default=["random_search", "regularized_evolution", "cqr"], min_length=1
    )
    trials: int = Field(default=50, gt=0)
    repetitions: int = Field(default=5, ge=2)
    probe: int = Field(default=10, gt=0)
    earlier_runs: int = Field(default=20, gt=0)
    ground: Literal["surrogate", "table"] = "surrogate"


BaselineMethod = Literal[
    "pca",
    "umap",
    "linear_autoencoder",
    "raw_features",
    "random_features",
    "factor_analysis",
    "nmf",
    "ica",
    "lsa",
    "kernel_pca",
    "block_pca",
    "pca_per_modality",
    "pls",
    "cca",
    "mofa",
]
"""A representation that needs no tuned autoencoder."""


class Baselines(Settings):
    """What needs no tuned autoencoder, scored beside them everywhere.

    ``dimensions`` are those of the study's ``latent_dim_fixed`` unless they are given. A task that
    a method cannot represent does without it, and says so: ``nmf`` takes no negative values,
    ``block_pca`` and ``pca_per_modality`` take several modalities, ``pls`` and ``cca`` two.
    ``mofa`` takes one or several, and needs the extra ``reference``.
    """

    methods: Annotated[list[BaselineMethod], AfterValidator(distinct)] = Field(
        default=["pca", "umap", "linear_autoencoder", "raw_features", "random_features"],
        min_length=1,
    )
    dimensions: list[Annotated[int, Field(gt=0)]] | None = Field(default=None, min_length=1)

    @field_validator("dimensions")
    @classmethod
    def _each_once(cls, values: list[int] | None) -> list[int] | None:
        return None if values is None else distinct(values)

    def dims(self, of_space: Sequence[int]) -> list[int]:
        """Return the numbers of dimensions, given those of the study's search space."""
        return list(of_space if self.dimensions is None else self.dimensions)


class Live(Settings):
    """The search on real trainings, if there is to be one, compared with the study's own route.

    A search ends after so many ``runs``, or once its trainings took so many ``seconds``. The
    searcher proposes a ``batch`` at a time. Those that stop runs early do so at the study's
    ``fidelities``. With a ``warm_start``, the study's sampled runs are told to the searcher as
    ``observations``, or the best of them are what it evaluates first (``points_to_evaluate``);
    what they took counts then. Each configuration is trained in so many of the study's
    ``replicates`` (or seeds), each of them a run, and the searcher is told the mean. Searchers
    maximise the valid score, or else the valid R2, or minimise the valid loss, which is a fair one
    only among configurations of one kind of error, reduction and weight; it is by their scores that
    searches are compared in any case.
    """

    searchers: Searchers = Field(default=["cqr"], min_length=1)
    objective: SearchObjective = "score"
    runs: int = Field(default=64, gt=0)
    seconds: float | None = Field(default=None, gt=0)
    batch: int = Field(default=8, gt=0)
    replicates: int = Field(default=1, gt=0)
    warm_start: Literal["observations", "points_to_evaluate"] | None = None

    @model_validator(mode="after")
    def _warm_by_scores(self) -> Live:
        if self.warm_start is not None and self.objective != "score":
            raise ValueError(
                f"a warm start knows scores: leave out warm_start, or objective {self.objective}"
            )
        return self

    @model_validator(mode="after")
    def _whole_configurations(self) -> Live:
        if self.runs < self.replicates:
            raise ValueError(
                f"{self.runs} runs are no configuration of {self.replicates} replicates: raise runs"
            )
        return self


class Race(Settings):
    """The race of the best candidates, if there is to be one, on replicates of their own.

    So many ``candidates`` start: the untuned default, and as many recommended as sampled ones. The
    race ends when one is the best with a probability of 95 %, when all that are left lie within
    ``equivalence`` of the leader, or when they have ``max_replicates`` each.
    """

    candidates: int = Field(default=12, ge=3)
    max_replicates: int = Field(default=40, ge=2)
    equivalence: float = Field(default=0.01, ge=0, lt=1)


class TrainSizes(Settings):
    """Scores against the number of train samples, if they are to be known.

    What is recommended, the untuned default and PCA are fitted on ``sizes`` of the train samples
    and on all of them, each size inside the next, in so many of the ``replicates`` (or seeds) that
    validated the recommendation. Valid stays what it is, and so do the optimiser steps of a run.
    Without sizes it is all train samples, half of them, a quarter, as long as every class has two.
    """

    sizes: list[Annotated[int, Field(gt=1)]] | None = Field(default=None, min_length=1)
    replicates: int = Field(default=5, gt=0)

    @field_validator("sizes")
    @classmethod
    def _each_once(cls, values: list[int] | None) -> list[int] | None:
        return None if values is None else distinct(values)


class Probe(Settings):
    """Tuning of the probe that scores latents, for what is recommended, if there is to be one.

    Every run is scored by a logistic regression with ``C`` 1. Of each recommended run, and label by
    label, the best of these ``C`` is chosen by cross-validation on its train latents, in so many
    stratified ``folds``; what it scores stands beside the score of the fixed one.
    """

    C: list[Annotated[float, Field(gt=0)]] = Field(
        default=[1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0], min_length=2
    )
    folds: int = Field(default=5, ge=2)

    @field_validator("C")
    @classmethod
    def _ascending(cls, values: list[float]) -> list[float]:
        return sorted(distinct(values))


class Report(Settings):
    """The page of the study, which is made again whenever what it tells changes.

    ``embeddings`` are the ways in which latents, principal components and the data themselves are
    laid out in two dimensions; they take seconds a task.
    """

    embeddings: Annotated[list[Literal["umap", "tsne"]], AfterValidator(distinct)] = Field(
        default=["umap", "tsne"]
    )


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
