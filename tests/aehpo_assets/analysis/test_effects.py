"""The main effects: right where the truth is known, and honest where nothing can be told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aehpo_assets.analysis.effects import main_effects
from aehpo_assets.analysis.plots.effects import main_effects as effects_picture
from aehpo_assets.errors import InputError

VALID = "weighted_avg_auc_downstream_performance_valid"
PNG = b"\x89PNG\r\n\x1a\n"


def results(score: np.ndarray, **columns: object) -> pd.DataFrame:
    config_ids = [str(number) for number in range(len(score))]
    return pd.DataFrame({"config_id": config_ids, VALID: score, **columns})


def test_an_additive_score_gives_back_its_terms() -> None:
    generator = np.random.default_rng(0)
    layers = np.tile([2, 3, 4], 200)
    dims = generator.permutation(np.repeat([2, 64], 300))
    score = 0.7 + np.array([0.0, 0.05, 0.1])[layers - 2] + 0.1 * (dims == 64)
    table = main_effects(results(score, n_layers=layers, latent_dim=dims), ["n_layers"])
    assert table["effect"].to_numpy() == pytest.approx([-0.05, 0.0, 0.05], abs=0.015)
    assert table["value"].tolist() == [2, 3, 4]
    assert table["configurations"].tolist() == [200, 200, 200]


def test_explained_shares_separate_signal_from_noise() -> None:
    generator = np.random.default_rng(1)
    n = 600
    learning_rate = 10 ** generator.uniform(-5, -1, n)
    drop_p = generator.uniform(0, 0.9, n)
    score = 0.8 - 0.05 * (np.log10(learning_rate) + 3) ** 2 + generator.normal(0, 0.01, n)
    table = main_effects(
        results(score, lr_fixed=learning_rate, drop_p=drop_p), ["lr_fixed", "drop_p"]
    )
    shares = table.groupby("hyperparameter")["explained"].first()
    # Six bins cannot follow the curve within a bin.
    assert 0.75 < shares["lr_fixed"] < 0.95
    assert abs(shares["drop_p"]) < 0.03


def test_omega_squared_of_a_two_by_two_table_by_hand() -> None:
    table = main_effects(
        results(np.array([0.6, 0.7, 0.8, 0.9]), n_layers=[2, 2, 3, 3]), ["n_layers"]
    )
    # between = 4 * 0.1^2, total = 0.05, within = 0.01 / 2
    assert table["explained"].iloc[0] == pytest.approx((0.04 - 0.005) / (0.05 + 0.005))
    assert table["standard_error"].to_numpy() == pytest.approx([0.05, 0.05])


def test_seeds_of_a_configuration_count_once() -> None:
    once = results(np.array([0.6, 0.7, 0.8, 0.9]), n_layers=[2, 2, 3, 3])
    thrice = pd.concat([once] * 3, ignore_index=True)
    pd.testing.assert_frame_equal(
        main_effects(once, ["n_layers"]), main_effects(thrice, ["n_layers"])
    )


def test_an_easy_task_is_no_effect_of_the_hyperparameter_it_was_run_with() -> None:
    easy = results(np.full(4, 0.9), n_layers=[2, 2, 3, 3], task="easy")
    hard = results(np.array([0.5, 0.5, 0.6, 0.6]), n_layers=[2, 2, 3, 3], task="hard")
    table = main_effects(pd.concat([easy, hard]), ["n_layers"])
    assert table["effect"].to_numpy() == pytest.approx([-0.025, 0.025])


def test_a_diverged_run_counts_as_one_half() -> None:
    table = results(np.array([0.9, np.nan, 0.7, 0.7]), n_layers=[2, 2, 3, 3])
    table["status"] = ["ok", "diverged", "ok", "ok"]
    assert main_effects(table, ["n_layers"])["effect"].to_numpy() == pytest.approx(
        [0, 0], abs=1e-12
    )


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputError, match="beta"):
        main_effects(results(np.array([0.5])), ["beta"])


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1) | st.just(float("nan")),
            st.sampled_from([2.0, 4.0, float("nan")]),
            st.floats(1e-5, 1e-1),
        ),
        max_size=40,
    )
)
def test_effects_balance_and_every_configuration_is_counted(
    rows: list[tuple[float, float, float]],
) -> None:
    score, dims, rate = np.array(rows, dtype=float).reshape(-1, 3).T
    given_results = results(score, latent_dim_fixed=dims, lr_fixed=rate)
    table = main_effects(given_results, ["latent_dim_fixed", "lr_fixed"])
    counted = table.groupby("hyperparameter")["configurations"].sum()
    assert counted.get("lr_fixed", 0) == len(rows)
    assert counted.get("latent_dim_fixed", 0) == np.isfinite(dims).sum()
    balance = (table["effect"] * table["configurations"]).groupby(table["hyperparameter"]).sum()
    assert np.allclose(balance.to_numpy(dtype=float), 0, atol=1e-9)
    assert (table["explained"].dropna() <= 1 + 1e-9).all()
    assert (table["lower"] <= table["upper"]).all()


def test_the_picture_is_the_same_again_and_survives_nothing(run_results: pd.DataFrame) -> None:
    effects = main_effects(run_results, ["k_filter", "lr_fixed", "drop_p", "n_layers"])
    picture = effects_picture(effects)
    assert picture.startswith(PNG)
    assert picture == effects_picture(effects)
    assert effects_picture(main_effects(run_results.head(0), ["k_filter"])).startswith(PNG)
    assert effects_picture(main_effects(run_results.head(1), ["k_filter"])).startswith(PNG)
