"""Damage, a full disk, an instance locked, garbage or gone: nothing finished is lost."""

from __future__ import annotations

import errno
import io
import resource
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from aehpo_assets.cli import main as cli
from aehpo_assets.cli.status import print_status
from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.defs import event_log
from aehpo_assets.defs.instance import explained, open_instance
from aehpo_assets.errors import InstanceError
from aehpo_assets.running.runner import Outcome, StudyRun, Work, prepare
from aehpo_assets.store.home import Home
from aehpo_assets.store.provenance import CheckResult
from aehpo_assets.store.store import Record
from aehpo_assets.study import read_study

pytestmark = pytest.mark.usefixtures("same_process")

TASK = ("toy_rna",)


def study_run(root: Path, home: Home) -> StudyRun:
    """The tiny study on a home."""
    file = root / "tiny.yaml"
    home.record_data_roots([root / "data"])
    tasks = available_tasks(home.data_roots())
    instance = prepare(read_study(file), home, tasks, file=file)
    return StudyRun(home, instance, tasks)


def make(present: StudyRun, *assets: str) -> list[Outcome]:
    """Make some assets of the tiny study, or try to."""
    wanted = [(a, p) for a, p in present.works() if set(a) & set(assets)]
    return [present.materialize(Work(a, p, "wanted")) for a, p in wanted]


