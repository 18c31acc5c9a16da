"""The nightly schedule of each code location, which catches up what has become stale.

By day, automation conditions act on changes of data as they happen. What else makes an artefact
stale (its code, a changed study file, an attempt that failed) is caught up by rounds at night: each
asks for what has everything it depends on, so that the next one finds the rest ready.
See https://docs.dagster.io/guides/automate/schedules.
"""

import os
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from aehpo_assets.defs.due_runs import due_runs
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.sensors import reason_to_rest
from aehpo_assets.errors import InputError
from aehpo_assets.store.home import Home

EVERY_ASSET = "__ASSET_JOB"
"""Dagster's own job of all assets of a code location; no other may mix kinds of partitions."""

ROUNDS = "*/20 1-4 * * *"


def night_timezone() -> str:
    """Name of the timezone of the study that lives in the home, or of the machine."""
    try:
        return Home().study().timezone or machine_timezone()
    except InputError:
        return machine_timezone()


def machine_timezone() -> str:
    """Name of the timezone of this machine, as ``TZ`` or its links say; UTC where they do not."""
    link = Path("/etc/localtime").resolve().as_posix()
    for name in (os.environ.get("TZ", "").removeprefix(":"), link.partition("zoneinfo/")[2]):
        if name in zoneinfo.available_timezones():
            return name
    return "UTC"


def catch_up() -> dg.ScheduleDefinition:
    """Return the schedule of one code location, in the night of the study's timezone."""

    @dg.schedule(
        name="catch_up_at_night",
        cron_schedule=ROUNDS,
        execution_timezone=night_timezone(),
        job_name=EVERY_ASSET,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Catches up at night everything of the study that is missing or stale.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, study: StudyResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        if (reason := reason_to_rest(study.home)) is not None:
            yield dg.SkipReason(reason)
            return
        night = context.scheduled_execution_time.date().isoformat()
        # What fails is tried once a night.
        yield from due_runs(context.repository_def, context.instance, study.home, night)

    return schedule
