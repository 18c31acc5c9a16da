"""The state of a study as a person, or a script, sees it; nothing is made here.

What the state of an artefact is belongs to ``running.status``.
"""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table

from aehpo_assets.cli.run import print_kept, print_left_out, unusable
from aehpo_assets.cli.scripted import print_json
from aehpo_assets.datasets.catalogue import usable_tasks
from aehpo_assets.defs.instance import readable_instance
from aehpo_assets.defs.study_artefacts import StudyArtefacts
from aehpo_assets.foreign import escaped
from aehpo_assets.running.runner import CodeLocations, study_tasks
from aehpo_assets.running.status import StudyStatus
from aehpo_assets.store.home import Home

_COLOURS = {"up to date": "green", "stale": "yellow", "missing": "cyan", "failed": "red"}


def print_status(home: Home, console: Console, *, as_json: bool = False) -> None:
    """Print the state of every artefact: up to date, stale and why, missing, failed.

    Nothing is written: a home of somebody else, or on a file system that is read-only, will do.

    Parameters
    ----------
    home
        The home.
    console
        Where to print.
    as_json
        Whether to print the same as JSON: ``study``, ``artefacts`` (``asset, partition, state,
        why``), ``counts``, ``history`` (whether the history of runs could be looked at), ``gone``
        (tasks whose data set is gone) and ``left_out`` (what is wrong with data sets).
    """
    study = home.study()
    available, problems = usable_tasks(home.data_roots(), study.fusion)
    datasets = study_tasks(study, available, home.study_file, problems)
    # What was made of a data set stays part of the study when the data set is gone.
    made = {task for (task,) in home.store.partitions("omics_matrix")}
    wanted = study.wanted_tasks
    tasks = sorted({*datasets, *made}) if wanted == "all" else sorted(wanted)
    locations = CodeLocations()
    artefacts = StudyArtefacts(home, datasets, tasks, locations.specs)
    instance = readable_instance(home)
    status = StudyStatus(artefacts, locations.nodes, instance)
    rows = [
        (asset, partition, *status.state(asset, partition))
        for assets, partition in locations.works(artefacts)
        for asset in assets
    ]
    left_out = unusable(study, problems)
    counts = Counter(state for _, _, state, _ in rows)
    if as_json:
        print_json(
            {
                "study": study.name,
                "artefacts": [
                    dict(zip(("asset", "partition", "state", "why"), row, strict=True))
                    for row in rows
                ],
                "counts": counts,
                "history": instance is not None,
                "gone": artefacts.gone,
                "left_out": left_out,
            }
        )
        return
    table = Table("asset", "partition", "state", "why", title=f"Study {study.name}")
    for asset, partition, state, why in rows:
        coloured = f"[{_COLOURS[state]}]{state}[/]"
        table.add_row(asset, escaped(" | ".join(partition)), coloured, escaped(why))
    console.print(table)
    print_kept(artefacts, console)
    print_left_out(left_out, console)
    console.print(", ".join(f"{number} {state}" for state, number in counts.items()))
    if instance is None:
        console.print("The history of runs cannot be opened from here: none of it shows as failed.")
