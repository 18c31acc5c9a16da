"""What a live search was worth: the best score over spent training time, beside other routes.

Compared are a live search, the study's own route (its sampled runs, then the recommendations of
surrogate-based search, trained) and random sampling alone. Only whole trainings count as a
result; a run that was stopped early costs what it was trained for. Time is that of training, as
the cost model has it for every run alone, so that fleets, devices and the searchers' own computing
do not enter. The valid score chooses everywhere; the test score of what it chose is only reported.
The picture belongs to ``plots.equal_time``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aehpo_assets.analysis.names import RECOMMENDED
from aehpo_assets.hpo.objectives import FAILED_SCORE, RUNTIME, TEST_SCORE, VALID_SCORE
from aehpo_assets.hpo.seeds import named_seed

STUDY_ROUTE = "the study's route"
RANDOM_SAMPLING = "random sampling"

DRAWS = 1000
"""Draws of the sampled runs that the band of random sampling is taken over."""

MOST_RUNS = 10_000
"""Runs of a draw at most."""

BAND = (0.05, 0.95)
"""Quantiles of the band."""

MOMENTS = 100
"""Points in time at which random sampling is looked at."""


@dataclass(frozen=True)
class EqualTime:
    """Routes compared at equal training time.

    Attributes
    ----------
    courses
        ``route``, ``seconds``, ``valid`` and ``test``: the best valid score at a time and the test
        score of the same run; ``lower`` and ``upper`` bound the valid score of random sampling,
        whose scores are medians over draws.
    standings
        One row a live search: ``searcher``; ``seconds``, the shorter of the times that it and the
        study's route took; at that time ``live_valid``, ``live_test``, ``study_valid``,
        ``study_test``, ``random_valid``, ``random_lower``, ``random_upper``, ``random_test``;
        ``live_seconds`` and ``study_seconds``, the whole of both; ``study_best_valid``, what the
        study's route ends with, ``study_best_test``, and ``seconds_to_study_best``, when the live
        search was as good (NaN if never).
    """

    courses: pd.DataFrame
    standings: pd.DataFrame


def equal_time(
    live: Mapping[str, pd.DataFrame],
    sampled: pd.DataFrame,
    validated: pd.DataFrame | None = None,
    *,
    warm: bool = False,
    seed: int = 0,
) -> EqualTime:
    """Compare live searches with the study's route and with random sampling.

    Parameters
    ----------
    live
        Searcher to its runs in order: run results with ``epoch``.
    sampled
        Run results of the study, in order.
    validated
        Validated recommendations; of them the recommended ones continue the study's route.
    warm
        Whether the live searches were told of the sampled runs, and so begin where these end.
    seed
        Seed of the draws.

    Returns
    -------
    EqualTime
    """
    before = course(sampled) if warm else None
    lives = {searcher: course(runs, before) for searcher, runs in live.items()}
    study = course(sampled)
    if validated is not None:
        study = course(validated[validated["origin"] == RECOMMENDED], study)
    longest = max(found["seconds"].iloc[-1] for found in (*lives.values(), study))
    random = random_course(sampled, longest, seed)
    routes = {**lives, STUDY_ROUTE: study, RANDOM_SAMPLING: random}
    courses = pd.concat([found.assign(route=route) for route, found in routes.items()])
    standings = [_standing(name, found, study, random) for name, found in lives.items()]
    columns = ["route", *random.columns]
    return EqualTime(
        courses.reindex(columns=columns).reset_index(drop=True), pd.DataFrame(standings)
    )


def course(runs: pd.DataFrame, before: pd.DataFrame | None = None) -> pd.DataFrame:
    """Best valid score over spent training seconds.

    Parameters
    ----------
    runs
        Run results in the order in which they were trained, with ``epoch`` where some were
        stopped.
    before
        The course that this one continues.

    Returns
    -------
    pandas.DataFrame
        ``seconds`` (cumulative), ``valid`` and ``test``, one row a run after a first row: the end
        of ``before``, or the score that a latent space which tells nothing apart has. Before a
        run is done there is nothing better.
    """
    start = pd.DataFrame({"seconds": [0.0], "valid": FAILED_SCORE, "test": FAILED_SCORE})
    known = start if before is None else before
    valid, test = _scores(runs)
    seconds = known["seconds"].iloc[-1] + runs[RUNTIME].fillna(0).to_numpy().cumsum()
    best_valid, best_test = _best_so_far(
        np.append(known["valid"].iloc[-1], valid)[None], np.append(known["test"].iloc[-1], test)
    )
    continued = {"seconds": seconds, "valid": best_valid[0, 1:], "test": best_test[0, 1:]}
    return pd.concat([known, pd.DataFrame(continued)], ignore_index=True)


def random_course(sampled: pd.DataFrame, seconds: float, seed: int = 0) -> pd.DataFrame:
    """Best valid score of random sampling over training seconds: a bootstrap of the sampled runs.

    Runs are drawn with replacement, which lets the best of them be missing as it might have been.
    Nothing better than it can be drawn, so that the band says too little above, the more so the
    fewer runs were sampled.

    Parameters
    ----------
    sampled
        Run results of the study: configurations drawn at random.
    seconds
        Training time to look at.
    seed
        Seed of the draws.

    Returns
    -------
    pandas.DataFrame
        ``seconds``, evenly spaced; medians ``valid`` and ``test``; ``lower`` and ``upper``
        quantiles of the valid score.
    """
    source = np.random.default_rng(named_seed(seed, "equal time", "random sampling"))
    spent = sampled[RUNTIME].fillna(0).to_numpy()
    # Twice what is needed on average; who is done sooner still stays at what it found.
    count = 2 * math.ceil(seconds / max(spent.mean(), 1e-9)) + len(sampled)
    drawn = source.integers(0, len(sampled), (DRAWS, min(count, MOST_RUNS)))
    times = np.concatenate([np.zeros((DRAWS, 1)), spent[drawn].cumsum(1)], axis=1)
    # Every draw begins with nothing: the score that stands behind all others.
    numbers = np.concatenate([np.full((DRAWS, 1), len(sampled)), drawn], axis=1)
    valid, test = (np.append(scores, FAILED_SCORE) for scores in _scores(sampled))
    best_valid, best_test = _best_so_far(valid[numbers], test[numbers])
    moments = np.linspace(0.0, seconds, MOMENTS + 1)
    done = np.array([np.searchsorted(row, moments * (1 + 1e-9), side="right") for row in times])
    rows = np.arange(DRAWS)[:, None]
    at, test_at = best_valid[rows, done - 1], best_test[rows, done - 1]
    lower, upper = np.quantile(at, BAND, axis=0)
    return pd.DataFrame(
        {
            "seconds": moments,
            "valid": np.median(at, axis=0),
            "test": np.median(test_at, axis=0),
            "lower": lower,
            "upper": upper,
        }
    )


def verdict(standing: pd.Series, granularity: float = math.nan) -> str:
    """Say in words what one live search was worth at equal training time.

    Parameters
    ----------
    standing
        A row of :attr:`EqualTime.standings`.
    granularity
        Largest change of the valid score when two samples swap their places; a difference below
        it says nothing.

    Returns
    -------
    str
        One paragraph.
    """
    seconds = standing["seconds"]
    sentences = [
        f"After {seconds:.3g} s of training, {standing['searcher']} on real trainings has "
        f"reached {_score(standing, 'live')}.",
        f"The study's route has reached {_score(standing, 'study')} by then: the live search is "
        f"{_against(standing['live_valid'], standing['study_valid'], granularity)}.",
        _against_random(standing),
    ]
    reached = standing["seconds_to_study_best"]
    ends = (
        f"The whole route of the study takes {standing['study_seconds']:.3g} s and ends at "
        f"{standing['study_best_valid']:.3f} valid ({standing['study_best_test']:.3f} test), "
    )
    if math.isnan(reached):
        ends += f"which the live search has not reached in {standing['live_seconds']:.3g} s."
    else:
        ends += f"which the live search had reached after {reached:.3g} s."
    sentences.append(ends)
    if not math.isnan(granularity):
        sentences.append(f"Two valid samples that swap places change a score by {granularity:.3f}.")
    sentences.append("This is one search with one seed.")
    return " ".join(sentences)


def _scores(runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Valid and test score of each run; one that failed or was stopped counts as nothing."""
    whole = runs["status"] == "ok"
    if "epoch" in runs:
        whole &= runs["epoch"] == runs["epochs"]
    valid, test = (
        runs[name].astype("float64").where(whole).fillna(FAILED_SCORE).to_numpy()
        for name in (VALID_SCORE, TEST_SCORE)
    )
    return valid, test