@pytest.fixture(scope="module")
def read(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the matrix and the labels."""
    home = Home(tmp_path_factory.mktemp("robustness") / "home")
    present = study_run(tiny_root, home)
    outcomes = make(present, "omics_matrix", "sample_labels")
    assert [outcome.error for outcome in outcomes] == [None, None]
    present.instance.dispose()
    return home.root


@pytest.fixture
def begun(read: Path, tmp_path: Path) -> Home:
    """A copy of it."""
    shutil.copytree(read, tmp_path / "home")
    return Home(tmp_path / "home")


def status(home: Home) -> str:
    printed = io.StringIO()
    print_status(home, Console(file=printed, width=160))
    return printed.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["flip", "truncate"])
def test_a_damaged_table_is_named_when_it_is_read_and_made_again_next(
    tiny_root: Path, begun: Home, harm: str
) -> None:
    path = begun.store.table_path("omics_matrix", TASK)
    before = begun.store.provenance("omics_matrix", TASK)
    content = bytearray(path.read_bytes())
    if harm == "flip":
        values = pq.ParquetFile(path).metadata.row_group(0).column(0)
        content[values.data_page_offset + values.total_compressed_size // 2] ^= 1
        path.write_bytes(content)
    else:
        path.write_bytes(content[: len(content) // 2])
    present = study_run(tiny_root, begun)
    (failed,) = make(present, "data_split")
    assert failed.error is not None
    assert "omics_matrix/toy_rna" in failed.error
    if harm == "flip":
        assert "damaged" in failed.error
        assert "set aside" in status(begun)
    assert present.artefacts.why_stale("omics_matrix", TASK) not in (None, "missing")
    assert present.artefacts.why_stale("sample_labels", TASK) is not None
    made = make(present, "omics_matrix", "data_split")
    assert [outcome.error for outcome in made] == [None, None]
    after = begun.store.provenance("omics_matrix", TASK)
    assert before is not None
    assert after is not None
    assert after.data_version == before.data_version
    assert present.artefacts.why_stale("sample_labels", TASK) is None, "nothing else is made again"


@pytest.mark.slow
def test_a_disk_that_fills_up_leaves_the_old_artefact_and_says_so(
    tiny_root: Path, begun: Home, tmp_path: Path
) -> None:
    """A limit on the size of files stands for the full disk; the data set has grown beyond it."""
    shutil.copytree(tiny_root / "data", tmp_path / "data")
    shutil.copy(tiny_root / "tiny.yaml", tmp_path)
    before = begun.store.read_table("omics_matrix", TASK)
    values = np.random.default_rng(0).normal(size=(6000, 400)).astype("float32")
    ids = pd.Index([f"P{i:03d}" for i in range(len(values))], name="sample_id")
    large = pd.DataFrame(values, index=ids, columns=[f"g{i}" for i in range(400)])
    large.to_parquet(tmp_path / "data" / "toy" / "rna.parquet")
    (begun.root / "data_roots.json").unlink()
    present = study_run(tmp_path, begun)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6 << 20, hard))
        (failed,) = make(present, "omics_matrix")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failed.error is not None
    assert "File too large" in failed.error
    pd.testing.assert_frame_equal(begun.store.read_table("omics_matrix", TASK), before)
    assert [path.name for path in (begun.store.root / "omics_matrix").iterdir()] == [
        "toy_rna.parquet"
    ]


def garbage(file: Path) -> None:
    file.write_bytes(b"no database at all " * 300)


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


@pytest.mark.parametrize("harm", [garbage, truncated])
@pytest.mark.parametrize("database", ["history/runs.db", "history/runs/index.db"])
def test_a_damaged_history_is_one_message_and_loses_nothing(
    tmp_path: Path, harm: Callable[[Path], None], database: str
) -> None:
    home = Home(tmp_path)
    open_instance(home).dispose()
    harm(home.dagster / database)
    match = r"is damaged .*Move .*dagster away"
    with pytest.raises(InstanceError, match=match) as raised, explained(home):
        open_instance(home).get_dynamic_partitions("task")
    assert "every finished artefact and training is kept" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_configuration_of_the_instance_that_is_none_is_told(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.dagster.mkdir()
    (home.dagster / "dagster.yaml").write_text("nonsense: {")
    with pytest.raises(InstanceError, match=r"dagster\.yaml"), explained(home):
        open_instance(home)


def test_a_locked_history_is_told_and_works_again_when_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "SQLITE_BUSY_TIMEOUT_SECONDS", 0.1)
    home = Home(tmp_path)
    instance = open_instance(home)
    other = sqlite3.connect(home.dagster / "history" / "runs" / "index.db")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(InstanceError, match="held by another process"), explained(home):
        instance.add_dynamic_partitions("task", ["toy_rna"])
    other.rollback()
    instance.add_dynamic_partitions("task", ["toy_rna"])
    assert instance.get_dynamic_partitions("task") == ["toy_rna"]


@pytest.mark.slow
def test_the_command_says_it_in_one_line(
    tiny_root: Path,
    begun: Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    garbage(begun.dagster / "history" / "runs.db")
    monkeypatch.setattr(sys, "argv", ["aehpo", "status", "--home", str(begun.root)])
    monkeypatch.setenv("AEHPO_HOME", str(begun.root))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "the history of runs is damaged" in told
    assert "Traceback" not in told


def test_a_full_disk_outside_the_store_is_one_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "study.yaml"))

    monkeypatch.setattr(cli, "app", full)
    monkeypatch.setattr(cli, "entry_points", lambda group: ())
    with pytest.raises(SystemExit):
        cli.main()
    told = capsys.readouterr().err
    assert f"{tmp_path}/study.yaml: the disk is full" in told.replace("\n", "")
    assert "Traceback" not in told


def test_a_history_that_is_gone_is_told_of_everything_in_the_store(
    tiny_root: Path, begun: Home
) -> None:
    shutil.rmtree(begun.dagster)
    present = study_run(tiny_root, begun)
    key = dg.AssetKey("omics_matrix")
    assert not present.instance.get_materialized_partitions(key)
    assert present.tell_instance() == 2
    assert present.instance.get_materialized_partitions(key) == {"toy_rna"}
    event = present.instance.get_latest_materialization_event(key)
    record = begun.store.provenance("omics_matrix", TASK)
    assert event is not None
    assert event.asset_materialization is not None
    assert record is not None
    assert (event.asset_materialization.tags or {})["dagster/data_version"] == record.data_version
    assert present.artefacts.why_stale("sample_labels", TASK) is None
    assert present.tell_instance() == 0


def test_a_failed_check_is_told_with_what_it_found_and_a_remedy(
    tiny_root: Path, tmp_path: Path
) -> None:
    """The matrix says to be binary, and is not."""
    shutil.copytree(tiny_root, tmp_path / "root")
    file = tmp_path / "root" / "data" / "toy" / "dataset.yaml"
    file.write_text(
        file.read_text().replace("file: rna.parquet", "file: rna.parquet\n    kind: binary")
    )
    (outcome,) = make(study_run(tmp_path / "root", Home(tmp_path / "home")), "omics_matrix")
    assert outcome.error is not None
    assert "value_range: values are what the kind of the modality says: found 80 (g0, g1, g2" in (
        outcome.error
    )
    assert outcome.error.endswith(
        "Correct the file, or kind in dataset.yaml: continuous takes any number."
    )
    assert "\n" not in outcome.error


def test_a_task_that_failed_does_not_hold_back_what_reads_every_task(
    tiny_root: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_root, tmp_path / "root")
    other = tmp_path / "root" / "data" / "other"
    shutil.copytree(tmp_path / "root" / "data" / "toy", other)
    settings = other / "dataset.yaml"
    settings.write_text(settings.read_text().replace("name: toy", "name: other"))
    present = study_run(tmp_path / "root", Home(tmp_path / "home"))
    one = {"run_results/vanillix/other_rna"}
    every = {*one, "run_results/vanillix/toy_rna"}
    for failed, blackbox, own, others in ((one, False, True, False), (every, True, True, True)):
        held = present._depends_on
        assert held(("blackbox",), ("vanillix",), failed) is blackbox
        assert held(("recommendations",), ("vanillix", "other_rna"), failed) is own
        assert held(("recommendations",), ("vanillix", "toy_rna"), failed) is others
    # What did not pass its checks, and what was made together with it, is no input that came since.
    store, wrong = present.home.store, CheckResult(name="grave", passed=False, blocking=True)
    table = pd.DataFrame({"a": [1.0]})
    for asset in ("run_results", "learning_curves"):
        store.write_table(asset, ("vanillix", "toy_rna"), table, Record("1"))
        checks = [wrong] if asset == "run_results" else []
        store.write_table(asset, ("vanillix", "other_rna"), table, Record("1", checks=checks))
    read = dict.fromkeys(("run_results/vanillix/toy_rna", "learning_curves/vanillix/toy_rna"), "1")
    expected = present.artefacts._expected_inputs("blackbox_curves", ("vanillix",), read)
    assert set(expected) == set(read)
