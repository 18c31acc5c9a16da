"""A live search as a person sees it in the terminal: a bar, the best so far, and what it was worth.

Searching belongs to ``runs.live``, comparing to ``aehpo_assets.analysis.equal_time``; this reads
what they need from a home, and prints.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from aehpo_assets.analysis.equal_time import EqualTime, equal_time
from aehpo_assets.analysis.equal_time_verdict import training_noise, verdict
from aehpo_assets.cli.scripted import records
from aehpo_assets.errors import InputError, StaleInputError
from aehpo_assets.foreign import escaped
from aehpo_assets.hpo.objectives import RUNTIME, VALID_SCORE
from aehpo_assets.hpo.search.live import check_live_searchers
from aehpo_assets.running.interrupted import working_alone
from aehpo_assets.store.home import Home
from aehpo_assets.study.searches import Live
from aehpo_gpu.cli.tuning_inputs import REMEDY, TuningInputs
from aehpo_gpu.runs.live import LiveTuning
from aehpo_gpu.training.progress import Progress
from aehpo_gpu.training.task import training_task


def run_tuning(
    home: Home, task: str, architecture: str, live: Live, seed: int, console: Console
) -> dict[str, Any]:
    """Tune one architecture on one task of a home, and print how it goes.

    Parameters
    ----------
    home
        A home that holds the preprocessed data of the task.
    task, architecture
        What to tune.
    live
        The searcher, the first of its list, and its budget.
    seed
        Seed of the searcher.
    console
        Where to print.

    Returns
    -------
    dict
        The same for a script: ``searcher, task, architecture, seed``, ``runs``, ``seconds`` of
        training, ``stopped_early``, ``best`` (``config_id, valid, replicates``; none if no
        training was whole), ``standings`` (a row a training time), ``verdicts`` in words, and
        ``not_compared``, why something was not.

    Raises
    ------
    InputError
        If the searcher, the task or the architecture is unknown, the searcher stops runs and the
        study keeps no learning curves, or it has fewer replicates.
    StaleInputError
        If the data, or the run results that a warm start needs, are missing or stale.
    HomeBusyError
        If a run is under way in the home.
    """
    study, searcher = home.study(), live.searchers[0]
    check_live_searchers([searcher], study.fidelities, study.length, key="--searcher")
    if live.replicates > len(study.run_seeds):
        raise InputError(
            f"the study has {len(study.run_seeds)} of the {live.replicates} replicates",
            key="--replicates",
            remedy="Ask for fewer, or raise replicates in the study.",
        )
    inputs = TuningInputs(home, task, architecture)
    with working_alone(home):
        return _tune(home, inputs, live, seed, console)


def _tune(
    home: Home, inputs: TuningInputs, live: Live, seed: int, console: Console
) -> dict[str, Any]:
    """Search, then compare; nobody else writes into the home meanwhile."""
    study, searcher = home.study(), live.searchers[0]
    task, architecture = inputs.task, inputs.architecture
    versions = inputs.data_versions()
    missing = inputs.why_not_comparable("run_results")
    if missing and live.warm_start is not None:
        raise StaleInputError(f"live.warm_start needs run results: {missing}. {REMEDY}")
    data = training_task(task, *(home.store.read_table(asset, (task,)) for asset in inputs.read))
    replicates = inputs.replicates() if live.replicates > 1 else None
    tuning = LiveTuning(architecture, data, study, seed, versions, home, replicates)
    sampled = None if missing else home.store.read_table("run_results", (architecture, task))
    with _bars(console) as bars:
        bar = bars.add_task(escaped(f"{searcher} {task} {architecture}"), total=live.runs, best="")

        def on_progress(progress: Progress) -> None:
            bars.update(bar, completed=progress.runs_done)

        def on_batch(results: pd.DataFrame) -> None:
            bars.update(bar, completed=len(results), best=_best_text(_best(results)))

        found = tuning.search(searcher, live, sampled, on_progress, on_batch)
    stopped = int((found["epoch"] < found["epochs"]).sum())
    best, seconds = _best(found), float(found[RUNTIME].sum())
    console.print(
        f"{len(found)} runs in {seconds:.3g} s of training, {stopped} of them "
        f"stopped early. {_best_text(best)}",
        highlight=False,
    )
    facts = {"searcher": searcher, "task": task, "architecture": architecture, "seed": seed}
    facts |= {"runs": len(found), "seconds": seconds, "stopped_early": stopped, "best": best}
    facts |= {"standings": [], "verdicts": [], "not_compared": missing}
    if sampled is None:
        console.print(f"Nothing to compare with: {escaped(missing or '')}. {REMEDY}")
        return facts
    validated = None
    if unlike := inputs.why_not_comparable("validated_recommendations"):
        console.print(f"Compared with the sampled runs alone: {escaped(unlike)}. {REMEDY}")
    else:
        validated = home.store.read_table("validated_recommendations", (architecture, task))
    compared = equal_time(
        {searcher: found},
        sampled,
        validated,
        warm=live.warm_start is not None,
        seed=seed,
    )
    noise = training_noise(sampled, validated)
    verdicts = [verdict(row, noise) for _, row in compared.standings.iterrows()]
    console.print(comparison_report(compared, verdicts))
    standings = records(compared.standings)
    return facts | {"standings": standings, "verdicts": verdicts, "not_compared": unlike}


def comparison_report(compared: EqualTime, verdicts: Sequence[str]) -> Table:
    """Show where every route is at equal training time; the caption is the verdict.

    Parameters
    ----------
    compared
        Output of :func:`aehpo_assets.analysis.equal_time.equal_time`.
    verdicts
        What :func:`aehpo_assets.analysis.equal_time_verdict.verdict` says of each row.
    """
    table = Table(
        title="valid weighted average AUC at equal training time",
        caption="\n".join(map(escaped, verdicts)),
        caption_justify="left",
    )
    for name in ("route", "training time (s)", "valid", "trained again"):
        table.add_column(name, justify="left" if name == "route" else "right")
    for _, row in compared.standings.iterrows():
        names = {"live": f"live: {row['searcher']}", "study": "study", "random": "random sampling"}
        for route, name in names.items():
            score = _cell(row[f"{route}_valid"])
            if route == "study" and row["study_validated"]:
                score = ""
            again = _cell(row.get(f"{route}_again_valid"))
            table.add_row(escaped(name), f"{row['seconds']:.3g}", score, again)
        best = _cell(row["study_best_valid"])
        # The end of a validated route is what was trained again.
        ends = ["", best] if row["study_best_looks"] else [best, ""]
        table.add_row("study, to its end", f"{row['study_seconds']:.3g}", *ends)
        if row["default_looks"]:
            seconds = f"{row['default_seconds']:.3g}"
            table.add_row("untuned default", seconds, "", _cell(row["default_valid"]))
        table.add_section()
    return table


def _cell(score: float | None) -> str:
    return "" if score is None or math.isnan(score) else f"{score:.3f}"


def _best(results: pd.DataFrame) -> dict[str, Any] | None:
    """Return which configuration of whole trainings has the best valid score, if there is any."""
    whole = (results["status"] == "ok") & (results["epoch"] == results["epochs"])
    scores = results[VALID_SCORE].where(whole).groupby(results["config_id"], sort=False)
    # A configuration of which a replicate failed or was stopped has no mean.
    means = scores.mean()[scores.count() == scores.size()]
    if means.empty:
        return None
    config_id = str(means.idxmax())
    runs = int(scores.size()[config_id])
    return {"config_id": config_id, "valid": float(means.max()), "replicates": runs}


def _best_text(best: Mapping[str, Any] | None) -> str:
    if best is None:
        return "no whole training yet"
    runs = best["replicates"]
    of = f", the mean of {runs} replicates" if runs > 1 else ""
    return f"best {escaped(best['config_id'])}: {best['valid']:.3f} valid{of}"


def _bars(console: Console) -> Bars:
    return Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:.0f} of {task.total:.0f} runs"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[best]}"),
        console=console,
        transient=True,
    )
