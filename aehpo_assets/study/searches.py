"""Searches: those of the study, their comparisons, and the ones on real trainings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from aehpo_assets.settings import Settings, distinct

Searchers = Annotated[list[str], AfterValidator(distinct)]
"""Names of searchers, each once."""


SearchObjective = Literal["score", "valid_r2", "valid_loss"]
"""What searches may be after."""


RETIRED_SURROGATES = {
    "nearest_neighbours": "it told what single runs had by luck, and is no surrogate any more"
}
"""What ``hpo.surrogates`` of an older study file may name, and why it is passed over."""


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
