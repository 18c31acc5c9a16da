"""What a live search was worth: what each route would hand to its user over spent training time.

Compared are a live search, the study's own route (its sampled runs, then what it validates: its
recommendations and its best sampled configurations, trained again), random sampling alone, and the
untuned default. At any time a route would hand over the configuration whose valid score is the best
it has seen. That score is partly luck, the more so the more configurations it is the best of
(Cawley and Talbot, JMLR 11, 2010); what the user gets is what the same configuration scores when it
is trained again. Validation is such a second look: where there is one, its mean is given and
compared, and where there is none, that is said. The study's end is the best of a handful of such
means, and so a little too high, the less so the more seeds validate.

Only whole trainings count as a result; a run that was stopped early costs what it was trained for.
The study's validation is charged to the study's route, whose last choice it is, and that of the
default to the default. A second look at another route's choice chose nothing and costs it nothing.
Time is that of training, as the cost model has it for every run alone, so that fleets, devices and
the searchers' own computing do not enter. All scores are valid scores: the test is opened for what
is validated, and not for the routes. The picture belongs to ``plots.equal_time``, the words to
``equal_time_verdict``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aehpo_assets.analysis.names import BEST_SAMPLED, RECOMMENDED, UNTUNED_DEFAULT
from aehpo_assets.hpo.objectives import FAILED_SCORE, RUNTIME, VALID_SCORE
from aehpo_assets.store.provenance import named_seed

STUDY_ROUTE = "the study's route"
RANDOM_SAMPLING = "random sampling"
DEFAULT_ROUTE = "the untuned default"

DRAWS = 1000
"""Draws of the sampled configurations that the band of random sampling is taken over."""

MOST_RUNS = 10_000
"""Configurations of a draw at most."""

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
        ``route``, ``seconds`` and ``valid``: at a time, the score for which a route's
        configuration was chosen, ``config_id``, and ``validated``, whether this score is the
        mean of its validation; ``looks``, the later trainings of it, and ``again_valid``, their
        mean (NaN without any). ``lower`` and ``upper`` bound the score of random sampling, which
        is a median over draws.
    standings
        One row a live search: ``searcher``; ``seconds``, the shorter of the times that it and the
        study's route took; at that time ``live_valid``, ``study_valid``, ``random_valid``,
        ``random_lower``, ``random_upper``; ``live_looks``, ``live_again_valid`` and the same of
        ``study``;
        ``live_runs`` and ``study_runs``, the trainings that chose are the mean of so many;
        ``study_validated``, whether its scores are of its validation;
        ``live_seconds`` and ``study_seconds``, the whole of both, validation included;
        ``study_best_valid``, what the study's route ends with, and
        ``study_best_looks`` (the trainings that it is the mean of; 0 for the training that
        chose); ``seconds_to_study_best``, when the live search was as good, compared by later
        trainings if the study's end is one (NaN if never, or if nothing was trained again);
        ``live_looked_at``, whether anything that the live search chose was trained again;
        ``default_valid``, ``default_looks`` and ``default_seconds``.
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
        Validated recommendations: those recommended and those sampled continue the study's route,
        the default is a route of its own, and all are second looks at what any route chose.
    warm
        Whether the live searches observed the sampled runs, and so begin where these end.
    seed
        Seed of the draws.

    Returns
    -------
    EqualTime
    """
    again = second_looks(validated)
    before = course(sampled) if warm else None
    lives = {searcher: course(runs, before) for searcher, runs in live.items()}
    study, default = course(sampled), None
    if validated is not None:
        of_study = validated["origin"].isin([RECOMMENDED, BEST_SAMPLED])
        study = _validated_course(validated[of_study], study)
        untuned = validated[validated["origin"] == UNTUNED_DEFAULT]
        default = _validated_course(untuned, _nothing()) if len(untuned) else None
    longest = max(found["seconds"].iloc[-1] for found in (*lives.values(), study))
    random = random_course(sampled, longest, seed)
    routes = {**lives, STUDY_ROUTE: study, RANDOM_SAMPLING: random}
    routes |= {} if default is None else {DEFAULT_ROUTE: default}
    routes = {
        route: found if route == RANDOM_SAMPLING else found.join(again, on="config_id")
        for route, found in routes.items()
    }
    courses = pd.concat([found.assign(route=route) for route, found in routes.items()])
    courses["looks"] = courses["looks"].fillna(0).astype(int)
    columns = ["route", "seconds", "valid", "lower", "upper", "config_id"]
    columns += ["validated", *again.columns]
    standings = [_standing(name, routes) for name in lives]
    return EqualTime(
        courses.reindex(columns=columns).reset_index(drop=True), pd.DataFrame(standings)
    )


