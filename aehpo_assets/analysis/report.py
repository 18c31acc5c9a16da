"""Whether a recommendation was worth it: the numbers of one architecture and task, and a verdict.

Candidates are chosen by their valid score, and the test score is only reported. Which candidates
are trained belongs to ``aehpo_gpu.validation``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.markup import escape
from rich.table import Table

from aehpo_assets.analysis.names import BASELINE_NAMES, BEST_SAMPLED, ORIGIN_NAMES, RECOMMENDED
from aehpo_assets.hpo.objectives import FAILED_SCORE, TEST_SCORE, VALID_SCORE


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Attributes
    ----------
    mean
        Mean, NaN where nothing is known.
    standard_error
        Standard error of the mean, NaN with a single seed.
    """

    mean: float
    standard_error: float = math.nan

    def __str__(self) -> str:
        if math.isnan(self.mean):
            return "-"
        error = "" if math.isnan(self.standard_error) else f" ± {self.standard_error:.3f}"
        return f"{self.mean:.3f}{error}"


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
class RecommendationSummary:
    """What validation says about the recommendations of one architecture and task.

    Attributes
    ----------
    architecture, task
        What it is about.
    best_sampled, recommended
        The candidate of each origin with the best mean valid score; None where there is none.
    baselines
        PCA, UMAP and random features, each with the dimension of the best valid score.
    valid_gain, test_gain
        Recommendation less best sampled, paired by seed where both have the same seeds; NaN where
        one of them is missing.
    valid_granularity
        AUC change of one valid pair, NaN where it is not known.
    """

    architecture: str
    task: str
    best_sampled: Candidate | None
    recommended: Candidate | None
    baselines: tuple[Candidate, ...]
    valid_gain: Estimate
    test_gain: Estimate
    valid_granularity: float

    @property
    def beats_best_sampled(self) -> bool:
        """Whether the recommendation is better on test, by the three digits that are reported."""
        return round(self.test_gain.mean, 3) > 0

    @property
    def verdict(self) -> str:
        """The outcome in words, as honest as the numbers allow."""
        if self.recommended is None or self.best_sampled is None:
            missing = RECOMMENDED if self.recommended is None else BEST_SAMPLED
            return f"There is no verdict: no {ORIGIN_NAMES[missing]} was validated."
        sentences = [
            self._against_best_sampled(),
            self._against_baselines(),
            self._granularity(),
            self._failures(),
        ]
        return " ".join(sentence for sentence in sentences if sentence)

    def _against_best_sampled(self) -> str:
        valid, test = self.valid_gain.mean, self.test_gain.mean
        if self.beats_best_sampled:
            outcome = f"beats the best sampled configuration by {test:+.3f} on test"
        else:
            outcome = f"does not beat the best sampled configuration: {test:+.3f} on test"
        text = f"The recommendation {outcome} (valid {valid:+.3f})."
        error = self.test_gain.standard_error
        if math.isnan(error):
            return f"{text} With one seed, how much of it is chance is not known."
        within = "within" if round(abs(test), 3) <= round(error, 3) else "beyond"
        return f"{text} That is {within} one standard error of the difference ({error:.3f})."

    def _against_baselines(self) -> str:
        known = [row for row in self.baselines if not math.isnan(row.valid.mean)]
        if self.recommended is None or not known:
            return ""
        best = max(known, key=lambda row: row.valid.mean)
        gain = self.recommended.test.mean - best.test.mean
        if math.isnan(gain):
            return ""
        if round(gain, 3) > 0:
            return f"It beats the baseline best on valid, {best.name}, by {gain:+.3f} on test."
        return f"It does not beat the baseline best on valid, {best.name}: {gain:+.3f} on test."

    def _granularity(self) -> str:
        step = self.valid_granularity
        if math.isnan(step):
            return ""
        text = f"Two valid samples that swap places change a valid score by up to {step:.3f}"
        if abs(self.valid_gain.mean) < step:
            return f"{text}: the valid difference is smaller than that."
        return f"{text}."

    def _failures(self) -> str:
        chosen = [row for row in (self.recommended, self.best_sampled) if row is not None]
        failed = [
            f"{row.failed_runs} of {row.runs} of the {row.name}"
            for row in chosen
            if row.failed_runs
        ]
        return f"Runs without a score count as 0.5: {', '.join(failed)}." if failed else ""


