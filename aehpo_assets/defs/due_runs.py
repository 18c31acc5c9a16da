"""Runs that make what is missing or stale at this moment, of one code location.

What is due is decided in ``catch_up``; when it is asked for, in ``schedules`` and ``study_job``.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from aehpo_assets.defs.catch_up import due_artefacts
from aehpo_assets.defs.instance import UNFINISHED
from aehpo_assets.defs.run_tags import run_tags
from aehpo_assets.defs.study_artefacts import StudyArtefacts
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Partition

PARTITION = "dagster/partition"


def due_runs(
    repository: dg.RepositoryDefinition, instance: dg.DagsterInstance, home: Home, occasion: str
) -> Iterator[dg.RunRequest]:
    """Yield a request for each partition with something to make that has all that it depends on.

    Parameters
    ----------
    repository
        The code location.
    instance
        The instance, which knows what is being made already.
    home
        The home of the study.
    occasion
        Why they are asked for; of one occasion, what fails is tried once.
    """
    owned = [a for a in repository.assets_defs_by_key.values() if a.is_executable]
    order = repository.asset_graph.toposorted_asset_keys
    by_first_key = {min(asset.keys, key=order.index): asset for asset in owned}
    groups = [
        tuple(sorted(key.to_user_string() for key in by_first_key[key].keys))
        for key in order
        if key in by_first_key
    ]
    artefacts = StudyArtefacts.known_to(instance, home, repository.assets_defs_by_key.values())
    for partition, reasons in due_artefacts(artefacts, groups, _busy(instance)):
        yield dg.RunRequest(
            run_key=f"{occasion} {partition} {sorted(reasons.items())}",
            tags=run_tags(artefacts, reasons, partition),
            asset_selection=[dg.AssetKey(asset) for asset in reasons],
        )


def _busy(instance: dg.DagsterInstance) -> set[tuple[str, Partition]]:
    """Assets and partitions that some run is making."""
    return {
        (key.to_user_string(), tuple(filter(None, run.tags.get(PARTITION, "").split("|"))))
        for run in instance.get_runs(dg.RunsFilter(statuses=list(UNFINISHED)))
        for key in run.asset_selection or ()
    }
