"""A whole study on tiny data, in this process: every asset real, resumed, repeated, refused."""

from __future__ import annotations

import io
import json
import logging
import os
import random
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from explained import unexplained
from flips import flip_bytes, targets
from rich.console import Console

from aehpo_assets.cli.results import print_task
from aehpo_assets.cli.run import run_headless
from aehpo_assets.cli.status import print_status
from aehpo_assets.cli.trace import print_trace
from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.errors import HomeBusyError, InputError
from aehpo_assets.exchange.folders import export_study
from aehpo_assets.hpo.columns import TEST_SCORE, columns_of_test
from aehpo_assets.running.runner import StudyRun, Work, prepare
from aehpo_assets.store.home import Home
from aehpo_assets.store.measured import without_measured
from aehpo_assets.store.run_archive import RUN_KEY, RunArchive
from aehpo_assets.store.store import Store
from aehpo_assets.study import read_study
from aehpo_gpu.training.cost import CostModel
from tests.conftest import TINY_STUDY, write_tiny

logger = logging.getLogger(__name__)

STUDY: dict[str, Any] = {
    "name": "tiny",
    "tasks": "all",
    "architectures": ["vanillix", "varix"],
    "report": None,
    "configurations": {"count": 8},
    "space": {"k_filter": [16, 32], "latent_dim_fixed": [2, 4], "lr_fixed": [0.001, 0.01]},
    "epochs": 3,
    "fidelities": [1],
    "score_fidelities": True,
    "device": "cpu",
    # One that a seed decides is among them; the others take seconds, and have tests of their own.
    "baselines": {"methods": ["pca", "raw_features", "random_features"]},
    "hpo": {"trials": 12, "validate_top": 1, "surrogates": ["xgboost"]},
    "benchmark": {
        "searchers": [
            "random_search",
            "regularized_evolution+box",
            "asha",
            # What weighs costs is part of what two homes with other prices have to agree on.
            "mo_regularized_evolution",
        ],
        "repetitions": 2,
        "trials": 10,
        "validate_repetitions": 1,
    },
    "live": {"searchers": ["random_search"], "runs": 2, "batch": 2},
    "transfer_benchmark": {
        "searchers": ["random_search"],
        "trials": 6,
        "probe": 3,
        "repetitions": 2,
    },
}


def write_dataset(folder: Path) -> None:
    """120 patients with two modalities and two labels that depend on what the modalities share."""
    source = np.random.default_rng(0)
    hidden = source.normal(size=(120, 3))
    ids = pd.Index([f"P{i:03d}" for i in range(120)], name="sample_id")
    folder.mkdir(parents=True)
    for name, width in (("rna", 40), ("meth", 24)):
        values = np.tanh(hidden @ source.normal(size=(3, width)))
        values += 0.3 * source.normal(size=values.shape)
        columns = [f"{name}{i}" for i in range(width)]
        pd.DataFrame(values, index=ids, columns=columns).to_parquet(folder / f"{name}.parquet")
    labels = pd.DataFrame(
        {
            "subtype": np.array(["a", "b", "c"])[np.digitize(hidden[:, 0], [-0.5, 0.5])],
            "sex": np.where(hidden[:, 1] > 0, "f", "m"),
        },
        index=ids,
    )
    labels.to_csv(folder / "clinical.csv")
    (folder / "dataset.yaml").write_text(
        yaml.safe_dump(
            {
                "name": "toy",
                "modalities": {"rna": {"file": "rna.parquet"}, "meth": {"file": "meth.parquet"}},
                "labels": {
                    "file": "clinical.csv",
                    "objective": {"subtype": ["subtype"], "sex": ["sex"]},
                },
            }
        )
    )


def run(study: dict[str, object], root: Path, home: Path) -> tuple[bool, str]:
    """Run a study headless; returns whether it succeeded, and what it printed."""
    file = root / f"{study['name']}.yaml"
    file.write_text(yaml.safe_dump(study))
    printed = io.StringIO()
    ok = run_headless(file, Home(home), [root / "data"], Console(file=printed, width=160))
    return ok, printed.getvalue()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one data set, and no home of the user's in sight."""
    folder = tmp_path_factory.mktemp("study")
    write_dataset(folder / "data" / "toy")
    return folder


