"""What each modality adds to a joint task, label by label: the task less that without it, on test.

Each is what speaks for its own task, chosen by its valid score. Which way of fusion beats the best
modality belongs to ``integration``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from aehpo_assets.analysis.improvement import difference, mean_difference, own_estimate
from aehpo_assets.analysis.integration import LateFusion
from aehpo_assets.analysis.integration_labels import AVERAGE, tested_patients
from aehpo_assets.analysis.names import BASELINE_NAMES, JOINED_LATENTS, RECOMMENDED, WITHOUT_SEED
from aehpo_assets.analysis.opening import OpenedTest
from aehpo_assets.analysis.validation_summary import REPLICATE, RecommendationSummary
from aehpo_assets.datasets.joint_names import is_joint, without_each
from aehpo_assets.hpo.objectives import TEST_SCORE

AUTOENCODER = "autoencoder"
"""The recommended autoencoder of either task."""

COLUMNS = [
    *("joint", "method", "modality", "against", "label", "gain", "lower", "upper"),
    *("replicates", "same_samples"),
]


def modality_gains(
    summaries: Mapping[str, RecommendationSummary],
    opened: Mapping[str, OpenedTest],
    late: Mapping[str, LateFusion],
) -> pd.DataFrame:
    """Compare each joint task with the task of all its modalities but one.

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
        One row a joint task, method (``autoencoder``, baselines that both tasks have, and of two
        modalities ``joined latents``), modality and label: :data:`COLUMNS`. ``gain`` is the mean
        test AUC of the joint task less that of ``against``, which lacks the modality; ``lower,
        upper`` are 95 % of this row alone: paired by replicate where the two have several in
        common, missing where a seed decides and there is one, equal where nothing is drawn. Where
        the tasks are tested on other patients (``same_samples``), it is a difference of samples
        too. Labels that one of them lacks are left out.
    """
    rows: list[dict[str, object]] = []
    for joint in filter(is_joint, summaries):
        for modality, rest in without_each(joint, summaries).items():
            same = tested_patients(opened[joint]) == tested_patients(opened[rest])
            known = {"joint": joint, "modality": modality, "against": rest}
            for method, one, other, drawn in _pairs(joint, rest, summaries, opened, late):
                same_now = same or method == JOINED_LATENTS
                of = known | {"method": method, "same_samples": same_now}
                rows += [of | gain for gain in _gains(one, other, drawn=drawn)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _pairs(
    joint: str,
    rest: str,
    summaries: Mapping[str, RecommendationSummary],
    opened: Mapping[str, OpenedTest],
    late: Mapping[str, LateFusion],
) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame, bool]]:
    """Yield method, runs of the joint task, those without the modality, and if any is drawn."""
    runs = []
    for task in (joint, rest):
        if (best := summaries[task].candidates.get(RECOMMENDED)) is not None:
            own = opened[task].runs
            runs.append(own[own["config_id"].astype(str) == best.key])
    if len(runs) == 2:
        yield AUTOENCODER, runs[0], runs[1], True
    keys = {one.key for one in summaries[rest].baselines}
    for method in [one.key for one in summaries[joint].baselines if one.key in keys]:
        both = [opened[task].baselines for task in (joint, rest)]
        of_method = [own[own["method"] == method] for own in both]
        drawn = method not in WITHOUT_SEED or all(REPLICATE in own for own in of_method)
        yield method, of_method[0], of_method[1], drawn
    if joint in late:
        scores = late[joint].scores
        if rest in set(scores["way"]):
            ways = [scores[scores["way"] == way] for way in (JOINED_LATENTS, rest)]
            yield JOINED_LATENTS, ways[0], ways[1], True


def _gains(one: pd.DataFrame, other: pd.DataFrame, *, drawn: bool) -> Iterator[dict[str, object]]:
    """Yield the gain of each label that both have."""
    start, end = "auc_", "_test"
    labels, others = (
        [name for name in own if name.startswith(start) and name.endswith(end)]
        for own in (one.dropna(axis=1, how="all"), other.dropna(axis=1, how="all"))
    )
    named = {name: name.removeprefix(start).removesuffix(end) for name in labels if name in others}
    # An average over other labels is another one.
    average = {TEST_SCORE: AVERAGE} if set(labels) == set(others) else {}
    for column, label in (average | named).items():
        left, right = (_by_replicate(own, column) for own in (one, other))
        if left.empty or right.empty:
            continue
        paired = (left - right).dropna()
        if drawn and len(paired) > 1:
            found = mean_difference(paired)
        else:
            found = difference(
                own_estimate(left, has_seed=drawn),
                own_estimate(right, has_seed=drawn),
                same_noise=False,
            )
        bounds = found.interval() if found.is_tested else (math.nan, math.nan)
        ends = dict(zip(("lower", "upper"), bounds, strict=True))
        yield {"label": label, "gain": found.mean, **ends, "replicates": found.replicates}


def _by_replicate(runs: pd.DataFrame, column: str) -> pd.Series:
    """Scores by what is drawn, a seed or a split."""
    by = REPLICATE if REPLICATE in runs else "seed"
    values = runs[column].astype("float64")
    return values.set_axis(runs[by]).dropna() if by in runs else values.dropna()


def gains_text(table: pd.DataFrame, joint: str, architecture: str) -> pd.DataFrame:
    """Return what :func:`modality_gains` found of a joint task as people read it.

    Parameters
    ----------
    table
        Output of :func:`modality_gains`, of one architecture.
    joint
        The joint task.
    architecture
        What the autoencoders are of.

    Returns
    -------
    pandas.DataFrame
        One row a method and modality, a column a label, all of it text.
    """
    own = table[table["joint"] == joint]
    names = BASELINE_NAMES | {
        AUTOENCODER: architecture,
        JOINED_LATENTS: f"{architecture}, {JOINED_LATENTS}",
    }
    shown = []
    for (modality, method), rows in own.groupby(["modality", "method"], sort=False):
        cells = {str(row["label"]): _cell(row) for row in rows.to_dict("records")}
        samples = "the same" if rows["same_samples"].all() else "others too"
        where = {"adds": modality, "of": names[str(method)], "test samples": samples}
        shown.append(where | cells)
    return pd.DataFrame(shown).fillna("-")


def _cell(row: Mapping[object, object]) -> str:
    bounds = "" if pd.isna(row["lower"]) else f" [{row['lower']:+.3f}, {row['upper']:+.3f}]"
    return f"{row['gain']:+.3f}{bounds}"


def all_gains_text(tables: Mapping[str, pd.DataFrame], joint: str) -> pd.DataFrame:
    """Put :func:`gains_text` of several architectures together; baselines stand there once.

    Parameters
    ----------
    tables
        Architecture to the output of :func:`modality_gains`.
    joint
        The joint task.
    """
    parts: Sequence[pd.DataFrame] = [
        gains_text(table, joint, architecture) for architecture, table in tables.items()
    ]
    together = pd.concat([part for part in parts if len(part)], ignore_index=True).fillna("-")
    once = together.drop_duplicates(["adds", "of"])
    return once.sort_values("adds", kind="stable", ignore_index=True)
