"""The job `study`: it looks, and the sensors that follow it ask for what is missing or stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableRepository

from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.definitions import defs
from aehpo_assets.defs import study_job
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.defs.resource import study_on
from aehpo_assets.defs.study_job import STUDY_JOB, study_requests
from aehpo_assets.running.runner import prepare, study_tasks
from aehpo_assets.store.home import Home
from aehpo_assets.study import read_study


@pytest.fixture
def home(tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of which nothing is made."""
    home = Home(tmp_path / "home")
    monkeypatch.setenv("AEHPO_HOME", str(home.root))
    home.record_data_roots([tiny_root / "data"])
    file = tiny_root / "tiny.yaml"
    study = read_study(file)
    tasks = study_tasks(study, available_tasks(home.data_roots()), file)
    prepare(study, home, tasks, file=file).dispose()
    return home


def start_job(instance: dg.DagsterInstance) -> dg.JobExecutionResult:
    """Start the job as the UI does: by its code location."""
    location = ReconstructableRepository.for_module("aehpo_assets.definitions", "defs")
    return dg.execute_job(location.get_reconstructable_job(STUDY_JOB), instance)


def tick(home: Home, instance: dg.DagsterInstance, cursor: str | None) -> Any:
    with dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        repository_def=defs.get_repository_def(),
        resources={"study": study_on(home)},
    ) as context:
        return study_requests().evaluate_tick(context)


def test_what_is_missing_is_asked_for_once_the_job_was_started(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_instance(home) as instance:
        assert "is made" in str(tick(home, instance, None).skip_message)
        assert start_job(instance).success
        first = tick(home, instance, None)
        asked = {
            request.tags["dagster/partition"]: {k.to_user_string() for k in request.asset_selection}
            for request in first.run_requests
        }
        assert asked["toy_rna"] >= {"omics_matrix", "sample_labels", "preprocessed_matrix"}
        assert "configurations" in asked["vanillix"]
        tags = {tuple(sorted(r.tags.items())) for r in first.run_requests}
        assert all(("aehpo/study", "tiny") in one for one in tags)
        second = tick(home, instance, first.cursor)
        assert not second.run_requests, "each thing is asked for once"
        monkeypatch.setattr(study_job, "_SECONDS_OF_QUIET", -1.0)
        third = tick(home, instance, second.cursor)
        assert json.loads(third.cursor)["done"]
        assert "is made" in str(tick(home, instance, third.cursor).skip_message)
        assert start_job(instance).success
        again = tick(home, instance, third.cursor)
        assert len(again.run_requests) == len(first.run_requests), "it was started again"
