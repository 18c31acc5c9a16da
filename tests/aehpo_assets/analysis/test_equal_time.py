"""Routes at equal training time: what counts, what it costs, and what is said of it."""

from __future__ import annotations

import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aehpo_assets.analysis.equal_time import (
    DEFAULT_ROUTE,
    RANDOM_SAMPLING,
    STUDY_ROUTE,
    course,
    equal_time,
    random_course,
    second_looks,
)
from aehpo_assets.analysis.equal_time_verdict import training_noise, verdict
from aehpo_assets.analysis.plots.equal_time import scores_over_training_time
from aehpo_assets.hpo.objectives import RUNTIME, VALID_SCORE
from aehpo_assets.noise.pooled import Noise


def make_results(valid: list[float], seconds: float = 1.0, **columns: object) -> pd.DataFrame:
    table = pd.DataFrame({VALID_SCORE: valid, RUNTIME: seconds, "status": "ok", "epochs": 9})
    table["config_id"], table["seed"] = [str(number) for number in range(len(table))], 0
    return table.assign(**columns)


def validation(scores: dict[tuple[str, str], list[float]]) -> pd.DataFrame:
    """Validation runs of a second each: (origin, ``config_id``) to a score a seed."""
    parts = [
        make_results(values, origin=origin, config_id=config_id, seed=range(1, len(values) + 1))
        for (origin, config_id), values in scores.items()
    ]
    return pd.concat(parts, ignore_index=True)


def test_the_best_valid_score_chooses() -> None:
    found = course(make_results([0.6, 0.8, 0.7, 0.9]))
    assert found["seconds"].tolist() == [0, 1, 2, 3, 4]
    assert found["valid"].tolist() == [0.5, 0.6, 0.8, 0.8, 0.9]
    assert found["config_id"].tolist() == ["", "0", "1", "1", "3"]


def test_stopped_and_failed_runs_cost_time_and_win_nothing() -> None:
    runs = make_results(
        [0.95, 0.7, 0.99, 0.8],
        epoch=[3, 9, 9, 9],
        status=["ok", "ok", "diverged", "ok"],
    )
    runs[RUNTIME] = [0.5, 1.0, 2.0, math.nan]
    found = course(runs)
    assert found["seconds"].tolist() == [0, 0.5, 1.5, 3.5, 3.5]
    assert found["valid"].tolist() == [0.5, 0.5, 0.7, 0.7, 0.8]


@settings(deadline=None, max_examples=30)
@given(
    scores=st.lists(st.floats(0.5, 1), min_size=1, max_size=12),
    seconds=st.lists(st.floats(0.5, 20), min_size=12, max_size=12),
)
def test_random_sampling_is_a_band_that_rises(scores: list[float], seconds: list[float]) -> None:
    runs = make_results(scores)
    runs[RUNTIME] = seconds[: len(runs)]
    found = random_course(runs, 50.0)
    assert found["seconds"].iloc[-1] == 50
    assert found["upper"].max() <= max(scores)
    for name in ("valid", "lower", "upper"):
        assert (found[name].diff().dropna() >= 0).all()
    assert (found["lower"] <= found["valid"]).all()
    assert (found["valid"] <= found["upper"]).all()
    assert (found.iloc[0][["valid", "lower", "upper"]] == 0.5).all()


def test_random_sampling_is_what_can_be_counted() -> None:
    """The best of k draws from n equally long runs has a distribution that can be counted."""
    scores = np.linspace(0.51, 0.99, 20)
    found = random_course(make_results(list(scores)), 20.0)
    after_ten = found[np.isclose(found["seconds"], 10)].iloc[0]
    # At most rank r with probability (r / 20) ** 10: 0.35 for 18 and 0.60 for 19, 0.03 for 14,
    # 0.06 for 15.
    assert after_ten["valid"] == pytest.approx(scores[18])
    assert after_ten["lower"] == pytest.approx(scores[14])
    assert after_ten["upper"] == pytest.approx(scores[19])
    again = random_course(make_results(list(scores)), 20.0)
    pd.testing.assert_frame_equal(found, again, check_exact=True)