def second_looks(validated: pd.DataFrame | None) -> pd.DataFrame:
    """Return what validated configurations score in the mean of their validation runs.

    Parameters
    ----------
    validated
        Validated recommendations, or None; a run that has two origins was trained once.

    Returns
    -------
    pandas.DataFrame
        Index ``config_id``; ``looks`` (runs), ``again_valid``. A run that failed
        counts as nothing, as everywhere here.
    """
    columns = ["looks", "again_valid"]
    if validated is None or validated.empty:
        return pd.DataFrame(columns=columns, index=pd.Index([], name="config_id"), dtype="float64")
    runs = _configurations(validated.drop_duplicates(["config_id", "seed"]))
    names = {"runs": "looks", "valid": "again_valid"}
    return runs.set_index("config_id").rename(columns=names)[columns]


def course(runs: pd.DataFrame, before: pd.DataFrame | None = None) -> pd.DataFrame:
    """Best valid score over spent training seconds, and whose it is.

    Parameters
    ----------
    runs
        Run results in the order in which they were trained, with ``epoch`` where some were
        stopped. A configuration of several seeds is known when all of them are, by their mean.
    before
        The course that this one continues.

    Returns
    -------
    pandas.DataFrame
        ``seconds`` (cumulative), ``valid``, ``config_id``, ``runs`` (trainings that ``valid`` is
        the mean of) and ``validated`` (False), one row a configuration after a first row: the end
        of ``before``, or the score that a latent space which tells nothing apart has. Before a run
        is done there is nothing better.
    """
    known = _nothing() if before is None else before
    last, own = known.iloc[-1], _configurations(runs)
    seconds = last["seconds"] + own["seconds"].to_numpy().cumsum()
    valid = np.append(last["valid"], own["valid"])
    names = [last["config_id"], *own["config_id"]]
    runs_of = np.append(last["runs"], own["runs"])
    best = np.maximum.accumulate(valid)
    is_new = np.diff(best, prepend=-np.inf) > 0
    chosen = np.maximum.accumulate(np.where(is_new, np.arange(len(valid)), 0))[1:]
    continued = pd.DataFrame(
        {
            "seconds": seconds,
            "valid": best[1:],
            "config_id": [names[number] for number in chosen],
            "runs": runs_of[chosen],
            "validated": False,
        }
    )
    return pd.concat([known, continued], ignore_index=True)


def _nothing() -> pd.DataFrame:
    """A course that has not begun."""
    start = {"seconds": [0.0], "valid": FAILED_SCORE, "config_id": "", "runs": 0}
    return pd.DataFrame(start | {"validated": False})


