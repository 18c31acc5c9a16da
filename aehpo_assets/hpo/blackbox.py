"""Syne Tune's blackbox: configurations x seeds x fidelities x objectives, for all tasks.

Here belongs the arrangement of evaluations as stock Syne Tune reads and writes them. What a failed
run counts as belongs to ``evaluations``. The layout follows Syne Tune's own
``conversion_scripts/scripts/autoencodix_import.py``, with the real number of epochs as the value
of the fidelity ``epoch``, or of steps as that of ``step``, whichever the study counts in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.columns import RUNTIME, SCORES, VALID_R2, VALID_SCORE, without_test
from aehpo_assets.hpo.evaluations import evaluation_table
from aehpo_assets.hpo.objectives import OBJECTIVES, TEST_OBJECTIVE, Objective
from aehpo_assets.space import SearchSpace

Unit = Literal["epoch", "step"]
"""What a fidelity counts, and so its name."""


@dataclass(frozen=True)
class BlackboxTables:
    """The blackboxes of one architecture, and what did not enter them.

    Attributes
    ----------
    tasks
        Task to ``syne_tune.blackbox_repository.BlackboxTabular``; all share hyperparameters,
        seeds, fidelities and objectives.
    config_ids
        Identity of each row of ``hyperparameters``.
    seeds
        Seed of each position of the seed axis.
    dropped
        Columns ``config_id`` and ``reason``: configurations left out.
    """

    tasks: dict[str, Any]
    config_ids: tuple[str, ...]
    seeds: tuple[int, ...]
    dropped: pd.DataFrame


def build_blackboxes(
    results: Mapping[str, pd.DataFrame], space: SearchSpace, length: int, unit: Unit = "epoch"
) -> BlackboxTables:
    """Arrange the run results of all tasks of one architecture as Syne Tune blackboxes.

    Parameters
    ----------
    results
        Task to run results, one row a run.
    space
        The architecture's search space.
    length, unit
        How many epochs or steps every run was trained: the one fidelity.

    Returns
    -------
    BlackboxTables
        Objectives as in :data:`aehpo_assets.hpo.objectives.OBJECTIVES`, and the test score behind
        them where the run results of every task have it. Only configurations that
        every task has with every seed, in the order of the first task. Where the study has several
        replicates, these are the seeds, and only those that every configuration has count.

    Raises
    ------
    InputError
        If a column is missing or no configuration is present for every task.
    """
    objectives = _objectives_of(results)
    table = evaluation_table(_shared_replicates(results), space, objectives)
    names = [objective.name for objective in objectives]
    return _arrange(table.assign(**{unit: length}), names, space, unit)


def curves_blackboxes(
    curves: Mapping[str, pd.DataFrame],
    results: Mapping[str, pd.DataFrame],
    space: SearchSpace,
    fidelities: list[int],
    unit: Unit = "epoch",
) -> BlackboxTables:
    """Arrange learning curves as multi-fidelity Syne Tune blackboxes.

    Objectives are those known at every fidelity: the cumulative runtime, the valid R2, and the
    downstream scores where the curves have them. A run that diverged counts, from the epoch on that
    it misses, as each objective's ``failed_value`` says; one that ended by itself, because its
    length is shorter or its valid loss no longer fell, stays what it was.

    Parameters
    ----------
    curves
        Task to learning curves: ``config_id, seed``, the unit, ``runtime, valid_r2`` and,
        optionally, the downstream scores.
    results
        Task to run results, which know the hyperparameters, and ``epochs``.
    space
        The architecture's search space.
    fidelities, unit
        Epochs or steps to take, ascending.
    """
    curves = {task: curve.rename(columns={"runtime": RUNTIME}) for task, curve in curves.items()}
    known_ones = [
        one for one in _objectives_of(curves) if all(_has(c, one) for c in curves.values())
    ]
    objectives = [objective.name for objective in known_ones]
    shared = _shared_replicates({task: results[task] for task in curves})
    runs = evaluation_table(shared, space)
    run_key = ["task", "config_id", "seed"]
    rungs = runs[[*run_key, *space.names]].merge(pd.DataFrame({unit: fidelities}), how="cross")
    whole = {
        task: _with_what_is_behind(curve, shared[task], fidelities, unit)
        for task, curve in curves.items()
    }
    known = pd.concat(
        [
            curve.assign(task=task, config_id=curve["config_id"].astype(str)).loc[
                :, [*run_key, unit, *objectives]
            ]
            for task, curve in whole.items()
        ]
    )
    table = rungs.merge(known, on=[*run_key, unit], how="left")
    table[RUNTIME] = table.groupby(run_key)[RUNTIME].ffill()
    for objective in known_ones:
        table[objective.name] = objective.counted(table[objective.name], table["task"])
    table[RUNTIME] = table.groupby(run_key)[RUNTIME].cummax()
    return _arrange(table, objectives, space, unit)


def _with_what_is_behind(
    curve: pd.DataFrame, results: pd.DataFrame, fidelities: list[int], unit: Unit
) -> pd.DataFrame:
    """Add to curves what finished runs are behind their end: what they ended as."""
    if not {"epochs", "epoch"} <= {*results, *curve}:
        return curve
    run_key = ["config_id", "seed"]
    ended = results.loc[results["status"] == "ok", [*run_key, "epochs"]]
    last = curve.merge(ended, on=run_key)
    last = last[last["epoch"] == last.pop("epochs")].drop_duplicates(run_key, keep="last")
    behind = last.rename(columns={unit: "end"}).merge(pd.DataFrame({unit: fidelities}), how="cross")
    return pd.concat([curve, behind[behind[unit] > behind["end"]].drop(columns="end")])


def _objectives_of(tables: Mapping[str, pd.DataFrame]) -> tuple[Objective, ...]:
    """What searches know, and the test score if every table has it."""
    is_open = all(TEST_OBJECTIVE.name in table for table in tables.values())
    return (*OBJECTIVES, TEST_OBJECTIVE) if is_open else OBJECTIVES


def _shared_replicates(results: Mapping[str, pd.DataFrame]) -> Mapping[str, pd.DataFrame]:
    """Leave out the replicates that some configuration lacks; all stay if none is shared."""
    if not all("split_seed" in runs for runs in results.values()):
        return results
    shared: set[int] | None = None
    for runs in results.values():
        counts = pd.crosstab(runs["config_id"], runs["seed"])
        everywhere = set(counts.columns[(counts > 0).all()])
        shared = everywhere if shared is None else shared & everywhere
    if not shared:
        return results
    return {task: runs[runs["seed"].isin(shared)] for task, runs in results.items()}


def _has(curve: pd.DataFrame, objective: Objective) -> bool:
    """Whether a learning curve says anything of an objective: a score that is nowhere does not."""
    name = objective.name
    return name in curve and (name not in SCORES or bool(curve[name].notna().any()))


def write_blackbox(folder: Path, tables: BlackboxTables) -> None:
    """Write blackboxes into an empty folder with Syne Tune's own ``serialize``.

    ``config_ids`` and ``seeds`` go into ``metadata.json``, which stock Syne Tune passes over.

    Raises
    ------
    InputError
        If the folder holds something already: stale files would survive in it.
    """
    from syne_tune.blackbox_repository.blackbox_tabular import serialize

    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InputError("a blackbox is written into an empty folder", file=folder)
    metric = VALID_SCORE if VALID_SCORE in _first(tables).objectives_names else VALID_R2
    metadata = {
        "metric_elapsed_time": RUNTIME,
        "default_metric": metric,
        "time_attr": next(iter(_first(tables).fidelity_space)),
        "config_ids": list(tables.config_ids),
        "seeds": list(tables.seeds),
    }
    serialize(bb_dict=tables.tasks, path=str(folder), metadata=metadata)


def read_blackbox(folder: Path) -> BlackboxTables:
    """Read what :func:`write_blackbox` wrote, through Syne Tune's own ``deserialize``."""
    from syne_tune.blackbox_repository.blackbox_tabular import deserialize
    from syne_tune.blackbox_repository.serialize import deserialize_metadata

    metadata = deserialize_metadata(str(folder))
    return BlackboxTables(
        tasks=deserialize(str(folder)),
        config_ids=tuple(metadata["config_ids"]),
        seeds=tuple(metadata["seeds"]),
        dropped=pd.DataFrame(
            {"config_id": pd.Series(dtype="str"), "reason": pd.Series(dtype="str")}
        ),
    )


