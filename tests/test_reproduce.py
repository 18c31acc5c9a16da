"""Reproducing artefacts of a tiny study: equal, nearly equal, tampered with, or not possible."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from rich.console import Console

from aehpo_assets.cli.reproduce import run_reproduction
from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.errors import InputError
from aehpo_assets.running.runner import StudyRun, Work, prepare
from aehpo_assets.store import store
from aehpo_assets.store.home import Home
from aehpo_assets.store.provenance import git_state
from aehpo_assets.store.store import Partition, Record
from aehpo_assets.study import read_study

CHAIN = (
    "omics_matrix",
    "sample_labels",
    "data_split",
    "preprocessed_matrix",
    "dataset_profile",
    "configurations",
    "run_results",
    "baseline_performance",
    "earlier_validations",
    "surrogate",
    "recommendations",
)


@pytest.fixture
def home(finished_tiny: Path, tmp_path: Path) -> Home:
    """A copy of a finished home that may be tampered with."""
    shutil.copytree(finished_tiny / "home", tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture(scope="module")
def own_data(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data of its own, and a home with what is read of them and the split."""
    root = tmp_path_factory.mktemp("reproduce") / "study"
    shutil.copytree(tiny_root, root)
    file = root / "tiny.yaml"
    home = Home(root / "home")
    home.record_data_roots([root / "data"])
    tasks = available_tasks(home.data_roots())
    study_run = StudyRun(home, prepare(read_study(file), home, tasks, file=file), tasks)
    for assets, partition in study_run.works():
        if assets[0] in ("omics_matrix", "sample_labels", "data_split"):
            assert study_run.materialize(Work(assets, partition, "missing")).error is None
    return root


def reproduce(home: Home, name: str) -> tuple[bool, str]:
    printed = io.StringIO()
    good = run_reproduction(home, name, None, Console(file=printed, width=160))
    return good, printed.getvalue()


def tamper(
    home: Home, asset: str, partition: Partition, change: Callable[[pd.DataFrame], object]
) -> None:
    """Change a table and write it as if it had been made that way."""
    store = home.store
    record = store.provenance(asset, partition)
    assert record is not None
    table = store.read_table(asset, partition).copy()
    change(table)
    written = Record(record.code_version, record.settings, record.inputs, device=record.device)
    store.write_table(asset, partition, table, written, measured=record.measured or ())


def add(column: str, row: int, value: float) -> Callable[[pd.DataFrame], None]:
    def change(table: pd.DataFrame) -> None:
        table.iloc[row, table.columns.get_loc(column)] += value

    return change


@pytest.mark.slow
def test_a_recommendation_is_reproduced_from_the_raw_files(home: Home) -> None:
    before = home.store.provenance("recommendations", ("vanillix", "toy_rna"))
    good, printed = reproduce(home, "recommendations/vanillix/toy_rna")
    assert good, printed
    assert "recommendations/vanillix/toy_rna: equal" in printed
    for asset in set(CHAIN) - {"earlier_validations"}:
        assert f"equal  {asset}/" in printed
    for asset in ("hyperparameter_effects", "validated_recommendations", "blackbox_curves"):
        assert asset not in printed, "nothing depends on it"
    assert home.store.provenance("recommendations", ("vanillix", "toy_rna")) == before