def _validated_course(validated: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Continue a course by its validation, which ends with the best mean and replaces all luck."""
    runs = validated.drop_duplicates(["config_id", "seed"])
    if runs.empty:
        return before
    own = _configurations(runs)
    best = own.loc[[own["valid"].idxmax()], ["valid", "config_id", "runs"]]
    seconds = before["seconds"].iloc[-1] + own["seconds"].sum()
    return pd.concat([before, best.assign(seconds=seconds, validated=True)], ignore_index=True)


def _configurations(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a configuration: ``config_id, runs, seconds`` (of all) and mean ``valid``.

    A run that failed or was stopped counts as nothing. A configuration comes where its first run
    does.
    """
    whole = runs["status"] == "ok"
    if "epoch" in runs:
        whole &= runs["epoch"] == runs["epochs"]
    valid = runs[VALID_SCORE].astype("float64").where(whole).fillna(FAILED_SCORE)
    table = pd.DataFrame(
        {"config_id": runs["config_id"].astype(str), "seconds": runs[RUNTIME].fillna(0.0)}
    ).assign(valid=valid)
    groups = table.groupby("config_id", sort=False)
    return groups.agg(
        runs=("valid", "size"),
        seconds=("seconds", "sum"),
        valid=("valid", "mean"),
    ).reset_index()


def random_course(sampled: pd.DataFrame, seconds: float, seed: int = 0) -> pd.DataFrame:
    """Best valid score of random sampling over training seconds: a bootstrap of what was sampled.

    Configurations are drawn with replacement, with all their runs, which lets the best of them be
    missing as it might have been. Nothing better than it can be drawn, so that the band says too
    little above, the more so the fewer were sampled. The scores are those that chose, as lucky as
    those of the other routes before a second look.

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
        ``seconds``, evenly spaced; the median ``valid``; ``lower`` and ``upper`` quantiles.
    """
    source = np.random.default_rng(named_seed(seed, "equal time", "random sampling"))
    own = _configurations(sampled)
    spent = own["seconds"].to_numpy()
    # Twice what is needed on average; who is done sooner still stays at what it found.
    count = 2 * math.ceil(seconds / max(spent.mean(), 1e-9)) + len(own)
    drawn = source.integers(0, len(own), (DRAWS, min(count, MOST_RUNS)))
    times = np.concatenate([np.zeros((DRAWS, 1)), spent[drawn].cumsum(1)], axis=1)
    # Every draw begins with nothing: the score that stands behind all others.
    numbers = np.concatenate([np.full((DRAWS, 1), len(own)), drawn], axis=1)
    valid = np.append(own["valid"], FAILED_SCORE)[numbers]
    moments = np.linspace(0.0, seconds, MOMENTS + 1)
    done = np.array([np.searchsorted(row, moments * (1 + 1e-9), side="right") for row in times])
    rows = np.arange(DRAWS)[:, None]
    at = np.maximum.accumulate(valid, axis=1)[rows, done - 1]
    lower, upper = np.quantile(at, BAND, axis=0)
    return pd.DataFrame(
        {
            "seconds": moments,
            "valid": np.median(at, axis=0),
            "lower": lower,
            "upper": upper,
        }
    )


def _at(found: pd.DataFrame, seconds: float) -> pd.Series:
    """The last row of a course up to some time."""
    return found[found["seconds"] <= seconds * (1 + 1e-9)].iloc[-1]


def _standing(searcher: str, routes: Mapping[str, pd.DataFrame]) -> dict[str, object]:
    live, study, random = (routes[name] for name in (searcher, STUDY_ROUTE, RANDOM_SAMPLING))
    whole, other = (float(found["seconds"].iloc[-1]) for found in (live, study))
    seconds = min(whole, other)
    row: dict[str, object] = {"searcher": searcher, "seconds": seconds}
    for name, found in (("live", live), ("study", study), ("random", random)):
        reached = _at(found, seconds)
        row[f"{name}_valid"] = float(reached["valid"])
    at = _at(random, seconds)
    row |= {f"random_{bound}": float(at[bound]) for bound in ("lower", "upper")}
    for name, found in (("live", live), ("study", study)):
        reached = _at(found, seconds)
        row |= {f"{name}_runs": int(reached["runs"])} | _second_look(name, reached)
    row["study_validated"] = bool(_at(study, seconds)["validated"])
    best, default = study.iloc[-1], routes.get(DEFAULT_ROUTE)
    # A validated end is the mean of later trainings; luck would reach it too soon.
    validated = bool(best["validated"])
    score = live["again_valid"] if validated else live["valid"]
    as_good = live.loc[score >= best["valid"], "seconds"]
    end = None if default is None else default.iloc[-1]
    return row | {
        "live_seconds": whole,
        "study_seconds": other,
        "study_best_valid": float(best["valid"]),
        "study_best_looks": int(best["looks"]) if validated else 0,
        "seconds_to_study_best": float(as_good.iloc[0]) if len(as_good) else math.nan,
        "live_looked_at": bool(live["again_valid"].notna().any()),
        "default_valid": math.nan if end is None else float(end["valid"]),
        "default_looks": 0 if end is None else int(end["looks"]),
        "default_seconds": math.nan if end is None else float(end["seconds"]),
    }


def _second_look(route: str, reached: pd.Series) -> dict[str, object]:
    looked = not math.isnan(reached["again_valid"])
    return {
        f"{route}_looks": int(reached["looks"]) if looked else 0,
        f"{route}_again_valid": float(reached["again_valid"]),
    }
