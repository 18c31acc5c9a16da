"""Telling of failures: what a run failed of in one message, and the hook that somebody hears of.

Runs of ``aehpo run`` tell whoever started them; of all others there is a line in ``HOME/news.md``,
see ``aehpo_assets.store.news``.
"""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from aehpo_assets.defs.resource import is_headless
from aehpo_assets.errors import AehpoError, NotAskedForError
from aehpo_assets.store.home import Home
from aehpo_assets.store.news import tell


def reason_of_failure(events: Iterable[dg.DagsterEvent]) -> str:
    """Say what failed: the message of the error that a person can act on, else the deepest one.

    Parameters
    ----------
    events
        Events of a run; those that are no failures of steps are passed over.
    """
    for event in events:
        if not event.is_step_failure:
            continue
        error: Any = event.step_failure_data.error
        while error is not None:
            if error.cls_name in _READABLE or error.cause is None:
                return str(error.message).strip().removeprefix(_prefix(error.cls_name))
            error = error.cause
    return "the run failed; see it in the UI"


def is_not_asked_for(events: Iterable[dg.DagsterEvent]) -> bool:
    """Whether a run failed of nothing but what the study does not ask for.

    Parameters
    ----------
    events
        Events of a run; those that are no failures of steps are passed over.
    """
    failed = [event for event in events if event.is_step_failure]
    return bool(failed) and all(NotAskedForError.__name__ in _classes(event) for event in failed)


def _classes(event: dg.DagsterEvent) -> set[str]:
    """Names of the error of a failed step and of those that it came from."""
    names, error = set(), event.step_failure_data.error
    while error is not None:
        names.add(str(error.cls_name))
        error = error.cause
    return names


def _subclasses(cls: type) -> set[str]:
    return {cls.__name__}.union(*map(_subclasses, cls.__subclasses__()))


_READABLE = _subclasses(AehpoError)


def _prefix(cls_name: str) -> str:
    return f"aehpo_assets.errors.{cls_name}: "


@dg.run_failure_sensor(
    name="tell_of_failures",
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
    description="Adds a line to news.md of the home for every run that fails, and calls the "
    "command of AEHPO_ON_FAILURE.",
)
def tell_of_failures(context: dg.RunFailureSensorContext) -> None:
    """Tell of a run that failed, whatever code location it is of."""
    run = context.dagster_run
    failures = list(context.get_step_failure_events())
    # Of what somebody selected by mistake the list of runs tells, and nothing is tried again.
    if is_headless(run) or is_not_asked_for(failures):
        return
    assets = sorted(key.to_user_string() for key in run.asset_selection or ())
    partition = run.tags.get("dagster/partition", "").replace("|", " | ")
    what = f"{', '.join(assets) or run.job_name} [{partition}]"
    why = reason_of_failure(failures)
    wrong = tell(
        Home().root,
        f"{what} failed: {why} It is tried once more when something that it depends on changes, "
        f"and at night. Run {run.run_id}.",
    )
    if wrong is not None:
        context.log.error(wrong)
