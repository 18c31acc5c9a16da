"""A data set lands under the real daemon, and the study extends itself, without a click.

One scenario on one home, since a daemon takes long to start: a broken data set is reported, mended,
and followed to its validated recommendations; then its files are saved again as they were. In the
others a UI is killed while a data set that landed is being trained.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest
import yaml

from aehpo_assets.datasets.simulate import write_demo_data
from aehpo_assets.defs.instance import UNFINISHED, open_instance
from aehpo_assets.running.interrupted import UI_OF
from aehpo_assets.running.ui import start_daemon, stop_all
from aehpo_assets.shipped import INSTALLED, WORKSPACE_FILE
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study

pytestmark = pytest.mark.slow

LOG = logging.getLogger(__name__)
SECONDS = 1500.0
"""How long a step may take on a busy machine; two idle cores need some four minutes for all."""

STUDY = {
    "name": "landing",
    "tasks": "all",
    "architectures": ["vanillix"],
    "report": None,
    "configurations": {"count": 6},
    "space": {
        "k_filter": [16, 32],
        "latent_dim_fixed": [2, 4],
        "lr_fixed": [0.001, 0.01],
        "batch_size": [32],
    },
    "epochs": 2,
    "device": "cpu",
    "hpo": {"searchers": ["regularized_evolution"], "trials": 8, "validate_top": 1},
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The real tumours where they are at hand, else two modalities of the simulated cohort."""
    shared = Path(
        os.environ.get("AEHPO_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")
    )
    if (shared / "coread").is_dir():
        return shared / "coread"
    folder = write_demo_data(tmp_path / "simulated")[0]
    settings = yaml.safe_load((folder / "dataset.yaml").read_text())
    del settings["modalities"]["dna"]
    (folder / "dataset.yaml").write_text(yaml.safe_dump(settings))
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home that has adopted a study, with a daemon at work."""
    monkeypatch.delenv("AEHPO_DATA", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    # Opening the instance sets it for the whole process.
    monkeypatch.setenv("DAGSTER_HOME", "")
    home = Home(tmp_path / "home")
    home.adopt(Study.model_validate(STUDY), tmp_path / "landing.yaml")
    daemon = start_daemon(home, WORKSPACE_FILE)
    try:
        yield home
    finally:
        stop_all([daemon])


def wait(what: str, until: Callable[[], bool], seconds: float) -> None:
    """Wait for something, looking every second."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(1)


def drop(source: Path, target: Path) -> None:
    """Put a copy of a data set in place in one step."""
    hidden = target.with_name(f".{target.name}")
    shutil.copytree(source, hidden)
    hidden.rename(target)


def reports(home: Home) -> list[str]:
    """What was reported of broken data sets."""
    news = home.root / "news.md"
    told = news.read_text(encoding="utf-8").splitlines() if news.exists() else []
    return [line for line in told if "Broken data set" in line]


def log_timeline(instance: dg.DagsterInstance, since: float) -> None:
    """Log when each run was asked for, started and ended, in seconds since the drop."""
    records = sorted(instance.get_run_records(), key=lambda record: record.create_timestamp)
    for record in records:
        run = record.dagster_run
        start, end = ((t or 0.0) - since for t in (record.start_time, record.end_time))
        LOG.info(
            "asked %6.1f  start %6.1f  end %6.1f  %-8s %-20s %s",
            record.create_timestamp.timestamp() - since,
            start,
            end,
            run.status.value,
            run.tags.get("dagster/partition", ""),
            " ".join(sorted(key.to_user_string() for key in run.asset_selection or [])),
        )