def _best_so_far(valid: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best valid score along (draws, runs), and the test score of the run that has it."""
    best = np.maximum.accumulate(valid, axis=1)
    is_new = np.diff(best, axis=1, prepend=-np.inf) > 0
    holder = np.maximum.accumulate(np.where(is_new, np.arange(valid.shape[1]), 0), axis=1)
    return best, np.take_along_axis(np.broadcast_to(test, valid.shape), holder, axis=1)


def _at(found: pd.DataFrame, seconds: float) -> pd.Series:
    """The last row of a course up to some time."""
    return found[found["seconds"] <= seconds * (1 + 1e-9)].iloc[-1]


def _standing(
    searcher: str, live: pd.DataFrame, study: pd.DataFrame, random: pd.DataFrame
) -> dict[str, object]:
    whole, other = (float(found["seconds"].iloc[-1]) for found in (live, study))
    seconds = min(whole, other)
    row: dict[str, object] = {"searcher": searcher, "seconds": seconds}
    for name, found in (("live", live), ("study", study), ("random", random)):
        reached = _at(found, seconds)
        row |= {f"{name}_{score}": float(reached[score]) for score in ("valid", "test")}
    at = _at(random, seconds)
    row |= {f"random_{bound}": float(at[bound]) for bound in ("lower", "upper")}
    best = study.iloc[-1]
    as_good = live.loc[live["valid"] >= best["valid"], "seconds"]
    return row | {
        "live_seconds": whole,
        "study_seconds": other,
        "study_best_valid": float(best["valid"]),
        "study_best_test": float(best["test"]),
        "seconds_to_study_best": float(as_good.iloc[0]) if len(as_good) else math.nan,
    }


def _score(standing: pd.Series, route: str) -> str:
    return f"{standing[f'{route}_valid']:.3f} valid ({standing[f'{route}_test']:.3f} test)"


def _against(ours: float, theirs: float, granularity: float) -> str:
    difference = ours - theirs
    if difference == 0:
        return "level with it"
    text = f"{'ahead' if difference > 0 else 'behind'} by {abs(difference):.3f}"
    if abs(difference) < granularity:
        return f"{text}, which is less than the score can tell"
    return text


def _against_random(standing: pd.Series) -> str:
    ours, lower, upper = (standing[n] for n in ("live_valid", "random_lower", "random_upper"))
    if lower <= ours <= upper:
        place = "within that, so chance does as well"
    else:
        place = "above that" if ours > upper else "below that"
    return (
        f"Random sampling has {_score(standing, 'random')}, between {lower:.3f} and {upper:.3f} in "
        f"nine of ten draws from the sampled runs: the live search is {place}."
    )
