"""Recommendations and the transfer between tasks behind them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.distinct import DISTINCT
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, VALID_SCORE
from aehpo_assets.hpo.recommend import EACH, SAMPLED, Recommendations, recommend
from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.hpo.transfer.boxes import bounding_box, top_configurations
from aehpo_assets.quality.configurations import check_recommendations
from aehpo_assets.space import SearchSpace, sample_configurations, search_space
from aehpo_assets.study.searches import Hpo

HPO = Hpo(
    searchers=["regularized_evolution", "kde"],
    trials=25,
    repetitions=2,
    transfer_top_k=5,
    transfer="box",
)


@pytest.fixture(scope="module")
def found(evaluations: pd.DataFrame, surrogate: Surrogate, space: SearchSpace) -> Recommendations:
    return recommend("a", evaluations, surrogate, space, HPO, n_features=600)


def test_table_is_ranked_distinct_and_inside_the_space(
    found: Recommendations, surrogate: Surrogate, space: SearchSpace
) -> None:
    table = found.table
    assert len(table) >= 10
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    assert table[f"predicted_{VALID_SCORE}"].is_monotonic_decreasing
    assert table["config_id"].is_unique
    for row in table[space.names].to_dict("records"):
        assert space.problem(row) is None
    capped = table.assign(k_filter=table["k_filter_effective"])
    points = surrogate.metric(capped, "a", VALID_SCORE)
    for i in range(len(points)):
        for j in range(i):
            assert np.linalg.norm(points[i] - points[j]) >= DISTINCT


def test_what_rests_on_one_replicate_says_so(
    found: Recommendations, results: dict[str, pd.DataFrame], space: SearchSpace
) -> None:
    assert (found.table["predicted_noise"] == "known").all()
    once = training_table({"a": results["a"].query("seed == 0")}, space)
    fitted, _, out_of_fold = fit_surrogate(once, space)
    alone = recommend("a", once, fitted, space, HPO, n_features=600)
    assert (alone.table["predicted_noise"] == "noise not known").all()
    assert (out_of_fold["noise"] == "noise not known").all()


def test_sampled_and_proposed_are_ranked_together(
    found: Recommendations, evaluations: pd.DataFrame, surrogate: Surrogate
) -> None:
    table = found.table
    sampled = table["searcher"] == SAMPLED
    assert sampled.sum() >= EACH
    assert (~sampled).sum() >= EACH
    ids = set(evaluations["config_id"])
    assert set(table.loc[sampled, "sampled_config_id"]) <= ids
    assert (table.loc[sampled, "sampled_config_id"] == table.loc[sampled, "config_id"]).all()
    assert table.loc[~sampled, "sampled_config_id"].isna().all()
    assert not set(table.loc[~sampled, "config_id"]) & ids
    assert table.loc[~sampled, "search_seed"].notna().all()
    # The best of those that were trained, by what they truly reach, is among them.
    own = evaluations[evaluations["task"] == "a"].drop_duplicates("config_id")
    posterior = surrogate.predict(own, "a")[VALID_SCORE].to_numpy()
    alive = surrogate.predict_dead(own, "a") <= 0.5
    best = own["config_id"].to_numpy()[np.where(alive, posterior, 0).argmax()]
    assert table.loc[sampled, "config_id"].iloc[0] == best


def test_where_nothing_proposed_is_as_good_the_best_sampled_one_comes_first(
    space: SearchSpace,
) -> None:
    """Replicates that agree are believed, however little the hyperparameters explain."""
    results = synthetic_results(space, ("a",), 40, seeds=(0, 1, 2), noise=0.001)["a"]
    results["status"] = "ok"
    scores = np.random.default_rng(0).uniform(0.6, 0.9, 40)
    scores[7] = 0.99
    noise = np.random.default_rng(1).normal(0, 0.002, len(results))
    results[VALID_SCORE] = scores[results["config_id"].astype(int)] + noise
    evaluations = training_table({"a": results}, space)
    surrogate, _, _ = fit_surrogate(evaluations, space, candidates=("gaussian_process",))
    hpo = Hpo(searchers=["random_search"], trials=40)
    best = recommend("a", evaluations, surrogate, space, hpo, n_features=9999).table.iloc[0]
    assert best["config_id"] == best["sampled_config_id"] == "7"
    assert best["searcher"] == SAMPLED
    assert best[f"predicted_{VALID_SCORE}"] == pytest.approx(0.99, abs=0.01)
    width = best[f"predicted_{VALID_SCORE}_upper"] - best[f"predicted_{VALID_SCORE}_lower"]
    assert width < 0.02


def test_predictions_are_the_surrogates(found: Recommendations, surrogate: Surrogate) -> None:
    predicted = surrogate.predict(found.table, "a")
    for objective in OBJECTIVE_NAMES:
        own = found.table[f"predicted_{objective}"]
        assert own.tolist() == predicted[objective].tolist()
        assert (found.table[f"predicted_{objective}_lower"] <= own).all()
        assert (own <= found.table[f"predicted_{objective}_upper"]).all()


def test_best_of_all_trials_is_the_first_proposed(found: Recommendations) -> None:
    proposed = found.table[found.table["searcher"] != SAMPLED]
    assert proposed[f"predicted_{VALID_SCORE}"].iloc[0] == found.trials[VALID_SCORE].max()


def test_every_search_is_run_and_seeded_by_its_name(found: Recommendations) -> None:
    searches = found.trials.groupby(["searcher", "transfer", "repetition"])
    assert searches.size().tolist() == [25] * 8
    assert found.trials["search_seed"].nunique() == 8
    assert set(found.table["evidence"]) <= {"a", "a, b, c"}
    of_transfer = found.table.loc[found.table["transfer"], "evidence"]
    assert (of_transfer == "a, b, c").all()


def test_same_again(
    found: Recommendations, evaluations: pd.DataFrame, surrogate: Surrogate, space: SearchSpace
) -> None:
    again = recommend("a", evaluations, surrogate, space, HPO, n_features=600)
    pd.testing.assert_frame_equal(again.table, found.table, check_exact=True)
    pd.testing.assert_frame_equal(again.trials, found.trials, check_exact=True)


def test_transfer_searches_stay_in_the_box(
    found: Recommendations, evaluations: pd.DataFrame, space: SearchSpace
) -> None:
    box = bounding_box(space, top_configurations(evaluations, ["b", "c"], 5, space))
    for row in found.trials[found.trials["transfer"]][space.names].to_dict("records"):
        assert box.problem(row) is None or "k_filter" in str(box.problem(row))


def test_weighted_transfer_leaves_out_unlike_tasks(
    evaluations: pd.DataFrame, surrogate: Surrogate, space: SearchSpace
) -> None:
    upside_down = evaluations.copy()
    of_b = upside_down["task"] == "b"
    upside_down.loc[of_b, VALID_SCORE] = 1.4 - upside_down.loc[of_b, VALID_SCORE]
    hpo = Hpo(searchers=["random_search"], trials=15)
    found = recommend("a", upside_down, surrogate, space, hpo, n_features=9999).table
    assert set(found["evidence"]) <= {"a", "a, c"}
    assert "a, c" in set(found["evidence"])


def test_data_that_look_alike_count_until_ranks_outvote_them(
    evaluations: pd.DataFrame, surrogate: Surrogate, space: SearchSpace
) -> None:
    """With few configurations of its own, a task goes by its data."""
    of_a = evaluations["task"] == "a"
    few = pd.concat([evaluations[of_a].head(3), evaluations[~of_a]])
    hpo = Hpo(searchers=["random_search"], trials=5)
    similarity = pd.Series({"a": 1.0, "b": 0.95, "c": 0.02})
    weights = [
        recommend("a", table, surrogate, space, hpo, n_features=600, similarity=similarity).weights
        for table in (few, evaluations)
    ]
    assert weights[0].loc["b", "weight"] - weights[0].loc["c", "weight"] > 0.5
    assert abs(weights[1].loc["b", "weight"] - weights[1].loc["c", "weight"]) < 0.3
    assert weights[1]["used"].all()


def test_without_a_task_alike_there_is_no_transfer(
    evaluations: pd.DataFrame, surrogate: Surrogate, space: SearchSpace
) -> None:
    others = evaluations["task"] != "a"
    upside_down = evaluations.copy()
    upside_down.loc[others, VALID_SCORE] = 1.4 - upside_down.loc[others, VALID_SCORE]
    hpo = Hpo(searchers=["random_search", "zero_shot"], trials=5)
    found = recommend("a", upside_down, surrogate, space, hpo, n_features=600)
    assert not found.weights["used"].any()
    assert (found.weights["reason"] == "its ranks do not agree").all()
    assert set(found.trials["searcher"]) == {"random_search"}
    assert not found.trials["transfer"].any()
    alone = Hpo(searchers=["zero_shot"], trials=5)
    with pytest.raises(InputError, match="no other task is enough like a"):
        recommend("a", upside_down, surrogate, space, alone, n_features=600)


def test_a_plain_box_asks_for_no_likeness(found: Recommendations) -> None:
    assert found.weights["weight"].tolist() == [1.0, 1.0]
    assert found.weights["correlation"].notna().all()


def test_a_single_task_has_no_transfer(space: SearchSpace) -> None:
    evaluations = training_table(synthetic_results(space, ("only",), 25), space)
    surrogate, _, _ = fit_surrogate(evaluations, space)
    hpo = Hpo(searchers=["random_search"], trials=5)
    found = recommend("only", evaluations, surrogate, space, hpo, n_features=10_000)
    assert not found.trials["transfer"].any()
    assert found.weights.empty
    assert (found.table["searcher"] != SAMPLED).sum() == 5


def test_already_sampled_configurations_are_flagged() -> None:
    """In a space of four points every proposal was sampled before."""
    space = search_space(
        "vanillix",
        {
            "k_filter": [64, 128],
            "n_layers": [2],
            "enc_factor": [2.0],
            "latent_dim_fixed": [8],
            "lr_fixed": [0.001],
            "batch_size": [32, 64],
            "drop_p": [0.1],
        },
    )
    results = synthetic_results(space, ("a",), 4)["a"]
    evaluations = training_table({"a": results}, space)
    surrogate, _, _ = fit_surrogate(evaluations, space)
    hpo = Hpo(searchers=["random_search"], trials=20)
    found = recommend("a", evaluations, surrogate, space, hpo, n_features=1000).table
    assert len(found) == 4
    assert found["config_id"].tolist() == found["sampled_config_id"].tolist()
    assert set(found["config_id"]) == set(results["config_id"])
    # With 50 features, k_filter 64 and 128 are the same network.
    few = recommend("a", evaluations, surrogate, space, hpo, n_features=50).table
    assert len(few) == 2
    assert (few["k_filter_effective"] == 50).all()


def test_hours_too_few_for_one_training_are_refused(
    evaluations: pd.DataFrame, surrogate: Surrogate, space: SearchSpace
) -> None:
    hpo = Hpo(searchers=["random_search"], simulated_hours=1e-6)
    with pytest.raises(InputError, match="no simulated training"):
        recommend("a", evaluations, surrogate, space, hpo, n_features=10)


def test_unknown_searcher_is_refused(
    evaluations: pd.DataFrame, surrogate: Surrogate, space: SearchSpace
) -> None:
    with pytest.raises(InputError, match="unknown searcher"):
        recommend("a", evaluations, surrogate, space, Hpo(searchers=["magic"]), n_features=10)


@given(st.integers(0, 1000), st.integers(1, 40))
def test_box_holds_what_it_was_made_from_and_nothing_outside_the_space(
    seed: int, count: int
) -> None:
    space = search_space("varix")
    best = sample_configurations(space, count, seed)
    box = bounding_box(space, best)
    assert list(box.hyperparameters) == space.names
    for row in best[space.names].to_dict("records"):
        assert box.problem(row) is None
    inside = sample_configurations(box, int(min(20, box.size)), seed + 1)
    for row in inside[space.names].to_dict("records"):
        assert space.problem(row) is None


def test_box_is_that_of_stock_syne_tune(evaluations: pd.DataFrame, space: SearchSpace) -> None:
    from syne_tune.optimizer.baselines import REA
    from syne_tune.optimizer.schedulers.transfer_learning.bounding_box import BoundingBox
    from syne_tune.optimizer.schedulers.transfer_learning.transfer_learning_task_evaluation import (
        TransferLearningTaskEvaluations,
    )

    evidence = {}
    for task in ("b", "c"):
        runs = evaluations[(evaluations["task"] == task) & (evaluations["seed"] == 0)]
        runs = runs.reset_index(drop=True)
        evidence[task] = TransferLearningTaskEvaluations(
            configuration_space=space.syne_tune(),
            hyperparameters=runs[space.names],
            objectives_names=[VALID_SCORE],
            objectives_evaluations=runs[[VALID_SCORE]].to_numpy().reshape(-1, 1, 1, 1),
        )
    boxes = []
    BoundingBox(
        lambda box, metric, minimise, seed: (boxes.append(box), REA(box, metric))[1],
        space.syne_tune(),
        metric=VALID_SCORE,
        transfer_learning_evaluations=evidence,
        do_minimize=False,
        num_hyperparameters_per_task=6,
    )
    first_seed = evaluations[evaluations["seed"] == 0]
    ours = bounding_box(space, top_configurations(first_seed, ["b", "c"], 6, space)).syne_tune()
    for name, domain in boxes[0].items():
        if hasattr(domain, "categories"):
            assert ours[name].categories == sorted(domain.categories)
        else:
            np.testing.assert_allclose(
                [ours[name].lower, ours[name].upper], [domain.lower, domain.upper]
            )


def test_hours_and_unit_clock_exclude_each_other() -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError, match="clock: unit"):
        Hpo(clock="unit", simulated_hours=4)


def with_ends(space: SearchSpace, ends: list[str]) -> tuple[pd.DataFrame, Surrogate]:
    """Evaluations of a task whose runs ended so, and the surrogate of them."""
    results = synthetic_results(space, ("a",), len(ends))
    # As the engine records them: with the score that nothing was learnt of.
    results["a"]["status"] = ends
    results["a"].loc[results["a"]["status"] != "ok", VALID_SCORE] = 0.5
    table = training_table(results, space)
    return table, fit_surrogate(table, space, candidates=("gaussian_process",))[0]


@pytest.mark.parametrize("end", ["diverged", "failed"])
def test_nothing_is_recommended_where_nothing_was_measured(space: SearchSpace, end: str) -> None:
    evaluations, surrogate = with_ends(space, [end] * 6)
    with pytest.raises(InputError, match=r"all 6 trainings of a diverged or failed.*Set scaler"):
        recommend("a", evaluations, surrogate, space, HPO, n_features=600)


def test_one_measured_run_among_many_is_what_is_recommended_by(space: SearchSpace) -> None:
    evaluations, surrogate = with_ends(space, ["diverged"] * 7 + ["ok"])
    table = recommend("a", evaluations, surrogate, space, HPO, n_features=600).table
    likely_dead = table["predicted_dead"] > 0.5
    # Whatever would only diverge comes last, and is noticed by a check.
    assert likely_dead.is_monotonic_increasing
    checked = check_recommendations(table, space)
    noticed = next(check for check in checked if check.name == "likely_to_finish")
    assert noticed.passed == (not likely_dead.any())