@pytest.fixture(scope="module")
def first(root: Path) -> tuple[Path, str]:
    """The home of a finished study, and what was printed."""
    ok, printed = run(STUDY, root, root / "home")
    assert ok, printed
    return root / "home", printed


ARTEFACTS = {
    "omics_matrix": 2,
    "sample_labels": 2,
    "data_split": 2,
    "feature_ontology": 2,
    "preprocessed_matrix": 2,
    "dataset_profile": 2,
    "configurations": 2,
    "run_results": 4,
    "learning_curves": 4,
    "noise": 4,
    "baseline_performance": 2,
    "blackbox": 2,
    "blackbox_curves": 2,
    "surrogate": 2,
    "recommendations": 4,
    "earlier_validations": 2,
    "hyperparameter_effects": 2,
    "hpo_benchmark": 2,
    "validated_benchmark": 4,
    "validation_report": 2,
    "validated_recommendations": 4,
    "test_results": 4,
    "recommended_latents": 4,
    "live_search": 4,
    "transfer_benchmark": 2,
}


def test_every_asset_is_materialized(first: tuple[Path, str]) -> None:
    store = Store(first[0] / "store")
    present = [path.name for path in store.root.iterdir()]
    assert {asset: len(store.partitions(asset)) for asset in present} == ARTEFACTS


