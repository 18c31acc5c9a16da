"""Correlations, promising ranges, signals, labels, layouts: held against what was put in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aehpo_assets.analysis.associations import (
    associations,
    clustered,
    outcomes_of,
    spearman_interval,
)
from aehpo_assets.analysis.embedding import (
    MOST_SAMPLES,
    layout,
    neighbour_agreement,
    principal_components,
    shown_samples,
)
from aehpo_assets.analysis.heuristics import (
    best_configurations,
    hidden_nodes,
    promising_ranges,
)
from aehpo_assets.analysis.label_bests import label_bests
from aehpo_assets.analysis.plots.associations import associations as draw_associations
from aehpo_assets.analysis.plots.associations import promising_ranges as draw_ranges
from aehpo_assets.analysis.plots.associations import proxies as draw_proxies
from aehpo_assets.analysis.plots.embeddings import embeddings
from aehpo_assets.analysis.proxies import proxies, signals_of
from aehpo_assets.hpo.columns import VALID_SCORE

NAMES = ["lr_fixed", "drop_p", "latent_dim_fixed"]


def runs(count: int = 80, replicates: int = 2, seed: int = 0, noise: float = 0.02) -> pd.DataFrame:
    """Runs whose score follows the learning rate; the loss follows it too, with other noise."""
    source = np.random.default_rng(seed)
    configurations = pd.DataFrame(
        {
            "config_id": [str(number) for number in range(count)],
            "lr_fixed": source.uniform(size=count),
            "drop_p": source.uniform(size=count),
            "latent_dim_fixed": source.choice([4, 8], count),
            "k_filter": 64,
            "k_filter_effective": 64,
            "n_layers": 2,
            "enc_factor": source.uniform(1, 4, count),
        }
    )
    table = configurations.merge(pd.DataFrame({"seed": range(replicates)}), how="cross")
    size = len(table)
    truth = table["lr_fixed"]
    return table.assign(
        task="toy_rna",
        status="ok",
        trainable_parameters=source.integers(1000, 9000, size),
        training_runtime=1 + table["latent_dim_fixed"] + source.normal(0, 0.01, size),
        train_recon_loss=5 - truth + source.normal(0, noise, size),
        valid_recon_loss=6 - truth + source.normal(0, noise, size),
        valid_r2=truth / 2 + source.normal(0, noise, size),
        auc_sex_valid=0.5 + source.normal(0, 0.05, size),
        auc_sex_test=1.0,
        **{VALID_SCORE: 0.6 + 0.3 * truth + source.normal(0, noise, size)},
    )


def test_what_was_put_in_is_found_and_nothing_else() -> None:
    table = associations(runs(), NAMES)
    told = {(row.hyperparameter, row.outcome) for row in table[table["supported"]].itertuples()}
    assert told == {
        ("lr_fixed", "train_recon_loss"),
        ("lr_fixed", "valid_recon_loss"),
        ("lr_fixed", "valid_r2"),
        ("lr_fixed", VALID_SCORE),
        ("latent_dim_fixed", "training_runtime"),
    }
    by = table.set_index(["hyperparameter", "outcome"])["correlation"]
    assert by["lr_fixed", VALID_SCORE] > 0.9
    assert by["lr_fixed", "valid_recon_loss"] < -0.9
    assert (table["configurations"] == 80).all()


def test_outcomes_do_not_tell_of_the_test() -> None:
    kinds = outcomes_of(runs())
    assert kinds["training_runtime"] == "runtime"
    assert kinds["valid_r2"] == kinds["train_recon_loss"] == "training"
    assert kinds["auc_sex_valid"] == kinds[VALID_SCORE] == "labels"
    assert not [name for name in kinds if name.endswith("_test")]


@pytest.mark.slow
@settings(max_examples=12)
@given(st.integers(0, 2**20), st.floats(0.2, 5))
def test_correlations_depend_on_ranks_alone(seed: int, power: float) -> None:
    table = runs(12, 1, seed)
    bent = table.assign(lr_fixed=table["lr_fixed"] ** power)
    plain, other = (associations(one, NAMES)["correlation"] for one in (table, bent))
    np.testing.assert_allclose(plain, other, atol=1e-12)
    assert plain.abs().max() <= 1
    names, outcomes = clustered(associations(table, NAMES))
    assert sorted(names) == sorted(NAMES)
    assert sorted(outcomes) == sorted(outcomes_of(table))


@given(st.floats(-0.999, 0.999), st.integers(4, 5000))
def test_an_interval_holds_its_estimate_and_narrows(correlation: float, count: int) -> None:
    lower, upper = spearman_interval(correlation, count)
    assert -1 <= lower <= correlation <= upper <= 1
    wider = spearman_interval(correlation, max(4, count // 2))
    assert wider[0] <= lower
    assert upper <= wider[1]


def test_intervals_hold_as_often_as_they_say() -> None:
    source = np.random.default_rng(3)
    truth = 6 / np.pi * np.arcsin(0.6 / 2)
    held = 0
    for _ in range(400):
        x = source.normal(size=40)
        y = 0.6 * x + 0.8 * source.normal(size=40)
        lower, upper = spearman_interval(float(pd.Series(x).corr(pd.Series(y), "spearman")), 40)
        held += lower <= truth <= upper
    assert 0.92 <= held / 400 <= 0.98


def test_hidden_nodes_are_those_of_the_reference_study() -> None:
    sizes = {"k_filter_effective": 1024, "n_layers": 3, "enc_factor": 2.0}
    table = pd.DataFrame([sizes | {"latent_dim_fixed": dim} for dim in (8, 16)])
    assert hidden_nodes(table).tolist() == [1544, 1552]


def test_a_promising_range_is_told_where_there_is_one() -> None:
    table = promising_ranges(runs(120), NAMES).set_index("quantity")
    assert table.loc["lr_fixed", "supported"]
    assert table.loc["lr_fixed", "lower"] > 0.7
    assert table.loc["valid_r2", "supported"]
    assert not table.loc[["drop_p", "latent_dim_fixed", "hidden_nodes"], "supported"].any()
    assert (table["top"] == 24).all()


def test_no_range_is_told_of_noise_or_of_too_few() -> None:
    told = 0
    for seed in range(30):
        table = runs(60, 1, seed)
        shuffled = table[VALID_SCORE].sample(frac=1, random_state=seed).to_numpy()
        table = table.assign(**{VALID_SCORE: shuffled})
        told += promising_ranges(table, NAMES)["supported"].any()
    assert told <= 4
    assert not promising_ranges(runs(15), NAMES)["supported"].any()


@settings(max_examples=25)
@given(st.integers(1, 400))
def test_the_best_are_a_fifth_and_fifty_at_most(count: int) -> None:
    table = pd.DataFrame(
        {"config_id": range(count), VALID_SCORE: np.arange(count) / count, "status": "ok"}
    )
    best = best_configurations(table)
    assert len(best) == min(50, -(-count // 5))
    assert best.is_monotonic_decreasing
    assert best.index[0] == str(count - 1)


def test_signals_are_freed_of_noise() -> None:
    """Under noise of half the variance, what is seen is half of what is true."""
    source = np.random.default_rng(1)
    count = 800
    truth = np.repeat(source.normal(size=count), 2)
    signal = np.repeat(source.normal(size=count), 2) * 0.8 + 0.6 * truth
    table = pd.DataFrame(
        {
            "config_id": np.repeat(np.arange(count), 2).astype(str),
            "seed": np.tile([0, 1], count),
            "status": "ok",
            VALID_SCORE: truth + source.normal(size=2 * count),
            "valid_r2": signal + source.normal(size=2 * count),
        }
    )
    (row,) = proxies(table, signals_of(table, pd.DataFrame(), "epoch")).to_dict("records")
    assert (row["signal"], row["at"], row["configurations"], row["replicates"]) == (
        "valid_r2",
        0,
        count,
        2,
    )
    assert row["correlation"] == pytest.approx(0.3, abs=0.06)
    assert row["reliability"] == pytest.approx(0.5, abs=0.06)
    assert row["lower"] < 0.6 < row["upper"]
    assert row["true_correlation"] == pytest.approx(0.6, abs=0.1)


def test_noise_that_both_share_is_no_signal() -> None:
    """Of one run, loss and score can go together by its seed alone."""
    source = np.random.default_rng(2)
    count = 300
    shared = source.normal(size=2 * count)
    of_each = np.repeat(source.normal(size=(2, count)), 2, axis=1)
    table = pd.DataFrame(
        {
            "config_id": np.repeat(np.arange(count), 2).astype(str),
            "seed": np.tile([0, 1], count),
            "status": "ok",
            VALID_SCORE: of_each[0] + shared,
            "valid_r2": of_each[1] + shared,
        }
    )
    (row,) = proxies(table, signals_of(table, pd.DataFrame(), "epoch")).to_dict("records")
    assert row["correlation"] > 0.4
    assert abs(row["true_correlation"]) < 0.2
    assert row["given_up"] > 0


def test_losses_are_turned_and_early_epochs_are_signals_of_their_own() -> None:
    table = runs()
    curves = table[["config_id", "seed"]].merge(pd.DataFrame({"step": [5, 10]}), how="cross")
    curves["valid_r2"] = np.arange(len(curves)) / len(curves)
    signals = signals_of(table, curves, "step")
    assert ("valid_r2", 5) in signals
    assert not [at for _, at in signals if at == 10]
    found = proxies(table, signals).set_index(["signal", "at"])
    assert found.loc[("valid_recon_loss", 0), "true_correlation"] > 0.9
    assert abs(found.loc[("valid_r2", 5), "true_correlation"]) < 0.3 or np.isnan(
        found.loc[("valid_r2", 5), "true_correlation"]
    )


def test_one_run_each_tells_nothing_of_noise_and_few_tell_nothing() -> None:
    once = runs(replicates=1)
    found = proxies(once, signals_of(once, pd.DataFrame(), "epoch"))
    assert len(found)
    assert found[["reliability", "true_correlation", "given_up"]].isna().all(axis=None)
    few = runs(9)
    assert proxies(few, signals_of(few, pd.DataFrame(), "epoch")).empty


def test_the_best_of_a_label_is_read_where_it_was_not_chosen() -> None:
    table = runs(200, 2, noise=0.05)
    baselines = pd.DataFrame(
        {
            "method": ["pca", "umap"],
            "latent_dim": 8,
            "features": 64,
            "fresh": False,
            "auc_sex_valid": [0.51, 0.62],
            VALID_SCORE: [0.7, 0.6],
        }
    )
    found = label_bests(table, baselines).set_index("label")
    sex = found.loc["auc_sex_valid"]
    # Nothing tells the sex here: the best of 200 is luck, and falls back to one half.
    assert sex["seen"] > 0.57
    assert sex["elsewhere"] < sex["seen"] - 0.03
    assert (sex["best_baseline"], sex["baseline"]) == ("umap", 0.62)
    assert found.loc[VALID_SCORE, "best_baseline"] == "pca"
    assert label_bests(runs(20, 1), pd.DataFrame())["elsewhere"].isna().all()


def test_neighbours_agree_where_groups_lie_apart() -> None:
    source = np.random.default_rng(0)
    labels = pd.Series(["a"] * 40 + ["b"] * 20 + [None] * 5)
    apart = source.normal(size=(65, 3)) + 20 * (labels == "b").to_numpy()[:, None]
    share, chance, samples = neighbour_agreement(apart, labels)
    assert share == 1
    assert samples == 60
    assert chance == pytest.approx((39 / 59 + 19 / 59) / 2)
    mixed, _, _ = neighbour_agreement(source.normal(size=(65, 3)), labels)
    assert abs(mixed - chance) < 0.1
    assert np.isnan(neighbour_agreement(apart, pd.Series(["a"] * 65))[0])


@settings(max_examples=20)
@given(st.integers(0, 4), st.integers(1, 5))
def test_layouts_take_any_shape(samples: int, dimensions: int) -> None:
    values = np.arange(samples * dimensions, dtype=float).reshape(samples, dimensions)
    assert layout(values, "tsne").shape == (samples, 2)


def test_layouts_repeat_and_tell_groups_apart() -> None:
    source = np.random.default_rng(0)
    values = source.normal(size=(60, 6))
    values[:30] += 12
    first, again = layout(values, "tsne", 3), layout(values, "tsne", 3)
    np.testing.assert_array_equal(first, again)
    assert neighbour_agreement(first, pd.Series([0] * 30 + [1] * 30))[0] == 1


def test_components_are_fitted_on_train_and_shown_samples_are_few() -> None:
    from sklearn.decomposition import PCA

    values = np.random.default_rng(0).normal(size=(50, 8))
    fitted = np.arange(50) < 30
    ours = principal_components(values, fitted, 3)
    theirs = PCA(3, svd_solver="full").fit(values[fitted]).transform(values)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-10)
    assert shown_samples(10).tolist() == list(range(10))
    many = shown_samples(3 * MOST_SAMPLES)
    assert len(set(many)) == MOST_SAMPLES
    assert (np.diff(many) > 0).all()


def test_everything_can_be_drawn_and_nothing_too() -> None:
    table = runs()
    signals = signals_of(table, pd.DataFrame(), "epoch")
    drawn = {
        draw_associations: associations(table, NAMES),
        draw_ranges: promising_ranges(table, NAMES),
        draw_proxies: proxies(table, signals),
    }
    for draw, frame in drawn.items():
        assert draw(frame).startswith(b"\x89PNG")
        assert draw(frame.head(0)).startswith(b"\x89PNG")
    places = pd.DataFrame({"x": [0.0, 1], "y": [0.0, 1], "sex": ["f", None]})
    spaces = pd.concat([places.assign(space=space, method="umap") for space in ("data", "latents")])
    assert embeddings(spaces, "sex").startswith(b"\x89PNG")
