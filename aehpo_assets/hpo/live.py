"""Live tuning: a searcher proposes batches, and they are really trained.

Here belongs the conversation, its budget and its record. The training itself is a function that
the caller gives; a batch is meant to be trained together, as one fleet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aehpo_assets.errors import StaleInputError
from aehpo_assets.files import atomic_file
from aehpo_assets.hpo.ask_tell import AskTell
from aehpo_assets.hpo.evaluations import evaluation_table
from aehpo_assets.hpo.objectives import OBJECTIVES, RUNTIME
from aehpo_assets.hpo.problem import Problem
from aehpo_assets.space import config_id_of

Train = Callable[[pd.DataFrame], pd.DataFrame]
"""Configurations (``config_id`` and hyperparameters) to run results, one row each."""


@dataclass(frozen=True)
class LiveBudget:
    """When a live search ends: after so many runs, or so many seconds of training.

    Attributes
    ----------
    runs
        Most trainings.
    seconds
        No batch starts once the trainings took as long as this in all.
    batch
        Configurations proposed and trained together. The searcher learns of their results only
        when all of them are done.
    """

    runs: int
    seconds: float | None = None
    batch: int = 8


def live_search(
    searcher: str,
    problem: Problem,
    train: Train,
    budget: LiveBudget,
    record: Path,
    task: str = "live",
) -> pd.DataFrame:
    """Tune on real trainings, batch by batch, and go on where an earlier call stopped.

    The record keeps every finished batch. A second call asks the searcher for the same batches
    again, which it repeats bit for bit, tells it the recorded results and trains what is missing.

    Parameters
    ----------
    searcher
        A single-fidelity, multi-objective or transfer searcher.
    problem
        Where to search, for what, from which seed.
    train
        Trains a batch; failed runs are rows, as in run results.
    budget
        When to end.
    record
        Parquet file of the finished batches.
    task
        Name of the task, for the messages.

    Returns
    -------
    pandas.DataFrame
        Run results in the order of the proposals, with ``batch`` in front.

    Raises
    ------
    StaleInputError
        If the record belongs to another search: its configurations are not those proposed.
    """
    known = pd.read_parquet(record) if record.exists() else pd.DataFrame()
    conversation = AskTell(searcher, problem)
    batches: list[pd.DataFrame] = []
    runs, seconds = 0, 0.0
    while runs < budget.runs and (budget.seconds is None or seconds < budget.seconds):
        asked = _ask(conversation, min(budget.batch, budget.runs - runs))
        if not asked:
            break
        proposed = pd.DataFrame(
            [{"config_id": config_id_of(values)} | values for _, values in asked]
        )
        number = len(batches)
        recorded = known[known["batch"] == number] if len(known) else known
        if len(recorded):
            if recorded["config_id"].tolist() != proposed["config_id"].tolist():
                raise StaleInputError(f"{record} is the record of another search")
            results = recorded.reset_index(drop=True)
        else:
            results = _in_order(train(proposed.drop_duplicates("config_id")), proposed)
            results.insert(0, "batch", number)
        batches.append(results)
        if not len(recorded):
            with atomic_file(record) as unfinished:
                pd.concat(batches, ignore_index=True).to_parquet(unfinished, index=False)
        # What a failed run counts as is the same rule as everywhere.
        so_far = pd.concat(batches, ignore_index=True)
        told = evaluation_table({task: so_far}, problem.space).iloc[-len(results) :]
        for (trial, _), row in zip(asked, told[list(OBJECTIVES)].to_numpy(), strict=True):
            conversation.tell(trial, dict(zip(OBJECTIVES, row.tolist(), strict=True)))
        runs += len(results)
        seconds += float(results[RUNTIME].fillna(0).sum())
    return pd.concat(batches, ignore_index=True) if batches else pd.DataFrame()


def _ask(conversation: AskTell, count: int) -> list[tuple[int, dict[str, Any]]]:
    asked = (conversation.ask() for _ in range(count))
    return [item for item in asked if item is not None]


def _in_order(results: pd.DataFrame, proposed: pd.DataFrame) -> pd.DataFrame:
    """Return one row per proposal; a configuration that was proposed twice is trained once."""
    by_id = results.drop_duplicates("config_id").set_index("config_id")
    return by_id.loc[proposed["config_id"]].reset_index()
