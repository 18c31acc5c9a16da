"""The page of a study as an asset: made by a run, left alone while nothing changes, and shown."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlparse

import dagster as dg
import pytest
import yaml

from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.report.found import STUDY_REPORT, records
from aehpo_assets.report.page import PAGE
from aehpo_assets.report.without_ids import sample_ids
from aehpo_assets.running.runner import StudyRun, prepare
from aehpo_assets.running.status import StudyStatus
from aehpo_assets.store.home import Home
from aehpo_assets.study import read_study


@pytest.fixture(scope="module")
def asked(finished_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, StudyRun]:
    """A finished home whose study asks for its page."""
    root = tmp_path_factory.mktemp("asked")
    shutil.copytree(finished_tiny / "home", root / "home")
    content = yaml.safe_load((finished_tiny / "tiny.yaml").read_text())
    (root / "study.yaml").write_text(yaml.safe_dump(content | {"report": {"embeddings": []}}))
    home, file = Home(root / "home"), root / "study.yaml"
    shutil.copytree(finished_tiny / "data", root / "data")
    home.forget_data_root(finished_tiny / "data")
    home.record_data_roots([root / "data"])
    tasks = available_tasks(home.data_roots())
    instance = prepare(read_study(file), home, tasks, file=file)
    return home, StudyRun(home, instance, tasks)


@pytest.mark.slow
def test_it_is_made_once_and_follows_what_it_tells(asked: tuple[Home, StudyRun]) -> None:
    home, run = asked
    (outcome,) = run.run()
    assert (outcome.work.name, outcome.error) == ("study_report", None)
    folder = home.store.existing_folder(STUDY_REPORT, ())
    text = (folder / PAGE).read_text(encoding="utf-8")
    for title in ("What to train", "Questions and answers", "What moves what"):
        assert f">{title}<" in text
    # Every figure of findings is a table as well, and no id of a sample is in any file.
    figures = {path.stem for path in (folder / "figures").glob("findings-*.svg")}
    assert figures
    assert figures <= {path.stem for path in (folder / "tables").glob("*.csv")}
    ids = sample_ids(home)
    assert len(ids) == 80
    words = re.sub(r'src="data:[^"]*"', "", text)
    shown = [words, *(path.read_text() for path in folder.rglob("*.csv"))]
    assert not [one for one in ids if any(re.search(rf"\b{one}\b", said) for said in shown)]
    record = home.store.provenance(STUDY_REPORT, ())
    assert record is not None
    assert {"validation_report/vanillix", "run_results/vanillix/toy_rna"} <= record.inputs.keys()
    assert STUDY_REPORT not in {one.artefact for one in records(home.store)}
    assert run.run() == []
    (said,) = [dataset.folder / "dataset.yaml" for dataset, _ in run.artefacts.datasets.values()]
    before = said.read_text()
    said.write_text(before.replace("CC0-1.0", "CC-BY-4.0"))
    assert "dataset.origin.toy" in (run.artefacts.why_stale(STUDY_REPORT, ()) or "")
    said.write_text(before)
    status = StudyStatus(run.artefacts, run.locations.nodes, run.instance)
    assert status.state(STUDY_REPORT, ()) == ("up to date", "")


@pytest.mark.slow
def test_the_instance_knows_where_it_lies(asked: tuple[Home, StudyRun]) -> None:
    home, run = asked
    if run.artefacts.why_stale(STUDY_REPORT, ()) is not None:
        run.run()
    instance = open_instance(home)
    event = instance.get_latest_materialization_event(dg.AssetKey(STUDY_REPORT))
    assert event is not None
    assert event.asset_materialization is not None
    shown = event.asset_materialization.metadata["page"].value
    assert Path(unquote(urlparse(str(shown)).path)) == home.store.root / STUDY_REPORT / PAGE
    assert run.tell_instance() == 0


def test_a_study_without_it_has_none(finished_tiny: Path) -> None:
    home = Home(finished_tiny / "home")
    assert home.study().report is None
    assert home.store.partitions(STUDY_REPORT) == []


def test_the_history_of_runs_shows_pictures(finished_tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(finished_tiny / "home", tmp_path / "home")
    instance = open_instance(Home(tmp_path / "home"))
    shown = {}
    for asset in ("configurations", "run_results", "surrogate", "test_results"):
        event = instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event is not None
        assert event.asset_materialization is not None
        values = [str(one.value) for one in event.asset_materialization.metadata.values()]
        shown[asset] = [one for one in values if "data:image/" in one]
    assert all(shown.values())
    start = "](data:image/png;base64,iVBOR"
    assert all(start in one for pictures in shown.values() for one in pictures)
    instance.dispose()
