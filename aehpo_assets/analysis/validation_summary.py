"""What validation says of one architecture and task, in numbers.

Candidates are chosen by their valid score, and the test score is only reported. Which candidates
are trained belongs to ``aehpo_gpu.runs.validation``; the verdict in words and the table for the
terminal to ``report``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aehpo_assets.analysis.chosen_baselines import chosen_baseline, tried_baselines
from aehpo_assets.analysis.improvement import Estimate, Improvement, improvement
from aehpo_assets.analysis.names import (
    BASELINE_NAMES,
    BEST_SAMPLED,
    ORIGIN_NAMES,
    RECOMMENDED,
    UNTUNED_DEFAULT,
)
from aehpo_assets.hpo.objectives import FAILED_SCORE, TEST_SCORE, VALID_SCORE


@dataclass(frozen=True)
class Candidate:
    """A configuration or a baseline with its scores.

    Attributes
    ----------
    name
        What it is called in the report.
    predicted_valid
        Valid score that the surrogate predicted, NaN where nothing was predicted.
    valid, test
        Weighted average AUC that came out.
    runs
        Number of seeds.
    failed_runs
        How many of them diverged, failed or have no score; these count as 0.5.
    """

    name: str
    predicted_valid: float
    valid: Estimate
    test: Estimate
    runs: int = 1
    failed_runs: int = 0


@dataclass(frozen=True)
class Gain:
    """What the recommendation adds to an opponent.

    Both were chosen by their valid scores, the recommendation among several, so that ``valid``
    flatters whoever was chosen among more; ``test`` chose nothing.

    Attributes
    ----------
    opponent
        What a sentence calls the opponent.
    valid, test
        Recommendation less opponent.
    """

    opponent: str
    valid: Improvement
    test: Improvement


@dataclass(frozen=True)
class RecommendationSummary:
    """What validation says about the recommendations of one architecture and task.

    Attributes
    ----------
    architecture, task
        What it is about.
    recommended, best_sampled, untuned_default
        The candidate of each origin with the best mean valid score; None where there is none.
    baselines
        PCA, UMAP and random features, each with the features and dimensions of the best valid
        score among those tried; UMAP and random features over fresh seeds.
    over_best_sampled, over_default, over_baseline
        What the recommendation adds to the candidate of that origin, and to the baseline of the
        best valid score; None where one of the two is missing. PCA is the same for every seed,
        UMAP and random features have seeds of their own; where there are replicates, baselines are
        compared in the replicates that the recommendation was trained in, if they have them.
    valid_granularity
        AUC change of one valid pair, NaN where it is not known.
    replicated
        Whether each seed is a replicate, with a split into train and valid of its own.
    """

    architecture: str
    task: str
    recommended: Candidate | None
    best_sampled: Candidate | None
    untuned_default: Candidate | None
    baselines: tuple[Candidate, ...]
    over_best_sampled: Gain | None
    over_default: Gain | None
    over_baseline: Gain | None
    valid_granularity: float
    replicated: bool = False


def recommendation_summary(
    validated: pd.DataFrame, baselines: pd.DataFrame
) -> RecommendationSummary:
    """Summarise what validation and the baselines of one architecture and task say.

    Parameters
    ----------
    validated
        One row a candidate and seed: ``origin`` (``recommended``, ``best_sampled`` or
        ``untuned_default``), ``config_id``, ``seed``, both scores, and where there are any
        ``status``, ``task``, ``architecture``, ``searcher``, ``transfer`` and
        ``predicted_<valid score>``.
    baselines
        As for :func:`aehpo_assets.analysis.chosen_baselines.tried_baselines`, with both scores,
        and ``valid_granularity`` where it is known.

    Returns
    -------
    RecommendationSummary
        The numbers.
    """
    runs = scored_runs(validated)
    best = {origin: best_runs(runs, origin) for origin in ORIGIN_NAMES}
    granularity = baselines.get("valid_granularity", pd.Series(dtype="float64")).dropna()
    known = tuple(found for method in BASELINE_NAMES if (found := _baseline(baselines, method)))
    return RecommendationSummary(
        architecture=_first(validated, "architecture"),
        task=_first(validated, "task"),
        recommended=_candidate(best[RECOMMENDED]),
        best_sampled=_candidate(best[BEST_SAMPLED]),
        untuned_default=_candidate(best[UNTUNED_DEFAULT]),
        baselines=known,
        over_best_sampled=gain(
            best[RECOMMENDED], best[BEST_SAMPLED], "the best sampled configuration"
        ),
        over_default=gain(best[RECOMMENDED], best[UNTUNED_DEFAULT], "the untuned default"),
        over_baseline=_gain_over_baseline(best[RECOMMENDED], baselines),
        valid_granularity=float(granularity.iloc[0]) if len(granularity) else math.nan,
        replicated="split_seed" in validated,
    )


def scored_runs(validated: pd.DataFrame) -> pd.DataFrame:
    """Return validated runs with finite scores: runs without one count as 0.5.

    Parameters
    ----------
    validated
        As for :func:`recommendation_summary`.

    Returns
    -------
    pandas.DataFrame
        The same rows; both scores float64, ``config_id`` text, and ``failed`` for runs that
        diverged, failed or lack a score.
    """
    status = validated.get("status", pd.Series("ok", index=validated.index))
    scores = {}
    failed = status != "ok"
    for name in (VALID_SCORE, TEST_SCORE):
        values = pd.to_numeric(validated[name], errors="coerce").astype("float64")
        values = values.where(np.isfinite(values) & (status == "ok"))
        failed = failed | values.isna()
        scores[name] = values.fillna(FAILED_SCORE)
    return validated.assign(config_id=validated["config_id"].astype(str), **scores, failed=failed)


def best_runs(runs: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Return the runs of an origin's best candidate by mean valid score; of equal ones the first.

    Parameters
    ----------
    runs
        Output of :func:`scored_runs`, of one architecture and task.
    origin
        A key of :data:`aehpo_assets.analysis.names.ORIGIN_NAMES`.
    """
    of_origin = runs[runs["origin"] == origin]
    if of_origin.empty:
        return of_origin
    means = of_origin.groupby("config_id", sort=False)[VALID_SCORE].mean()
    return of_origin[of_origin["config_id"] == means.idxmax()]


