"""Whether trainings had converged: what the loss did at the end, and how that is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.convergence import (
    FALL,
    convergence,
    convergence_sentence,
    with_fall,
)
from aehpo_assets.space.batches import last_tenth


def curve(config_id: str, losses: dict[int, float], seed: int = 0) -> pd.DataFrame:
    epochs = pd.DataFrame({"epoch": list(losses), "train_recon_loss": list(losses.values())})
    return epochs.assign(config_id=config_id, seed=seed)


def fall(losses: dict[int, float]) -> float:
    results = pd.DataFrame({"config_id": ["a"], "seed": [0]})
    return float(with_fall(results, curve("a", losses))[FALL].iloc[0])


@pytest.mark.parametrize(
    ("length", "fidelities"), [(300, (270,)), (3000, (2700,)), (25, (22,)), (3, (2,)), (1, ())]
)
def test_the_loss_is_kept_before_the_last_tenth(length: int, fidelities: tuple[int, ...]) -> None:
    assert last_tenth(length) == fidelities


def test_the_fall_is_that_of_the_last_tenth() -> None:
    assert fall({270: 100.0, 300: 98.0}) == pytest.approx(0.02)
    assert fall({30: 500.0, 270: 100.0, 290: 99.0, 300: 98.0}) == pytest.approx(0.02)
    assert fall({270: 100.0, 300: 103.0}) == pytest.approx(-0.03)


def test_a_longer_stretch_is_scaled_to_a_tenth() -> None:
    assert fall({4: 100.0, 5: 98.0}) == pytest.approx(0.01)


@pytest.mark.parametrize("losses", [{300: 98.0}, {270: 100.0, 300: np.nan}, {270: 0.0, 300: 0.0}])
def test_what_cannot_be_told_is_missing(losses: dict[int, float]) -> None:
    assert np.isnan(fall(losses))


def test_every_seed_has_a_fall_of_its_own_and_rows_stay_as_they_are() -> None:
    results = pd.DataFrame({"config_id": ["b", "a", "a"], "seed": [0, 1, 0], "x": [1, 2, 3]})
    curves = pd.concat(
        [curve("a", {9: 10.0, 10: 9.0}, 0), curve("a", {9: 10.0, 10: 8.0}, 1), curve("b", {10: 1})]
    )
    found = with_fall(results, curves)
    pd.testing.assert_frame_equal(found[list(results)], results)
    np.testing.assert_allclose(found[FALL], [np.nan, 0.2, 0.1])


VALIDATED = pd.DataFrame(
    {
        "origin": ["recommended"] * 3 + ["best_sampled"] * 2 + ["untuned_default"],
        "config_id": ["r1", "r1", "r1", "7", "7", "rd"],
        "seed": [1, 2, 3, 1, 2, 1],
        "status": ["ok", "ok", "diverged", "ok", "ok", "ok"],
        "train_r2": [0.3, 0.4, np.nan, -0.2, -0.1, 0.5],
        FALL: [0.03, 0.01, np.nan, 0.001, 0.003, np.nan],
    }
)


def test_every_compared_configuration_is_judged_by_the_mean_of_its_runs() -> None:
    table = convergence(VALIDATED)
    assert table["name"].tolist() == [
        "recommendation r1",
        "best sampled (retrained) 7",
        "untuned default rd",
    ]
    assert table["runs"].tolist() == [2, 2, 1]
    assert table["still_falling"].tolist() == [True, False, pd.NA]
    assert table["train_r2_below_0"].tolist() == [False, True, False]


def test_the_sentence_names_who_and_how_far() -> None:
    assert convergence_sentence(convergence(VALIDATED)) == (
        "Longer training may change what is compared: the reconstruction loss on train still fell "
        "by more than 1 % over the last tenth of the training of the recommendation r1 (2.0 %) and "
        "the train R2 is below 0 for the best sampled (retrained) 7 (-0.15). Whether training had "
        "converged is not known for the untuned default rd."
    )


def test_nothing_is_said_of_trainings_that_converged() -> None:
    good = VALIDATED.assign(train_r2=0.5, **{FALL: 0.001})
    assert convergence_sentence(convergence(good)) == ""
    assert convergence_sentence(convergence(good.head(0))) == ""


def test_validations_of_before_are_not_known_to_have_converged() -> None:
    table = convergence(VALIDATED.drop(columns=FALL))
    assert table["still_falling"].isna().all()
    assert "is not known for the recommendation r1" in convergence_sentence(table)
