"""The job ``study``: what a person starts in the UI to have everything made that is not up to date.

A run cannot span code locations, and Dagster's own dialog makes again what is there. So the job
only looks at what there is to do, and a sensor of each code location follows it up: as long as
there is something left, it asks for what has everything that it depends on.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator

import dagster as dg

from aehpo_assets.datasets.catalogue import usable_tasks
from aehpo_assets.defs.due_runs import due_runs
from aehpo_assets.defs.instance import UNFINISHED
from aehpo_assets.defs.partitions import sync_partitions
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.sensors import reason_to_rest
from aehpo_assets.defs.study_artefacts import StudyArtefacts

STUDY_JOB = "study"

_SECONDS_OF_QUIET = 90.0
"""Where nothing was due for so long, and nothing under way, all is made that can be."""


@dg.op(description="Looks at what of the study is missing or stale.")
def what_is_to_be_made(context: dg.OpExecutionContext, study: StudyResource) -> None:
    """Tell what there is to do, as far as this code location knows."""
    home = study.home
    settings = home.study()
    available, _ = usable_tasks(home.data_roots(), settings.fusion)
    sync_partitions(settings, context.instance, available)
    repository = context.repository_def
    assets = repository.assets_defs_by_key.values()
    artefacts = StudyArtefacts.known_to(context.instance, home, assets)
    counts: Counter[str] = Counter()
    for asset in assets:
        for name in (key.to_user_string() for key in asset.keys if asset.is_executable):
            for partition in artefacts.partitions(name):
                why = artefacts.why_stale(name, partition)
                counts["up to date" if why is None else "to be made"] += 1
                if why is not None:
                    context.log.info(f"{name} [{' | '.join(partition)}]: {why}")
    context.add_output_metadata({"study": settings.name, **counts})
    context.log.info(
        f"Of the study {settings.name}, {counts['to be made']} artefacts of this code location are "
        f"to be made, and {counts['up to date']} are up to date. The sensors that follow the job "
        "ask for them now, and for what follows; their runs stand in the list of runs."
    )


@dg.job(
    name=STUDY_JOB,
    description="Makes whatever of the study is missing or stale, in both code locations. What is "
    "up to date is left alone. Start it here: Launchpad, Launch Run.",
)
def study_job() -> None:
    """Look at what there is to do; the sensors do the rest."""
    what_is_to_be_made()


def study_requests() -> dg.SensorDefinition:
    """Return the sensor that makes of its code location what a run of the job asks for."""

    @dg.sensor(
        name="make_study",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Once the job `study` was started, asks for what is missing or stale until "
        "nothing is.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, study: StudyResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        if (reason := reason_to_rest(study.home)) is not None:
            yield dg.SkipReason(reason)
            return
        asked = dg.RunsFilter(job_name=STUDY_JOB, statuses=[dg.DagsterRunStatus.SUCCESS])
        latest = next(iter(context.instance.get_runs(asked, limit=1)), None)
        seen = json.loads(context.cursor or "{}")
        if latest is None or (seen.get("run") == latest.run_id and seen.get("done")):
            yield dg.SkipReason("Everything that the job `study` was started for is made.")
            return
        requests = []
        if context.repository_def is not None:
            requests = list(
                due_runs(context.repository_def, context.instance, study.home, latest.run_id)
            )
        new = [r for r in requests if r.run_key not in seen.get("keys", [])]
        yield from new
        under_way = context.instance.get_runs(dg.RunsFilter(statuses=list(UNFINISHED)), limit=1)
        is_new = seen.get("run") != latest.run_id
        since = time.time() if is_new or new or under_way else seen["since"]
        cursor = {
            "run": latest.run_id,
            "since": since,
            "done": time.time() - since > _SECONDS_OF_QUIET,
            "keys": [*([] if is_new else seen["keys"]), *(r.run_key for r in new)],
        }
        context.update_cursor(json.dumps(cursor))

    return sensor
