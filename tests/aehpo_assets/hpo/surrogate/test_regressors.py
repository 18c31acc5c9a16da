"""The models of a surrogate, the choice among them, and what else a surrogate knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, VALID_SCORE
from aehpo_assets.hpo.recommend import recommend
from aehpo_assets.hpo.surrogate.diagnostics import calibration, worst_regions
from aehpo_assets.hpo.surrogate.regressors import REGRESSORS
from aehpo_assets.hpo.surrogate.surrogate import Surrogate, fit_surrogate, training_table
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.space import SearchSpace, sample_configurations
from aehpo_assets.study import Hpo


@pytest.mark.parametrize("name", list(REGRESSORS))
def test_models_learn_repeat_and_survive_the_disk(name: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    X, fresh = generator.random((150, 3)), generator.random((80, 3))

    def truth(points: np.ndarray) -> np.ndarray:
        return 3 + np.sin(3 * points[:, 0]) + points[:, 1] ** 2

    model = REGRESSORS[name](1).fit(X, truth(X))
    predicted = model.predict(fresh)
    assert np.corrcoef(predicted, truth(fresh))[0, 1] > 0.85
    np.testing.assert_array_equal(REGRESSORS[name](1).fit(X, truth(X)).predict(fresh), predicted)
    path = tmp_path / f"model{model.suffix}"
    model.save(path)
    restored = REGRESSORS[name](0).restore(path)
    np.testing.assert_array_equal(restored.predict(fresh), predicted)
    one_by_one = np.concatenate([model.predict(row[None]) for row in fresh])
    np.testing.assert_array_equal(one_by_one, predicted)


def test_gaussian_process_is_scikit_learns() -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    generator = np.random.default_rng(0)
    X, y = generator.random((40, 2)), generator.normal(2, 3, 40)
    kernel = ConstantKernel() * Matern(np.ones(2), (0.05, 50), nu=2.5)
    expected = GaussianProcessRegressor(kernel + WhiteKernel(0.1, (1e-4, 2)), normalize_y=True)
    fresh = generator.random((10, 2))
    np.testing.assert_allclose(
        REGRESSORS["gaussian_process"](0).fit(X, y).predict(fresh),
        expected.fit(X, y).predict(fresh),
        rtol=1e-6,
    )


def test_each_objective_gets_the_best_model_and_keeps_it_on_disk(
    evaluations: pd.DataFrame, space: SearchSpace, tmp_path: Path
) -> None:
    candidates = ("nearest_neighbours", "shallow_xgboost", "gaussian_process")
    of_a = evaluations[(evaluations["task"] == "a") & (evaluations["seed"] == 0)]
    surrogate, diagnostics, _ = fit_surrogate(of_a, space, candidates=candidates)
    errors = diagnostics[[f"error_{name}" for name in candidates]]
    best = errors.idxmin(axis=1).str.removeprefix("error_")
    assert diagnostics["model"].tolist() == best.tolist()
    surrogate.save(tmp_path)
    loaded = Surrogate.load(tmp_path)
    configurations = sample_configurations(space, 20, seed=1)
    np.testing.assert_array_equal(
        loaded.predict_matrix(configurations, "a"), surrogate.predict_matrix(configurations, "a")
    )
    generators = np.random.default_rng(0), np.random.default_rng(0)
    pd.testing.assert_frame_equal(
        loaded.sample(configurations, "a", generators[0]),
        surrogate.sample(configurations, "a", generators[1]),
        check_exact=True,
    )
    np.testing.assert_array_equal(
        loaded.predict_dead(configurations, "a"), surrogate.predict_dead(configurations, "a")
    )


def test_unknown_model_is_refused(evaluations: pd.DataFrame, space: SearchSpace) -> None:
    with pytest.raises(InputError, match="unknown surrogate model"):
        fit_surrogate(evaluations, space, candidates=("oracle",))


def test_synthetic_observations_are_as_noisy_as_the_data(space: SearchSpace) -> None:
    noise = 0.03
    results = synthetic_results(space, tasks=("a",), count=150, noise=noise)
    results["a"] = results["a"].query("status == 'ok'")
    surrogate, _, _ = fit_surrogate(
        training_table(results, space), space, candidates=("gaussian_process",)
    )
    draws = [
        surrogate.sample(results["a"], "a", np.random.default_rng(seed))[VALID_SCORE]
        for seed in range(20)
    ]
    spread = float(np.std(draws, axis=0).mean())
    assert noise * 0.8 < spread < noise * 1.5
    assert np.max(draws) < 1


def test_dead_regions_are_recognised_and_avoided(space: SearchSpace) -> None:
    results = synthetic_results(space, tasks=("a",), count=150)
    runs = results["a"].assign(status="ok")
    runs["valid_r2"] = runs["valid_r2"].fillna(0.1)
    dead = runs["lr_fixed"] > 1e-2
    runs["latent_status"] = np.where(dead, "collapsed", "ok")
    # Dead runs pretend to be excellent, so that only the classifier can hold them back.
    runs.loc[dead, VALID_SCORE] = 0.999
    evaluations = training_table({"a": runs}, space)
    assert evaluations["dead"].sum() == dead.sum()
    surrogate, _, _ = fit_surrogate(evaluations, space)
    probability = surrogate.predict_dead(runs, "a")
    assert probability[dead].min() > 0.5 > probability[~dead].max()
    hpo = Hpo(searchers=["random_search"], trials=60)
    found = recommend("a", evaluations, surrogate, space, hpo, n_features=9999).table
    assert (found["lr_fixed"] < 1.1e-2).all()
    assert (found["predicted_dead"] < 0.5).all()


def test_nothing_dead_means_no_fear(space: SearchSpace) -> None:
    results = synthetic_results(space, tasks=("a",), count=30)
    results["a"]["status"] = "ok"
    results["a"] = results["a"].assign(**dict.fromkeys(OBJECTIVE_NAMES, 0.6))
    surrogate, _, _ = fit_surrogate(training_table(results, space), space)
    assert surrogate.predict_dead(results["a"], "a").max() < 0.1


def test_calibration_is_measured_and_good(
    fitted: tuple[Surrogate, pd.DataFrame, pd.DataFrame],
) -> None:
    table = calibration(fitted[2])
    assert len(table) == 3 * 3 * 4
    gaps = (table["coverage"] - table["level"]).abs()
    assert gaps.mean() < 0.05


def test_worst_region_is_found(space: SearchSpace) -> None:
    """Noise only where drop_p is large: that is where any model is worst."""
    results = synthetic_results(space, tasks=("a",), count=200, noise=0.0)
    runs = results["a"].assign(status="ok")
    noisy = runs["drop_p"] > runs["drop_p"].quantile(0.75)
    noise = np.random.default_rng(0).normal(0, 0.1, len(runs))
    runs[VALID_SCORE] = 0.7 + np.where(noisy, noise, 0)
    evaluations = training_table({"a": runs}, space)
    _, _, out_of_fold = fit_surrogate(evaluations, space, candidates=("shallow_xgboost",))
    worst = worst_regions(out_of_fold, evaluations, space.names).set_index("objective")
    assert worst.loc[VALID_SCORE, "hyperparameter"] == "drop_p"
    assert worst.loc[VALID_SCORE, "rmse"] > worst.loc[VALID_SCORE, "rmse_overall"]