@pytest.mark.skipif(
    not os.environ.get("AEHPO_DAEMON"), reason="takes minutes; AEHPO_DAEMON=1 runs it"
)
@pytest.mark.timeout(1800)
def test_a_data_set_lands_and_the_study_extends_itself(home: Home, source: Path) -> None:
    instance = open_instance(home)
    settings = yaml.safe_load((source / "dataset.yaml").read_text())
    name, modalities = settings["name"], settings["modalities"]
    tasks = {f"{name}_{modality}" for modality in modalities}
    target = home.data / name

    home.data.mkdir(parents=True)
    labels = settings["labels"]["file"]
    drop(source, target)
    whole = (target / labels).read_bytes()
    (target / labels).unlink()
    wait("the report of a broken data set", lambda: bool(reports(home)), SECONDS)
    assert labels in reports(home)[0]
    assert not instance.get_dynamic_partitions("task")

    landed = time.time()
    (target / labels).write_bytes(whole)

    def is_validated() -> bool:
        return all(
            home.store.is_usable("validated_recommendations", ("vanillix", task)) for task in tasks
        )

    try:
        wait("validated recommendations", is_validated, SECONDS)
    finally:
        log_timeline(instance, landed)
    seconds = time.time() - landed
    LOG.info("from the drop to validated recommendations: %.0f s", seconds)
    assert set(instance.get_dynamic_partitions("task")) == tasks
    assert len(reports(home)) == 1, "a broken data set is reported once"
    for task in tasks:
        table = home.store.read_table("validated_recommendations", ("vanillix", task))
        assert {"recommended"} <= set(table["origin"]), task

    def is_quiet() -> bool:
        # Between the last validation and the report there is a tick without a run.
        is_reported = home.store.is_usable("validation_report", ("vanillix",))
        return is_reported and not instance.get_runs(dg.RunsFilter(statuses=list(UNFINISHED)))

    wait("the last runs", is_quiet, SECONDS)
    failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    assert not failed
    made = {
        key.to_user_string(): len(instance.get_materialized_partitions(key))
        for key in instance.all_asset_keys()
    }
    assert made["recommendations"] == len(tasks)
    assert made["configurations"] == 1, "an architecture outside the study is left alone"

    before = len(instance.get_runs())
    (target / labels).write_bytes(whole)
    time.sleep(30)
    assert len(instance.get_runs()) == before, "the same bytes make nothing stale"


def aehpo(*arguments: str) -> subprocess.Popen[str]:
    """Call a command of ``aehpo`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "aehpo_assets.cli.main", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(INSTALLED)},
    )


def refused(*arguments: str) -> str:
    """What a command says that ends with exit code 1."""
    process = aehpo(*arguments)
    _, message = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    return message


def processes_of(home: Home) -> list[psutil.Process]:
    """Webserver, daemon, code servers, runs and their steps."""
    return [
        process
        for process in psutil.process_iter(["environ", "cmdline"])
        if (process.info["environ"] or {}).get(UI_OF) == str(home.root)
    ]


def is_training(instance: dg.DagsterInstance) -> bool:
    """Whether a shard is being trained."""
    return any(
        entry.dagster_event is not None
        and entry.dagster_event.is_step_start
        and "train_runs" in str(entry.dagster_event.step_key)
        for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        for entry in instance.all_logs(run.run_id)
    )


@pytest.mark.skipif(
    not os.environ.get("AEHPO_DAEMON"), reason="takes minutes; AEHPO_DAEMON=1 runs it"
)
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("victims", "then"), [("ui", "ui"), ("ui and daemon", "run"), ("everything", "ui")]
)
def test_a_ui_that_is_killed_while_it_trains_loses_nothing(
    tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victims: str, then: str
) -> None:
    monkeypatch.delenv("AEHPO_DATA", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("DAGSTER_HOME", "")
    study = yaml.safe_load((tiny_root / "tiny.yaml").read_text()) | {"epochs": 8_000}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(study))
    home = Home(tmp_path / "home")
    home.adopt(Study.model_validate(study), tmp_path / "tiny.yaml")
    instance = open_instance(home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    served = "ui", "--home", str(home.root), "--port", port
    headless = "run", str(tmp_path / "tiny.yaml"), "--home", str(home.root)
    home.data.mkdir(parents=True)
    drop(tiny_root / "data" / "toy", home.data / "toy")

    ui = aehpo(*served)
    try:
        wait("a training", lambda: is_training(instance), SECONDS)
        assert "is served by another UI" in refused(*served)
        assert "runs of its UI or daemon are under way" in refused(*headless)
        assert is_training(instance)
        begun = {run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=list(UNFINISHED)))}
        if victims == "everything":
            for process in [psutil.Process(ui.pid), *processes_of(home)]:
                process.kill()
        if victims == "ui and daemon":
            (daemon,) = (p for p in processes_of(home) if "dagster._daemon" in p.info["cmdline"])
            # Stopped first, so that it cannot take its runs with it.
            daemon.suspend()
        ui.kill()
        ui.wait()
        killed = time.time()
        if victims == "ui and daemon":
            daemon.kill()
            assert processes_of(home), "its runs go on"
        else:
            wait("the end of all that it started", lambda: not processes_of(home), 10)

        ui = aehpo(*(served if then == "ui" else headless))
        partition = ("vanillix", "toy_rna")
        wait("the results", lambda: home.store.is_usable("run_results", partition), SECONDS)
        LOG.info("results %.0f s after %s was killed", time.time() - killed, victims)
        assert {instance.get_run_by_id(run_id).status for run_id in begun} == {  # type: ignore[union-attr]
            dg.DagsterRunStatus.FAILURE
        }
        if then == "run":
            assert ui.wait(SECONDS) == 0
            assert not processes_of(home)
        log_timeline(instance, killed)
    finally:
        ui.send_signal(signal.SIGTERM)
        ui.wait()
    assert not processes_of(home)
