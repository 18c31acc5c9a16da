"""The study file: what a study consists of, as pydantic models that refuse unknown keys.

Here belong the settings and their validation as far as the file alone allows it. What can only be
judged beside the data (does the task exist? has it enough features?) is judged where the data is
read. Nothing here computes anything.
"""

from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from aehpo_assets.settings import Name, Settings, read_yaml, settings_error


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError("lists an entry twice")
    return values


Searchers = Annotated[list[str], AfterValidator(_distinct)]
"""Names of searchers, each once."""


DRAWN = ("sample", "sobol", "grid")
"""Sources of configurations that are no file."""


class Configurations(Settings):
    """How many configurations, how they are drawn, and how many of them are trained.

    They are drawn independently (``source: sample``), the points of a scrambled Sobol sequence
    (``sobol``), the first ``count`` combinations of the listed values (``grid``), or those of a
    Parquet file.
    """

    count: int = Field(gt=0)
    train: int | None = Field(default=None, gt=0)
    seed: int = 42
    source: str = "sample"

    @model_validator(mode="after")
    def _train_within_count(self) -> Configurations:
        if self.train is not None and self.train > self.count:
            raise ValueError(f"train ({self.train}) exceeds count ({self.count})")
        return self

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
    most likely; a later one of the list has to be better by more than chance.
    """

    searchers: Searchers = Field(default=["regularized_evolution", "cqr"], min_length=1)
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
    grounds: Annotated[list[Literal["surrogate", "table"]], AfterValidator(_distinct)] = Field(
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


class Live(Settings):
    """The search on real trainings, if there is to be one, compared with the study's own route.

    A search ends after so many ``runs``, or once its trainings took so many ``seconds``. The
    searcher proposes a ``batch`` at a time. Those that stop runs early do so at the study's
    ``fidelities``. With a ``warm_start``, the study's sampled runs are told to the searcher as
    ``observations``, or the best of them are what it evaluates first (``points_to_evaluate``);
    what they took counts then.
    """

    searchers: Searchers = Field(default=["cqr"], min_length=1)
    runs: int = Field(default=64, gt=0)
    seconds: float | None = Field(default=None, gt=0)
    batch: int = Field(default=8, gt=0)
    warm_start: Literal["observations", "points_to_evaluate"] | None = None


class Race(Settings):
    """The race of the best candidates, if there is to be one, on replicates of their own.

    So many ``candidates`` start: the untuned default, and as many recommended as sampled ones. The
    race ends when one is the best with a probability of 95 %, when all that are left lie within
    ``equivalence`` of the leader, or when they have ``max_replicates`` each.
    """

    candidates: int = Field(default=12, ge=3)
    max_replicates: int = Field(default=40, ge=2)
    equivalence: float = Field(default=0.01, ge=0, lt=1)


class Report(Settings):
    """The page of the study, which is made again whenever what it tells changes.

    ``embeddings`` are the ways in which latents, principal components and the data themselves are
    laid out in two dimensions; they take seconds a task.
    """

    embeddings: Annotated[list[Literal["umap", "tsne"]], AfterValidator(_distinct)] = Field(
        default=["umap", "tsne"]
    )


DEFAULT_STEPS = 3000
"""Optimiser steps of a run where a study says neither steps nor epochs. On small data a few hundred
epochs are a few hundred steps, after which no autoencoder reaches what PCA does."""


class Fusion(Settings):
    """A joint task: several modalities of one data set as one matrix, on their common samples."""

    dataset: Name
    modalities: list[Name] = Field(min_length=2)

    @field_validator("modalities")
    @classmethod
    def _each_once(cls, values: list[str]) -> list[str]:
        return _distinct(values)

    @property
    def task(self) -> str:
        """Name of the task."""
        return f"{self.dataset}_{'+'.join(self.modalities)}"


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
    space: dict[str, Any] = Field(default_factory=dict)
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
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "float64", "tf32", "bfloat16"] = "float32"
    hpo: Hpo = Hpo()
    benchmark: Benchmark | None = None
    transfer_benchmark: TransferBenchmark | None = None
    live: Live | None = None
    race: Race | None = None
    report: Report | None = Report()
    timezone: str | None = None

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
        return _distinct(values) if isinstance(values, list) else values

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
    content = read_yaml(path)
    try:
        study = Study.model_validate(content)
    except ValidationError as error:
        raise settings_error(error, path, Study) from None
    source = study.configurations.source
    if source not in DRAWN:
        resolved = (path.parent / source).resolve()
        configurations = study.configurations.model_copy(update={"source": str(resolved)})
        study = study.model_copy(update={"configurations": configurations})
    return study
