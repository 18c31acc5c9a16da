"""The sensors: one notices data sets, and each code location has two that follow up.

The partitions are kept those of the study: a new data set gets its tasks, and declarative
automation does the rest. Of a changed one, what reads its files is made again, and what follows
depends on whether its content changed. One sensor of a code location evaluates its conditions, the
other asks again for what was interrupted.
Validation lives in ``aehpo_assets.omics``, noticing in ``aehpo_assets.datasets.landing``.
See https://docs.dagster.io/guides/automate/sensors.
"""

import datetime
import json
import warnings
from collections.abc import Iterator, Sequence

import dagster as dg
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from aehpo_assets.datasets.dataset import find_datasets
from aehpo_assets.datasets.landing import Landed, landed
from aehpo_assets.defs.broken_datasets import BrokenDataSets, read_evaluations
from aehpo_assets.defs.partitions import requested_partitions, study_partitions, tasks
from aehpo_assets.defs.resource import INTERRUPTED_TAG, StudyResource
from aehpo_assets.defs.study_artefacts import StudyArtefacts, specs_of
from aehpo_assets.store.home import Home
from aehpo_assets.store.news import tell

READ_FROM_FILES = ("omics_matrix", "sample_labels", "feature_ontology", "data_split")
"""Assets that read the files of a data set, upstream before downstream."""


def reason_to_rest(home: Home) -> str | None:
    """Say why nothing is to be started by itself on a home, or None if it may."""
    if not home.study_file.exists():
        return f"{home.root} holds no study yet; start one with `aehpo run`."
    if home.is_locked:
        return f"`aehpo run` is at work in {home.root}."
    return None


@dg.sensor(
    name="notice_data_sets",
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    target=list(READ_FROM_FILES),
    description="Notices data sets below the data roots: new, changed, or broken.",
)
def dataset_sensor(
    context: dg.SensorEvaluationContext, study: StudyResource
) -> dg.SensorResult | dg.SkipReason:
    """Make the partitions those of the study, new data sets included; have changed files read.

    Raises
    ------
    BrokenDataSetError
        In the first quiet tick after a data set was found broken, so that the sensor stands there
        as failed: an evaluation that raises is not remembered, nor what it asked for.
    """
    home = study.home
    if (reason := reason_to_rest(home)) is not None:
        return dg.SkipReason(reason)
    settings, roots = study.study, home.data_roots()
    seen: dict[str, str] = json.loads(context.cursor or "{}")
    broken = BrokenDataSets(context.instance)
    changed = list(landed(roots, seen, settings.split, settings.fusion))
    if not changed:
        broken.tell()
    for data_set in changed:
        if data_set.problem is not None:
            said = f"Broken data set, left out until it is fixed: {data_set.problem}"
            context.log.error(said)
            if (wrong := tell(home.root, said)) is not None:
                context.log.error(wrong)
    found = {name for data_set in changed for name in data_set.tasks}
    listed = settings.wanted_tasks
    wanted = found if listed == "all" else found & set(listed)
    known = set(context.instance.get_dynamic_partitions(str(tasks.name)))
    for name in sorted(found - wanted):
        context.log.info(f"The task {name} is there, but the study does not list it.")
    seen |= {str(data_set.folder): data_set.signature for data_set in changed}
    present = {str(folder) for folder in find_datasets(roots)}
    broken.note(changed, present)
    return dg.SensorResult(
        dynamic_partitions_requests=requested_partitions(settings, context.instance, wanted),
        run_requests=list(_read_again(context, home, changed, wanted & known)),
        asset_events=[event for one in changed for event in read_evaluations(one, known | wanted)],
        cursor=json.dumps({name: seen[name] for name in sorted(present & seen.keys())}),
    )


def _read_again(
    context: dg.SensorEvaluationContext, home: Home, changed: Sequence[Landed], names: set[str]
) -> Iterator[dg.RunRequest]:
    """Ask for what reads files that changed, or could not be read before.

    What is missing without a failure is asked for by its automation condition.
    """
    repository = context.repository_def
    if repository is None or not names:
        return
    artefacts = StudyArtefacts(
        home,
        {name: task for data_set in changed for name, task in data_set.tasks.items()},
        study_partitions(home.study(), context.instance),
        specs_of(repository.assets_defs_by_key.values()),
    )
    for data_set in changed:
        for name in sorted(names & data_set.tasks.keys()):
            stale = [
                dg.AssetKey(asset)
                for asset in READ_FROM_FILES
                if (reason := artefacts.why_stale(asset, (name,)))
                and (reason != "missing" or _failed(context.instance, asset, name))
            ]
            if stale:
                yield dg.RunRequest(
                    run_key=f"{name} {data_set.signature}",
                    partition_key=name,
                    asset_selection=stale,
                )


def _failed(instance: dg.DagsterInstance, asset: str, task: str) -> bool:
    """Whether the latest attempt to make the artefact of a task failed."""
    statuses = instance.get_status_by_partition(dg.AssetKey(asset), [task], tasks) or {}
    return statuses.get(task) == AssetPartitionStatus.FAILED


def interrupted() -> dg.SensorDefinition:
    """Return the sensor that asks again for what interrupted runs were to make.

    Automation conditions do not try again what failed. What has been made since is left alone.
    """

    @dg.sensor(
        name="make_interrupted_again",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks again for what was being made when the UI or a run was killed.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, study: StudyResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        if (reason := reason_to_rest(study.home)) is not None:
            yield dg.SkipReason(reason)
            return
        definitions = context.repository_def.assets_defs_by_key if context.repository_def else {}
        groups = {frozenset(a.keys) for a in definitions.values() if a.is_executable}
        seen = context.cursor and datetime.datetime.fromisoformat(context.cursor)
        wanted = dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE],
            tags={INTERRUPTED_TAG: "true"},
            updated_after=seen or None,
        )
        records = context.instance.get_run_records(wanted)
        for record in records:
            run = record.dagster_run
            asked = run.asset_selection or set()
            partition = run.tags.get("dagster/partition")
            since = record.create_timestamp.timestamp()
            keys = [
                key
                for group in groups
                if group & asked
                and not all(_made(context.instance, k, partition, since) for k in group)
                for key in group
            ]
            if keys:
                yield dg.RunRequest(
                    run_key=run.run_id,
                    run_config=run.run_config,
                    tags={k: v for k, v in run.tags.items() if k.startswith("dagster/partition")},
                    asset_selection=sorted(keys),
                )
        if records:
            context.update_cursor(max(r.update_timestamp for r in records).isoformat())

    return sensor


def _made(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None, since: float
) -> bool:
    """Whether an artefact was made after a moment."""
    records = dg.AssetRecordsFilter(
        key, asset_partitions=[partition] if partition else None, after_timestamp=since
    )
    return bool(instance.fetch_materializations(records, limit=1).records)


def automation() -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that evaluates the automation conditions of its code location."""
    with warnings.catch_warnings():
        # Dagster announces at every start that evaluation in the code location is in beta.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.AutomationConditionSensorDefinition(
            "follow_changed_data",
            target=dg.AssetSelection.all(),
            default_status=dg.DefaultSensorStatus.RUNNING,
            minimum_interval_seconds=10,
            emit_backfills=False,
            use_user_code_server=True,
            description="Makes what is missing, and what follows from data that changed.",
        )
