"""The schedule of each code location that catches up at night what is missing or stale.

Automation conditions act on changes of data as they happen. What else makes an artefact stale (its
code, a changed study file, an attempt that failed) is caught up by rounds at night: each asks for
what has everything it depends on, so that the next one finds the rest ready. What is due is decided
in ``aehpo_assets.defs.catch_up``.
See https://docs.dagster.io/guides/automate/schedules.
"""

from collections.abc import Iterator

import dagster as dg

from aehpo_assets.datasets.catalogue import usable_tasks
from aehpo_assets.defs.catch_up import due_artefacts
from aehpo_assets.defs.instance import UNFINISHED
from aehpo_assets.defs.partitions import partition_key, study_partitions
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.sensors import reason_to_rest
from aehpo_assets.defs.study_artefacts import StudyArtefacts, specs_of
from aehpo_assets.store.store import Partition

EVERY_ASSET = "__ASSET_JOB"
"""Dagster's own job of all assets of a code location; no other may mix kinds of partitions."""

ROUNDS = "*/20 1-4 * * *"


def catch_up(location: str) -> dg.ScheduleDefinition:
    """Return the schedule of one code location."""

    @dg.schedule(
        name=f"{location}_catch_up",
        cron_schedule=ROUNDS,
        job_name=EVERY_ASSET,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Catches up at night everything of the study that is missing or stale.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, study: StudyResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        home = study.home
        if (reason := reason_to_rest(home)) is not None:
            yield dg.SkipReason(reason)
            return
        repository = context.repository_def
        owned = [a for a in repository.assets_defs_by_key.values() if a.is_executable]
        order = repository.asset_graph.toposorted_asset_keys
        by_first_key = {min(asset.keys, key=order.index): asset for asset in owned}
        groups = [
            tuple(sorted(key.to_user_string() for key in by_first_key[key].keys))
            for key in order
            if key in by_first_key
        ]
        artefacts = StudyArtefacts(
            home,
            usable_tasks(home.data_roots())[0],
            study_partitions(home.study(), context.instance),
            specs_of(repository.assets_defs_by_key.values()),
        )
        night = context.scheduled_execution_time.date().isoformat()
        for partition, reasons in due_artefacts(artefacts, groups, _busy(context.instance)):
            context.log.info(f"{partition}: {reasons}")
            yield dg.RunRequest(
                # What fails is tried once a night.
                run_key=f"{night} {partition} {sorted(reasons.items())}",
                tags=_partition_tags(artefacts, next(iter(reasons)), partition),
                asset_selection=[dg.AssetKey(asset) for asset in reasons],
            )

    return schedule


def _partition_tags(artefacts: StudyArtefacts, asset: str, partition: Partition) -> dict[str, str]:
    """Tags that say for which partition a run is; a job of mixed partitions takes no key."""
    definition = artefacts.specs[asset].partitions_def
    if definition is None:
        return {}
    return dict(definition.get_tags_for_partition_key(partition_key(partition)))


def _busy(instance: dg.DagsterInstance) -> set[tuple[str, Partition]]:
    """Assets and partitions that some run is making."""
    return {
        (key.to_user_string(), tuple(run.tags["dagster/partition"].split("|")))
        for run in instance.get_runs(dg.RunsFilter(statuses=list(UNFINISHED)))
        if "dagster/partition" in run.tags
        for key in run.asset_selection or ()
    }
