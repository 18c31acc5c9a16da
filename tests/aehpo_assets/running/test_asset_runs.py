"""Headless runs as the UI finds them: of a code location, of a job, and named by what they make."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg

from aehpo_assets.defs.instance import open_instance
from aehpo_assets.defs.resource import HEADLESS_TAG, is_headless
from aehpo_assets.running.runner import CodeLocations
from aehpo_assets.store.home import Home


def test_headless_runs_can_be_found_and_told_apart(finished_tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(finished_tiny / "home", tmp_path / "home")
    with open_instance(Home(tmp_path / "home")) as instance:
        runs = instance.get_runs()
    owners = CodeLocations().owners
    assert runs
    for run in runs:
        assets = sorted(key.to_user_string() for key in run.asset_selection or ())
        assert run.job_name == "__ASSET_JOB"
        assert run.remote_job_origin is not None
        repository = run.remote_job_origin.repository_origin
        assert repository.code_location_origin.location_name == owners[assets[0]]
        assert run.tags["aehpo/study"] == "tiny"
        assert sorted(run.tags["aehpo/assets"].split(", ")) == assets
        parts = [run.tags.get(f"aehpo/{name}") for name in ("architecture", "task")]
        assert "|".join(filter(None, parts)) == run.tags["dagster/partition"]
        assert is_headless(run)
    trainings = [run for run in runs if "run_results" in run.tags["aehpo/assets"]]
    assert {run.tags["aehpo/task"] for run in trainings} == {"toy_rna"}


def test_what_the_ui_executes_again_is_no_headless_run() -> None:
    tags = {HEADLESS_TAG: "true"}
    again = dg.DagsterRun(job_name="j", tags=tags, parent_run_id="a", root_run_id="a")
    assert is_headless(dg.DagsterRun(job_name="j", tags=tags))
    assert not is_headless(again)
