"""The surrogate: bounds, determinism, honesty out of fold, and its folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aehpo_assets.errors import InputError, StaleInputError
from aehpo_assets.hpo.objectives import (
    OBJECTIVE,
    OBJECTIVE_NAMES,
    RUNTIME,
    VALID_R2,
    VALID_SCORE,
)
from aehpo_assets.hpo.surrogate.diagnostics import accuracy, folds_of
from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.quality.surrogate import check_surrogate
from aehpo_assets.space import SearchSpace, sample_configurations

Fitted = tuple[Surrogate, pd.DataFrame, pd.DataFrame]


def test_predictions_stay_in_bounds(surrogate: Surrogate, space: SearchSpace) -> None:
    configurations = sample_configurations(space, 500, seed=7)
    predicted = surrogate.predict(configurations, "a")
    lower, upper = surrogate.predict_interval(configurations, "a")
    for frame in (predicted, lower, upper):
        assert frame.shape == (500, 3)
        assert np.isfinite(frame).all().all()
        assert frame[VALID_SCORE].between(0, 1).all()
        assert frame[VALID_R2].between(-1, 1).all()
        assert (frame[RUNTIME] > 0).all()
    assert (lower <= predicted).all().all()
    assert (predicted <= upper).all().all()


def test_auc_above_one_cannot_be_predicted(space: SearchSpace) -> None:
    results = synthetic_results(space, tasks=("a",), count=30)
    results["a"][VALID_SCORE] = 1.0
    results["a"]["status"] = "ok"
    surrogate, _, _ = fit_surrogate(training_table(results, space), space)
    assert surrogate.predict(results["a"], "a")[VALID_SCORE].max() <= 1


@given(
    st.sampled_from(OBJECTIVE_NAMES),
    hnp.arrays("float64", 5, elements=st.floats(-1e6, 1e6, allow_nan=False)),
)
def test_any_model_output_maps_into_bounds(objective: str, values: np.ndarray) -> None:
    mapped = OBJECTIVE[objective].from_model_scale(values)
    assert np.isfinite(mapped).all()
    if objective == RUNTIME:
        assert (mapped > 0).all()
    else:
        assert ((mapped >= (-1 if objective == VALID_R2 else 0)) & (mapped <= 1)).all()


@given(st.sampled_from(OBJECTIVE_NAMES), st.floats(0.002, 0.998))
def test_scales_are_inverse(objective: str, value: float) -> None:
    there = OBJECTIVE[objective].to_model_scale(np.array([value]))
    assert OBJECTIVE[objective].from_model_scale(there)[0] == pytest.approx(value)


def test_same_seed_same_bits(evaluations: pd.DataFrame, space: SearchSpace, fitted: Fitted) -> None:
    again = fit_surrogate(evaluations[evaluations["task"] == "b"], space)
    for table, whole in zip(again[1:], fitted[1:], strict=True):
        of_b = whole[whole["task"] == "b"].reset_index(drop=True)
        pd.testing.assert_frame_equal(table, of_b, check_exact=True)
    configurations = sample_configurations(space, 50, seed=7)
    np.testing.assert_array_equal(
        again[0].predict_matrix(configurations, "b"),
        fitted[0].predict_matrix(configurations, "b"),
    )


def test_one_fold_measures_nothing(evaluations: pd.DataFrame, space: SearchSpace) -> None:
    of_a = evaluations[evaluations["task"] == "a"]
    surrogate, diagnostics, _ = fit_surrogate(of_a, space, folds=1)
    assert diagnostics[["r2", "rmse", "spearman"]].isna().all().all()
    assert np.isfinite(surrogate.predict(of_a, "a")).all().all()


def test_batches_and_single_rows_agree(surrogate: Surrogate, space: SearchSpace) -> None:
    configurations = sample_configurations(space, 20, seed=3)
    batch = surrogate.predict_matrix(configurations, "b")
    rows = configurations[space.names].to_dict("records")
    single = np.vstack([surrogate.predict_matrix([row], "b") for row in rows])
    np.testing.assert_array_equal(batch, single)


def test_saved_without_pickle_and_loaded(
    surrogate: Surrogate, space: SearchSpace, tmp_path: Path
) -> None:
    surrogate.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npz"}
    loaded = Surrogate.load(tmp_path)
    assert loaded.space == space
    assert loaded.tasks == ["a", "b", "c"]
    configurations = sample_configurations(space, 30, seed=5)
    np.testing.assert_array_equal(
        loaded.predict_matrix(configurations, "c"), surrogate.predict_matrix(configurations, "c")
    )
    for one, other in zip(
        loaded.predict_interval(configurations, "c"),
        surrogate.predict_interval(configurations, "c"),
        strict=True,
    ):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_loading_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StaleInputError):
        Surrogate.load(tmp_path)


def test_unknown_task_is_refused(surrogate: Surrogate, space: SearchSpace) -> None:
    with pytest.raises(InputError, match="knows no task 'z'"):
        surrogate.predict(sample_configurations(space, 1, 0), "z")


def test_diagnostics_cover_every_task_and_objective(fitted: Fitted) -> None:
    _, diagnostics, out_of_fold = fitted
    assert len(diagnostics) == 3 * len(OBJECTIVE_NAMES)
    assert len(out_of_fold) == 3 * 60 * len(OBJECTIVE_NAMES)
    assert out_of_fold["replicates"].eq(2).all()
    assert diagnostics["configurations"].eq(60).all()
    assert diagnostics["noise_known"].all()
    assert diagnostics["r2_ceiling"].between(0, 1).all()
    assert np.isfinite(diagnostics[["r2", "rmse", "spearman", "coverage"]]).all().all()


def test_out_of_fold_means_configurations_unseen(space: SearchSpace) -> None:
    """Scores that are pure noise, but equal for all seeds: only a leak could predict them."""
    results = synthetic_results(space, tasks=("a",), count=80, seeds=(0, 1, 2))["a"]
    noise = np.random.default_rng(0).uniform(0.5, 1, 80)
    results[VALID_SCORE] = noise[results["config_id"].astype(int)]
    results["status"] = "ok"
    _, diagnostics, _ = fit_surrogate(training_table({"a": results}, space), space)
    row = diagnostics[diagnostics["objective"] == VALID_SCORE].iloc[0]
    assert row["r2"] < 0.1


@pytest.mark.parametrize("count", [1, 2, 20])
def test_small_tables_work(count: int, space: SearchSpace) -> None:
    results = synthetic_results(space, tasks=("a",), count=count)
    surrogate, diagnostics, out_of_fold = fit_surrogate(training_table(results, space), space)
    assert np.isfinite(surrogate.predict(results["a"], "a")).all().all()
    assert len(diagnostics) == 3
    assert np.isfinite(diagnostics["rmse"]).all() == (count > 1)
    assert len(out_of_fold) == 3 * count


@pytest.mark.slow
def test_a_learnable_objective_is_learned(space: SearchSpace) -> None:
    results = synthetic_results(space, tasks=("a",), count=400, noise=0.002)
    results["a"] = results["a"][results["a"]["status"] == "ok"]
    _, diagnostics, _ = fit_surrogate(training_table(results, space), space)
    by_objective = diagnostics.set_index("objective")
    assert by_objective.loc[VALID_SCORE, "r2"] > 0.75
    assert by_objective.loc[VALID_SCORE, "spearman"] > 0.85
    assert by_objective["coverage"].between(0.84, 0.96).all()
    assert all(result.passed for result in check_surrogate(diagnostics))


def test_constant_objective_is_warned_about(space: SearchSpace) -> None:
    results = synthetic_results(space, tasks=("a",), count=20)
    results["a"] = results["a"].assign(status="ok", valid_r2=0.5)
    _, diagnostics, _ = fit_surrogate(training_table(results, space), space)
    failed = {result.name for result in check_surrogate(diagnostics) if not result.passed}
    assert "r2_surrogate_better_than_the_mean" in failed


def test_validated_runs_join_and_repeated_runs_count_once(
    results: dict[str, pd.DataFrame], space: SearchSpace
) -> None:
    extra = results["a"].head(2).copy()
    extra.loc[extra.index[0], "config_id"] = "r0000beef"
    table = training_table(results, space, {"a": extra})
    assert len(table) == 3 * 120 + 1
    assert "r0000beef" in set(table["config_id"])


@given(st.integers(1, 30))
def test_folds_are_as_many_as_there_can_be(count: int) -> None:
    assert len(set(folds_of(count))) == min(5, count)


def test_accuracy_matches_scikit_learn() -> None:
    from scipy.stats import spearmanr
    from sklearn.metrics import r2_score, root_mean_squared_error

    generator = np.random.default_rng(0)
    actual = generator.normal(size=50)
    predicted = actual + generator.normal(size=50)
    frame = pd.DataFrame(
        {"actual": actual, "predicted": predicted, "lower": predicted - 1, "upper": predicted + 1}
    )
    found = accuracy(frame)
    assert found["r2"] == pytest.approx(r2_score(actual, predicted))
    assert found["rmse"] == pytest.approx(root_mean_squared_error(actual, predicted))
    assert found["spearman"] == pytest.approx(spearmanr(actual, predicted).statistic)
    assert found["coverage"] == np.mean(np.abs(actual - predicted) <= 1)