def test_the_instance_is_as_the_ui_would_have_left_it(first: tuple[Path, str]) -> None:
    instance = open_instance(Home(first[0]))
    assert set(instance.get_dynamic_partitions("task")) == {"toy_rna", "toy_meth"}
    for asset, count in ARTEFACTS.items():
        assert len(instance.get_materialized_partitions(dg.AssetKey(asset))) == count, asset
    event = instance.get_latest_materialization_event(dg.AssetKey("run_results"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["runs"].value == 8
    assert "score against each hyperparameter" in metadata
    keys = [dg.AssetCheckKey(dg.AssetKey("run_results"), "as_planned")]
    checks = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    assert checks[keys[0]].status.value == "SUCCEEDED"


def test_run_results_are_as_the_contract_says(first: tuple[Path, str]) -> None:
    table = Store(first[0] / "store").read_table("run_results", ("varix", "toy_rna"))
    assert list(table["config_id"]) == [str(i) for i in range(8)]
    assert {"beta", "auc_subtype_valid", "valid_r2", "train_total_loss", "run_key"} <= {*table}
    average = (table["auc_subtype_valid"] + table["auc_sex_valid"]) / 2
    np.testing.assert_allclose(
        table["weighted_avg_auc_downstream_performance_valid"], average, atol=1e-12
    )
    assert table["data_version"].nunique() == 1
    assert (table["training_runtime"] > 0).all()


def test_only_test_results_show_test_scores(first: tuple[Path, str]) -> None:
    store = Store(first[0] / "store")
    showing = set()
    for file in store.root.rglob("*.parquet"):
        if columns_of_test(pd.read_parquet(file)):
            showing.add(file.relative_to(store.root).parts[0])
    assert showing == {"test_results"}
    folder = store.existing_folder("test_results", ("varix", "toy_rna"))
    runs = pd.read_parquet(folder / "runs.parquet")
    validated = store.read_table("validated_recommendations", ("varix", "toy_rna"))
    assert set(runs["config_id"]) == set(validated["config_id"])
    assert set(runs[RUN_KEY]) == set(validated[RUN_KEY])
    assert runs[TEST_SCORE].between(0, 1).all()
    assert (runs["opening"] == 1).all()
    baselines = pd.read_parquet(folder / "baselines.parquet")
    counts = {"pca": 1, "raw_features": 1, "random_features": 3}
    assert baselines["method"].value_counts().to_dict() == counts
    (opening,) = Home(first[0]).openings.known("varix", "toy_rna")
    assert (opening["by"], opening["count"]) == ("test_results", len(runs))
    provenance = store.provenance("test_results", ("varix", "toy_rna"))
    assert provenance is not None
    assert provenance.opening == 1


def test_the_benchmark_ranks_every_searcher(first: tuple[Path, str]) -> None:
    folder = first[0] / "store" / "hpo_benchmark" / "varix"
    ranks = pd.read_parquet(folder / "mean_ranks.parquet").set_index("searcher")["mean_rank"]
    assert set(ranks.index) == {*STUDY["benchmark"]["searchers"]}
    assert ranks.mean() == pytest.approx(2.5)
    trials = pd.read_parquet(folder / "trials.parquet")
    assert trials.groupby(["ground", "task", "searcher", "repetition"]).ngroups == 2 * 2 * 4 * 2
    # One seed: what a single training would say is not known.
    promises = pd.read_parquet(folder / "promises.parquet")
    assert (promises["noise"] == "noise not known").all()
    assert promises["promise_less_true"].isna().all()


def test_what_the_benchmark_found_is_trained(first: tuple[Path, str]) -> None:
    store = Store(first[0] / "store")
    found = store.read_table("validated_benchmark", ("varix", "toy_rna"))
    searches = found.groupby(["ground", "searcher"])["repetition"].unique()
    assert len(searches) == 2 * 4
    assert all(repetitions.tolist() == [0] for repetitions in searches)
    assert (found["seed"] > 0).all()
    assert found["weighted_avg_auc_downstream_performance_valid"].between(0, 1).all()


def test_stock_syne_tune_reads_the_blackbox(first: tuple[Path, str]) -> None:
    from syne_tune.blackbox_repository.blackbox_tabular import deserialize

    tasks = deserialize(first[0] / "store" / "blackbox" / "vanillix")
    assert list(tasks) == ["toy_meth", "toy_rna"]
    assert tasks["toy_rna"].objectives_evaluations.shape == (8, 1, 1, 3)
    table = Store(first[0] / "store").read_table("run_results", ("vanillix", "toy_rna"))
    np.testing.assert_allclose(
        tasks["toy_rna"].objectives_evaluations[:, 0, 0, 2],
        table["weighted_avg_auc_downstream_performance_valid"],
        rtol=1e-6,
    )


def test_what_is_printed_names_predicted_actual_and_baselines(first: tuple[Path, str]) -> None:
    printed = first[1]
    # One seed: nothing is said of any difference.
    for word in ("PCA", "toy_rna", "toy_meth", "varix", "vanillix", "not yet"):
        assert word in printed


def test_results_show_one_task_with_all_its_numbers(first: tuple[Path, str]) -> None:
    out = io.StringIO()
    print_task(Home(first[0]), ["toy_rna"], "varix", Console(file=out, width=160))
    for word in (
        *("PCA", "random features", "with one seed", "noise not known"),
        *("lr_fixed", "latent_dim_fixed"),
    ):
        assert word in out.getvalue()
    assert "vanillix" not in out.getvalue()
    for tasks, architecture in ((["nope"], None), (["toy_rna"], "nope")):
        with pytest.raises(InputError, match="toy_meth, toy_rna with vanillix, varix"):
            print_task(Home(first[0]), tasks, architecture, Console(file=out))


def test_a_recommendation_traces_back_to_the_raw_file(first: tuple[Path, str]) -> None:
    store, seen, waiting = Store(first[0] / "store"), set(), ["recommendations/varix/toy_rna"]
    while waiting:
        name = waiting.pop()
        seen.add(name)
        if not name.startswith("file:"):
            asset, *partition = name.split("/")
            provenance = store.provenance(asset, tuple(partition))
            assert provenance is not None
            waiting += [n for n in provenance.inputs if n not in seen]
    files = {Path(name).name for name in seen if name.startswith("file:")}
    assert files == {"rna.parquet", "meth.parquet", "clinical.csv"}


def test_every_stored_column_has_a_meaning(first: tuple[Path, str]) -> None:
    assert unexplained(first[0] / "store") == []


def test_what_is_exported_is_read_by_other_tools(first: tuple[Path, str], root: Path) -> None:
    from syne_tune.blackbox_repository.blackbox_tabular import deserialize

    export_study(Home(first[0]), root / "export")
    assert set(deserialize(root / "export" / "blackbox" / "varix")) == {"toy_meth", "toy_rna"}
    runs = pd.read_csv(root / "export" / "run_results" / "varix_toy_rna.csv")
    assert len(runs) == 8
    config = root / "export" / "recommendations" / "varix_toy_rna_autoencodix.yaml"
    assert yaml.safe_load(config.read_text())["epochs"] == 3
    whole = yaml.safe_load((config.parent / "varix_toy_rna.yaml").read_text())
    report = pd.read_csv(root / "export" / "validation_report" / "varix_improvements.csv")
    assert whole["config_id"] in set(report.loc[report["task"] == "toy_rna", "config_id"])
    baselines = pd.read_csv(root / "export" / "baseline_performance" / "toy_rna.csv")
    assert "pca" in set(baselines["method"])
    with pytest.raises(InputError, match="is there already"):
        export_study(Home(first[0]), root / "export")


def test_an_export_with_the_test_is_an_opening(first: tuple[Path, str], root: Path) -> None:
    from syne_tune.blackbox_repository.blackbox_tabular import deserialize

    # An opening changes what comes after, and other tests read this home.
    copy = root / "opened"
    shutil.copytree(first[0], copy)
    home = Home(copy)
    export_study(home, root / "with_test", with_test=True)
    box = deserialize(root / "with_test" / "blackbox" / "varix")["toy_rna"]
    assert box.objectives_names[-1] == TEST_SCORE
    runs = pd.read_csv(root / "with_test" / "run_results" / "varix_toy_rna.csv")
    np.testing.assert_allclose(runs[TEST_SCORE], box.objectives_evaluations[:, 0, 0, 3], rtol=1e-6)
    average = (runs["auc_subtype_test"] + runs["auc_sex_test"]) / 2
    np.testing.assert_allclose(runs[TEST_SCORE], average, atol=1e-12)
    openings = home.openings.known("varix", "toy_rna")
    assert [one["by"] for one in openings] == ["test_results", "aehpo export"]
    export_study(home, root / "again", with_test=True)
    assert len(home.openings.known("varix", "toy_rna")) == 2


def test_validated_runs_say_whether_they_had_converged(first: tuple[Path, str]) -> None:
    table = Store(first[0] / "store").read_table("validated_recommendations", ("varix", "toy_rna"))
    assert table["last_tenth_fall"].between(-1, 1).all()


def test_a_second_call_makes_nothing(first: tuple[Path, str], root: Path) -> None:
    ok, printed = run(STUDY, root, first[0])
    assert ok
    assert "0 made" in printed


def data_versions(home: Path) -> dict[str, str]:
    """Name of every artefact in a home to its data version."""
    store = Store(home / "store")
    versions = {}
    for asset in ARTEFACTS:
        for partition in store.partitions(asset):
            record = store.provenance(asset, partition)
            assert record is not None, f"{asset} {partition}"
            versions[record.artefact] = record.data_version
    return versions


@pytest.mark.slow
def test_the_same_study_in_a_second_home_gives_the_same_tables_and_versions(
    first: tuple[Path, str], root: Path
) -> None:
    """One architecture of it, to be precise: what is made of one knows nothing of the others."""
    ok, printed = run(STUDY | {"architectures": ["varix"]}, root, root / "second")
    assert ok, printed
    one, two = Store(first[0] / "store"), Store(root / "second" / "store")
    for asset in ARTEFACTS:
        for partition in two.partitions(asset):
            if not one.table_path(asset, partition).exists():
                continue
            ours, theirs = (without_measured(s.read_table(asset, partition)) for s in (one, two))
            pd.testing.assert_frame_equal(
                ours, theirs, check_exact=True, obj=f"{asset} {partition}"
            )
    versions = data_versions(first[0])
    assert len(versions) == sum(ARTEFACTS.values())
    expected = {name: v for name, v in versions.items() if "vanillix" not in name.split("/")}
    assert data_versions(root / "second") == expected
    # The machine was measured twice: what is equal is not the clock.
    runtimes = [
        s.read_table("run_results", ("varix", "toy_rna"))["training_runtime"] for s in (one, two)
    ]
    assert not runtimes[0].equals(runtimes[1])


def test_training_times_name_the_sealed_prices_that_they_were_read_from(
    first: tuple[Path, str],
) -> None:
    store = Store(first[0] / "store")
    price_lists = {
        CostModel(
            **{k: v for k, v in json.loads(file.read_text()).items() if k not in ("of", "seal")}
        ).version
        for file in (first[0] / "devices").glob("*varix*.json")
    }
    table = store.read_table("run_results", ("varix", "toy_rna"))
    assert set(table["prices"]) == price_lists
    for asset, partition in (
        ("run_results", ("varix", "toy_rna")),
        ("learning_curves", ("varix", "toy_rna")),
        ("blackbox", ("varix",)),
        ("surrogate", ("varix",)),
        ("recommendations", ("varix", "toy_rna")),
        ("live_search", ("varix", "toy_rna")),
    ):
        record = store.provenance(asset, partition)
        assert record is not None
        assert set(record.prices) == price_lists, asset


@pytest.mark.slow
def test_flipped_bytes_are_noticed_wherever_they_are(
    first: tuple[Path, str], tmp_path: Path
) -> None:
    """AEHPO_FLIPS says how many bytes of each file are flipped, one at a time."""
    shutil.copytree(first[0], tmp_path / "home")
    source = random.Random(int(os.environ.get("AEHPO_FLIPS_SEED", "0")))
    count = int(os.environ.get("AEHPO_FLIPS", "1"))
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for target in targets(Home(tmp_path / "home")):
        found[target.kind] += (outcome := flip_bytes(target, count, source))
        assert outcome["silent"] == 0, target.file
    logger.info("flipped bytes: %s", dict(found))
    assert found.keys() == {"store", "runs", "baselines", "benchmarks", "live", "devices"}
    every = sum(found.values(), Counter())
    assert every["detected"] > every.total() / 4


def exchange(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


@pytest.mark.slow
def test_what_is_exchanged_or_damaged_is_named_and_made_again(
    first: tuple[Path, str], root: Path, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(first[0], home.root)
    store, versions = home.store, data_versions(home.root)
    exchange(
        *(store.table_path("preprocessed_matrix", (task,)) for task in ("toy_rna", "toy_meth"))
    )
    exchange(*(store.folder_path("surrogate", (name,)) for name in ("vanillix", "varix")))
    exchange(*(store.folder_path("blackbox", (name,)) for name in ("vanillix", "varix")))
    store.table_path("run_results", ("varix", "toy_rna")).unlink()
    # Nothing is made from a profile: no other artefact would notice.
    altered = store.table_path("dataset_profile", ("toy_rna",))
    table = pq.read_table(altered)
    pq.write_table(table.slice(0, 0), altered)
    # Those of validations lie there too, and are not asked for again.
    shards = sorted((home.runs / "varix" / "toy_rna" / "results").glob("*.parquet"))
    keys = {key for shard in shards for key in pd.read_parquet(shard)[RUN_KEY]}
    for shard in shards:
        shard.write_bytes(shard.read_bytes()[:-20])

    printed = io.StringIO()
    print_status(home, Console(file=printed, width=260))
    for name in ("preprocessed_matrix/toy_rna", "surrogate/varix", "blackbox/vanillix"):
        assert f"not {name}" in printed.getvalue()
    traced = io.StringIO()
    whole = print_trace(home, "recommendations/varix/toy_rna", Console(file=traced, width=260))
    assert not whole
    assert (
        "it is preprocessed_matrix/toy_meth, not preprocessed_matrix/toy_rna" in traced.getvalue()
    )

    ok, told = run(STUDY, root, home.root)
    assert ok, told
    for name in (
        "preprocessed_matrix [toy_rna]",
        "dataset_profile [toy_rna]",
        "surrogate [varix]",
        "run_results [varix | toy_rna]",
    ):
        assert f"made   {name}" in told
    assert "made   omics_matrix" not in told
    again = RunArchive(home.runs / "varix" / "toy_rna").finished(keys)
    assert len(again) == len(store.read_table("run_results", ("varix", "toy_rna")))
    assert data_versions(home.root) == versions


@pytest.mark.slow
def test_a_changed_study_makes_only_what_hangs_on_the_change(
    first: tuple[Path, str], root: Path
) -> None:
    changed = STUDY | {"hpo": STUDY["hpo"] | {"trials": 13}}
    ok, printed = run(changed, root, first[0])
    assert ok, printed
    assert "recommendations [varix | toy_rna]" in printed
    for asset in ("run_results", "surrogate", "blackbox", "omics_matrix"):
        assert f"made   {asset}" not in printed
    printed = io.StringIO()
    print_status(Home(first[0]), Console(file=printed, width=160))
    assert "stale" not in printed.getvalue()


def test_more_configurations_train_only_the_new_ones(first: tuple[Path, str], root: Path) -> None:
    home = Home(first[0])
    before = home.store.read_table("run_results", ("vanillix", "toy_rna"))
    more = STUDY | {"configurations": {"count": 9}, "architectures": ["vanillix"]}
    file = root / "tiny.yaml"
    file.write_text(yaml.safe_dump(more))
    tasks = available_tasks(home.data_roots())
    present = StudyRun(home, prepare(read_study(file), home, tasks, file=file), tasks)
    for assets, partition in present.works():
        if assets[0] in ("configurations", "run_results"):
            assert present.materialize(Work(assets, partition, "more of them")).error is None
    after = home.store.read_table("run_results", ("vanillix", "toy_rna"))
    assert len(after) == 9
    # Fleet seconds are measured: had a run been trained again, they would differ.
    pd.testing.assert_series_equal(after["fleet_runtime"].head(8), before["fleet_runtime"])


def test_a_study_of_another_name_and_a_busy_home_are_refused(
    first: tuple[Path, str], root: Path
) -> None:
    with pytest.raises(InputError, match="--home"):
        run(STUDY | {"name": "other"}, root, first[0])
    with Home(first[0]).locked(), pytest.raises(HomeBusyError, match=str(os.getpid())):
        run(STUDY, root, first[0])


def test_a_broken_data_set_is_refused_before_anything_is_written(
    root: Path, tmp_path: Path
) -> None:
    write_dataset(tmp_path / "data" / "toy")
    matrix = tmp_path / "data" / "toy" / "rna.parquet"
    matrix.write_bytes(matrix.read_bytes()[:500])
    with pytest.raises(InputError, match=r"rna\.parquet"):
        run(STUDY, tmp_path, tmp_path / "home")
    assert not (tmp_path / "home" / "store").exists()
    assert not (tmp_path / "home" / "study.yaml").exists()


@pytest.mark.slow
def test_what_hangs_on_a_failure_is_left_out_and_the_rest_is_made(tmp_path: Path) -> None:
    """Of two modalities one says nothing: it stops there, and the other goes on."""
    write_tiny(tmp_path)
    folder = tmp_path / "data" / "toy"
    matrix = pd.read_parquet(folder / "rna.parquet")
    matrix.iloc[:, :] = 7.0
    matrix.to_parquet(folder / "meth.parquet")
    content = yaml.safe_load((folder / "dataset.yaml").read_text())
    content["modalities"]["meth"] = {"file": "meth.parquet"}
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content))
    ok, printed = run(TINY_STUDY, tmp_path, tmp_path / "home")
    assert not ok
    assert "failed preprocessed_matrix [toy_meth]" in printed
    assert "no feature varies" in printed
    store = Store(tmp_path / "home" / "store")
    for asset in ("run_results", "recommendations", "test_results"):
        assert store.partitions(asset) == [("vanillix", "toy_rna")], asset
    assert store.partitions("validation_report") == [("vanillix",)]
