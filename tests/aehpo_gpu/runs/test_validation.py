"""What is validated: recommendations, the sampled opponents, the default, and with which seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from plain_training import make_runs

from aehpo_assets.analysis.convergence import with_fall
from aehpo_assets.hpo.earlier_validations import no_validations
from aehpo_assets.hpo.evaluations import evaluation_table
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, VALID_SCORE
from aehpo_assets.space import SearchSpace, config_id_of, default_configuration, search_space
from aehpo_assets.space.batches import last_tenth
from aehpo_assets.study import Study
from aehpo_gpu.runs.validation import (
    benchmark_seeds,
    candidates,
    validation_runs,
    validation_seeds,
    with_candidates,
)
from aehpo_gpu.training.prices import SHIPPED_CPU
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

OVERRIDES = {"k_filter": [16, 32], "latent_dim_fixed": [2, 4]}


@pytest.fixture
def space() -> SearchSpace:
    return search_space("vanillix", OVERRIDES)


def study(**changes: Any) -> Study:
    content = {
        "name": "tiny",
        "tasks": "all",
        "architectures": ["vanillix"],
        "configurations": {"count": 4},
        "space": OVERRIDES,
        "epochs": 3,
    }
    return Study.model_validate(content | changes)


def configuration(lr: float) -> dict[str, Any]:
    return {
        "k_filter": 16,
        "n_layers": 2,
        "enc_factor": 2.0,
        "latent_dim_fixed": 4,
        "lr_fixed": lr,
        "batch_size": 32,
        "drop_p": 0.2,
    }


def results(space: SearchSpace, configurations: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(configurations)[space.names]
    table.insert(0, "config_id", [str(number) for number in range(len(table))])
    numbers = {name: np.linspace(0.5, 0.9, len(table)) for name in OBJECTIVE_NAMES}
    return table.assign(task="toy_rna", seed=0, status="ok", **numbers)


def recommendations(space: SearchSpace, configurations: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(configurations)[space.names]
    ids = [config_id_of(values) for values in configurations]
    return table.assign(
        config_id=ids,
        rank=range(1, len(ids) + 1),
        searcher="cqr",
        transfer=False,
        **{f"predicted_{VALID_SCORE}": 0.9},
    )


def known(space: SearchSpace, *tables: pd.DataFrame) -> pd.DataFrame:
    return evaluation_table({"toy_rna": pd.concat(tables, ignore_index=True)}, space)


def test_as_many_of_both_and_one_default(space: SearchSpace) -> None:
    sampled = results(space, [configuration(lr) for lr in (1e-4, 1e-3, 1e-2)])
    proposed = recommendations(space, [configuration(lr) for lr in (2e-3, 3e-3, 4e-3)])
    chosen = candidates(proposed, sampled, known(space, sampled), space, 2)
    assert list(chosen["origin"]) == [
        *["recommended"] * 2,
        *["best_sampled"] * 2,
        "untuned_default",
    ]
    assert list(chosen["config_id"][2:4]) == ["2", "1"]
    default = chosen.iloc[-1]
    assert {name: default[name] for name in space.names} == default_configuration(space)
    assert chosen[f"predicted_{VALID_SCORE}"].notna().tolist() == [True, True, False, False, False]


def test_a_default_that_was_sampled_or_recommended_is_trained_once(space: SearchSpace) -> None:
    default = default_configuration(space)
    sampled = results(space, [configuration(1e-4), default])
    chosen = candidates(
        recommendations(space, [configuration(1e-2)]), sampled, known(space, sampled), space, 1
    )
    assert list(chosen["config_id"][1:]) == ["1", "1"]
    runs = validation_runs(chosen, space, study(), [no_validations()])
    assert list(runs["config_id"]) == [chosen["config_id"][0], "1"]
    trained = runs.assign(**{VALID_SCORE: [0.7, 0.8]})
    joined = with_candidates(chosen, trained)
    assert list(joined["origin"]) == ["recommended", "best_sampled", "untuned_default"]
    assert list(joined[VALID_SCORE]) == [0.7, 0.8, 0.8]

    other = results(space, [configuration(1e-4)])
    recommended = candidates(
        recommendations(space, [default]), other, known(space, other), space, 1
    )
    assert recommended["config_id"][0] == recommended["config_id"][2]


def test_the_opponent_is_the_best_of_all_its_runs(space: SearchSpace) -> None:
    """What was lucky once, and trained again in the first round, is no opponent of the second."""
    sampled = results(space, [configuration(lr) for lr in (1e-4, 1e-3, 1e-2, 3e-2)])
    sampled[VALID_SCORE] = [0.70, 0.86, 0.71, 0.95]
    again = pd.concat([sampled.iloc[[1, 3]].assign(seed=seed) for seed in (1, 2, 3)])
    again[VALID_SCORE] = [0.85, 0.66, 0.84, 0.64, 0.86, 0.65]
    proposed = recommendations(space, [configuration(2e-3)])
    first = candidates(proposed, sampled, known(space, sampled), space, 1)
    assert first["config_id"][1] == "3"
    second = candidates(proposed, sampled, known(space, sampled, again), space, 1)
    opponent = second.iloc[1]
    assert (opponent["config_id"], opponent["known_runs"]) == ("1", 4)
    assert opponent["known_valid"] < np.mean([0.86, 0.85, 0.84, 0.86])


def test_what_was_proposed_in_an_earlier_round_is_not_sampled(space: SearchSpace) -> None:
    sampled = results(space, [configuration(lr) for lr in (1e-4, 1e-3)])
    earlier = sampled.iloc[[0]].assign(config_id="r1", lr_fixed=5e-3, **{VALID_SCORE: 0.99})
    proposed = recommendations(space, [configuration(2e-3)])
    chosen = candidates(proposed, sampled, known(space, sampled, earlier), space, 2)
    assert chosen.loc[chosen["origin"] == "best_sampled", "config_id"].tolist() == ["1", "0"]


def test_seeds_are_fresh_in_every_round() -> None:
    first = no_validations()
    assert validation_seeds(study(seeds=[0, 4]), [first]) == [5, 6]
    assert validation_seeds(study(hpo={"validation_seeds": 3}), [first]) == [1, 2, 3]
    # Also where an earlier round took more of them.
    later = pd.DataFrame({"round": [1, 1, 1], "seed": [1, 2, 3]})
    assert validation_seeds(study(hpo={"validation_seeds": 2}), [later]) == [4, 5]
    # Replicates are numbered like seeds: as many again, which nothing was chosen by.
    sampled = pd.DataFrame({"seed": [0, 1, 2]})
    assert validation_seeds(study(replicates=3), [sampled]) == [3, 4, 5]
    again = [sampled, pd.DataFrame({"seed": [3, 4, 5]})]
    assert validation_seeds(study(replicates=3, hpo={"validation_seeds": 2}), again) == [6, 7]
    # Or the run results are of other seeds than the study names.
    assert validation_seeds(study(), [pd.DataFrame({"seed": [0, 9]}), later]) == [10]


def test_no_round_validates_with_the_seeds_of_a_benchmark() -> None:
    """What a benchmark found is trained with seeds that neither chose it nor judge anything."""
    settings = study(seeds=[0], hpo={"validation_seeds": 3})
    earlier, taken, of_benchmarks = no_validations(), set(), set()
    for number in range(1, 6):
        evidence = [pd.DataFrame({"seed": [0]}), earlier]
        seeds = validation_seeds(settings, evidence)
        others = benchmark_seeds(settings, evidence)
        assert not {0, *taken, *of_benchmarks} & {*seeds, *others}
        assert not set(seeds) & set(others)
        taken |= set(seeds)
        of_benchmarks |= set(others)
        earlier = pd.concat([earlier, pd.DataFrame({"round": number, "seed": seeds})])


@pytest.mark.parametrize("length", [{"epochs": 10}, {"steps": 70}], ids=str)
def test_validated_runs_know_how_far_their_loss_fell(
    task: TrainingTask, length: dict[str, int]
) -> None:
    (count,) = length.values()
    settings = TrainingSettings(**length, fidelities=last_tenth(count), device="cpu")  # type: ignore[arg-type]
    runs = make_runs(2, lr_fixed=[1e-3, 1e30], batch_size=32)
    trained = train_shard(task, "vanillix", runs, [[0, 1]], settings, SHIPPED_CPU)
    falls = with_fall(trained.runs, trained.curves)["last_tenth_fall"]
    before, end = trained.curves.query("config_id == '0'")["train_recon_loss"]
    assert trained.runs["epochs"].tolist() == [10, 10]
    assert falls[0] == pytest.approx(1 - end / before)
    assert falls[0] > 0
    assert np.isnan(falls[1])
