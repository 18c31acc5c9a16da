"""Whoever is away hears of what failed: a line in the news of the home, and a command of theirs."""

from __future__ import annotations

import sys
from pathlib import Path

import dagster as dg
import pytest

from aehpo_assets.defs.failures import tell_of_failures
from aehpo_assets.defs.resource import HEADLESS_TAG, study_on
from aehpo_assets.errors import InputError, NotAskedForError
from aehpo_assets.running.asset_runs import AssetRuns
from aehpo_assets.store.home import Home
from aehpo_assets.store.news import COMMAND, tell


@dg.asset
def table() -> None:
    raise InputError("lacks a column", file="a.csv", remedy="Add it.")


@dg.asset
def not_asked() -> None:
    raise NotAskedForError("the study has no race", key="race")


def fail(*selected: str, **tags: str) -> None:
    """Let a run fail, and the sensor see it."""
    selected = selected or ("table",)
    with dg.instance_for_test() as instance:
        runs = AssetRuns([table, not_asked], study_on(Home()), instance)
        result = runs.execute([*selected], "aehpo_assets", tags, {})
        context = dg.build_run_status_sensor_context(
            sensor_name="tell_of_failures",
            dagster_event=next(event for event in result.all_events if event.is_job_failure),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
        )
        tell_of_failures(context.for_run_failure())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = Home(tmp_path / "home")
    monkeypatch.setenv("AEHPO_HOME", str(home.root))
    home.root.mkdir()
    return home


@pytest.mark.slow
def test_a_failed_run_is_a_line_of_news_and_a_call(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = tmp_path / "heard"
    monkeypatch.setenv(COMMAND, f"tee {heard}")
    fail(**{"dagster/partition": "varix|toy_rna"})
    (line,) = (home.root / "news.md").read_text().splitlines()
    for said in ("table", "[varix | toy_rna] failed", "a.csv: lacks a column. Add it.", "UTC"):
        assert said in line
    assert heard.read_text().strip() == line
    fail()
    assert len((home.root / "news.md").read_text().splitlines()) == 2


def test_what_the_study_does_not_ask_for_is_no_news_beside_a_failure_it_is(home: Home) -> None:
    fail("not_asked")
    assert not (home.root / "news.md").exists()
    fail("not_asked", "table")
    assert len((home.root / "news.md").read_text().splitlines()) == 1


def test_a_headless_run_tells_whoever_started_it(home: Home) -> None:
    fail(**{HEADLESS_TAG: "true"})
    assert not (home.root / "news.md").exists()


@pytest.mark.parametrize("command", ["no_such_command_there", f"{sys.executable} -c 1/0", "'"])
def test_a_command_that_fails_is_said_and_the_line_stays(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv(COMMAND, command)
    wrong = tell(home.root, "It failed\x1b[2J.")
    assert wrong is not None
    assert wrong.startswith(COMMAND)
    assert "\\x1b" in (home.root / "news.md").read_text()
