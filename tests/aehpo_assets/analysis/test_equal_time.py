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
    RANDOM_SAMPLING,
    STUDY_ROUTE,
    course,
    equal_time,
    random_course,
    verdict,
)
from aehpo_assets.analysis.plots.equal_time import scores_over_training_time
from aehpo_assets.hpo.objectives import RUNTIME, TEST_SCORE, VALID_SCORE


def make_results(valid: list[float], seconds: float = 1.0, **columns: object) -> pd.DataFrame:
    table = pd.DataFrame({VALID_SCORE: valid, RUNTIME: seconds, "status": "ok", "epochs": 9})
    table[TEST_SCORE] = 1 - table[VALID_SCORE]
    return table.assign(**columns)


def test_the_best_valid_score_chooses_and_its_test_score_is_told() -> None:
    found = course(make_results([0.6, 0.8, 0.7, 0.9]))
    assert found["seconds"].tolist() == [0, 1, 2, 3, 4]
    assert found["valid"].tolist() == [0.5, 0.6, 0.8, 0.8, 0.9]
    np.testing.assert_allclose(found["test"], [0.5, 0.4, 0.2, 0.2, 0.1])


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
    validated = make_results([0.9, 0.75], origin=["best_sampled", "recommended"])
    live = {"cqr": make_results([0.6, 0.65, 0.8], epoch=9), "asha": make_results([0.6], epoch=3)}
    found = equal_time(live, sampled, validated)
    cqr, asha = (row for _, row in found.standings.iterrows())
    assert cqr["searcher"] == "cqr"
    assert cqr["seconds"] == 3
    assert (cqr["live_valid"], cqr["study_valid"]) == (0.8, 0.7)
    assert (cqr["study_seconds"], cqr["study_best_valid"]) == (5, 0.75)
    assert cqr["seconds_to_study_best"] == 3
    assert (asha["seconds"], asha["live_valid"]) == (1, 0.5)
    assert math.isnan(asha["seconds_to_study_best"])
    routes = ["cqr", "asha", STUDY_ROUTE, RANDOM_SAMPLING]
    assert found.courses["route"].unique().tolist() == routes


def test_a_warm_start_pays_for_the_runs_that_it_was_told_of() -> None:
    sampled, live = make_results([0.6, 0.8]), {"cqr": make_results([0.7, 0.9])}
    warm = equal_time(live, sampled, warm=True).courses
    assert warm.loc[warm["route"] == "cqr", "seconds"].tolist() == [0, 1, 2, 3, 4]
    assert warm.loc[warm["route"] == "cqr", "valid"].tolist() == [0.5, 0.6, 0.8, 0.8, 0.9]


def test_the_verdict_says_who_is_ahead_and_by_how_much() -> None:
    sampled = make_results([0.6, 0.7, 0.65, 0.7])
    ahead = equal_time({"cqr": make_results([0.6, 0.9])}, sampled).standings.iloc[0]
    text = verdict(ahead, granularity=0.01)
    assert "0.900 valid (0.100 test)" in text
    assert "ahead by 0.200" in text
    assert "above that" in text
    assert "after 2 s" in text
    behind = equal_time({"cqr": make_results([0.6, 0.65])}, sampled).standings.iloc[0]
    text = verdict(behind, granularity=0.1)
    assert "behind by 0.050, which is less than the score can tell" in text
    assert "has not reached in 2 s" in text
    longer = equal_time({"cqr": make_results([0.6] * 50)}, sampled).standings.iloc[0]
    assert "so chance does as well" not in verdict(longer)
    assert "below that" in verdict(longer)


@pytest.mark.parametrize("searchers", [[], ["cqr"], ["cqr", "asha", "a_searcher_of_a_long_name"]])
def test_routes_are_drawn(searchers: list[str]) -> None:
    live = {name: make_results([0.6, 0.9]) for name in searchers}
    sampled = make_results([0.6, 0.7, 0.65])
    picture = scores_over_training_time(equal_time(live, sampled).courses)
    assert Image.open(io.BytesIO(picture)).width > 500