def test_routes_meet_at_the_shorter_of_their_times() -> None:
    sampled = make_results([0.6, 0.7, 0.65, 0.7])
    validated = validation({("best_sampled", "1"): [0.72], ("recommended", "r1"): [0.75]})
    live = {"cqr": make_results([0.6, 0.65, 0.8], epoch=9), "asha": make_results([0.6], epoch=3)}
    found = equal_time(live, sampled, validated)
    cqr, asha = (row for _, row in found.standings.iterrows())
    assert cqr["searcher"] == "cqr"
    assert cqr["seconds"] == 3
    assert (cqr["live_valid"], cqr["study_valid"]) == (0.8, 0.7)
    assert (cqr["study_seconds"], cqr["study_best_valid"]) == (6, 0.75)
    assert (asha["seconds"], asha["live_valid"]) == (1, 0.5)
    assert math.isnan(asha["seconds_to_study_best"])
    routes = ["cqr", "asha", STUDY_ROUTE, RANDOM_SAMPLING]
    assert found.courses["route"].unique().tolist() == routes


def test_what_is_validated_stands_for_its_mean_and_not_for_its_luckiest_run() -> None:
    """Three recommendations with nine seeds between them; the best single run is not the best."""
    sampled = make_results([0.6, 0.86])
    validated = validation(
        {
            ("recommended", "r1"): [0.95, 0.55, 0.6],
            ("recommended", "r2"): [0.75, 0.74, 0.76],
            ("best_sampled", "1"): [0.7, 0.7, 0.7],
        }
    )
    found = equal_time({"cqr": make_results([0.6] * 20)}, sampled, validated)
    end = found.standings.iloc[0]
    assert end["study_best_valid"] == pytest.approx(0.75)
    assert end["study_best_looks"] == 3
    # Before its validation the route stands for the luck of a single run, and says what it was.
    course_of_study = found.courses[found.courses["route"] == STUDY_ROUTE]
    assert course_of_study["valid"].tolist() == pytest.approx([0.5, 0.6, 0.86, 0.75])
    assert course_of_study["validated"].tolist() == [False, False, False, True]
    assert course_of_study["again_valid"].iloc[2] == pytest.approx(0.7)


def test_validation_is_charged_to_whom_it_belongs() -> None:
    sampled = make_results([0.6, 0.7])
    validated = validation(
        {
            ("recommended", "r1"): [0.8, 0.8],
            ("best_sampled", "1"): [0.7, 0.7],
            ("untuned_default", "d"): [0.65, 0.75],
        }
    )
    found = equal_time({"cqr": make_results([0.9] * 3)}, sampled, validated)
    standing = found.standings.iloc[0]
    assert standing["study_seconds"] == 2 + 4
    assert (standing["default_seconds"], standing["default_looks"]) == (2, 2)
    assert standing["default_valid"] == pytest.approx(0.7)
    default = found.courses[found.courses["route"] == DEFAULT_ROUTE]
    assert default["seconds"].tolist() == [0, 2]
    # A configuration that was recommended and sampled was trained once.
    both = validation({("recommended", "1"): [0.8], ("best_sampled", "1"): [0.8]})
    shared = equal_time({"cqr": make_results([0.9])}, sampled, both).standings.iloc[0]
    assert shared["study_seconds"] == 2 + 1


def test_luck_is_never_held_against_a_mean_of_later_trainings() -> None:
    sampled, live = make_results([0.6, 0.7]), make_results([0.9] * 9)
    live["config_id"] = [f"l{number}" for number in range(9)]
    validated = validation({("recommended", "r1"): [0.8, 0.8]})
    alone = equal_time({"cqr": live}, sampled, validated).standings.iloc[0]
    assert math.isnan(alone["seconds_to_study_best"])
    text = verdict(alone)
    assert "not to be held against that" in text
    assert "0.800 in the mean of 2 later trainings" in text
    assert "ahead" not in text
    looked = validation({("recommended", "r1"): [0.8, 0.8], ("best_sampled", "l0"): [0.7, 0.72]})
    again = equal_time({"cqr": live}, sampled, looked).standings.iloc[0]
    text = verdict(again)
    assert again["live_again_valid"] == pytest.approx(0.71)
    assert "0.900 when it was chosen and 0.710 in the mean of 2 later" in text
    assert "behind by 0.090, both trained again" in text


