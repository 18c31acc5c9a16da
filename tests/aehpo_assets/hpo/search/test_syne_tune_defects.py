"""Defects of stock Syne Tune 0.16.0 that are avoided by not using the faulty part.

Each test shows the stock behaviour; when one fails, the defect is gone and so may its detour.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from syne_tune.blackbox_repository import add_surrogate
from syne_tune.blackbox_repository.blackbox_tabular import BlackboxTabular
from syne_tune.config_space import randint, uniform

from aehpo_assets.hpo.objectives import RUNTIME, VALID_SCORE


def tabular(values: np.ndarray, fidelities: int = 1) -> BlackboxTabular:
    """A blackbox of one hyperparameter and two objectives; values (configurations, ..., 2)."""
    count = len(values)
    return BlackboxTabular(
        hyperparameters=pd.DataFrame({"x": np.linspace(0, 1, count)}),
        configuration_space={"x": uniform(0, 1)},
        fidelity_space={"epoch": randint(1, fidelities)},
        objectives_evaluations=values.reshape(count, 1, fidelities, 2),
        fidelity_values=np.arange(1, fidelities + 1),
        objectives_names=[RUNTIME, VALID_SCORE],
    )


def test_simulated_clock_runs_on_while_the_searcher_computes() -> None:
    from syne_tune.blackbox_repository import UserBlackboxBackend

    values = np.random.default_rng(0).random((10, 2))
    backend = UserBlackboxBackend(add_surrogate(tabular(values)), elapsed_time_attr=RUNTIME)
    backend.time_keeper.start_of_time()
    time.sleep(0.05)  # what a searcher computes between two calls of the backend
    backend.fetch_status_results([])
    assert backend.time_keeper.time() >= 0.05


def test_infinite_values_crash_the_surrogate() -> None:
    values = np.random.default_rng(0).random((10, 2))
    values[3, 1] = np.inf
    from sklearn.ensemble import RandomForestRegressor

    with pytest.raises(ValueError, match="infinity"):
        add_surrogate(tabular(values), surrogate=RandomForestRegressor())


def test_a_missing_value_drops_the_row_for_all_objectives() -> None:
    values = np.random.default_rng(0).random((10, 2))
    values[3, 1] = np.nan
    X, _ = tabular(values).hyperparameter_objectives_values()
    assert len(X) == 9


def test_surrogate_asked_for_one_fidelity_answers_with_the_wrong_dictionary() -> None:
    values = np.random.default_rng(0).random((10, 2, 2))
    surrogate = add_surrogate(tabular(values, fidelities=2))
    answer: Any = surrogate.objective_function({"x": 0.5}, fidelity={"epoch": 2})
    names_and_arrays = isinstance(answer, dict) and all(
        np.isscalar(answer.get(name)) for name in (RUNTIME, VALID_SCORE)
    )
    assert not names_and_arrays


def test_quantile_transfer_minimises_objective_zero_whatever_is_asked() -> None:
    from syne_tune.optimizer.schedulers.transfer_learning.quantile_based.quantile_based_searcher import (  # noqa: E501
        extract_input_output,
    )
    from syne_tune.optimizer.schedulers.transfer_learning.transfer_learning_task_evaluation import (
        TransferLearningTaskEvaluations,
    )

    values = np.random.default_rng(0).random((20, 1, 1, 2))
    evidence = TransferLearningTaskEvaluations(
        configuration_space={"x": uniform(0, 1)},
        hyperparameters=pd.DataFrame({"x": np.linspace(0, 1, 20)}),
        objectives_names=[RUNTIME, VALID_SCORE],
        objectives_evaluations=values,
    )
    _, y = extract_input_output({"a": evidence}, "gaussian", random_state=None)
    # The lowest runtime is the best, whatever the metric and the direction of the search.
    assert np.argmin(y) == np.argmin(values[..., 0])
    ranks = pd.DataFrame({"modelled": np.ravel(y), "runtime": np.ravel(values[..., 0])}).rank()
    assert ranks["modelled"].corr(ranks["runtime"]) > 0.98


def test_repository_backend_calls_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    from syne_tune.blackbox_repository import BlackboxRepositoryBackend, repository

    class CalledError(Exception):
        pass

    def hub(*_: Any, **__: Any) -> None:
        raise CalledError

    monkeypatch.setattr(repository, "snapshot_download", hub)
    backend = BlackboxRepositoryBackend("autoencodix_varix", RUNTIME, dataset="tcga_rna")
    with pytest.raises(CalledError):
        _ = backend.blackbox


def test_bounding_box_calls_its_function_with_four_arguments_and_prints(capsys: Any) -> None:
    from syne_tune.optimizer.baselines import REA
    from syne_tune.optimizer.schedulers.transfer_learning.bounding_box import BoundingBox
    from syne_tune.optimizer.schedulers.transfer_learning.transfer_learning_task_evaluation import (
        TransferLearningTaskEvaluations,
    )

    evidence = TransferLearningTaskEvaluations(
        configuration_space={"x": uniform(0, 1)},
        hyperparameters=pd.DataFrame({"x": [0.1, 0.2]}),
        objectives_names=[VALID_SCORE],
        objectives_evaluations=np.array([0.5, 0.6]).reshape(2, 1, 1, 1),
    )
    settings = {
        "config_space": {"x": uniform(0, 1)},
        "metric": VALID_SCORE,
        "transfer_learning_evaluations": {"a": evidence},
        "num_hyperparameters_per_task": 2,
    }
    with pytest.raises(TypeError, match="positional"):  # three arguments, as documented
        BoundingBox(lambda space, mode, metric: REA(space, metric), **settings)
    BoundingBox(lambda space, metric, minimise, seed: REA(space, metric), **settings)
    assert "hyperparameter ranges" in capsys.readouterr().out
