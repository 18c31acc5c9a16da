"""The state of every artefact of a study, as its home tells it; nothing is written.

What is up to date, only the store says. What was tried and failed, only the history of runs knows;
where that cannot be opened, the store speaks alone. Making what is missing belongs to ``runner``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import dagster as dg

from aehpo_assets.defs.partitions import partition_key
from aehpo_assets.defs.run_tags import ASSETS_TAG
from aehpo_assets.defs.study_artefacts import StudyArtefacts
from aehpo_assets.store.store import Partition


class StudyStatus:
    """What a home says of the artefacts of its study.

    Parameters
    ----------
    artefacts
        The artefacts.
    nodes
        Asset to the name of what makes it in a run: its op, or the graph that it is made by.
    instance
        The history of runs; None where it cannot be read.
    """

    def __init__(
        self,
        artefacts: StudyArtefacts,
        nodes: Mapping[str, str],
        instance: dg.DagsterInstance | None,
    ):
        self._artefacts, self._nodes, self._instance = artefacts, nodes, instance
        self._events_of = cache(self._read_events)

    def state(self, asset: str, partition: Partition) -> tuple[str, str]:
        """Return the state of an artefact and the reason: up to date, stale, missing or failed.

        Failed is what was made but did not pass its checks, and what is not up to date and was
        begun, but not made, when it was last tried.
        """
        why = self._artefacts.why_stale(asset, partition)
        if why is None:
            return "up to date", ""
        record = self._artefacts.home.store.provenance(asset, partition)
        if (record is not None and record.failed_checks) or self._failed(asset, partition):
            return "failed", why
        return ("missing" if why == "missing" else "stale"), why

    def _failed(self, asset: str, partition: Partition) -> bool:
        """Whether the latest run that began to make an artefact failed before it was made."""
        if self._instance is None:
            return False
        key = partition_key(partition)
        wanted = dg.RunsFilter(tags={"dagster/partition": key} if key else {ASSETS_TAG: asset})
        for run in self._instance.get_runs(wanted):
            begun, made = self._events_of(run.run_id)
            if self._nodes[asset] in begun:
                return run.status == dg.DagsterRunStatus.FAILURE and asset not in made
        return False

    def _read_events(self, run_id: str) -> tuple[frozenset[str], frozenset[str]]:
        """What a run began to execute, and the assets that it made."""
        if self._instance is None:
            return frozenset(), frozenset()
        wanted = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.ASSET_MATERIALIZATION}
        begun, made = set(), set()
        for entry in self._instance.all_logs(run_id, of_type=wanted):
            event = entry.get_dagster_event()
            if event.is_step_start and event.step_key:
                begun.add(event.step_key.split(".")[0])
            elif event.asset_key is not None:
                made.add(event.asset_key.to_user_string())
        return frozenset(begun), frozenset(made)