@pytest.mark.slow
def test_routes_that_are_equal_end_equal_on_average() -> None:
    """Every configuration is worth .7; with more of them only the luck grows."""
    generator = np.random.default_rng(0)
    again, chosen = [], []
    for _ in range(30):
        draws = generator.normal(0.7, 0.05, 66)
        sampled, live = make_results(list(draws[:30])), make_results(list(draws[30:60]))
        live["config_id"] = [f"l{number}" for number in range(30)]
        best = live["config_id"][live[VALID_SCORE].idxmax()]
        validated = validation(
            {("recommended", "r"): list(draws[60:63]), ("best_sampled", best): list(draws[63:])}
        )
        standing = equal_time({"cqr": live}, sampled, validated).standings.iloc[0]
        again.append(standing["live_again_valid"])
        chosen.append(standing["live_valid"])
    assert np.mean(chosen) > 0.76
    assert np.mean(again) == pytest.approx(0.7, abs=0.015)


def test_a_configuration_of_several_seeds_is_worth_its_mean() -> None:
    runs = make_results([0.9, 0.6, 0.7, 0.7], config_id=["a", "b", "a", "b"], seed=[0, 0, 1, 1])
    found = course(runs)
    assert found["valid"].tolist() == pytest.approx([0.5, 0.8, 0.8])
    assert found["seconds"].tolist() == [0, 2, 4]
    failed = make_results([0.9, 0.9], config_id="a", status=["ok", "diverged"], seed=[1, 2])
    looks = second_looks(failed)
    assert looks.loc["a", ["looks", "again_valid"]].tolist() == pytest.approx([2, 0.7])


def test_a_warm_start_pays_for_the_runs_that_it_was_told_of() -> None:
    sampled, live = make_results([0.6, 0.8]), {"cqr": make_results([0.7, 0.9])}
    warm = equal_time(live, sampled, warm=True).courses
    assert warm.loc[warm["route"] == "cqr", "seconds"].tolist() == [0, 1, 2, 3, 4]
    assert warm.loc[warm["route"] == "cqr", "valid"].tolist() == [0.5, 0.6, 0.8, 0.8, 0.9]


def test_the_verdict_says_who_is_ahead_and_by_how_much() -> None:
    sampled = make_results([0.6, 0.7, 0.65, 0.7])
    ahead = equal_time({"cqr": make_results([0.6, 0.9])}, sampled).standings.iloc[0]
    text = verdict(ahead, Noise(0.01**2, 60))
    assert "a valid score of 0.900 in" not in text
    assert "a valid score of 0.900." in text
    assert "ahead by 0.200 (standard error 0.014), each by the best that it has seen" in text
    assert "above that" in text
    assert "after 2 s" in text
    behind = equal_time({"cqr": make_results([0.6, 0.65])}, sampled).standings.iloc[0]
    text = verdict(behind, Noise(0.1**2, 60))
    assert "behind by 0.050 (standard error 0.141), which noise alone may make" in text
    assert "nothing was trained twice" in verdict(behind)
    assert "has not reached in 2 s" in text
    longer = equal_time({"cqr": make_results([0.6] * 50)}, sampled).standings.iloc[0]
    assert "so chance does as well" not in verdict(longer)
    assert "below that" in verdict(longer)


def test_the_noise_of_trainings_is_that_of_what_was_trained_twice() -> None:
    sampled = make_results([0.6, 0.7, 0.9])
    assert training_noise(sampled, None) is None
    again = validation({("recommended", "r"): [0.7, 0.9], ("untuned_default", "d"): [0.6, 0.6]})
    noise = training_noise(sampled, again)
    assert noise is not None
    assert (noise.variance, noise.degrees) == (pytest.approx(0.01), 2)
    failed = make_results([0.6, 0.8], config_id="a", status=["ok", "diverged"], seed=[1, 2])
    assert training_noise(failed, None) is None


@pytest.mark.parametrize("searchers", [[], ["cqr"], ["cqr", "asha", "a_searcher_of_a_long_name"]])
def test_routes_are_drawn(searchers: list[str]) -> None:
    live = {name: make_results([0.6, 0.9]) for name in searchers}
    sampled = make_results([0.6, 0.7, 0.65])
    validated = validation({("recommended", "r"): [0.7], ("untuned_default", "d"): [0.6]})
    picture = scores_over_training_time(equal_time(live, sampled, validated).courses)
    assert Image.open(io.BytesIO(picture)).width > 500
