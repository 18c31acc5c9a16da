"""What validation says of one architecture and task, in numbers.

Candidates are chosen by their valid score, and the test score is only reported. Which candidates
are trained belongs to ``aehpo_gpu.runs.validation``; what can be said of all tasks together to
``validation_report``, the verdict in words to ``verdict``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from aehpo_assets.analysis.chosen_baselines import chosen_baseline, tried_baselines
from aehpo_assets.analysis.convergence import convergence, convergence_sentence
from aehpo_assets.analysis.improvement import (
    Estimate,
    difference,
    mean_difference,
    own_estimate,
    trained_estimate,
)
from aehpo_assets.analysis.names import (
    BASELINE,
    BASELINE_NAMES,
    BEST_SAMPLED,
    ORIGIN_NAMES,
    RAW_FEATURES,
    RECOMMENDED,
    UNTUNED_DEFAULT,
    WITHOUT_SEED,
)
from aehpo_assets.analysis.new_patients import for_new_patients
from aehpo_assets.analysis.validated_runs import best_runs, scored_runs
from aehpo_assets.hpo.columns import SCORES
from aehpo_assets.hpo.objectives import TEST_SCORE, VALID_SCORE
from aehpo_assets.noise.pooled import Noise, pooled, replicate_noise
from aehpo_assets.noise.summary import known_noise
from aehpo_assets.noise.verdict import Difference

REPLICATE = "replicate"
_OF_BASELINE = " of the baseline"

_OPPONENTS = {
    BEST_SAMPLED: "the best sampled configuration",
    UNTUNED_DEFAULT: "the untuned default",
}


@dataclass(frozen=True)
class Candidate:
    """A configuration or a baseline with its scores.

    Attributes
    ----------
    name
        What it is called in the report.
    predicted_valid
        Valid score that the surrogate predicted, NaN where nothing was predicted.
    predicted_noise
        Whether the noise was known to what predicted it; None where nothing was predicted.
    key
        Its ``config_id``, or the method of a baseline: its column of ``influence``.
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
    predicted_noise: str | None = None
    key: str = ""


@dataclass(frozen=True)
class Gain:
    """What the recommendation adds to an opponent.

    Both were chosen by their valid scores, the recommendation among several, so that the valid
    difference flatters whoever was chosen among more; the test score chose nothing.

    Attributes
    ----------
    opponent
        ``best_sampled``, ``untuned_default`` or ``baseline``.
    against
        What a sentence calls the opponent.
    config_id, opponent_config_id
        The two configurations; of a baseline its name.
    differences
        Score to recommendation less opponent.
    for_new_patients
        The difference on test, with the chance that drew the test samples; None where that is not
        known.
    """

    opponent: str
    against: str
    config_id: str
    opponent_config_id: str
    differences: Mapping[str, Difference]
    for_new_patients: Difference | None = None


@dataclass(frozen=True)
class RecommendationSummary:
    """What validation says about the recommendations of one architecture and task.

    Attributes
    ----------
    architecture, task
        What it is about.
    candidates
        Origin to its candidate with the best mean valid score; origins that were not validated
        are left out.
    baselines
        Every method with the features and dimensions of the best valid score among those tried;
        what a seed decides over fresh seeds, and where there are replicates all of them over those
        that the recommendation was trained in.
    gains
        What the recommendation adds to the best sampled configuration, to the default, and to the
        baseline of the best valid score; those of which one side is missing are left out.
    noise
        Score to the noise of one replicate, pooled over the autoencoders of the task; None where
        none was trained twice.
    convergence
        Warning of candidates whose training had not converged; empty if there are none.
    opening
        What has to be said of how the test was opened; empty if it is nothing.
    """

    architecture: str
    task: str
    candidates: Mapping[str, Candidate]
    baselines: tuple[Candidate, ...]
    gains: tuple[Gain, ...]
    noise: Mapping[str, Noise | None]
    convergence: str = ""
    opening: str = ""


def recommendation_summary(
    validated: pd.DataFrame,
    baselines: pd.DataFrame,
    components: pd.DataFrame | None = None,
    opening: str = "",
    influence: pd.DataFrame | None = None,
) -> RecommendationSummary:
    """Summarise what validation and the baselines of one architecture and task say.

    Parameters
    ----------
    validated
        One row a candidate and seed: ``origin`` (``recommended``, ``best_sampled`` or
        ``untuned_default``), ``config_id``, ``seed``, both scores, and where there are any
        ``split_seed``, ``status``, ``task``, ``architecture``, ``searcher``, ``transfer`` and
        ``predicted_<valid score>``.
    baselines
        As for :func:`aehpo_assets.analysis.chosen_baselines.tried_baselines`, with both scores.
    components
        Variance components of the sampled runs
        (:func:`aehpo_assets.noise.summary.noise_tables`), where there are any.
    opening
        What has to be said of how the test was opened
        (:func:`aehpo_assets.analysis.opening.opening_sentence`).
    influence
        As of :class:`~aehpo_assets.analysis.opening.OpenedTest`, where it is known.

    Returns
    -------
    RecommendationSummary
        The numbers.
    """
    runs = scored_runs(validated)
    noise = {
        score: pooled(replicate_noise(runs, score), known_noise(components, score))
        for score in SCORES
    }
    chosen = {o: own for o in ORIGIN_NAMES if len(own := best_runs(runs, o))}
    rows = {m: own for m in BASELINE_NAMES if len(own := chosen_baseline(baselines, m))}
    known = {method: _baseline(baselines, method, own) for method, own in rows.items()}
    gains: list[Gain] = []
    if RECOMMENDED in chosen:
        found = [
            _gain(chosen[RECOMMENDED], chosen[origin], origin, name, noise)
            for origin, name in _OPPONENTS.items()
            if origin in chosen
        ]
        gains = [_with_new_patients(gain, influence, gain.opponent_config_id) for gain in found]
        scored = [method for method, own in known.items() if not math.isnan(own.test.mean)]
        if scored:
            best = max(scored, key=lambda method: known[method].valid.mean)
            gain = _gain_over_baseline(chosen[RECOMMENDED], known[best], rows[best], noise)
            gains.append(_with_new_patients(gain, influence, best))
    return RecommendationSummary(
        architecture=_first(validated, "architecture"),
        task=_first(validated, "task"),
        candidates={origin: _candidate(own, noise) for origin, own in chosen.items()},
        baselines=tuple(known.values()),
        gains=tuple(gains),
        noise=noise,
        convergence=_convergence(list(chosen.values())),
        opening=opening,
    )


