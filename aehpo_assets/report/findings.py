"""What the runs of a study say beside its recommendations: questions, ranges, signals, labels.

The numbers are computed by ``aehpo_assets.analysis``; here they are put into tables and pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from aehpo_assets.analysis.associations import associations
from aehpo_assets.analysis.heuristics import best_configurations, promising_ranges
from aehpo_assets.analysis.label_bests import label_bests
from aehpo_assets.analysis.names import BASELINE_NAMES
from aehpo_assets.analysis.plots.associations import associations as draw_associations
from aehpo_assets.analysis.plots.associations import promising_ranges as draw_ranges
from aehpo_assets.analysis.plots.associations import proxies as draw_proxies
from aehpo_assets.analysis.proxies import proxies, signals_of
from aehpo_assets.analysis.questions import Evidence, answers
from aehpo_assets.report.blocks import Block, Picture, Section, Table, Text
from aehpo_assets.report.narrowed import narrowed_blocks
from aehpo_assets.space import search_space
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Partition


def finding_sections(home: Home) -> list[Section]:
    """Return the sections on what the sampled runs of a study say.

    Parameters
    ----------
    home
        A home; what was not made yet is left out.
    """
    asked, sections = [], []
    for architecture in home.study().architectures:
        ranges, told = {}, {}
        for task in _tasks(home, architecture):
            section, ranges[task], told[task] = _task_section(home, architecture, task)
            sections.append(section)
        if ranges:
            table = answers(_evidence(home, architecture, ranges, told))
            asked.append(_questions(architecture, table))
    return [
        Section("Questions and answers", "questions", parts=asked),
        Section("What moves what", "findings", parts=sections),
    ]


def _tasks(home: Home, architecture: str) -> list[str]:
    found = home.store.partitions("run_results")
    return [p[1] for p in found if p[0] == architecture and home.store.is_usable("run_results", p)]


def _questions(architecture: str, table: pd.DataFrame) -> Section:
    shown = pd.DataFrame(
        {
            "": table["question"].where(~table["question"].duplicated(), ""),
            "question": table["asks"].where(~table["question"].duplicated(), ""),
            "answer": table["answer"],
            "rests on": table["rests_on"],
        }
    )
    name = f"questions-{architecture}"
    caption = (
        "The questions of the reference study, put in other words. Every answer is computed from "
        "this study's artefacts, and holds for its tasks and its search space."
    )
    return Section(architecture, name, [Table(name, caption, table, shown)])


def _evidence(
    home: Home,
    architecture: str,
    ranges: dict[str, pd.DataFrame],
    told: dict[str, pd.DataFrame],
) -> Evidence:
    def table(asset: str, name: str, *task: str) -> pd.DataFrame:
        return _table(home, asset, (architecture, *task), name)

    noise = {task: table("noise", "components", task) for task in ranges}
    return Evidence(
        importance=table("hyperparameter_effects", "importance"),
        effects=table("hyperparameter_effects", "main_effects"),
        interactions=table("hyperparameter_effects", "interactions"),
        ranges=ranges,
        proxies=told,
        noise={task: own for task, own in noise.items() if len(own)},
        transfer=table("transfer_benchmark", "verdicts"),
        diagnostics=table("surrogate", "diagnostics"),
        accuracy=table("validation_report", "accuracy"),
        ranks=table("hpo_benchmark", "mean_ranks"),
        integration=table("validation_report", "integration"),
    )


def _table(home: Home, asset: str, partition: Partition, name: str) -> pd.DataFrame:
    """Return a table of a folder artefact; an empty one where it has none, or is not there."""
    if not home.store.is_usable(asset, partition):
        return pd.DataFrame()
    file = home.store.existing_folder(asset, partition) / f"{name}.parquet"
    return pd.read_parquet(file) if file.exists() else pd.DataFrame()


def _task_section(
    home: Home, architecture: str, task: str
) -> tuple[Section, pd.DataFrame, pd.DataFrame]:
    """Return the section of a task, its promising ranges, and what its signals are worth."""
    study, stem = home.study(), f"findings-{architecture}-{task}"
    partition = (architecture, task)
    results = home.store.read_table("run_results", partition)
    names = search_space(architecture, study.space).names
    curves = pd.DataFrame()
    if home.store.is_usable("learning_curves", partition):
        curves = home.store.read_table("learning_curves", partition)
    baselines = pd.DataFrame()
    if home.store.is_usable("baseline_performance", (task,)):
        baselines = home.store.read_table("baseline_performance", (task,))
    ranges = promising_ranges(results, names)
    signals = signals_of(results, curves, study.unit)
    told = proxies(results, signals, study.hpo.seed)
    blocks = [
        *_associations(associations(results, names), stem),
        *_ranges(results, ranges, stem),
        *_proxies(told, study.unit, stem),
        *_labels(label_bests(results, baselines), stem),
        *narrowed_blocks(home, architecture, task, stem),
    ]
    return Section(f"{task}, {architecture}", stem, blocks), ranges, told


def _associations(table: pd.DataFrame, stem: str) -> Iterator[Block]:
    if table["correlation"].notna().any():
        yield Picture(
            f"{stem}-correlations",
            "Rank correlations of hyperparameters with runtime, losses and R², and the valid score "
            "of every label, over configurations; alike ones stand side by side. Bold: told from "
            "zero at 5 % for the whole table.",
            partial(draw_associations, table),
            table,
            wide=True,
        )


def _ranges(results: pd.DataFrame, table: pd.DataFrame, stem: str) -> Iterator[Block]:
    if table.empty:
        return
    best = best_configurations(results)
    yield Text(
        f"The best {len(best)} of {table['configurations'].iloc[0]} configurations score "
        f"{best.iloc[-1]:.3f} to {best.iloc[0]:.3f} on valid, in the mean of their runs."
    )
    yield Picture(
        f"{stem}-ranges",
        "Where the best configurations lie within what was sampled, four in five of them; hidden "
        "nodes are those between input and reconstruction. What is not filled could be chance.",
        partial(draw_ranges, table),
        table,
    )


def _proxies(table: pd.DataFrame, unit: str, stem: str) -> Iterator[Block]:
    if table.empty:
        return
    fidelities = f", at the end and at earlier {unit}s" if (table["at"] > 0).any() else ""
    noise = (
        " Noise is taken out: a signal of one replicate is held against the score of another."
        if table["true_correlation"].notna().any()
        else " What noise does to it is not known: configurations were trained once."
    )
    yield Picture(
        f"{stem}-signals",
        f"How losses and R² rank configurations beside their valid scores{fidelities}.{noise}",
        partial(draw_proxies, table),
        table,
    )


def _labels(table: pd.DataFrame, stem: str) -> Iterator[Block]:
    if table.empty:
        return
    shown = pd.DataFrame(
        {
            "label": [_label(name) for name in table["label"]],
            "best configuration": table["config_id"],
            "as seen": table["seen"].map("{:.3f}".format),
            "elsewhere": table["elsewhere"].map(_number),
            "best baseline": table["best_baseline"].map(lambda m: BASELINE_NAMES.get(m, "")),
            "it scores": table["baseline"].map(_number),
        }
    )
    yield Table(
        f"{stem}-labels",
        "The best configuration for each label on valid, beside the best baseline. As seen, it is "
        "the best of many and partly lucky; elsewhere is what the choice of one replicate scores "
        "in the others.",
        table,
        shown,
    )


def _label(name: str) -> str:
    if name.startswith("weighted"):
        return "all, weighted"
    metric, _, label = name.removesuffix("_valid").partition("_")
    return f"{label} ({'AUC' if metric == 'auc' else 'R²'})"


def _number(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.3f}"
