"""Single modalities, fusions and references of a joint task side by side, label by label, on test.

What speaks for each was chosen by its valid score before. How much a way of fusion adds to the best
modality, with a verdict, belongs to ``integration``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from aehpo_assets.analysis.improvement import own_estimate
from aehpo_assets.analysis.integration import LateFusion
from aehpo_assets.analysis.names import BASELINE, LATE, RECOMMENDED, WITHOUT_SEED
from aehpo_assets.analysis.opening import OpenedTest
from aehpo_assets.analysis.validation_summary import REPLICATE, RecommendationSummary
from aehpo_assets.datasets.joint_names import is_joint, modalities_alone
from aehpo_assets.hpo.columns import PATIENT
from aehpo_assets.hpo.objectives import TEST_SCORE

ALONE = "recommendation, on the samples of both"
"""Name of the recommended autoencoder of one modality where the joint task has fewer samples."""

AVERAGE = "weighted average"
"""Name of the score that labels are averaged to."""

LATE_FUSION = "late_fusion"

COLUMNS = ["joint", "task", "origin", "name", "label", "test", "lower", "upper", "replicates"]


def integration_labels(
    summaries: Mapping[str, RecommendationSummary],
    opened: Mapping[str, OpenedTest],
    late: Mapping[str, LateFusion],
) -> pd.DataFrame:
    """Lay out what every way of representing a joint task's samples scores for each label.

    Parameters
    ----------
    summaries
        Task to its summary, of one architecture.
    opened
        Task to what opening its test showed.
    late
        Joint task to its late fusion, where it is known.

    Returns
    -------
    pandas.DataFrame
        One row a joint task, task (itself, and those of its modalities), candidate and label:
        :data:`COLUMNS`. ``origin`` is ``recommended``, ``baseline`` or ``late_fusion``, which has
        modalities alone as well where their own test samples are others (:data:`ALONE`): trained on
        all that have it, and scored where all have both. ``label`` is the label, or ``weighted
        average``; ``test`` the mean AUC over ``replicates`` on the task's own test samples,
        ``lower, upper`` its 95 % interval over them, missing where there is one and equal where
        nothing is drawn.
    """
    rows: list[dict[str, object]] = []
    for joint in filter(is_joint, summaries):
        for task in (*modalities_alone(joint, summaries), joint):
            for origin, name, scores, drawn in _candidates(summaries[task], opened[task]):
                known = {"joint": joint, "task": task, "origin": origin, "name": name}
                rows += [known | one for one in _labels(scores, drawn=drawn)]
        if joint in late:
            scores = late[joint].scores
            names = {way: (joint, way) for way in LATE}
            for task in modalities_alone(joint, summaries):
                if tested_patients(opened[task]) != tested_patients(opened[joint]):
                    names[task] = (task, ALONE)
            for way, (task, name) in names.items():
                known = {"joint": joint, "task": task, "origin": LATE_FUSION, "name": name}
                own = scores[scores["way"] == way]
                rows += [known | one for one in _labels(own, drawn=True)]
    return pd.DataFrame(rows, columns=COLUMNS)


def tested_patients(opened: OpenedTest) -> list[str]:
    """Return whom a task is tested on, sorted."""
    return sorted(opened.influence[PATIENT].astype(str))


def _candidates(
    summary: RecommendationSummary, opened: OpenedTest
) -> Iterator[tuple[str, str, pd.DataFrame, bool]]:
    """Yield origin, name and runs of what speaks for a task, and whether anything is drawn."""
    if RECOMMENDED in summary.candidates:
        best = summary.candidates[RECOMMENDED]
        runs = opened.runs[opened.runs["config_id"].astype(str) == best.key]
        yield RECOMMENDED, best.name, runs, True
    for one in summary.baselines:
        own = opened.baselines
        if len(own):
            own = own[own["method"] == one.key]
            yield BASELINE, one.name, own, one.key not in WITHOUT_SEED or REPLICATE in own


def _labels(scores: pd.DataFrame, *, drawn: bool) -> Iterator[dict[str, object]]:
    """Yield the mean test score of each label of some runs, with its interval."""
    start, end = "auc_", "_test"
    of_labels = [name for name in scores if name.startswith(start) and name.endswith(end)]
    named = {name: name.removeprefix(start).removesuffix(end) for name in of_labels}
    for column, label in ({TEST_SCORE: AVERAGE} | named).items():
        values = scores[column].dropna().astype("float64")
        if values.empty:
            continue
        mean = own_estimate(values, has_seed=drawn)
        ends = dict(zip(("lower", "upper"), mean.interval(), strict=True))
        yield {"label": label, "test": mean.mean, **ends, "replicates": len(values)}


def by_candidate(tables: Mapping[str, pd.DataFrame], joint: str) -> pd.DataFrame:
    """Put the tables of several architectures together for one joint task, best first.

    Parameters
    ----------
    tables
        Architecture to the output of :func:`integration_labels`.
    joint
        The joint task.

    Returns
    -------
    pandas.DataFrame
        One row a candidate, by its weighted average: ``task, what``, and of each label its mean
        (by the label's name), ``<label> lower`` and ``<label> upper``. Baselines, which all
        architectures share, stand there once.
    """
    parts = []
    for architecture, table in tables.items():
        own = table[table["joint"] == joint]
        of_both = own["origin"] == BASELINE
        parts.append(own.assign(what=own["name"].where(of_both, f"{architecture}, " + own["name"])))
    together = pd.concat(parts, ignore_index=True)
    together = together.drop_duplicates(["task", "what", "label"])
    labels = list(dict.fromkeys(together["label"]))
    wide = together.pivot(
        index=["task", "what"], columns="label", values=["test", "lower", "upper"]
    )
    wide.columns = [
        label if value == "test" else f"{label} {value}" for value, label in wide.columns
    ]
    ordered = [f"{label}{end}" for label in labels for end in ("", " lower", " upper")]
    return wide[ordered].sort_values(AVERAGE, ascending=False, kind="stable").reset_index()


def by_candidate_text(table: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """Return what :func:`by_candidate` found as people read it: a cell a label, all of it text."""
    shown = table[["task", "what"]].copy()
    for label in labels:
        cells = zip(*(table[f"{label}{end}"] for end in ("", " lower", " upper")), strict=True)
        shown[label] = [_cell(*cell) for cell in cells]
    return shown


def _cell(mean: float, lower: float, upper: float) -> str:
    if pd.isna(mean):
        return "-"
    return f"{mean:.3f}" if pd.isna(lower) else f"{mean:.3f} [{lower:.3f}, {upper:.3f}]"
