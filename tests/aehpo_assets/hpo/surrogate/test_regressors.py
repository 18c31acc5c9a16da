"""The models of a surrogate, the choice among them, and what else a surrogate knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, VALID_SCORE
from aehpo_assets.hpo.recommend import recommend
from aehpo_assets.hpo.surrogate.diagnostics import calibration, folds_of, worst_regions
from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.hpo.surrogate.gaussian_process import GaussianProcess
from aehpo_assets.hpo.surrogate.misfit import misfit_variance, variance_inflation
from aehpo_assets.hpo.surrogate.regressors import (
    REGRESSORS,
    HeldOut,
    Means,
    fit_objective,
    is_clearly_likelier,
)
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.surrogate.trees import TreePosterior, shrunken
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.space import SearchSpace, sample_configurations
from aehpo_assets.study.searches import Hpo


def truth(points: np.ndarray) -> np.ndarray:
    return 3 + np.sin(3 * points[:, 0]) + points[:, 1] ** 2


def known(X: np.ndarray, y: np.ndarray, noise: np.ndarray) -> Means:
    """Means whose noise is known for certain."""
    return Means(X, y, noise, np.full(len(y), np.inf))


def means(rows: int, seed: int, deviation: float) -> tuple[Means, np.ndarray]:
    """Single runs of a smooth truth, and that truth."""
    generator = np.random.default_rng(seed)
    X = generator.random((rows, 3))
    y = truth(X) + generator.normal(0, deviation, rows)
    return known(X, y, np.full(rows, deviation**2)), truth(X)


@pytest.mark.slow
@pytest.mark.parametrize("name", REGRESSORS)
def test_models_learn_repeat_and_survive_the_disk(name: str, tmp_path: Path) -> None:
    given, _ = means(150, 0, 0.05)
    fresh = np.random.default_rng(1).random((80, 3))
    folds = folds_of(150)
    _, model, _, _ = fit_objective(given, folds, 1, [name])
    predicted = model.predict(fresh)
    assert np.corrcoef(predicted, truth(fresh))[0, 1] > 0.85
    again = fit_objective(given, folds, 1, [name])[1]
    np.testing.assert_array_equal(again.predict(fresh), predicted)
    path = tmp_path / f"model{model.suffix}"
    model.save(path)
    restored = (GaussianProcess if name == "gaussian_process" else TreePosterior).restore(path)
    both = np.vstack([fresh, given.X[:10]])
    np.testing.assert_array_equal(restored.predict(both), model.predict(both))
    np.testing.assert_array_equal(restored.covariance(both), model.covariance(both))
    np.testing.assert_allclose(model.variance(both), np.diag(model.covariance(both)), atol=1e-12)
    one_by_one = np.concatenate([model.predict(row[None]) for row in fresh])
    np.testing.assert_array_equal(one_by_one, predicted)


@pytest.mark.slow
@pytest.mark.parametrize("name", REGRESSORS)
def test_what_was_trained_is_predicted_by_its_truth_and_not_by_its_luck(name: str) -> None:
    given, true = means(120, 2, 0.5)
    _, model, _, _ = fit_objective(given, folds_of(120), 0, [name])
    predicted = model.predict(given.X)
    assert ((predicted - true) ** 2).mean() < 0.6 * ((given.y - true) ** 2).mean()
    best = int(predicted.argmax())
    assert predicted[best] < given.y.max() - 0.5
    half = 1.645 * np.sqrt(model.variance(given.X))
    assert (np.abs(predicted - true) <= half).mean() > 0.8


def test_own_means_count_by_their_replicates() -> None:
    posterior = shrunken(np.zeros(3), np.ones(3), np.array([0.1, 1.0, 0.0]), misfit=0.1)
    assert posterior[:, 0] == pytest.approx([0.5, 1 / 11, 1])
    assert posterior[:, 1] == pytest.approx([0.05, 1 / 11, 0])


def test_misfit_is_what_noise_leaves_unexplained() -> None:
    generator = np.random.default_rng(0)
    noise = generator.uniform(0.5, 2, 4000)
    residuals = generator.normal(0, np.sqrt(0.3 + noise))
    assert misfit_variance(residuals, noise) == pytest.approx(0.3, abs=0.1)
    assert misfit_variance(generator.normal(0, np.sqrt(noise / 2)), noise) == 0
    assert misfit_variance(np.zeros(5), np.zeros(5)) == 0


def test_variances_that_are_too_small_are_inflated_and_others_are_not() -> None:
    generator = np.random.default_rng(0)
    noise, variance = generator.uniform(0.1, 1, (2, 4000))
    for factor, found in ((3, 3), (0.2, 1)):
        residuals = generator.normal(0, np.sqrt(factor * variance + noise))
        assert variance_inflation(residuals, noise, variance) == pytest.approx(found, abs=0.3)


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 1])
def test_the_likeliest_model_is_chosen_whatever_comes_first(first: int) -> None:
    generator = np.random.default_rng(0)
    X = generator.random((200, 3))
    steps = 2.0 * (X[:, 1] > 0.71) + (X[:, 0] > 0.37) + (X[:, 2] > 0.5) * (X[:, 0] < 0.6)
    candidates = ("gaussian_process", "shallow_xgboost")[:: 1 - 2 * first]
    chosen = []
    for values in (truth(X), steps):
        given = known(X, values + generator.normal(0, 0.05, 200), np.full(200, 0.05**2))
        name, _, _, likely = fit_objective(given, folds_of(200), 0, candidates)
        assert likely[name] == max(likely.values())
        chosen.append(name)
    assert chosen == ["gaussian_process", "shallow_xgboost"]


def test_where_chance_decides_the_first_model_stays() -> None:
    means = known(np.zeros((4, 1)), np.array([0.0, 0.0, 0.0, 2.0]), np.full(4, 0.5))
    first = HeldOut(np.zeros(4), np.full(4, 0.5), 0.5)
    # Better for one configuration alone.
    lucky = HeldOut(np.array([0.3, 0.3, 0.3, 0.5]), np.full(4, 0.5), 0.5)
    assert (lucky.log_densities(means) - first.log_densities(means)).mean() > 0
    assert not is_clearly_likelier(lucky, first, means)
    others = known(means.X, np.array([1.0, -1.0, 1.1, -1.1]), means.noise)
    assert is_clearly_likelier(HeldOut(others.y, np.full(4, 0.1), 0.1), first, others)
    nothing = HeldOut(np.full(4, np.nan), np.full(4, np.nan), 1.0)
    assert not is_clearly_likelier(nothing, first, means)


def test_models_are_kept_on_disk(
    evaluations: pd.DataFrame, space: SearchSpace, tmp_path: Path
) -> None:
    candidates = ("shallow_xgboost", "gaussian_process")
    of_a = evaluations[evaluations["task"] == "a"]
    surrogate, diagnostics, _ = fit_surrogate(of_a, space, candidates=candidates)
    assert np.isfinite(diagnostics[[f"log_likelihood_{name}" for name in candidates]]).all(
        axis=None
    )
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
    for one, other in zip(
        loaded.posterior(configurations, "a", VALID_SCORE),
        surrogate.posterior(configurations, "a", VALID_SCORE),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(
        loaded.predict_dead(configurations, "a"), surrogate.predict_dead(configurations, "a")
    )


def test_unknown_model_is_refused(evaluations: pd.DataFrame, space: SearchSpace) -> None:
    with pytest.raises(InputError, match="unknown surrogate model"):
        fit_surrogate(evaluations, space, candidates=("oracle",))


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "least"), [((0,), 0.6), ((0, 1), 0.8)])
def test_synthetic_observations_are_as_noisy_as_the_data(
    space: SearchSpace, seeds: tuple[int, ...], least: float
) -> None:
    noise = 0.03
    results = synthetic_results(space, tasks=("a",), count=150, seeds=seeds, noise=noise)
    results["a"] = results["a"].query("status == 'ok'")
    surrogate, _, _ = fit_surrogate(
        training_table(results, space), space, candidates=("gaussian_process",)
    )
    draws = [
        surrogate.sample(results["a"], "a", np.random.default_rng(seed))[VALID_SCORE]
        for seed in range(20)
    ]
    spread = float(np.std(draws, axis=0).mean())
    assert noise * least < spread < noise * 1.3
    assert np.max(draws) < 1


@pytest.mark.slow
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


@pytest.mark.slow
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
