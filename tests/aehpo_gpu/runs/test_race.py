"""Races of real trainings: who takes part, in which replicates, and what is validated of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.names import BASELINE_NAMES
from aehpo_assets.errors import InputError
from aehpo_assets.hpo.earlier_validations import no_validations
from aehpo_assets.hpo.evaluations import evaluation_table
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, VALID_SCORE
from aehpo_assets.noise.summary import noise_tables
from aehpo_assets.race.belief import Belief
from aehpo_assets.race.race import NOT_KNOWN
from aehpo_assets.space import (
    config_id_of,
    default_configuration,
    sample_configurations,
    search_space,
)
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study
from aehpo_gpu.evaluation import representations
from aehpo_gpu.evaluation.baselines import DEFAULT_METHODS, raced_baselines
from aehpo_gpu.evaluation.representations import Data
from aehpo_gpu.runs.race import (
    RacedTask,
    known_split,
    race_baselines,
    race_task,
    racing_candidates,
    runs_per_hour,
    starting_belief,
)
from aehpo_gpu.runs.table import RunTable, training_settings
from aehpo_gpu.runs.validation import (
    RACE_SEEDS,
    benchmark_seeds,
    candidates,
    first_race_seed,
    recommended_by_race,
    validation_seeds,
)
from aehpo_gpu.training.task import TrainingTask

SPACE = search_space("vanillix", {"k_filter": [16, 32], "latent_dim_fixed": [2, 4]})
STUDY = Study.model_validate(
    {
        "name": "tiny",
        "tasks": "all",
        "architectures": ["vanillix"],
        "configurations": {"count": 8},
        "space": {"k_filter": [16, 32], "latent_dim_fixed": [2, 4]},
        "epochs": 3,
        "seeds": [0, 1],
        "device": "cpu",
        "race": {"candidates": 5, "max_replicates": 4},
    }
)


def sampled() -> pd.DataFrame:
    """Results of 8 configurations with two seeds each: the higher its number, the better."""
    values = sample_configurations(SPACE, 8, 42)[SPACE.names]
    values.insert(0, "config_id", [str(number) for number in range(8)])
    runs = values.merge(pd.DataFrame({"seed": [0, 1]}), how="cross")
    score = 0.5 + 0.05 * runs["config_id"].astype(int) + 0.01 * runs["seed"]
    numbers = dict.fromkeys(OBJECTIVE_NAMES, score)
    return runs.assign(task="toy_rna", status="ok", **numbers)


def recommended(number: int = 4, of_sample: tuple[int, ...] = ()) -> pd.DataFrame:
    """Proposals, with some of the sample among them."""
    values = sample_configurations(SPACE, number, 7)[SPACE.names]
    own = sampled().drop_duplicates("config_id").set_index("config_id")
    for config_id in of_sample:
        values.loc[len(values)] = own.loc[str(config_id), SPACE.names]
    ids = [config_id_of(dict(row)) for row in values.head(number).to_dict("records")]
    return values.assign(
        config_id=[*ids, *map(str, of_sample)],
        rank=range(1, len(values) + 1),
        searcher="cqr",
        transfer=False,
        **{f"predicted_{VALID_SCORE}": 0.9, "predicted_valid_r2": 0.3},
    )


def chosen(count: int, **recommendations: Any) -> pd.DataFrame:
    results = sampled()
    known = evaluation_table({"toy_rna": results}, SPACE)
    return racing_candidates(recommended(**recommendations), results, known, SPACE, count)


def test_half_is_proposed_half_sampled_and_the_default_takes_part() -> None:
    found = chosen(7)
    origins = found["origin"].value_counts().to_dict()
    assert origins == {"recommended": 3, "best_sampled": 3, "untuned_default": 1}
    best = found.loc[found["origin"] == "best_sampled", "config_id"]
    assert best.tolist() == ["7", "6", "5"]
    assert found["config_id"].is_unique


def test_what_was_sampled_and_is_recommended_goes_first_among_the_sampled() -> None:
    found = chosen(5, number=2, of_sample=(2,))
    best = found.loc[found["origin"] == "best_sampled", "config_id"]
    assert best.tolist() == ["2", "7"]


def test_where_few_are_proposed_more_of_the_sampled_race() -> None:
    found = chosen(7, number=1)
    assert (found["origin"] == "best_sampled").sum() == 5
    assert len(found) == 7


def test_the_default_takes_part_once() -> None:
    table = recommended()
    default = default_configuration(SPACE)
    for name, value in default.items():
        table[name] = table[name].where(table.index != 0, value)
    table.loc[0, "config_id"] = config_id_of(default)
    known = evaluation_table({"toy_rna": sampled()}, SPACE)
    found = racing_candidates(table, sampled(), known, SPACE, 5)
    assert (found["config_id"] == config_id_of(default)).sum() == 1
    assert len(found) == 5


def components(splits: int) -> pd.DataFrame:
    runs = sampled()
    runs[VALID_SCORE] += 1e-3 * np.random.default_rng(0).standard_normal(len(runs))
    if splits > 1:
        runs["split_seed"] = runs["seed"]
    return noise_tables(runs, {VALID_SCORE: (0.0, 1.0)})["components"]


def test_splits_have_no_effect_where_there_is_one_and_any_where_nothing_is_known() -> None:
    assert known_split(components(2), 1) is None
    assert known_split(components(1), 3) == NOT_KNOWN
    found = known_split(components(2), 2)
    assert found is not None
    assert found.degrees == 1
    assert found.variance == pytest.approx(0.01**2 / 2, rel=0.15)


class Posterior:
    """What a surrogate says of configurations, as arrays."""

    def posterior(
        self, configurations: pd.DataFrame, task: str, objective: str
    ) -> tuple[np.ndarray, np.ndarray]:
        assert (task, objective) == ("toy_rna", VALID_SCORE)
        return np.full(len(configurations), 0.5), 0.05**2 * np.eye(len(configurations))


def test_it_starts_from_the_surrogate() -> None:
    found = starting_belief(chosen(3), Posterior(), "toy_rna")  # type: ignore[arg-type]
    np.testing.assert_allclose(found.mean, 0.5)
    np.testing.assert_allclose(found.covariance, 0.05**2 * np.eye(3), rtol=1e-6)


def raced(task: TrainingTask, folder: Path, told: list[str] | None = None) -> RacedTask:
    table = RunTable(
        architecture="vanillix",
        data=task,
        runs=sampled().head(0),
        settings=training_settings(STUDY),
        inputs={"preprocessed_matrix/toy_rna": "1"},
        home=Home(folder),
    )
    field = chosen(5)
    start = Belief(np.full(5, 0.8), 0.1**2 * np.eye(5))
    evidence = (sampled(), no_validations())
    tell = [].append if told is None else told.append
    return race_task(
        *(table, field, start, components(1), SPACE, STUDY),
        *(evidence, lambda progress: None, tell),
    )


@pytest.fixture(scope="module")
def once(
    task: TrainingTask, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, RacedTask, list[str]]:
    """The folder of a race, what came out, and what was told on the way."""
    folder, told = tmp_path_factory.mktemp("race"), list[str]()
    return folder, raced(task, folder, told), told


@pytest.fixture(scope="module")
def finished(once: tuple[Path, RacedTask, list[str]]) -> RacedTask:
    return once[1]


def test_all_are_really_trained_in_replicates_of_their_own(finished: RacedTask) -> None:
    runs = finished.runs
    assert (runs["status"] == "ok").all()
    start = 2 + RACE_SEEDS
    assert set(runs["seed"]) == set(range(start, start + runs["seed"].nunique()))
    first = runs[runs["round"] == 1]
    assert (
        first.groupby("config_id")["seed"].unique().map(list).tolist() == [[start, start + 1]] * 5
    )
    assert not runs.duplicated(["config_id", "seed"]).any()
    assert runs["train_total_loss"].notna().all()
    assert runs_per_hour(finished.runs) > 0
    assert finished.outcome.runs["score"].tolist() == runs[VALID_SCORE].tolist()


def test_validation_trains_with_seeds_that_the_race_never_saw(finished: RacedTask) -> None:
    evidence = (sampled(), no_validations())
    fresh = {*validation_seeds(STUDY, evidence), *benchmark_seeds(STUDY, evidence)}
    assert not fresh & set(finished.runs["seed"])
    # In the next round, what raced is evidence as well.
    later = (*evidence, finished.runs[["seed"]])
    used = fresh | set(finished.runs["seed"])
    assert not {*validation_seeds(STUDY, later), *benchmark_seeds(STUDY, later)} & used
    assert first_race_seed(STUDY, later) not in used


def test_the_winner_is_recommended_first_with_what_the_race_says_of_it(finished: RacedTask) -> None:
    table = recommended_by_race(finished.candidates)
    last = finished.standings[finished.standings["state"] == "winner"].iloc[0]
    assert table["rank"].tolist() == [1, 2, 3, 4, 5]
    assert table["config_id"][0] == last["config_id"]
    assert table[f"predicted_{VALID_SCORE}"][0] == last["mean"]
    assert table[f"predicted_{VALID_SCORE}_lower"][0] < last["mean"]
    # Whatever the surrogate knew, the race has replicates.
    assert (table["predicted_noise"] == "known").all()
    known = evaluation_table({"toy_rna": sampled()}, SPACE)
    validated = candidates(table, sampled(), known, SPACE, 2)
    assert validated.loc[validated["origin"] == "recommended", "config_id"].tolist() == (
        table["config_id"].head(2).tolist()
    )


def test_a_second_call_trains_nothing_and_says_the_same(
    task: TrainingTask,
    once: tuple[Path, RacedTask, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, first, told = once
    assert len(told) == first.runs["round"].max()

    def refuse(*arguments: object) -> None:
        raise AssertionError

    monkeypatch.setattr(RunTable, "train", refuse)
    again = raced(task, folder)
    pd.testing.assert_frame_equal(again.standings, first.standings)
    pd.testing.assert_frame_equal(again.runs, first.runs)


def test_where_all_fail_it_is_said(
    task: TrainingTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect = RunTable.train_missing

    def diverged(self: RunTable, *arguments: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
        results, curves = collect(self, *arguments)
        return results.assign(status="diverged"), curves

    monkeypatch.setattr(RunTable, "train_missing", diverged)
    with pytest.raises(InputError, match="all 5 candidates of toy_rna diverged or failed"):
        raced(task, tmp_path)


def test_an_hour_holds_as_many_runs_as_its_seconds_say() -> None:
    runs = pd.DataFrame({"fleet_runtime": [3.0, 5.0], "evaluation_runtime": [1.0, 1.0]})
    assert runs_per_hour(runs) == 720
    assert math.isnan(runs_per_hour(runs * 0))


def test_rivals_are_scored_in_the_replicates_of_the_race(
    task: TrainingTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        representations, "_umap", lambda matrix, train, dim, seed: matrix[:, seed : seed + dim]
    )
    table = RunTable(
        architecture="vanillix",
        data=task,
        runs=sampled().head(0),
        settings=training_settings(STUDY),
        inputs={},
        home=Home(tmp_path),
    )
    told: list[str] = []
    found = race_baselines(table, [7, 5, 7], [2, 4, 400], [8, 16], told.append)
    cells = found.groupby(["method", "latent_dim"])["seed"].unique().map(sorted)
    dims = {
        "pca": (2, 4, 48),
        "umap": (2, 4),
        "linear_autoencoder": (2, 4, 16),
        "raw_features": (8, 16),
        "random_features": (2, 4, 48),
    }
    assert cells.to_dict() == {(method, dim): [5, 7] for method, of in dims.items() for dim in of}
    spread = found.groupby(["method", "latent_dim"])[VALID_SCORE].std()
    # On one split, what has no seed is what it is; the others are drawn or trained again.
    assert (spread[["pca", "raw_features"]] == 0).all()
    for method in ("umap", "linear_autoencoder", "random_features"):
        assert (spread[method][[2, 4]] > 0).all(), method
    expected = raced_baselines(Data(*task.given), "pca", [4], [], 0)
    of_four = found[(found["method"] == "pca") & (found["latent_dim"] == 4)]
    assert of_four[VALID_SCORE].tolist() == pytest.approx([expected[VALID_SCORE].item()] * 2)
    assert [line.split(":")[0] for line in told] == [
        BASELINE_NAMES[method] for method in DEFAULT_METHODS
    ]
