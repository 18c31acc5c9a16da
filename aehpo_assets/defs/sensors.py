"""The sensor that notices data sets: new ones, changed ones, and broken ones.

A new data set gets its tasks as partitions; declarative automation does the rest. A changed file
has its raw matrix read again, and what follows hangs on whether its content changed. Validation
lives in ``aehpo_assets.omics``.
See https://docs.dagster.io/guides/automate/sensors.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from aehpo_assets.catalogue import Task, tasks_of
from aehpo_assets.defs.partitions import tasks
from aehpo_assets.defs.study_resource import StudyResource
from aehpo_assets.errors import InputError
from aehpo_assets.omics.dataset import find_datasets
from aehpo_assets.omics.validate import validate_dataset

RAW_ASSETS = ("omics_matrix", "sample_labels")


def _signature(folder: Path) -> str:
    """Size and time of every file of a data set: cheap, and enough to notice a change."""
    stats = {p.name: p.stat() for p in sorted(folder.iterdir()) if p.is_file()}
    return json.dumps({name: [s.st_size, s.st_mtime_ns] for name, s in stats.items()})


@dg.sensor(
    name="datasets",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    target=list(RAW_ASSETS),
    description="Notices data sets below the data roots: new, changed, or broken.",
)
def dataset_sensor(
    context: dg.SensorEvaluationContext, study: StudyResource
) -> dg.SensorResult | dg.SkipReason:
    """Register the tasks of new data sets, and have changed files read again."""
    home = study.home
    if not home.study_file.exists():
        return dg.SkipReason(f"{home.root} holds no study yet; start one with `aehpo run`.")
    seen: dict[str, str] = json.loads(context.cursor or "{}")
    present = {str(folder): folder for folder in find_datasets(home.data_roots())}
    known = set(context.instance.get_dynamic_partitions(str(tasks.name)))
    new: list[str] = []
    requests: list[dg.RunRequest] = []
    observations: list[dg.AssetObservation] = []
    for name, folder in present.items():
        signature = _signature(folder)
        if seen.get(name) == signature:
            continue
        found, problem = _validated(folder)
        if problem is not None:
            context.log.error(f"Broken data set, left out until it is mended: {problem}")
            observations.append(_observation(name, problem))
        for task in found:
            if task not in known:
                new.append(task)
            elif name in seen:
                requests.append(_read_again(task, signature))
        seen[name] = signature
    cursor = json.dumps({name: seen[name] for name in present})
    return dg.SensorResult(
        dynamic_partitions_requests=[tasks.build_add_request(new)] if new else [],
        run_requests=requests,
        asset_events=observations,
        cursor=cursor,
    )


def _validated(folder: Path) -> tuple[dict[str, Task], InputError | None]:
    """Tasks of a data set, or what is wrong with it."""
    problems = validate_dataset(folder)
    if problems:
        return {}, problems[0]
    return tasks_of(folder), None


def _observation(name: str, problem: InputError) -> dg.AssetObservation:
    return dg.AssetObservation(
        asset_key="omics_matrix",
        description=f"Broken data set: {problem}",
        metadata={"data set": name, "problem": str(problem)},
    )


def _read_again(task: str, signature: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{task} {signature}",
        partition_key=task,
        asset_selection=[dg.AssetKey(asset) for asset in RAW_ASSETS],
    )


def automation(location: str) -> Iterator[dg.AutomationConditionSensorDefinition]:
    """The sensor that evaluates the automation conditions of one code location."""
    yield dg.AutomationConditionSensorDefinition(
        f"{location}_automation",
        target=dg.AssetSelection.all(include_sources=False),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        emit_backfills=False,
    )
