"""Permutation importance finds what a score depends on, and says when it cannot tell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.importance import hyperparameter_importance
from aehpo_assets.errors import InputError

VALID = "weighted_avg_auc_downstream_performance_valid"
HYPERPARAMETERS = ["k_filter", "n_layers", "lr_fixed", "drop_p"]


def test_the_learning_rate_decides(run_results: pd.DataFrame) -> None:
    finished = run_results[run_results["status"] == "ok"]
    importance = hyperparameter_importance(finished, HYPERPARAMETERS)
    assert importance["hyperparameter"].tolist()[0] == "lr_fixed"
    assert set(importance["hyperparameter"]) == set(HYPERPARAMETERS)
    assert importance["importance"].is_monotonic_decreasing
    assert importance["importance"].iloc[0] > 0.5
    assert (importance["importance"].iloc[1:].abs() < 0.1).all()
    assert importance["forest_r2"].iloc[0] > 0.7


def test_noise_has_no_importance() -> None:
    generator = np.random.default_rng(0)
    table = pd.DataFrame(generator.random((80, 2)), columns=["drop_p", VALID])
    importance = hyperparameter_importance(table.assign(config_id=range(80)), ["drop_p"])
    # A score measured on the training configurations would be far above zero here.
    assert importance["forest_r2"].iloc[0] < 0.1


def test_the_same_seed_gives_the_same_numbers_in_any_order(run_results: pd.DataFrame) -> None:
    first = hyperparameter_importance(run_results, HYPERPARAMETERS[:2])
    again = hyperparameter_importance(
        run_results.sample(frac=1, random_state=1), HYPERPARAMETERS[:2]
    )
    pd.testing.assert_frame_equal(first, again)


def test_a_task_that_is_easier_does_not_count(run_results: pd.DataFrame) -> None:
    easier = run_results.assign(task="easy", **{VALID: run_results[VALID] + 0.1})
    finished = run_results["status"] == "ok"
    one = hyperparameter_importance(run_results[finished], ["lr_fixed", "drop_p"])
    both = pd.concat([run_results[finished], easier[finished]])
    two = hyperparameter_importance(both, ["lr_fixed", "drop_p"])
    np.testing.assert_allclose(one["importance"], two["importance"], atol=0.02)


@pytest.mark.parametrize("rows", [0, 2, 19])
def test_too_few_configurations_are_not_judged(run_results: pd.DataFrame, rows: int) -> None:
    importance = hyperparameter_importance(run_results.head(rows), HYPERPARAMETERS)
    assert importance["importance"].isna().all()
    assert importance["hyperparameter"].tolist() == HYPERPARAMETERS


def test_equal_scores_are_not_judged(run_results: pd.DataFrame) -> None:
    table = run_results.assign(**{VALID: np.nan})
    assert hyperparameter_importance(table, HYPERPARAMETERS)["importance"].isna().all()


def test_a_missing_column_is_named(run_results: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="beta"):
        hyperparameter_importance(run_results, ["beta"])