def blackbox_evaluations(tables: BlackboxTables, fidelity: int = -1) -> pd.DataFrame:
    """Return one fidelity of blackboxes as a long table, one row a run.

    Parameters
    ----------
    tables
        The blackboxes.
    fidelity
        Position of the fidelity; the last one by default.

    Returns
    -------
    pandas.DataFrame
        ``task, config_id, seed``, the hyperparameters and the objectives that searches know, as
        :func:`aehpo_assets.hpo.evaluations.evaluation_table` has them, in float32 precision.
    """
    parts = []
    for task, box in tables.tasks.items():
        for position, seed in enumerate(tables.seeds):
            values = box.objectives_evaluations[:, position, fidelity, :].astype("float64")
            part = box.hyperparameters.reset_index(drop=True).assign(
                **dict(zip(box.objectives_names, values.T, strict=True))
            )
            part.insert(0, "task", task)
            part.insert(1, "config_id", list(tables.config_ids))
            part.insert(2, "seed", seed)
            parts.append(part)
    return without_test(pd.concat(parts, ignore_index=True))


def _first(tables: BlackboxTables) -> Any:
    return next(iter(tables.tasks.values()))


def _arrange(
    table: pd.DataFrame, objectives: list[str], space: SearchSpace, unit: Unit
) -> BlackboxTables:
    """Turn a long table (task, config_id, seed, fidelity) into aligned four-dimensional tables."""
    from syne_tune.blackbox_repository.blackbox_tabular import BlackboxTabular
    from syne_tune.config_space import randint

    tasks = list(dict.fromkeys(table["task"]))
    seeds = sorted(int(seed) for seed in table["seed"].unique())
    fidelities = sorted(int(fidelity) for fidelity in table[unit].unique())
    key = ["task", "config_id", "seed", unit]
    repeated = table.duplicated(key)
    if repeated.any():
        row = table[repeated].iloc[0]
        raise InputError(
            f"run results hold two rows for task {row['task']}, seed {row['seed']}",
            key=f"config_id {row['config_id']}",
        )

    hyperparameters = table.drop_duplicates("config_id").set_index("config_id")[space.names]
    kept, dropped = _present_everywhere(table, hyperparameters, tasks, len(seeds) * len(fidelities))
    if not kept:
        raise InputError(
            "no configuration is present for every task",
            key=", ".join(tasks),
            remedy="Train the same configurations for all tasks of the study.",
        )
    hyperparameters = hyperparameters.loc[kept].reset_index(drop=True)
    index = pd.MultiIndex.from_product([tasks, kept, seeds, fidelities], names=key)
    shape = (len(tasks), len(kept), len(seeds), len(fidelities), len(objectives))
    values = table.set_index(key)[objectives].reindex(index).to_numpy("float32").reshape(shape)
    boxes = {
        task: BlackboxTabular(
            hyperparameters=hyperparameters,
            configuration_space=space.syne_tune(),
            fidelity_space={unit: randint(fidelities[0], fidelities[-1])},
            objectives_evaluations=values[position],
            fidelity_values=np.asarray(fidelities),
            objectives_names=list(objectives),
        )
        for position, task in enumerate(tasks)
    }
    return BlackboxTables(boxes, tuple(kept), tuple(seeds), dropped)


def _present_everywhere(
    table: pd.DataFrame, hyperparameters: pd.DataFrame, tasks: list[str], runs_per_task: int
) -> tuple[list[str], pd.DataFrame]:
    """Split configurations into those of every task and seed, and those left out with a reason."""
    counts = table.groupby(["config_id", "task"], sort=False).size().unstack(fill_value=0)
    counts = counts.reindex(index=hyperparameters.index, columns=tasks, fill_value=0)
    complete = (counts == runs_per_task).all(axis=1)
    reasons = {
        config_id: "missing or incomplete for " + ", ".join(row.index[row < runs_per_task])
        for config_id, row in counts[~complete].iterrows()
    }
    whole = hyperparameters[complete]
    twins = whole.duplicated()
    first_of: dict[Any, Any] = {}
    for config_id, values in zip(
        whole.index, whole.itertuples(index=False, name=None), strict=True
    ):
        if (first := first_of.setdefault(values, config_id)) != config_id:
            reasons[config_id] = f"repeats the hyperparameters of {first}"
    kept = [str(config_id) for config_id in whole.index[~twins]]
    dropped = pd.DataFrame(
        {"config_id": list(reasons), "reason": list(reasons.values())}, dtype="str"
    )
    return kept, dropped
