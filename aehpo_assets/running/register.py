"""Making the tasks of an added data set known to the study of a home."""

from __future__ import annotations

from pathlib import Path

from aehpo_assets.datasets.catalogue import tasks_of
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.defs.partitions import sync_partitions
from aehpo_assets.errors import HomeBusyError
from aehpo_assets.store.home import Home


def register_tasks(folder: Path, home: Home) -> tuple[list[str], str]:
    """Register the tasks of a data set with the home's instance, if its study is to have them.

    Parameters
    ----------
    folder
        Folder of the data set, below a data root of the home.
    home
        The home.

    Returns
    -------
    tuple of list and str
        The tasks, and what happens to them next.
    """
    if not home.study_file.exists():
        return sorted(
            tasks_of(folder)
        ), "The home holds no study yet; `aehpo run STUDY.yaml` starts one."
    study = home.study()
    found = sorted(tasks_of(folder, study.fusion))
    wanted = (
        found
        if study.wanted_tasks == "all"
        else [task for task in found if task in study.wanted_tasks]
    )
    if not wanted:
        return found, f"The study {study.name} does not list them; add them to its tasks."
    instance = open_instance(home)
    try:
        # Held as shortly as can be: a run of the UI that begins meanwhile waits a second for it.
        with home.locked():
            sync_partitions(study, instance, wanted)
    except HomeBusyError:
        return found, "`aehpo run` is at work; call it again to have the new tasks made."
    if home.is_served:
        return found, "The study extends itself now; see the UI."
    return found, "`aehpo run` makes what is missing, or the daemon of `aehpo ui`."
