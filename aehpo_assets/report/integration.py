"""What joining modalities adds, for the page: every way side by side, and each modality's part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pandas as pd

from aehpo_assets.analysis.factor_labels import factor_labels_text
from aehpo_assets.analysis.factor_nodes import factor_nodes_text
from aehpo_assets.analysis.integration import integration_text
from aehpo_assets.analysis.integration_labels import AVERAGE, by_candidate, by_candidate_text
from aehpo_assets.analysis.modality_gains import all_gains_text
from aehpo_assets.analysis.names import RECOMMENDED
from aehpo_assets.analysis.plots.factors import factors
from aehpo_assets.analysis.plots.integration import integration_scores
from aehpo_assets.analysis.shared_factors import COLUMNS, MOFA, factors_text, wide
from aehpo_assets.analysis.validated_runs import best_runs, scored_runs
from aehpo_assets.datasets.joint_names import JOINS, is_joint
from aehpo_assets.hpo.rounds import VALIDATED
from aehpo_assets.report.blocks import Block, Picture, Table
from aehpo_assets.report.found import Report
from aehpo_assets.store.store import Store

_OTHERS = (
    " A modality alone has more samples, and is trained and tested on them: only what is of the "
    "joint task, or on the samples of both, can be held against each other."
)

SHARED_FACTORS = "shared_factors"


def integration_blocks(store: Store, reports: Mapping[str, Report]) -> Iterator[Block]:
    """Yield what joining modalities adds, where a study joins any.

    Parameters
    ----------
    store
        Of a home.
    reports
        Output of :func:`aehpo_assets.report.found.validation_reports`.
    """
    for architecture, report in reports.items():
        if "integration" in report:
            yield Table(
                f"integration-{architecture}",
                f"What joining modalities adds to the best of them alone ({architecture}): that "
                "one is chosen by its valid score, and test decides.",
                report["integration"],
                integration_text(report["integration"]),
            )
    labels = _of_all(reports, "integration_labels")
    compared = dict.fromkeys(task for table in labels.values() for task in table["joint"])
    for task in compared:
        said = _fewer_features(store, task, labels)
        yield from _of_task(task, labels, _of_all(reports, "modality_gains"), said)
        yield from _factors(store, task)
    # What is shared needs no modality alone beside it.
    joint = dict.fromkeys(task for one in reports.values() for task in one["verdicts"]["task"])
    for task in joint:
        if is_joint(task) and task not in compared:
            yield from _factors(store, task)


def _of_all(reports: Mapping[str, Report], name: str) -> dict[str, pd.DataFrame]:
    return {one: report[name] for one, report in reports.items() if name in report}


def _fewer_features(store: Store, task: str, labels: Mapping[str, pd.DataFrame]) -> str:
    """Say where a recommendation reads fewer features of all modalities than of these alone."""
    fewer = []
    for architecture, table in labels.items():
        names = table.loc[table["joint"] == task, "task"].unique()
        read = {name: _features_read(store, architecture, name) for name in names}
        joint = read.pop(task, 0)
        if 0 < joint < sum(read.values()):
            fewer.append(f"{architecture} ({joint} in all, {sum(read.values())} alone)")
    if not fewer:
        return ""
    return (
        f" What is recommended for {task} reads fewer features than of its modalities alone: "
        f"{', '.join(fewer)}. A larger k_filter in the space tells whether joining is to blame."
    )


def _features_read(store: Store, architecture: str, task: str) -> int:
    """How many features the recommendation of a task reads; 0 where none is validated."""
    partition = (architecture, task)
    if not store.is_usable(VALIDATED, partition):
        return 0
    best = best_runs(scored_runs(store.read_table(VALIDATED, partition)), RECOMMENDED)
    return 0 if best.empty else int(best["k_filter_effective"].iloc[0])


def _of_task(
    task: str,
    labels: Mapping[str, pd.DataFrame],
    gains: Mapping[str, pd.DataFrame],
    fewer: str,
) -> Iterator[Block]:
    stem = task.replace(JOINS, "-")
    table = by_candidate(labels, task)
    own = [one[one["joint"] == task].assign(architecture=name) for name, one in gains.items()]
    others = any(not one["same_samples"].all() for one in own)
    said = (_OTHERS if others else "") + fewer
    if AVERAGE in table:
        yield Picture(
            f"integration-scores-{stem}",
            f"Single modalities, fusions and references of {task}: mean AUC on the test samples, "
            f"averaged over labels, with its 95 % interval over replicates.{said}",
            partial(integration_scores, table, task),
        )
    yield Table(
        f"integration-labels-{stem}",
        f"Single modalities, fusions and references of {task}, label by label: mean AUC on the "
        f"test samples, with its 95 % interval over replicates.{said}",
        table,
        by_candidate_text(table, [name for name in table if f"{name} lower" in table]),
    )
    if any(map(len, own)):
        yield Table(
            f"modality-gains-{stem}",
            f"What each modality adds to {task}, label by label: AUC on test less that of the task "
            "without it, with its 95 % interval, by replicate. Where the test samples are others "
            "too, it is a difference of samples as well.",
            pd.concat(own, ignore_index=True),
            all_gains_text(gains, task),
        )


def _factors(store: Store, task: str) -> Iterator[Block]:
    """Which factors of MOFA and which latents are of several modalities."""
    if not store.is_usable(SHARED_FACTORS, ()):
        return
    folder = store.existing_folder(SHARED_FACTORS, ())
    # A home may hold what was made before there were all of these.
    table = pd.read_parquet(folder / "explained.parquet").reindex(columns=COLUMNS)
    own = table[table["task"] == task]
    if own.empty:
        return
    stem = task.replace(JOINS, "-")
    yield Table(
        f"shared-factors-{stem}",
        f"Factors of MOFA and latents of what is recommended for {task}, by the modalities of "
        "which they explain 2 % or more of the variance on train, each by itself: shared, or of "
        "one alone. Shares of latents that go together count twice.",
        own,
        factors_text(own),
    )
    labels, nodes = (_rows(folder / f"{name}.parquet", task) for name in ("labels", "nodes"))
    if len(labels):
        yield Table(
            f"factor-labels-{stem}",
            f"The factor or latent of {task} that each label goes along with most, by ranks on "
            "train: what it is about, not how well all of them predict.",
            labels,
            factor_labels_text(labels),
        )
    if len(nodes):
        yield Table(
            f"factor-nodes-{stem}",
            "Nodes of the ontology that the strongest tenth of the features of each MOFA factor of "
            f"{task} belong to more often than by chance.",
            nodes,
            factor_nodes_text(nodes),
        )
    for of, rows in own.groupby("of", sort=False):
        what = f"factor of {of}" if of == MOFA else f"latent of {of}"
        yield Picture(
            f"shared-factors-{stem}-{of}",
            f"What each {what} explains of each modality of {task}: bars of the same height are of "
            "a shared one, a single bar is of one modality alone.",
            partial(factors, wide(rows), what),
        )


def _rows(file: Path, task: str) -> pd.DataFrame:
    """Rows of a joint task; none where a home was made before there was such a table."""
    table = pd.read_parquet(file) if file.exists() else pd.DataFrame({"task": []})
    return table[table["task"] == task]
