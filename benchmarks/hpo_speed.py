"""How fast a simulated search is, against the stock Syne Tune script, on the same table.

The table is synthetic and seeded: 5 tasks of 3,000 configurations with the schema of the reference
study, runtimes log-normal with a median of five minutes. Both sides search task ``tcga_rna`` with
four workers on a surrogate that is fitted beforehand; only the search is timed. The full form
searches for four simulated hours, the quick form for 60 trials. Both searches of ours are run
twice and must give the same trials bit for bit.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.hpo.blackbox import build_blackboxes, read_blackbox, write_blackbox
from aehpo_assets.hpo.objectives import RUNTIME, VALID_SCORE
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.search.simulation import simulate
from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.space import search_space

TASK = "tcga_rna"
WORKERS = 4
TRIALS = 60
HOURS = 4.0
REACH = 5.0


def stock_search(name: str, quick: bool, blackbox: Any) -> tuple[float, pd.DataFrame]:
    """Search as the stock script does; return seconds and the finished trials."""
    import syne_tune.optimizer.baselines as baselines
    from syne_tune import StoppingCriterion, Tuner
    from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
    from syne_tune.blackbox_repository import UserBlackboxBackend

    scheduler = getattr(baselines, name.upper())(
        blackbox.configuration_space, metric=VALID_SCORE, do_minimize=False, random_seed=0
    )
    stop = (
        StoppingCriterion(max_num_trials_finished=TRIALS)
        if quick
        else StoppingCriterion(max_wallclock_time=HOURS * 3600)
    )
    callback = SimulatorCallback()
    tuner = Tuner(
        trial_backend=UserBlackboxBackend(blackbox=blackbox, elapsed_time_attr=RUNTIME),
        scheduler=scheduler,
        stop_criterion=stop,
        n_workers=WORKERS,
        sleep_time=0,
        callbacks=[callback],
        save_tuner=False,
        tuner_name=f"bench-{name}",
    )
    begin = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        tuner.run()
    seconds = time.perf_counter() - begin
    return seconds, callback.dataframe()


def our_search(name: str, quick: bool, surrogate: Surrogate) -> tuple[float, pd.DataFrame]:
    """Search as the platform does; return seconds and the trials."""

    def evaluate(configurations: Any) -> np.ndarray:
        return surrogate.predict_matrix(configurations, TASK)[:, None, :]

    trials = TRIALS if quick else 10_000
    begin = time.perf_counter()
    found = simulate(
        AskTell(name, Problem(surrogate.space, seed=0, trials=trials)),
        evaluate,
        workers=WORKERS,
        trials=trials,
        simulated_hours=None if quick else HOURS,
        clock="measured",
    )
    return time.perf_counter() - begin, found


def run(quick: bool = True, searchers: tuple[str, ...] = ("cqr", "bore")) -> list[dict[str, Any]]:
    """Measure each searcher, and the reading of 30,000 runs.

    Returns
    -------
    list of dict
        One entry a row of the table: ``case, measured, reference, unit, ratio, reach, note``.
        Seconds per trial in the full form, where the numbers of trials differ.
    """
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SYNETUNE_FOLDER"] = folder
        rows.append(_blackbox_row(Path(folder)))
        import xgboost
        from syne_tune.blackbox_repository import add_surrogate

        space = search_space("varix")
        results = synthetic_results(space)
        boxes = build_blackboxes(results, space, length=300).tasks
        stock_surrogate = add_surrogate(boxes[TASK], surrogate=xgboost.XGBRegressor())
        evaluations = training_table({TASK: results[TASK]}, space)
        surrogate, _, _ = fit_surrogate(evaluations, space)
        for name in searchers:
            ours, trials = our_search(name, quick, surrogate)
            again, repeated = our_search(name, quick, surrogate)
            ours = min(ours, again)
            stock, stock_trials = stock_search(name, quick, stock_surrogate)
            scale = (1, 1) if quick else (len(trials), len(stock_trials))
            rows.append(
                {
                    "case": f"simulated search by {name}",
                    "measured": ours / scale[0],
                    "reference": stock / scale[1],
                    "unit": f"s for {TRIALS} trials" if quick else "s a trial",
                    "ratio": (stock / scale[1]) / (ours / scale[0]),
                    "reach": REACH,
                    "note": f"{len(trials)} trials, best {trials[VALID_SCORE].max():.4f} (stock "
                    f"{len(stock_trials)}, {stock_trials[VALID_SCORE].max():.4f}); repeated "
                    + ("bit for bit" if repeated.equals(trials) else "DIFFERENTLY"),
                }
            )
    logging.disable(logging.NOTSET)
    return rows


def _blackbox_row(folder: Path) -> dict[str, Any]:
    """Time the reading of 30,000 run results into the two blackboxes."""
    spaces = [search_space(architecture) for architecture in ("vanillix", "varix")]
    files: list[list[Path]] = []
    for space in spaces:
        files.append([])
        for task, runs in synthetic_results(space).items():
            path = folder / f"{space.architecture}-{task}.parquet"
            runs.to_parquet(path)
            files[-1].append(path)
    begin = time.perf_counter()
    for space, paths in zip(spaces, files, strict=True):
        results = {path.stem: pd.read_parquet(path) for path in paths}
        target = folder / f"blackbox-{space.architecture}"
        write_blackbox(target, build_blackboxes(results, space, length=300))
        read_blackbox(target)
    seconds = time.perf_counter() - begin
    return {
        "case": "30,000 run results into the two blackboxes",
        "measured": seconds,
        "reference": 30.0,
        "unit": "s",
        "ratio": 30.0 / seconds,
        "reach": 1.0,
        "note": "written by stock serialize and read back by stock deserialize",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    print(json.dumps(run(parser.parse_args().quick), indent=1))
