"""What joining modalities adds: each way of fusion beside the best of the modalities alone.

The best modality is chosen by its valid score, as a user without the joint task would; test
decides. How scores and their noise come about belongs to ``validation_summary``; how recommended
autoencoders of single modalities are put together, to ``aehpo_gpu.runs.late_fusion``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from aehpo_assets.analysis.improvement import difference, mean_difference
from aehpo_assets.analysis.names import LATE, RECOMMENDED
from aehpo_assets.analysis.new_patients import for_new_patients
from aehpo_assets.analysis.validation_summary import Candidate, RecommendationSummary
from aehpo_assets.datasets.joint_names import is_joint, modalities_alone
from aehpo_assets.hpo.columns import PATIENT, TEST_SCORE, VALID_SCORE
from aehpo_assets.noise.verdict import Difference, verdicts

AUTOENCODER, SIMPLE, EITHER = "autoencoder", "baseline", "either"
"""What is compared: the recommended autoencoders, the baselines, or the better of both by valid."""

_SHOWN = {AUTOENCODER: "autoencoders", SIMPLE: "baselines"}

COLUMNS = [
    *("task", "method", "against", "candidate", "opponent", "valid", "opponent_valid", "test"),
    *("opponent_test", "improvement", "standard_error", "lower", "upper", "same_samples"),
    *("outcome", "new_patients", "new_patients_lower", "new_patients_upper"),
]


@dataclass(frozen=True)
class LateFusion:
    """What late fusion of a joint task scored.

    Attributes
    ----------
    scores
        One row a way (a task of its modalities, or one of :data:`LATE`) and ``seed``, with both
        scores, all of them on the same samples.
    influence
        One row a test sample: ``patient``, and what it adds to the test score of each way.
    """

    scores: pd.DataFrame
    influence: pd.DataFrame


@dataclass(frozen=True)
class _Side:
    task: str
    candidate: Candidate


def integration(
    summaries: Mapping[str, RecommendationSummary],
    influence: Mapping[str, pd.DataFrame],
    late: Mapping[str, LateFusion] = MappingProxyType({}),
) -> pd.DataFrame:
    """Compare every way of joining modalities with the best of these alone.

    Parameters
    ----------
    summaries
        Task to its summary.
    influence
        Task to what each test sample adds to a score, as of
        :class:`~aehpo_assets.analysis.opening.OpenedTest`.
    late
        Joint task to its late fusion, where it is known.

    Returns
    -------
    pandas.DataFrame
        One row a joint task and method (``autoencoder``, ``baseline``, ``either``, and of late
        fusion those of :data:`LATE`, paired with the autoencoder of the best modality by
        replicate, on the same samples): :data:`COLUMNS`. ``against`` is the modality alone that has
        the best valid score by that method; ``improvement`` the joint task's test score less its,
        ``lower, upper`` 95 % of this row alone. ``outcome`` (``better``, ``worse``, ``equal``,
        ``not yet``) holds on these test samples and is missing where the two tasks have others
        (``same_samples``); ``new_patients`` counts the chance that drew them too. Both are families
        of their own.
    """
    rows: list[dict[str, object]] = []
    on_these: list[Difference | None] = []
    widened: list[Difference | None] = []
    for task, summary in summaries.items():
        alone = modalities_alone(task, summaries) if is_joint(task) else []
        for method in (AUTOENCODER, SIMPLE, EITHER) if alone else ():
            ours = _best(method, {task: summary})
            theirs = _best(method, {one: summaries[one] for one in alone})
            if ours is None or theirs is None:
                continue
            found = difference(ours.candidate.test, theirs.candidate.test, same_noise=False)
            of_samples = _influence(influence, ours, theirs)
            same = _patients(influence, ours.task) == _patients(influence, theirs.task)
            on_these.append(found if same else None)
            widened.append(for_new_patients(found, of_samples, "one", "other"))
            one, other = ours.candidate, theirs.candidate
            rows.append(
                _row(
                    ours.task,
                    method,
                    theirs.task,
                    (one.name, other.name),
                    (one.valid.mean, other.valid.mean),
                    (one.test.mean, other.test.mean),
                    found,
                    same=same,
                )
            )
        for way in LATE if task in late else ():
            row, found = _of_late(task, way, late[task])
            rows.append(row)
            on_these.append(found)
            against = str(row["against"])
            widened.append(for_new_patients(found, late[task].influence, way, against))
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["outcome"] = _outcomes(on_these)
    table["new_patients"] = _outcomes(widened)
    bounds = [(math.nan, math.nan) if one is None else one.interval() for one in widened]
    table[["new_patients_lower", "new_patients_upper"]] = bounds or None
    return table


def _best(method: str, summaries: Mapping[str, RecommendationSummary]) -> _Side | None:
    """Return the candidate of the best valid score; None where nothing has a test score."""
    sides = []
    for task, summary in summaries.items():
        trained = [summary.candidates[RECOMMENDED]] if RECOMMENDED in summary.candidates else []
        given = {AUTOENCODER: trained, SIMPLE: summary.baselines}
        asked = given.get(method, [*trained, *summary.baselines])
        sides += [_Side(task, one) for one in asked if not math.isnan(one.test.mean)]
    return max(sides, key=lambda side: side.candidate.valid.mean, default=None)


def _patients(influence: Mapping[str, pd.DataFrame], task: str) -> list[str]:
    return sorted(influence[task][PATIENT].astype(str))


def _influence(
    influence: Mapping[str, pd.DataFrame], one: _Side, other: _Side
) -> pd.DataFrame | None:
    """What each patient adds to either score: nothing where a task has no sample of them."""
    sums = []
    for side in (one, other):
        table = influence[side.task]
        if side.candidate.key not in table:
            return None
        sums.append(table.groupby(PATIENT)[side.candidate.key].sum())
    both = pd.concat(dict(zip(("one", "other"), sums, strict=True)), axis=1).fillna(0.0)
    return both.rename_axis(PATIENT).reset_index()


def _row(
    task: str,
    method: str,
    against: str,
    names: tuple[str, str],
    valid: tuple[float, float],
    test: tuple[float, float],
    found: Difference,
    *,
    same: bool,
) -> dict[str, object]:
    """A row of the table: what joins, and what it is held against."""
    lower, upper = found.interval() if found.is_tested else (math.nan, math.nan)
    return {
        "task": task,
        "method": method,
        "against": against,
        "candidate": names[0],
        "opponent": names[1],
        "valid": valid[0],
        "opponent_valid": valid[1],
        "test": test[0],
        "opponent_test": test[1],
        "improvement": found.mean,
        "standard_error": found.error,
        "lower": lower,
        "upper": upper,
        "same_samples": same,
    }


def _of_late(task: str, way: str, late: LateFusion) -> tuple[dict[str, object], Difference]:
    """Compare a way of late fusion with the modality that is best on valid, by replicate."""
    wide = {
        score: late.scores.pivot(index="seed", columns="way", values=score)
        for score in (VALID_SCORE, TEST_SCORE)
    }
    valid, test = wide[VALID_SCORE].mean(), wide[TEST_SCORE].mean()
    against = str(valid.drop(list(LATE)).idxmax())
    found = mean_difference(wide[TEST_SCORE][way] - wide[TEST_SCORE][against])
    row = _row(
        task,
        way,
        against,
        (way, f"recommendation of {against}"),
        (valid[way], valid[against]),
        (test[way], test[against]),
        found,
        same=True,
    )
    return row, found


def _outcomes(differences: list[Difference | None]) -> pd.Series:
    known = {at: one for at, one in enumerate(differences) if one is not None}
    found = pd.Series(pd.NA, index=range(len(differences)), dtype="str")
    for at, verdict in zip(known, verdicts(list(known.values())), strict=True):
        found[at] = verdict.outcome
    return found


def integration_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return what :func:`integration` found as people read it: a row each, all of it text."""
    shown = []
    for row in table.to_dict("records"):
        patients = "not known"
        if isinstance(row["new_patients"], str):
            bounds = f"[{row['new_patients_lower']:+.3f}, {row['new_patients_upper']:+.3f}]"
            patients = f"{row['new_patients']} {bounds}"
        shown.append(
            {
                "joint task": row["task"],
                "of": _SHOWN.get(row["method"], row["method"]),
                "best alone": row["against"],
                "adds on test": f"{row['improvement']:+.3f}",
                "on these samples": row["outcome"] if row["same_samples"] else "are others",
                "for new patients": patients,
            }
        )
    return pd.DataFrame(shown)
