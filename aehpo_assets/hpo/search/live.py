"""Live tuning: a searcher proposes batches, and they are really trained.

Here belongs the conversation, its budget and its record. The training itself is a function that
the caller gives; a batch is meant to be trained together, as one fleet, and a searcher that looks
at learning curves stops runs of it on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError, StaleInputError
from aehpo_assets.hpo.evaluations import evaluation_table
from aehpo_assets.hpo.objectives import OBJECTIVE, OBJECTIVE_NAMES, RUNTIME
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.search.searchers import SEARCHERS, check_searchers
from aehpo_assets.space import config_id_of
from aehpo_assets.store.store import Record, Store

Decide = Callable[[int, pd.DataFrame], Sequence[bool]]
"""An epoch and the rows of the runs that reached it, to whether each of them goes on."""

Train = Callable[[pd.DataFrame, Decide], pd.DataFrame]
"""Configurations (``config_id`` and hyperparameters) to run results with the column ``epoch``: one
row a run and fidelity that it reached, of which the last is its result. Asks at every fidelity of
the problem but the last which runs go on. A run that diverged ends there."""

ASKED_FOR_A_RUN = 4
"""How often a searcher is asked for each run of a batch at most, if it repeats itself."""


@dataclass(frozen=True)
class LiveBudget:
    """When a live search ends: after so many runs, or so many seconds of training.

    Attributes
    ----------
    runs
        Most trainings; one that is stopped early counts.
    seconds
        No batch starts once the trainings took as long as this in all. A stopped run took what it
        was trained for.
    batch
        Configurations proposed and trained together, unless the searcher has brackets of its own.
        It learns of their results only when all of them are at the same epoch.
    replicates
        Trainings of each configuration, of whose results the searcher is told the mean (Keras
        Tuner's ``executions_per_trial``).
    """

    runs: int
    seconds: float | None = None
    batch: int = 8
    replicates: int = 1


def check_live_searchers(
    names: Iterable[str],
    fidelities: Sequence[int],
    epochs: int,
    file: str | Path | None = None,
    key: str = "live.searchers",
) -> None:
    """Refuse what cannot tune live.

    Parameters
    ----------
    names
        The searchers.
    fidelities, epochs
        As the study has them.
    file, key
        Where the names stand, for the message.

    Raises
    ------
    InputError
        If a searcher is unknown or no single objective is its goal, or it stops runs and there is
        no fidelity before the last epoch to stop them at.
    """
    names = list(names)
    check_searchers(names, file, fits=lambda searcher: searcher.tunes_live, key=key)
    stopping = [name for name in names if SEARCHERS[name].stops_early]
    if stopping and not any(fidelity < epochs for fidelity in fidelities):
        raise InputError(
            f"{stopping[0]} stops runs on their learning curves, and the study keeps none",
            file=file,
            key=key,
            remedy=f"Add fidelities before the last epoch, such as fidelities: "
            f"[{max(1, epochs // 9)}, {max(1, epochs // 3)}].",
        )


def live_search(
    searcher: str,
    problem: Problem,
    train: Train,
    budget: LiveBudget,
    record: Path,
    task: str = "live",
    on_batch: Callable[[pd.DataFrame], None] = lambda results: None,
) -> pd.DataFrame:
    """Tune on real trainings, batch by batch, and go on where an earlier call stopped.

    The record keeps every finished batch. A second call asks the searcher for the same batches
    again, which it repeats bit for bit, lets it observe the recorded results and trains what is
    missing.

    Parameters
    ----------
    searcher
        Name of a searcher; one that stops runs does so at the fidelities of the problem.
    problem
        Where to search, for what, from which seed. A search that is to be extended later keeps
        ``problem.trials`` as it was.
    train
        Trains a batch; failed runs are rows, as in run results.
    budget
        When to end.
    record
        Folder of the finished batches, a table each; one that is damaged is trained again.
    task
        Name of the task, for the messages.
    on_batch
        Called after every batch with the results so far.

    Returns
    -------
    pandas.DataFrame
        One row a run, in the order of the proposals and of the seeds: ``batch``, ``trial`` and the
        columns of run results with ``epoch``, how far the run was trained. A configuration that is
        proposed again in its batch is not trained again.

    Raises
    ------
    StaleInputError
        If the record belongs to another search: its configurations are not those proposed.
    """
    conversation = AskTell(searcher, problem)
    archive = Store(record.parent)
    results = pd.DataFrame()
    finished: list[pd.DataFrame] = []
    seconds = 0.0
    while len(results) < budget.runs and (budget.seconds is None or seconds < budget.seconds):
        done = len(results)
        left = (budget.runs - done) // budget.replicates
        size = min(conversation.batch_size(budget.batch), left)
        batch = _Batch.ask(conversation, size, task) if size else None
        if batch is None:
            break
        end = done + size * budget.replicates
        place = record.name, (f"runs_{done:06d}_to_{end - 1:06d}",)
        rungs = archive.find_table(*place)
        if rungs is None:
            rungs = train(batch.configurations, batch.decide)
            rungs = batch.in_order(rungs)
            rungs.insert(0, "batch", len(finished))
            archive.write_table(*place, rungs, Record("live"))
        else:
            batch.replay(rungs, record)
        finished.append(rungs.drop_duplicates(["trial", "seed"], keep="last"))
        results = pd.concat(finished, ignore_index=True)
        batch.tell_results(results, len(finished[-1]))
        seconds = float(results[RUNTIME].fillna(0).sum())
        on_batch(results)
    return results


def _has_ended(rungs: pd.DataFrame) -> pd.Series:
    """Whether rows are of runs that ended there by themselves, about which nobody was asked."""
    if "epochs" not in rungs or "epoch" not in rungs:
        return pd.Series(False, rungs.index)
    return rungs["epoch"] >= rungs["epochs"]


class _Batch:
    """What a searcher proposed at once, and which of its trials still run.

    Parameters
    ----------
    conversation
        With the searcher.
    asked
        Number and configuration of each trial.
    task
        Name of the task, for the messages.
    """

    def __init__(
        self, conversation: AskTell, asked: Sequence[tuple[int, dict[str, Any]]], task: str
    ):
        self._conversation, self._task = conversation, task
        self._config_ids = {trial: config_id_of(values) for trial, values in asked}
        self._running = list(self._config_ids)
        self._diverged: list[pd.DataFrame] = []
        rows = [{"config_id": config_id_of(values)} | values for _, values in asked]
        self.configurations = pd.DataFrame(rows).drop_duplicates("config_id", ignore_index=True)
        first_trials = {config_id: trial for trial, config_id in [*self._config_ids.items()][::-1]}
        self._trial_of = pd.Series(first_trials)

    @classmethod
    def ask(cls, conversation: AskTell, count: int, task: str) -> _Batch | None:
        """Ask for as many configurations; fewer, or None, if the searcher has no more.

        A searcher that models the results repeats itself within a batch, since it learns nothing
        in between; it is asked again then. What is proposed twice is observed twice.
        """
        asked: list[tuple[int, dict[str, Any]]] = []
        distinct: set[str] = set()
        while len(distinct) < count and len(asked) < ASKED_FOR_A_RUN * count:
            item = conversation.ask()
            if item is None:
                break
            asked.append(item)
            distinct.add(config_id_of(item[1]))
        return cls(conversation, asked, task) if asked else None

    def in_order(self, rungs: pd.DataFrame) -> pd.DataFrame:
        """Number the rows of a training, and sort them by trial, seed and epoch."""
        numbered = rungs.copy()
        numbered.insert(0, "trial", self._trial_of.loc[rungs["config_id"]].to_numpy())
        return numbered.sort_values(["trial", "seed", "epoch"], kind="stable", ignore_index=True)

    def decide(self, epoch: int, reached: pd.DataFrame) -> list[bool]:
        """Let the searcher observe what runs reached at a fidelity; return which of them go on."""
        # A configuration whose other replicates go on is still that of which one diverged.
        before = [rows[rows["config_id"].isin(reached["config_id"])] for rows in self._diverged]
        self._diverged.append(reached[reached["status"] != "ok"])
        together = pd.concat([reached, *before], ignore_index=True)
        observed = self._objectives(together).to_dict("index")
        # Where all have diverged before, none is among them: observed when the batch is done.
        known = {
            trial: observed[self._config_ids[trial]]
            for trial in self._running
            if self._config_ids[trial] in observed
        }
        answers = self._conversation.tell_together(known, epoch)
        self._running = [trial for trial in self._running if answers.get(trial, True)]
        going = {self._config_ids[trial] for trial in self._running}
        return [config_id in going for config_id in reached["config_id"]]

    def replay(self, rungs: pd.DataFrame, record: Path) -> None:
        """Let the searcher observe again what is recorded of the batch.

        Raises
        ------
        StaleInputError
            If other configurations are recorded, or others went on.
        """
        other = StaleInputError(f"{record} is the record of another search")
        unit = "step" if "step" in rungs else "epoch"
        if rungs["config_id"].unique().tolist() != self.configurations["config_id"].tolist():
            raise other
        run = ["config_id", "seed"]
        last = rungs.groupby(run, sort=False)[unit].max()
        for epoch in self._conversation.problem.fidelities[:-1]:
            reached = rungs[(rungs[unit] == epoch) & ~_has_ended(rungs)]
            if reached.empty:
                continue
            # A run that diverged here is stopped whatever the answer, one that does later is not.
            goes = np.array(self.decide(epoch, reached)) & (reached["status"] == "ok").to_numpy()
            went_on = last[pd.MultiIndex.from_frame(reached[run])].to_numpy() > epoch
            if (goes != went_on).any():
                raise other

    def tell_results(self, results: pd.DataFrame, own: int) -> None:
        """Let the searcher observe how the trials ended that it did not stop.

        The last ``own`` rows of the results are the batch's.
        """
        observed = self._objectives(results, own).to_dict("index")
        for trial in self._running:
            self._conversation.tell(trial, observed[self._config_ids[trial]])

    def _objectives(self, rows: pd.DataFrame, own: int | None = None) -> pd.DataFrame:
        """Objectives by configuration, in the mean of the runs that the last rows are.

        What a failed run counts as is the same rule everywhere, and needs all rows.
        """
        problem = self._conversation.problem
        names = list(dict.fromkeys([*OBJECTIVE_NAMES, *problem.objectives]))
        wanted = [OBJECTIVE[name] for name in names]
        table = evaluation_table({self._task: rows}, problem.space, wanted)
        last = table.iloc[-own:] if own else table
        return last.groupby("config_id", sort=False)[names].mean()