def _convergence(chosen: list[pd.DataFrame]) -> str:
    told = [own for own in chosen if {"status", "train_r2"} <= {*own}]
    return convergence_sentence(convergence(pd.concat(told))) if told else ""


def _gain(
    recommended: pd.DataFrame,
    other: pd.DataFrame,
    opponent: str,
    against: str,
    noise: Mapping[str, Noise | None],
) -> Gain:
    ids = (str(recommended["config_id"].iloc[0]), str(other["config_id"].iloc[0]))
    differences = {}
    for score in SCORES:
        one, two = (trained_estimate(runs, score, noise[score]) for runs in (recommended, other))
        differences[score] = difference(one, two, same_noise=True)
        if ids[0] == ids[1]:
            # The same runs, trained once: there is no noise between them.
            differences[score] = Difference(0.0, 0.0, math.inf, one.replicates)
    return Gain(opponent, against, *ids, differences)


def _gain_over_baseline(
    recommended: pd.DataFrame,
    rival: Candidate,
    rows: pd.DataFrame,
    noise: Mapping[str, Noise | None],
) -> Gain:
    theirs = {VALID_SCORE: rival.valid, TEST_SCORE: rival.test}
    replicated = REPLICATE in rows and REPLICATE in recommended
    both = pd.DataFrame()
    if replicated:
        both = recommended.merge(rows, on=REPLICATE, suffixes=("", _OF_BASELINE))
    differences = {}
    for score in SCORES:
        if len(both) > 1:
            # In one replicate both have the same split, and what it does to both is no difference.
            differences[score] = mean_difference(both[score] - both[f"{score}{_OF_BASELINE}"])
            continue
        # In replicates of their own, what a split does is not taken out of either.
        ours = (
            own_estimate(recommended[score], has_seed=True)
            if replicated
            else trained_estimate(recommended, score, noise[score])
        )
        differences[score] = difference(ours, theirs[score], same_noise=False)
    against = f"the baseline best on valid, {rival.name}"
    config_id = str(recommended["config_id"].iloc[0])
    return Gain(BASELINE, against, config_id, rival.name, differences)


def _with_new_patients(gain: Gain, influence: pd.DataFrame | None, other: str) -> Gain:
    """Add what the difference says of new patients; the opponent is named as ``influence`` does."""
    widened = for_new_patients(gain.differences[TEST_SCORE], influence, gain.config_id, other)
    return replace(gain, for_new_patients=widened)


def _candidate(runs: pd.DataFrame, noise: Mapping[str, Noise | None]) -> Candidate:
    first = runs.iloc[0]
    details = [str(first["config_id"])]
    if first["origin"] == RECOMMENDED:
        searcher = first.get("searcher")
        details += [str(searcher)] if pd.notna(searcher) else []
        transfer = first.get("transfer")
        details += ["transfer"] if pd.notna(transfer) and bool(transfer) else []
    predicted = pd.to_numeric(first.get(f"predicted_{VALID_SCORE}"), errors="coerce")
    noise_of = first.get("predicted_noise")
    return Candidate(
        name=f"{ORIGIN_NAMES[first['origin']]}: {', '.join(details)}",
        predicted_valid=math.nan if predicted is None else float(predicted),
        valid=trained_estimate(runs, VALID_SCORE, noise[VALID_SCORE]),
        test=trained_estimate(runs, TEST_SCORE, noise[TEST_SCORE]),
        runs=len(runs),
        failed_runs=int(runs["failed"].sum()),
        predicted_noise=noise_of if isinstance(noise_of, str) else None,
        key=str(first["config_id"]),
    )


def _baseline(baselines: pd.DataFrame, method: str, chosen: pd.DataFrame) -> Candidate:
    """Return a method by the rows that speak for it."""
    first = chosen.iloc[0]
    dims = int(first["latent_dim"])
    size = f"{dims} dimension{'s' if dims > 1 else ''}"
    size += f" of {int(first['features'])} features" if "features" in chosen else ""
    if method == RAW_FEATURES:
        size = f"{dims} of them"
    tried = len(tried_baselines(baselines, method))
    has_seed = method not in WITHOUT_SEED or REPLICATE in chosen
    return Candidate(
        name=f"{BASELINE_NAMES[method]} ({size}, best of {tried})",
        predicted_valid=math.nan,
        valid=own_estimate(chosen[VALID_SCORE], has_seed=has_seed),
        test=own_estimate(chosen[TEST_SCORE], has_seed=has_seed),
        runs=len(chosen),
        key=method,
    )


def _first(frame: pd.DataFrame, column: str) -> str:
    """First known value of a column."""
    values = frame[column].dropna() if column in frame else pd.Series(dtype=str)
    return str(values.iloc[0]) if len(values) else f"unknown {column}"