def gain(recommended: pd.DataFrame, other: pd.DataFrame, opponent: str) -> Gain | None:
    """Compare the runs of two candidates; None where one of them is missing.

    Parameters
    ----------
    recommended, other
        Output of :func:`best_runs`.
    opponent
        What a sentence calls the other one.
    """
    if recommended.empty or other.empty:
        return None
    one, two = recommended.set_index("seed"), other.set_index("seed")
    return Gain(
        opponent,
        valid=improvement(one[VALID_SCORE], two[VALID_SCORE]),
        test=improvement(one[TEST_SCORE], two[TEST_SCORE]),
    )


def _candidate(runs: pd.DataFrame) -> Candidate | None:
    if runs.empty:
        return None
    first = runs.iloc[0]
    details = [str(first["config_id"])]
    if first["origin"] == RECOMMENDED:
        searcher = first.get("searcher")
        details += [str(searcher)] if pd.notna(searcher) else []
        transfer = first.get("transfer")
        details += ["transfer"] if pd.notna(transfer) and bool(transfer) else []
    predicted = pd.to_numeric(first.get(f"predicted_{VALID_SCORE}"), errors="coerce")
    return Candidate(
        name=f"{ORIGIN_NAMES[first['origin']]}: {', '.join(details)}",
        predicted_valid=math.nan if predicted is None else float(predicted),
        valid=_estimate(runs[VALID_SCORE]),
        test=_estimate(runs[TEST_SCORE]),
        runs=len(runs),
        failed_runs=int(runs["failed"].sum()),
    )


def _baseline(baselines: pd.DataFrame, method: str) -> Candidate | None:
    """Return what speaks for a method; None where nothing of it has a score."""
    chosen = chosen_baseline(baselines, method)
    if chosen.empty:
        return None
    first = chosen.iloc[0]
    dims = int(first["latent_dim"])
    of_features = f" of {int(first['features'])} features" if "features" in chosen else ""
    tried = len(tried_baselines(baselines, method))
    return Candidate(
        name=f"{BASELINE_NAMES[method]} ({dims} dimension{'s' if dims > 1 else ''}{of_features}, "
        f"best of {tried})",
        predicted_valid=math.nan,
        valid=_estimate(chosen[VALID_SCORE]),
        test=_estimate(chosen[TEST_SCORE]),
        runs=len(chosen),
    )


def _gain_over_baseline(recommended: pd.DataFrame, baselines: pd.DataFrame) -> Gain | None:
    known = {method: found for method in BASELINE_NAMES if (found := _baseline(baselines, method))}
    known = {method: found for method, found in known.items() if not math.isnan(found.test.mean)}
    if recommended.empty or not known:
        return None
    best = max(known, key=lambda method: known[method].valid.mean)
    chosen = chosen_baseline(baselines, best)
    if "replicate" in baselines:
        # What shares a replicate shares its split.
        runs = chosen.assign(seed=chosen["replicate"])
    elif len(chosen) == 1:
        scores = {score: float(chosen[score].iloc[0]) for score in (VALID_SCORE, TEST_SCORE)}
        runs = recommended.assign(**scores)
    else:
        # Its seeds have nothing in common with seeds of trainings that have the same number.
        runs = chosen.assign(seed=[f"baseline {seed}" for seed in chosen["seed"]])
    return gain(recommended, runs, f"the baseline best on valid, {known[best].name}")


def _estimate(values: pd.Series) -> Estimate:
    return Estimate(float(values.mean()), float(values.sem()))


def _first(frame: pd.DataFrame, column: str) -> str:
    """First known value of a column."""
    values = frame[column].dropna() if column in frame else pd.Series(dtype=str)
    return str(values.iloc[0]) if len(values) else f"unknown {column}"
