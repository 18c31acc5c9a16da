"""Simulated asynchronous tuning: a searcher and several workers, on predicted results.

The clock runs on predicted training time alone; what the searcher itself computes costs no
simulated time (stock Syne Tune adds the real seconds, so that no run repeats). Which searcher, and
on which surrogate, is decided elsewhere.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, RUNTIME
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.space import SearchSpace, config_id_of

Clock = Literal["measured", "unit"]
Evaluate = Callable[[Sequence[Mapping[str, Any]]], np.ndarray]
"""Configurations to (configurations, fidelities, objectives); runtime cumulative, in seconds."""


def simulate(
    searcher: AskTell,
    evaluate: Evaluate,
    *,
    workers: int,
    trials: int,
    simulated_hours: float | None = None,
    clock: Clock = "unit",
    objectives: Sequence[str] = OBJECTIVE_NAMES,
) -> pd.DataFrame:
    """Let a searcher tune with several workers on predicted results.

    Parameters
    ----------
    searcher
        The searcher; it is used up.
    evaluate
        Gives all objectives of configurations at every fidelity of the problem.
    workers
        How many trials run at once.
    trials
        Ends after as many trials have started and finished.
    simulated_hours
        Ends at this simulated time, if that comes first; what runs then is left out.
    clock
        ``measured``: a trial takes its predicted training time, so the order in which results
        come depends on measured seconds. ``unit``: every whole training takes one second of
        simulated time, and nothing depends on measured seconds.
    objectives
        Names of the last axis of ``evaluate``.

    Returns
    -------
    pandas.DataFrame
        One row a trial, in the order of their start: ``trial, config_id``, the hyperparameters,
        the objectives it reached, ``epoch``, ``status`` (completed or stopped), ``start``, ``end``
        (simulated seconds) and ``worker``.

    Raises
    ------
    InputError
        If ``simulated_hours`` is given together with the clock ``unit``.
    """
    if simulated_hours is not None and clock == "unit":
        raise InputError(
            "simulated_hours has no meaning with the clock 'unit'",
            key="hpo.clock",
            remedy="Drop one of the two.",
        )
    fidelities = searcher.problem.fidelities
    limit = np.inf if simulated_hours is None else simulated_hours * 3600
    runtime = list(objectives).index(RUNTIME)
    idle = list(range(workers))
    # Results in the order they arrive; equal times are settled by the number of the trial.
    events: list[tuple[float, int, int]] = []
    running: dict[int, dict[str, Any]] = {}
    finished: list[dict[str, Any]] = []
    now, started = 0.0, 0

    while True:
        while idle and started < trials:
            asked = searcher.ask()
            if asked is None:
                trials = started
                break
            number, configuration = asked
            started += 1
            curve = np.asarray(evaluate([configuration]))[0]
            elapsed = np.maximum.accumulate(curve[:, runtime])
            if clock == "unit":
                elapsed = np.asarray(fidelities) / fidelities[-1]
            worker = heapq.heappop(idle)
            running[number] = {
                "configuration": configuration,
                "curve": curve,
                "times": now + elapsed,
                "start": now,
                "worker": worker,
            }
            heapq.heappush(events, (now + elapsed[0], number, 0))
        if not events:
            break
        now, number, step = heapq.heappop(events)
        if now > limit:
            break
        trial = running[number]
        reached = dict(zip(objectives, trial["curve"][step].tolist(), strict=True))
        if searcher.tell(number, reached, epoch=fidelities[step]):
            heapq.heappush(events, (trial["times"][step + 1], number, step + 1))
            continue
        del running[number]
        heapq.heappush(idle, trial["worker"])
        finished.append(
            {"trial": number, "config_id": config_id_of(trial["configuration"])}
            | trial["configuration"]
            | reached
            | {
                "epoch": fidelities[step],
                "status": "completed" if step == len(fidelities) - 1 else "stopped",
                "start": trial["start"],
                "end": now,
                "worker": trial["worker"],
            }
        )
    return _trial_table(finished, searcher.problem.space, objectives)


def _trial_table(
    finished: list[dict[str, Any]], space: SearchSpace, objectives: Sequence[str]
) -> pd.DataFrame:
    """Sort the finished trials by their start; an empty table has the same columns and types."""
    columns = ["trial", "config_id", *space.names, *objectives]
    columns += ["epoch", "status", "start", "end", "worker"]
    table = pd.DataFrame(finished, columns=columns)
    if table.empty:
        words = [name for name, domain in space.hyperparameters.items() if domain.of_words]
        texts = dict.fromkeys(("config_id", "status", *words), "str")
        return table.astype(dict.fromkeys(columns, "float64") | texts)
    return table.sort_values("trial").reset_index(drop=True)
