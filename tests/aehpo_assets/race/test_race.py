"""Races whose truth is known: who wins, who drops out and why, and that nothing is left to luck."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.noise.level import half_width
from aehpo_assets.noise.pooled import Noise
from aehpo_assets.race.belief import INTERVAL, Belief
from aehpo_assets.race.race import ALONE, BEST, EQUIVALENT, UNDECIDED, Outcome, race
from aehpo_assets.study.results import Race
from benchmarks.race import studies, summary

TRUTH = np.linspace(0.70, 0.81, 12)
NAMES = [f"c{number}" for number in range(12)]


def knows_nothing(number: int = 12) -> Belief:
    return Belief(np.full(number, 0.75), 0.1**2 * np.eye(number))


def trainer(
    truth: np.ndarray = TRUTH, deviation: float = 0.02, split: float = 0.05
) -> Callable[[list[tuple[int, int]]], list[float]]:
    """Scores that depend on candidate and replicate only, as those of real trainings."""
    table = np.random.default_rng(0).standard_normal((len(truth) + 1, 400))

    def train(entries: list[tuple[int, int]]) -> list[float]:
        return [
            float(truth[c] + deviation * table[c, r] + split * table[-1, r]) for c, r in entries
        ]

    return train


def raced(train: Callable[[list[tuple[int, int]]], list[float]], **others: object) -> Outcome:
    rules = others.pop("rules", Race())
    start = others.pop("start", knows_nothing())
    found = race(NAMES[: len(start.mean)], start, train, rules, 1, **others)  # type: ignore[arg-type]
    assert found is not None
    return found


def final(outcome: Outcome) -> pd.DataFrame:
    last = outcome.standings["round"].max()
    return outcome.standings[outcome.standings["round"] == last].set_index("candidate")


def test_the_best_wins_and_all_rounds_are_told() -> None:
    lines: list[str] = []
    found = raced(trainer(), tell=lines.append)
    assert (found.winner, found.decision) == (11, BEST)
    assert found.sentence.startswith("c11 won: it is the best with a probability of ")
    by_round = found.runs.groupby("round")
    assert by_round["candidate"].nunique().head(3).tolist() == [12, 6, 3]
    assert by_round.size().head(3).tolist() == [24, 24, 24]
    assert len(lines) == found.runs["round"].max()
    assert lines[0].startswith("Round 1: 24 trainings; 6 candidates still racing; ")


def test_standings_say_of_everybody_where_it_stands_and_why() -> None:
    found = raced(trainer())
    start = found.standings[found.standings["round"] == 0]
    assert (start["replicates"] == 0).all()
    assert (start["mean"] == 0.75).all()
    end = final(found)
    assert end["state"].value_counts()["winner"] == 1
    assert end["state"][11] == "winner"
    dropped = end[end["state"] == "dropped"]
    assert dropped["reason"].str.startswith("not among the 6 most likely").sum() == 6
    assert end["replicates"].sum() == len(found.runs)
    # Replicates on some 17 splits of standard deviation .05, and 90 % intervals.
    assert abs(end["mean"][11] - TRUTH[11]) < 2.5 * 0.05 / np.sqrt(17)
    assert (end["lower"] < end["mean"]).all()
    best = found.standings.groupby("round")["probability_best"].sum()
    np.testing.assert_allclose(best, 1.0)
    assert found.order[0] == 11
    assert sorted(found.order) == list(range(12))


@pytest.mark.slow
def test_standings_allow_for_the_level_that_few_splits_leave_open() -> None:
    start = Belief(TRUTH, 0.01**2 * np.eye(12))
    found = raced(trainer(), start=start, split=Noise(0.05**2, 1))
    first = found.standings[found.standings["round"] == 0]
    expected = half_width(np.full(12, 0.01**2), INTERVAL, 0.05**2 / 2, 1)
    np.testing.assert_allclose((first["upper"] - first["lower"]) / 2, expected)
    known = raced(trainer(), start=start, split=Noise(0.05**2, 10**6))
    width = known.standings.iloc[0]["upper"] - known.standings.iloc[0]["lower"]
    assert width == pytest.approx(2 * 1.645 * 0.01, rel=0.01)
    # The race's own splits tell of the level: at its end the interval is a tenth of that.
    assert np.ptp(final(found).loc[found.winner, ["lower", "upper"]]) < 0.2 * 2 * expected[0]


def test_candidates_of_a_replicate_share_it() -> None:
    """A split that moves everything by far more than candidates differ decides nothing."""
    assert raced(trainer(split=1.0)).winner == 11


@pytest.mark.slow
def test_the_same_scores_give_the_same_race() -> None:
    first, again = raced(trainer()), raced(trainer())
    pd.testing.assert_frame_equal(first.standings, again.standings)
    pd.testing.assert_frame_equal(first.runs, again.runs)


def test_a_race_that_was_killed_ends_as_it_would_have() -> None:
    kept: dict[tuple[int, int], float] = {}
    trained: list[tuple[int, int]] = []

    def archived(entries: list[tuple[int, int]], most: int) -> list[float]:
        missing = [entry for entry in entries if entry not in kept]
        if len(trained) + len(missing) > most:
            raise KeyboardInterrupt
        trained.extend(missing)
        kept.update(zip(missing, trainer()(missing), strict=True))
        return [kept[entry] for entry in entries]

    with pytest.raises(KeyboardInterrupt):
        raced(lambda entries: archived(entries, 50))
    resumed = raced(lambda entries: archived(entries, 10_000))
    whole = raced(trainer())
    pd.testing.assert_frame_equal(resumed.standings, whole.standings)
    assert len(trained) == len(set(trained)) == len(whole.runs)


def test_what_fails_drops_out_and_counts_as_the_minimum() -> None:
    def train(entries: list[tuple[int, int]]) -> list[float]:
        scores = trainer()(entries)
        return [
            math.nan if c == 11 and r == 1 else s for (c, r), s in zip(entries, scores, strict=True)
        ]

    found = raced(train, lowest=0.41)
    end = final(found)
    assert found.winner == 10
    assert 11 not in found.order
    assert end.loc[11, ["state", "reason"]].tolist() == [
        "dropped",
        "1 of 2 trainings diverged or failed",
    ]
    assert end.loc[11, ["mean", "lower", "upper"]].tolist() == [0.41] * 3
    assert (found.runs["candidate"] == 11).sum() == 2


def test_nobody_wins_where_all_fail() -> None:
    assert race(NAMES, knows_nothing(), lambda e: [math.nan] * len(e), Race(), 1) is None


def test_the_only_one_left_wins() -> None:
    found = raced(lambda entries: [0.7 if c == 4 else math.nan for c, _ in entries])
    assert (found.winner, found.decision, found.order) == (4, ALONE, [4])


def test_equals_end_a_race() -> None:
    found = raced(trainer(np.full(12, 0.75), 0.004), noise=Noise(0.004**2, 50))
    assert found.decision == EQUIVALENT
    assert "any of the last" in found.sentence
    assert "lie within 0.01 of it" in found.sentence


def test_a_budget_that_ends_is_said_and_kept() -> None:
    found = raced(trainer(np.full(12, 0.75), 0.2), rules=Race(max_replicates=9, equivalence=0))
    assert found.decision == UNDECIDED
    assert found.sentence.startswith("The budget of 9 replicates ended without a decision")
    assert final(found)["replicates"].max() == 9


def test_what_was_known_before_counts() -> None:
    """Twelve equals of which one was known to be better, on replicates that say nothing."""
    mean = np.full(12, 0.75)
    mean[3] = 0.85
    start = Belief(mean, 0.01**2 * np.eye(12))
    found = raced(trainer(deviation=0.5), start=start, noise=Noise(0.25, 100))
    assert found.winner == 3


@pytest.mark.slow
def test_noise_that_nothing_tells_of_is_that_of_its_own_replicates() -> None:
    told = raced(trainer(deviation=0.05), noise=Noise(0.05**2, 10_000))
    own = raced(trainer(deviation=0.05))
    width = [
        (one.standings["upper"] - one.standings["lower"])[one.standings["round"] == 1].mean()
        for one in (told, own)
    ]
    assert width[1] == pytest.approx(width[0], rel=0.4)
    # Two splits leave the level of all of them open.
    assert width[1] < 0.9 * (2 * 1.645 * 0.1)


@pytest.mark.slow
def test_it_finds_better_configurations_than_single_runs_by_equal_trainings() -> None:
    found = studies(40, Race(candidates=8, max_replicates=14))
    assert found["race"].mean() < found["observed"].mean()
    assert found["covered"].mean() >= 0.75
    numbers = summary(found)
    assert numbers.loc["race", "mean"] == pytest.approx(found["race"].mean())
    assert numbers.loc["race", "lower"] < numbers.loc["race", "mean"]
