"""Results in and out: a study for other tools, and other people's studies as run results.

The formats live in ``exports``, ``imports`` and ``hpo.blackbox``; here is what goes
where.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.columns import columns_of_test
from aehpo_assets.hpo.rounds import RECOMMENDATIONS, VALIDATED
from aehpo_assets.space import search_space
from aehpo_assets.store.files import atomic_folder, check_writable, inside
from aehpo_assets.store.home import Home
from aehpo_assets.store.run_archive import RUN_KEY, RunArchive
from aehpo_assets.store.store import Store

RUN_RESULTS, BLACKBOX = "run_results", "blackbox"
REPORT = "validation_report"
TABLES = (RECOMMENDATIONS, VALIDATED, "baseline_performance")
"""Tables that are exported as they are."""


def export_study(home: Home, folder: Path, *, with_test: bool = False) -> list[Path]:
    """Write what other tools read of a study.

    Parameters
    ----------
    home
        The home of the study.
    folder
        A folder that is not there yet.
    with_test
        Whether to open the test of every sampled run: it is counted
        (:class:`aehpo_assets.store.openings.Openings`), the run results have their test columns,
        and blackboxes the test score as their last objective. Where the study's test is open, they
        have them anyway.

    Returns
    -------
    list of pathlib.Path
        ``run_results/<architecture>_<task>.csv``; ``blackbox/<architecture>``, a folder of Syne
        Tune's repository; ``recommendations/`` and ``validated_recommendations/``: tables as CSV,
        and beside the first what is recommended in the end, as Autoencodix reads it;
        ``narrowed_spaces/<architecture>_<task>.yaml``, the ``space`` of a next study;
        ``baseline_performance/<task>.csv``; ``validation_report/<architecture>_<table>.csv``.

    Raises
    ------
    InputError
        If the folder is there or cannot be made, or the study has no run results yet.
    StaleInputError
        If an artefact is damaged or did not pass its checks.
    HomeBusyError
        If the test is to be opened while a run is under way in the home.
    """
    if with_test:
        with home.locked():
            return _export(home, folder, with_test=True)
    return _export(home, folder, with_test=False)


def _export(home: Home, folder: Path, *, with_test: bool) -> list[Path]:
    from aehpo_assets.exchange.exports import write_recommendation
    from aehpo_assets.exchange.recommended import recommended
    from aehpo_assets.hpo.blackbox import build_blackboxes, write_blackbox

    _refuse_unusable(folder)
    store, study = home.store, home.study()
    if not store.partitions(RUN_RESULTS):
        raise InputError(
            "holds no run results to export",
            file=home.root,
            remedy="Run the study first: aehpo run STUDY.yaml.",
        )
    with atomic_folder(folder) as target:
        (target / RUN_RESULTS).mkdir()
        results = {
            (architecture, task): _run_results(home, architecture, task, with_test=with_test)
            for architecture, task in store.partitions(RUN_RESULTS)
        }
        for (architecture, task), table in results.items():
            path = inside(target, RUN_RESULTS, f"{architecture}_{task}.csv")
            table.drop(columns=RUN_KEY, errors="ignore").to_csv(path, index=False)
            _write_narrowed(home, architecture, task, target)
        for (architecture,) in store.partitions(BLACKBOX):
            record = store.checked(BLACKBOX, (architecture,))
            exported = inside(target, BLACKBOX, architecture)
            if not with_test:
                shutil.copytree(store.existing_folder(BLACKBOX, (architecture,)), exported)
                continue
            read = [name.split("/") for name in record.inputs if name.startswith(f"{RUN_RESULTS}/")]
            tables = {task: results[architecture, task] for _, _, task in read}
            space = search_space(architecture, study.space)
            write_blackbox(exported, build_blackboxes(tables, space, study.length, study.unit))
        if with_test:
            for (architecture, task), table in results.items():
                if RUN_KEY in table:
                    home.openings.note(architecture, task, table[RUN_KEY], "aehpo export")
        for asset in TABLES:
            _write_tables(store, asset, target)
        for (architecture,) in store.partitions(REPORT):
            store.checked(REPORT, (architecture,))
            for source in sorted(store.existing_folder(REPORT, (architecture,)).glob("*.parquet")):
                path = inside(target, REPORT, f"{architecture}_{source.stem}.csv")
                path.parent.mkdir(exist_ok=True)
                pd.read_parquet(source).to_csv(path, index=False)
        for architecture, task in store.partitions(RECOMMENDATIONS):
            found = recommended(home, architecture, task)
            write_recommendation(target / RECOMMENDATIONS, found, study)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _write_narrowed(home: Home, architecture: str, task: str, folder: Path) -> None:
    """Write the space of a next study, where ranges of values are told from chance."""
    from aehpo_assets.report.narrowed import narrowed_of, narrowed_yaml

    found = narrowed_of(home, architecture, task)
    if found.space:
        path = inside(folder, "narrowed_spaces", f"{architecture}_{task}.yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(narrowed_yaml(home, architecture, task, found), encoding="utf-8")


def _run_results(home: Home, architecture: str, task: str, *, with_test: bool) -> pd.DataFrame:
    """Read the run results of a task, and what the archive holds of the test samples if asked for.

    Raises
    ------
    StaleInputError
        If they are damaged or did not pass their checks, or the archive lacks a run.
    """
    home.store.checked(RUN_RESULTS, (architecture, task))
    table = home.store.read_table(RUN_RESULTS, (architecture, task))
    if not with_test or columns_of_test(table):
        return table
    scored, _ = RunArchive(home.runs / architecture / task).collect(table[RUN_KEY].tolist())
    return table.assign(**{name: scored[name].to_numpy() for name in columns_of_test(scored)})


def _write_tables(store: Store, asset: str, folder: Path) -> None:
    """Write every table of an asset as CSV.

    Raises
    ------
    StaleInputError
        If one is damaged or did not pass its checks.
    """
    for partition in store.partitions(asset):
        store.checked(asset, partition)
        path = inside(folder, asset, f"{'_'.join(partition)}.csv")
        path.parent.mkdir(exist_ok=True)
        store.read_table(asset, partition).to_csv(path, index=False)


def import_results(source: Path, folder: Path) -> pd.DataFrame:
    """Read the results of the reference study or of BBOmix, and write them as run results.

    Parameters
    ----------
    source
        A folder or zip of ``real_ae_results_*.parquet``, or a folder of BBOmix' JSON files.
    folder
        A folder that is not there yet: ``run_results/<architecture>/<task>.parquet``, where the
        table's attributes name the source and its hash.

    Returns
    -------
    pandas.DataFrame
        What was read: ``architecture, task, runs, best_score``, and ``noise_known`` and
        ``reliability`` (of the valid score of one run; NaN where every configuration was trained
        once, as in the reference study).

    Raises
    ------
    InputError
        If the source is neither, something in it cannot be read, or the folder is there or cannot
        be made.
    """
    from aehpo_assets.exchange.imports import import_bbomix_results, import_study_results
    from aehpo_assets.hpo.objectives import VALID_SCORE
    from aehpo_assets.noise.summary import noise_tables

    _refuse_unusable(folder)
    if not source.exists():
        raise InputError("is not there", file=source, remedy="Check the path.")
    is_bbomix = source.is_dir() and any(path.is_file() for path in source.rglob("*_result.json"))
    found = import_bbomix_results(source) if is_bbomix else import_study_results(source)
    summary = []
    with atomic_folder(folder) as target:
        for architecture, tasks in found.items():
            for task, runs in tasks.items():
                path = inside(target, RUN_RESULTS, architecture, f"{task}.parquet")
                path.parent.mkdir(parents=True, exist_ok=True)
                runs.to_parquet(path)
                noise = noise_tables(runs, {VALID_SCORE: (0.0, 1.0)})["components"].iloc[0]
                summary.append(
                    {
                        "architecture": architecture,
                        "task": task,
                        "runs": len(runs),
                        "best_score": runs[VALID_SCORE].max(),
                        "noise_known": bool(noise["known"]),
                        "reliability": noise["reliability"],
                    }
                )
    return pd.DataFrame(summary)


def _refuse_unusable(folder: Path) -> None:
    """Refuse a folder that is there already, or that could not be made."""
    check_writable(folder, "--out")
    if os.path.lexists(folder):
        raise InputError(
            "is there already", file=folder, key="--out", remedy="Name a folder that is not."
        )
