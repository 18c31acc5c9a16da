"""Searchers that need BoTorch or Optuna: what they are worth, and the stock defects they avoid."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import uniform

from aehpo_assets.hpo.benchmark.pareto import PARETO_OBJECTIVES
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.hpo.search.operations import TrainingOperations
from aehpo_assets.hpo.search.oracles import SurrogateOracle
from aehpo_assets.hpo.search.problem import EPOCH, LOSS, Problem
from aehpo_assets.hpo.search.simulation import simulate
from aehpo_assets.hpo.search.told import TaskFacts, Told
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.space import SearchSpace

optuna = pytest.importorskip("optuna", reason="needs the extra searchers")
pytest.importorskip("botorch", reason="needs the extra searchers")

CHEAP = {"num_restarts": 2, "num_raw_samples": 16}
SPACE = {"x": uniform(0.0, 1.0), "y": uniform(0.0, 1.0)}


def search(
    name: str, space: SearchSpace, surrogate: Surrogate, trials: int, **problem: Any
) -> pd.DataFrame:
    asked = AskTell(name, Problem(space, trials=trials, **problem))
    facts = TaskFacts(TrainingOperations(4096, 500, 90))
    told = Told(SurrogateOracle(surrogate, "a"), facts, 0)
    return simulate(asked, told, workers=2, trials=trials, objectives=told.objectives)


def known(results: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return results["a"].query("seed == 0 and status == 'ok'")


def test_optuna_is_told_what_optuna_would_be_told(space: SearchSpace) -> None:
    """One trial after another, the proposals are those of a plain Optuna study."""
    problem = Problem(space, seed=5, trials=20)
    ours, theirs = AskTell("optuna_tpe", problem), plain_study(5)
    for number in range(20):
        asked = ours.ask()
        assert asked is not None
        trial = theirs.ask(distributions(problem))
        assert asked[1] == pytest.approx(trial.params)
        score = 1 - (asked[1]["drop_p"] - 0.3) ** 2
        ours.tell(number, {VALID_SCORE: score})
        theirs.tell(trial, -score)


def test_the_median_pruner_stops_what_lies_below_the_median(space: SearchSpace) -> None:
    problem = Problem(space, seed=0, trials=20, fidelities=(1, 2, 3))
    searcher = AskTell("optuna_tpe_median", problem)
    for level in (0.8, 0.7, 0.75, 0.72, 0.78):
        number, _ = searcher.ask() or (-1, {})
        assert searcher.tell(number, {VALID_SCORE: level}, epoch=1)
        assert searcher.tell(number, {VALID_SCORE: level}, epoch=2)
        assert not searcher.tell(number, {VALID_SCORE: level}, epoch=3)
    number, _ = searcher.ask() or (-1, {})
    assert not searcher.tell(number, {VALID_SCORE: 0.6}, epoch=1)
    number, _ = searcher.ask() or (-1, {})
    assert searcher.tell(number, {VALID_SCORE: 0.9}, epoch=1)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("optuna_tpe", {}),
        ("botorch", CHEAP),
        pytest.param("ehvi", CHEAP, marks=pytest.mark.slow),
    ],
)
def test_the_same_seed_repeats_whatever_else_draws(
    name: str, settings: dict[str, Any], space: SearchSpace, surrogate: Surrogate
) -> None:
    import torch

    objectives = PARETO_OBJECTIVES if name == "ehvi" else (VALID_SCORE,)
    wanted = {"seed": 4, "objectives": objectives, "settings": settings}
    first = search(name, space, surrogate, 6, **wanted)
    np.random.rand(3)  # noqa: NPY002
    torch.rand(3)
    before = torch.random.get_rng_state()
    again = search(name, space, surrogate, 6, **wanted)
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings"), [("optuna_tpe", {}), ("botorch", CHEAP)])
def test_a_warm_start_helps_from_the_first_trial(
    name: str,
    settings: dict[str, Any],
    space: SearchSpace,
    surrogate: Surrogate,
    results: dict[str, pd.DataFrame],
) -> None:
    def mean(observations: pd.DataFrame | None) -> float:
        wanted = {"settings": settings, "observations": observations}
        found = [search(name, space, surrogate, 3, seed=s, **wanted) for s in range(2)]
        return float(np.mean([table[VALID_SCORE].mean() for table in found]))

    assert mean(known(results)) > mean(None)


def test_stock_botorch_pairs_results_with_the_wrong_configurations_and_ours_does_not() -> None:
    from syne_tune.optimizer.schedulers.searchers.botorch.botorch_searcher import BoTorchSearcher

    from aehpo_assets.hpo.search.aligned_botorch import AlignedBoTorch

    for kind, right in ((BoTorchSearcher, False), (AlignedBoTorch, True)):
        searcher = kind(SPACE, random_seed=0)
        configurations = [searcher.suggest() for _ in range(3)]
        for number in (2, 0, 1):  # the last proposal finishes first
            searcher.on_trial_complete(number, configurations[number], float(number))
        assert searcher._configs_with_results() == configurations
        assert (searcher.objectives().tolist() == [0.0, 1.0, 2.0]) is right


@pytest.fixture
def acquired(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """Reference point and outcomes of every acquisition function that is made."""
    from syne_tune.optimizer.schedulers.multiobjective import (
        expected_hyper_volume_improvement as stock,
    )

    made: list[tuple[Any, Any]] = []
    partitioning = stock.NondominatedPartitioning

    def record(ref_point: Any, Y: Any) -> Any:
        made.append((ref_point, Y))
        return partitioning(ref_point=ref_point, Y=Y)

    monkeypatch.setattr(stock, "NondominatedPartitioning", record)
    return made


@pytest.mark.slow
def test_stock_hypervolume_improvement_cannot_improve_a_score_and_ours_can(
    acquired: list[tuple[Any, Any]],
) -> None:
    from syne_tune.optimizer.schedulers.multiobjective.expected_hyper_volume_improvement import (
        ExpectedHyperVolumeImprovement,
    )

    from aehpo_assets.hpo.search.aligned_botorch import AlignedHypervolumeImprovement

    for kind in (ExpectedHyperVolumeImprovement, AlignedHypervolumeImprovement):
        first = [{"x": 0.2, "y": 0.7}, {"x": 0.5, "y": 0.5}, {"x": 0.9, "y": 0.1}]
        settings = {"points_to_evaluate": first, "double_precision": False} | CHEAP
        searcher = kind(SPACE, random_seed=0, **settings)
        for number in range(4):
            configuration = searcher.suggest()
            x, y = configuration["x"], configuration["y"]
            # Two losses of AUC and R2: minus what lies in [0, 1].
            searcher.on_trial_complete(number, configuration, [-x, -y])
    (reference, outcomes), *_ = acquired
    assert (outcomes < reference).all()
    reference, outcomes = acquired[-1]
    assert (outcomes > reference).all()


def plain_study(seed: int) -> Any:
    return optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))


def distributions(problem: Problem) -> dict[str, Any]:
    from aehpo_assets.hpo.search.optuna_scheduler import _distribution

    return {name: _distribution(domain) for name, domain in problem.config_space.items()}


def test_results_are_told_as_losses_at_their_epoch(space: SearchSpace) -> None:
    from aehpo_assets.hpo.search.optuna_scheduler import OptunaScheduler

    scheduler = OptunaScheduler(Problem(space, seed=0, trials=2, fidelities=(2, 8)), pruning=True)
    trial = Trial(0, scheduler.suggest().config, datetime.fromtimestamp(0))
    scheduler.on_trial_add(trial)
    assert scheduler.on_trial_result(trial, {LOSS: -0.7, EPOCH: 2}) == "CONTINUE"
    scheduler.on_trial_complete(trial, {LOSS: -0.8, EPOCH: 8})
    (kept,) = scheduler._study.trials
    assert kept.intermediate_values == {2: -0.7}
    assert kept.value == -0.8