def test_the_ui_shows_the_record_and_where_columns_come_from(home: Home) -> None:
    instance = open_instance(home)
    event = instance.get_latest_materialization_event(dg.AssetKey("run_results"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    shown = metadata["provenance"].value
    assert isinstance(shown, dict)
    assert shown["device"] == "cpu"
    assert shown["seeds"] == {"seeds": [0]}
    assert "numpy" in shown["libraries"]
    commit, _ = git_state()
    assert shown["commit"] == commit
    assert (event.asset_materialization.tags or {}).get("aehpo/commit") == commit
    lineage = metadata["dagster/column_lineage"].value
    assert isinstance(lineage, dg.TableColumnLineage)
    sources = {
        column: [(dep.asset_key.to_user_string(), dep.column_name) for dep in deps]
        for column, deps in lineage.deps_by_column.items()
    }
    assert sources["k_filter"] == [("configurations", "k_filter")]
    assert sources["auc_sex_valid"] == [("sample_labels", "sex")]
    assert sources["weighted_avg_auc_downstream_performance_valid"] == [("sample_labels", "sex")]


@pytest.mark.slow
def test_one_run_alone_is_reproduced_and_a_tampered_one_is_told(home: Home) -> None:
    runs = ("vanillix", "toy_rna")
    tamper(home, "run_results", runs, add("valid_r2", 4, 0.01))
    good, printed = reproduce(home, "run_results/vanillix/toy_rna/1")
    assert good, printed
    good, printed = reproduce(home, "run_results/vanillix/toy_rna/2")
    assert not good
    assert "First differing artefact of the chain: run_results/vanillix/toy_rna" in printed
    assert "largest difference 0.01 in valid_r2" in printed


@pytest.mark.slow
def test_a_tampered_artefact_along_the_chain_is_the_first_that_differs(home: Home) -> None:
    """What depends on it was made from the true one, and is equal."""
    tamper(home, "omics_matrix", ("toy_rna",), add("g3", 0, 0.5))
    good, printed = reproduce(home, "data_split/toy_rna")
    assert not good
    assert "First differing artefact of the chain: omics_matrix/toy_rna" in printed
    assert "the data version that what depends on it was made from" in printed
    assert "data_split/toy_rna itself: equal" in printed


def test_a_difference_of_rounding_is_within_tolerance(home: Home) -> None:
    tamper(home, "omics_matrix", ("toy_rna",), add("g3", 0, 1e-6))
    good, printed = reproduce(home, "omics_matrix/toy_rna")
    assert good, printed
    assert "equal within tolerance: largest difference" in printed
    assert "in g3" in printed


def test_an_artefact_alone_is_made_from_verified_inputs(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "certificate.json"
    printed = io.StringIO()
    console = Console(file=printed, width=160)
    name = "preprocessed_matrix/toy_rna"
    assert run_reproduction(home, name, None, console, only=True, certificate_file=file)
    assert "Making 1 artefacts again" in printed.getvalue()
    assert "2 verified inputs as they are" in printed.getvalue()
    said = json.loads(file.read_text())
    assert said["reproduced"]
    assert [one["artefact"] for one in said["made_again"]] == [name]
    (made,) = said["made_again"]
    assert made["recorded_data_version"] == made["data_version"]
    assert set(said["taken_as_they_are"]) == {"omics_matrix/toy_rna", "data_split/toy_rna"}
    assert set(said["raw_files"]) == {"rna.parquet", "clinical.csv"}
    assert str(tmp_path) not in file.read_text()
    with pytest.raises(InputError, match="is there already"):
        run_reproduction(home, name, None, console, certificate_file=file)


def test_an_input_that_is_another_now_is_not_taken(home: Home) -> None:
    swap = {"test": "train"}
    tamper(home, "data_split", ("toy_rna",), lambda table: table.replace(swap, inplace=True))
    with pytest.raises(InputError, match=r"made from data_split/toy_rna \w+, which is \w+ now"):
        run_reproduction(home, "preprocessed_matrix/toy_rna", None, Console(), only=True)


@pytest.mark.slow
def test_a_run_alone_is_made_from_verified_inputs_and_a_tampered_one_is_told(home: Home) -> None:
    tamper(home, "run_results", ("vanillix", "toy_rna"), add("valid_r2", 4, 0.01))
    printed = io.StringIO()
    console = Console(file=printed, width=160)
    assert run_reproduction(home, "run_results/vanillix/toy_rna/1", None, console, only=True)
    assert not run_reproduction(home, "run_results/vanillix/toy_rna/2", None, console, only=True)
    assert "largest difference 0.01 in valid_r2" in printed.getvalue()


def test_another_processor_may_round_otherwise_and_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(store, "arithmetic", lambda: "Another CPU (6/207), MKL_CBWR=AVX2")
        tamper(home, "omics_matrix", ("toy_rna",), add("g3", 0, 1e-3))
    good, printed = reproduce(home, "omics_matrix/toy_rna")
    assert good, printed
    assert "equal within tolerance: largest difference" in printed
    assert "recorded on Another CPU (6/207), MKL_CBWR=AVX2, made again on" in printed


def test_the_same_processor_has_no_excuse(home: Home) -> None:
    tamper(home, "omics_matrix", ("toy_rna",), add("g3", 0, 1e-3))
    good, printed = reproduce(home, "omics_matrix/toy_rna")
    assert not good
    assert "recorded on" not in printed


@pytest.mark.slow
def test_a_damaged_artefact_differs_and_is_left_where_it_is(home: Home) -> None:
    path = home.store.table_path("data_split", ("toy_rna",))
    path.write_bytes(path.read_bytes()[:-30])
    good, printed = reproduce(home, "preprocessed_matrix/toy_rna")
    assert not good
    assert "First differing artefact of the chain: data_split/toy_rna" in printed
    assert path.exists()


@pytest.mark.slow
def test_changed_raw_data_is_different_and_the_chain_ends_there(own_data: Path) -> None:
    file = own_data / "data" / "toy" / "rna.parquet"
    content = file.read_bytes()
    matrix = pd.read_parquet(file)
    matrix.iloc[0, 0] += 1
    try:
        matrix.to_parquet(file)
        good, printed = reproduce(Home(own_data / "home"), "data_split/toy_rna")
    finally:
        file.write_bytes(content)
    assert not good
    assert "First differing artefact of the chain: omics_matrix/toy_rna" in printed
    assert "rna.parquet changed" in printed
    assert "What depends on it was not made again" in printed


@pytest.mark.slow
def test_what_cannot_be_made_again_is_refused(home: Home, own_data: Path) -> None:
    table = home.store.read_table("recommendations", ("vanillix", "toy_rna"))
    with pytest.raises(InputError, match="no configuration can be made alone"):
        reproduce(home, f"recommendations/vanillix/toy_rna/{table['config_id'].iloc[0]}")
    (own_data / "data" / "toy").rename(own_data / "data" / ".toy")
    try:
        with pytest.raises(InputError, match="Bring the data set back"):
            reproduce(Home(own_data / "home"), "omics_matrix/toy_rna")
    finally:
        (own_data / "data" / ".toy").rename(own_data / "data" / "toy")