def recommendation_summary(
    validated: pd.DataFrame, baselines: pd.DataFrame
) -> RecommendationSummary:
    """Summarise what validation and the baselines of one architecture and task say.

    Parameters
    ----------
    validated
        One row a candidate and seed: ``origin`` (``recommended`` or ``best_sampled``),
        ``config_id``, ``seed``, both scores, and where there are any ``status``, ``task``,
        ``architecture``, ``searcher``, ``transfer`` and ``predicted_<valid score>``.
    baselines
        One row a method (``pca``, ``umap``, ``random_features``) and ``latent_dim`` with both
        scores, and ``valid_granularity`` where it is known.

    Returns
    -------
    RecommendationSummary
        The numbers and the verdict.
    """
    runs = validated.assign(config_id=validated["config_id"].astype(str), **_scores(validated))
    best = {origin: _best_runs(runs, origin) for origin in ORIGIN_NAMES}
    gains = {
        score: _gain(best[RECOMMENDED], best[BEST_SAMPLED], score)
        for score in (VALID_SCORE, TEST_SCORE)
    }
    granularity = baselines.get("valid_granularity", pd.Series(dtype="float64")).dropna()
    return RecommendationSummary(
        architecture=_first(validated, "architecture"),
        task=_first(validated, "task"),
        best_sampled=_candidate(best[BEST_SAMPLED]),
        recommended=_candidate(best[RECOMMENDED]),
        baselines=tuple(
            found for method in BASELINE_NAMES if (found := _baseline(baselines, method))
        ),
        valid_gain=gains[VALID_SCORE],
        test_gain=gains[TEST_SCORE],
        valid_granularity=float(granularity.iloc[0]) if len(granularity) else math.nan,
    )


def recommendation_report(validated: pd.DataFrame, baselines: pd.DataFrame) -> Table:
    """Show :func:`recommendation_summary` as a table for the terminal.

    Parameters
    ----------
    validated, baselines
        As for :func:`recommendation_summary`.

    Returns
    -------
    rich.table.Table
        Predicted valid, actual valid and actual test score of the best sampled configuration, the
        recommendation and the baselines (means over seeds ± standard error); the caption is the
        verdict.
    """
    summary = recommendation_summary(validated, baselines)
    table = Table(
        title=escape(f"{summary.task}, {summary.architecture}: weighted average AUC"),
        caption=escape(summary.verdict),
        caption_justify="left",
    )
    table.add_column("")
    for name in ("predicted valid", "actual valid", "actual test"):
        table.add_column(name, justify="right")
    for row in (summary.best_sampled, summary.recommended, *summary.baselines):
        if row is not None:
            predicted = str(Estimate(row.predicted_valid))
            style = "bold" if row is summary.recommended else None
            table.add_row(escape(row.name), predicted, str(row.valid), str(row.test), style=style)
    return table


def _scores(validated: pd.DataFrame) -> dict[str, pd.Series]:
    """Both scores as the blackbox counts them, and whether a run has none of its own."""
    status = validated.get("status", pd.Series("ok", index=validated.index))
    scores = {}
    failed = status != "ok"
    for name in (VALID_SCORE, TEST_SCORE):
        values = pd.to_numeric(validated[name], errors="coerce").astype("float64")
        values = values.where(np.isfinite(values) & (status == "ok"))
        failed = failed | values.isna()
        scores[name] = values.fillna(FAILED_SCORE)
    return {**scores, "failed": failed}


def _best_runs(runs: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Runs of the candidate with the best mean valid score; of equal ones the first."""
    of_origin = runs[runs["origin"] == origin]
    if of_origin.empty:
        return of_origin
    means = of_origin.groupby("config_id", sort=False)[VALID_SCORE].mean()
    return of_origin[of_origin["config_id"] == means.idxmax()]


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
    """Return the dimension of a method with the best valid score; of equal ones the smallest."""
    rows = baselines[(baselines["method"] == method) & baselines[VALID_SCORE].notna()]
    if rows.empty:
        return None
    rows = rows.sort_values("latent_dim", kind="stable")
    best = rows.loc[rows[VALID_SCORE].idxmax()]
    dims = int(best["latent_dim"])
    return Candidate(
        name=f"{BASELINE_NAMES[method]} ({dims} dimension{'s' if dims > 1 else ''})",
        predicted_valid=math.nan,
        valid=Estimate(float(best[VALID_SCORE])),
        test=Estimate(float(best[TEST_SCORE])),
    )


def _estimate(values: pd.Series) -> Estimate:
    return Estimate(float(values.mean()), float(values.sem()))


def _gain(recommended: pd.DataFrame, sampled: pd.DataFrame, score: str) -> Estimate:
    """Recommended less sampled; paired by seed where the seeds are the same."""
    if recommended.empty or sampled.empty:
        return Estimate(math.nan)
    one, other = (runs.set_index("seed")[score].sort_index() for runs in (recommended, sampled))
    if one.index.is_unique and one.index.equals(other.index):
        return _estimate(one - other)
    error = math.hypot(float(one.sem()), float(other.sem()))
    return Estimate(float(one.mean() - other.mean()), error)


def _first(frame: pd.DataFrame, column: str) -> str:
    """First known value of a column."""
    values = frame[column].dropna() if column in frame else pd.Series(dtype=str)
    return str(values.iloc[0]) if len(values) else f"unknown {column}"
