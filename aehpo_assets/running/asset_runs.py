"""Runs of assets in this process, recorded as the UI records those that it starts.

Such a run belongs to the code location that owns its assets, and to the job of all of them: so the
UI shows it on its timeline, and executes it again like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.events import RunFailureReason
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from aehpo_assets.defs.resource import StudyResource

REPOSITORY = "__repository__"
"""What Dagster calls the only repository of a code location."""


class AssetRuns:
    """What executes runs of assets of all code locations.

    Parameters
    ----------
    assets
        The assets.
    study
        The study's handle.
    instance
        Where the runs are recorded.
    """

    def __init__(
        self,
        assets: Sequence[dg.AssetsDefinition],
        study: StudyResource,
        instance: dg.DagsterInstance,
    ):
        self._assets, self._study, self._instance = assets, study, instance

    @cached_property
    def _job(self) -> dg.JobDefinition:
        definitions = dg.Definitions(
            assets=self._assets,
            resources={"study": self._study},
            executor=dg.in_process_executor,
        )
        return definitions.resolve_implicit_global_asset_job_def()

    def execute(
        self,
        assets: Sequence[str],
        location: str,
        tags: Mapping[str, str],
        config: Mapping[str, Any],
    ) -> dg.JobExecutionResult:
        """Execute one run; a step that fails is told in the result.

        Parameters
        ----------
        assets
            Assets that are made together.
        location
            The code location that owns them.
        tags
            Tags of the run, those of its partition among them.
        config
            Dagster's run configuration.
        """
        repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), REPOSITORY)
        job = self._job
        run = self._instance.create_run_for_job(
            job,
            run_config=config,
            tags=tags,
            asset_selection={dg.AssetKey(asset) for asset in assets},
            remote_job_origin=RemoteJobOrigin(repository, job.name),
        )
        return execute_run(InMemoryJob(job), run, self._instance)


def is_interrupted(result: dg.JobExecutionResult) -> bool:
    """Whether a signal ended a run, inside a step or between two."""
    return any(
        event.job_failure_data.failure_reason == RunFailureReason.UNEXPECTED_TERMINATION
        for event in result.all_events
        if event.is_job_failure
    )


def warnings_of(result: dg.JobExecutionResult) -> Iterator[str]:
    """Yield what the checks of a run warn of."""
    for event in result.all_events:
        if event.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            continue
        check = event.asset_check_evaluation_data
        if not check.passed and check.severity == dg.AssetCheckSeverity.WARN:
            name = check.asset_key.to_user_string()
            yield f"{name}: {check.check_name}: {check.description or ''}"
