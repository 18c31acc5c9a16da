"""Live searches that really train: repeated, interrupted, stopped early, and in a study."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from aehpo_assets.defs.partitions import partition_key, sync_partitions
from aehpo_assets.defs.recipe import CODE_VERSIONS, STUDY_SETTINGS
from aehpo_assets.defs.resource import study_on
from aehpo_assets.errors import HomeBusyError, InputError, StaleInputError
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.running.runner import CodeLocations
from aehpo_assets.store.code_version import CodeVersions
from aehpo_assets.store.freshness import code_version_of, study_settings
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Record
from aehpo_assets.study import Study
from aehpo_assets.study.searches import Live
from aehpo_gpu.cli.main import app
from aehpo_gpu.cli.tuning import run_tuning
from aehpo_gpu.defs.assets.tuning import live_search
from aehpo_gpu.runs import live as tuning
from aehpo_gpu.runs.live import LiveTuning
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.progress import Progress
from aehpo_gpu.training.task import TrainingTask
from aehpo_gpu.training.work import TERMS

TASK = ("toy_rna",)
PARTITION = ("varix", "toy_rna")
SECONDS = ["fleet_runtime", "evaluation_runtime"]
STUDY = Study.model_validate(
    {
        "name": "tiny",
        "tasks": ["toy_rna"],
        "architectures": ["varix"],
        "configurations": {"count": 6},
        "space": {"k_filter": [32, 48], "latent_dim_fixed": [2, 4, 8]},
        "epochs": 6,
        "fidelities": [2, 4],
        "device": "cpu",
    }
)


@pytest.fixture(scope="module")
def known_prices() -> Iterator[None]:
    """What training costs is not measured."""
    prices = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "measured_cost", lambda *arguments: prices)
        yield


def tune(
    task: TrainingTask, home: Path, searcher: str, runs: int, **options: object
) -> pd.DataFrame:
    live = Live(runs=runs, batch=4)
    found = LiveTuning("varix", task, STUDY, 0, {}, Home(home)).search(
        searcher,
        live,
        **options,  # type: ignore[arg-type]
    )
    return found.drop(columns=SECONDS)


@pytest.mark.slow
@pytest.mark.usefixtures("known_prices")
@pytest.mark.parametrize("searcher", ["cqr", "asha_cqr"])
def test_the_same_seed_trains_the_same_runs(
    searcher: str, task: TrainingTask, tmp_path: Path
) -> None:
    first = tune(task, tmp_path / "first", searcher, 10)
    assert len(first) == 10
    assert first["batch"].tolist() == [0] * 4 + [1] * 4 + [2] * 2
    second = tune(task, tmp_path / "second", searcher, 10)
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    stopped = first["epoch"] < 6
    assert stopped.any() == (searcher == "asha_cqr")
    assert (first.loc[stopped, "epoch"].isin([2, 4])).all()


@pytest.mark.slow
@pytest.mark.usefixtures("known_prices")
def test_an_interrupted_search_keeps_its_batches(task: TrainingTask, tmp_path: Path) -> None:
    whole = tune(task, tmp_path / "whole", "asha", 8)

    def interrupt(results: pd.DataFrame) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(task, tmp_path / "parts", "asha", 8, on_batch=interrupt)
    assert len(list((tmp_path / "parts").rglob("*.parquet"))) == 1
    seen: list[Progress] = []
    resumed = tune(task, tmp_path / "parts", "asha", 8, on_progress=seen.append)
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)
    assert min(progress.runs_done for progress in seen) >= 4
    assert seen[-1].runs_total == 8


@pytest.mark.slow
@pytest.mark.usefixtures("known_prices")
def test_runs_are_stopped_at_steps_and_replayed(task: TrainingTask, tmp_path: Path) -> None:
    settings = STUDY.model_dump() | {"epochs": None, "steps": 40, "fidelities": [13, 27]}
    search = LiveTuning("varix", task, Study.model_validate(settings), 0, {}, Home(tmp_path))
    first = search.search("asha", Live(runs=8, batch=4))
    stopped = first["step"] < 40
    assert stopped.any()
    assert first.loc[stopped, "step"].isin([13, 27]).all()
    assert (first.loc[~stopped, "epoch"] == first.loc[~stopped, "epochs"]).all()
    again = search.search("asha", Live(runs=8, batch=4))
    pd.testing.assert_frame_equal(first, again, check_exact=True)


@pytest.mark.slow
@pytest.mark.usefixtures("known_prices")
def test_each_configuration_is_trained_with_several_seeds(
    task: TrainingTask, tmp_path: Path
) -> None:
    study = Study.model_validate(STUDY.model_dump() | {"seeds": [0, 5, 7]})
    search = LiveTuning("varix", task, study, 0, {}, Home(tmp_path / "several"))
    seen: list[Progress] = []
    live = Live(runs=16, batch=4, replicates=2)
    found = search.search("asha", live, on_progress=seen.append)
    assert seen[-1].runs_total == seen[-1].runs_done == len(found) == 16
    assert found.groupby("trial", sort=False)["seed"].agg(list).tolist() == [[0, 5]] * 8
    # Both runs of a configuration are stopped, or none.
    assert (found.groupby("trial")["epoch"].nunique() == 1).all()
    assert 0 < (found["epoch"] < 6).sum() < 16
    # Each is what it is when it is alone; the other seed is not told to it.
    (single,) = [runs for seed, runs in found.groupby("seed") if seed == 0]
    alone = LiveTuning("varix", task, STUDY, 0, {}, Home(tmp_path / "alone"))
    once = alone.search("asha", Live(runs=8, batch=4)).set_index("config_id")
    both = single[single["epoch"] == 6].set_index("config_id").join(once, rsuffix="_once")
    both = both[both["epoch_once"] == 6]
    assert len(both)
    assert both[VALID_SCORE].tolist() == both[f"{VALID_SCORE}_once"].tolist()
    # A further batch leaves what is recorded as it is.
    more = search.search("asha", Live(runs=18, batch=4, replicates=2)).head(16)
    pd.testing.assert_frame_equal(more.drop(columns=SECONDS), found.drop(columns=SECONDS))


@pytest.mark.slow
@pytest.mark.usefixtures("known_prices")
@pytest.mark.parametrize("how", ["observations", "points_to_evaluate"])
def test_a_warm_start_begins_with_what_was_sampled(
    how: str, task: TrainingTask, tmp_path: Path
) -> None:
    sampled = tune(task, tmp_path, "random_search", 8)
    live = Live(runs=4, batch=4, warm_start=how)  # type: ignore[arg-type]
    search = LiveTuning("varix", task, STUDY, 0, {}, Home(tmp_path))
    warm = search.search("cqr", live, sampled)
    cold = search.search("cqr", Live(runs=4, batch=4))
    assert set(warm["config_id"]) != set(cold["config_id"])
    score = "weighted_avg_auc_downstream_performance_valid"
    if how == "points_to_evaluate":
        best = sampled.sort_values(score, ascending=False, kind="stable")["config_id"].head(4)
        assert warm["config_id"].tolist() == best.tolist()


@pytest.fixture(scope="module")
def done(known_prices: None, task: TrainingTask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the study is done but for its live searches."""
    tmp_path = tmp_path_factory.mktemp("live")
    made = Home(tmp_path / "home")
    live = {"searchers": ["random_search", "asha"], "runs": 5, "batch": 3}
    study = Study.model_validate(STUDY.model_dump() | {"live": live})
    made.adopt(study, tmp_path / "tiny.yaml")
    ids = pd.Index([f"P{i}" for i in range(len(task.split))], name="sample_id")
    labels = {
        target.label: np.array(target.classes)[target.codes]
        for target in task.targets.classification
    }
    sample_labels = pd.DataFrame(labels, index=ids)
    sample_labels.attrs = {"objective": {name: [name] for name in labels}, "regression": []}
    names = [f"g{i}" for i in range(task.matrix.shape[1])]
    sampled = tune(task, tmp_path / "sampled", "random_search", 6)
    tables = {
        "preprocessed_matrix": pd.DataFrame(task.matrix, index=ids, columns=names),
        "data_split": pd.DataFrame({"split": task.split}, index=ids),
        "sample_labels": sample_labels,
        "run_results": sampled.drop(columns=["batch", "trial", "epoch"]),
        "validated_recommendations": sampled.head(2).assign(origin="recommended"),
    }
    for asset, table in tables.items():
        partition = PARTITION if asset in COMPARED else TASK
        made.store.write_table(asset, partition, table, record_of(asset, study))
    return made.root


@pytest.fixture
def home(known_prices: None, done: Path, tmp_path: Path) -> Home:
    """A copy of it."""
    shutil.copytree(done, tmp_path / "home")
    return Home(tmp_path / "home")


COMPARED = ("run_results", "validated_recommendations")


def record_of(asset: str, study: Study) -> Record:
    """What the record of an asset says if it was made of this study by the code of today."""
    metadata = CodeLocations().specs[asset].metadata
    settings = study_settings(study, list(metadata[STUDY_SETTINGS]))
    partition = PARTITION if asset in COMPARED else TASK
    versions = CodeVersions(**metadata[CODE_VERSIONS])
    return Record(code_version_of(versions, study, partition), settings)


def write_again(home: Home, asset: str, **changes: object) -> None:
    """Write an artefact as it is, with another record."""
    partition = PARTITION if asset in COMPARED else TASK
    table = home.store.read_table(asset, partition)
    record = replace(record_of(asset, home.study()), **changes)  # type: ignore[arg-type]
    home.store.write_table(asset, partition, table, record)


@pytest.mark.slow
def test_the_asset_keeps_the_searches_of_the_study(home: Home) -> None:
    with dg.instance_for_test() as instance:
        sync_partitions(home.study(), instance, TASK)
        made = dg.materialize(
            [live_search],
            instance=instance,
            partition_key=partition_key(PARTITION),
            resources={"study": study_on(home)},
        )
    assert made.success
    metadata = made.asset_materializations_for_node("live_search")[0].metadata
    assert "After" in metadata["verdict"].value
    assert "scores over training time" in metadata
    table = home.store.read_table("live_search", PARTITION)
    assert table["searcher"].value_counts().to_dict() == {"random_search": 5, "asha": 5}
    assert (table.loc[table["searcher"] == "random_search", "epoch"] == 6).all()
    assert (table["epoch"] < 6).sum() == metadata["stopped_early"].value > 0
    provenance = home.store.provenance("live_search", PARTITION)
    assert provenance is not None
    assert "validated_recommendations/varix/toy_rna" in provenance.inputs
    # The same search in the terminal finds every batch in the record.
    before = {path: path.stat().st_mtime_ns for path in home.live.rglob("*.parquet")}
    tell(home, "asha")
    assert before == {path: path.stat().st_mtime_ns for path in home.live.rglob("*.parquet")}


def tell(home: Home, searcher: str, task: str = "toy_rna", runs: int = 5) -> str:
    printed = io.StringIO()
    live = Live(searchers=[searcher], runs=runs, batch=3)
    run_tuning(home, task, "varix", live, 0, Console(file=printed, width=160))
    return " ".join(printed.getvalue().split())


@pytest.mark.slow
def test_the_terminal_compares_and_goes_on(home: Home) -> None:
    printed = tell(home, "asha")
    assert "5 runs in" in printed
    for words in (
        "live: asha",
        "study, to its end",
        "random sampling",
        "How much a score is noise is not known",
    ):
        assert words in printed
    batches = len(list(home.live.rglob("*.parquet")))
    tell(home, "asha", runs=6)
    assert len(list(home.live.rglob("*.parquet"))) == batches + 1


def test_two_do_not_write_into_a_home_at_once(home: Home) -> None:
    with home.worked_on(), pytest.raises(HomeBusyError, match="runs of its UI or daemon"):
        tell(home, "asha")
    with home.locked(), pytest.raises(HomeBusyError, match="in use by another run"):
        tell(home, "asha")
    assert not home.live.exists()


def test_without_run_results_there_is_nothing_to_compare(home: Home) -> None:
    home.store.table_path("run_results", PARTITION).unlink()
    printed = tell(home, "cqr")
    assert "Nothing to compare with: run_results/varix/toy_rna is not there" in printed


def test_the_command_reads_what_is_not_given_from_the_study(home: Home) -> None:
    command = ["tune", "toy_rna", "varix", "--home", str(home.root), "--seed", "3"]
    result = CliRunner().invoke(app, [*command, "--runs", "4"])
    assert result.exit_code == 0, result.output
    (record,) = (home.live / "varix" / "toy_rna").iterdir()
    assert record.name.startswith("random_search_")
    assert [len(pd.read_parquet(path)) for path in sorted(record.iterdir())] == [3, 1]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--runs", "0"),
        ("--seconds", "-5"),
        ("--seconds", "nan"),
        ("--batch", "0"),
        ("--searcher", ""),
        ("--replicates", "2"),
    ],
)
def test_an_impossible_option_is_to_blame_itself(home: Home, option: str, value: str) -> None:
    command = ["tune", "toy_rna", "varix", "--home", str(home.root), option, value]
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, InputError)
    assert str(refused.exception).startswith(f"{option}: ")
    assert not home.live.exists()


def test_what_cannot_be_tuned_is_refused(home: Home) -> None:
    with pytest.raises(InputError, match="--searcher: unknown searcher"):
        tell(home, "ashaa")
    with pytest.raises(InputError, match=r"unknown task 'toy_meth'. The study has: toy_rna\."):
        tell(home, "asha", "toy_meth")
    with pytest.raises(InputError, match=r"unknown architecture 'vanillix'. The study has: varix"):
        run_tuning(home, "toy_rna", "vanillix", Live(), 0, Console(file=io.StringIO()))


@pytest.mark.parametrize("asset", ["preprocessed_matrix", "data_split", "sample_labels"])
def test_nothing_is_trained_on_data_that_are_missing_or_stale(home: Home, asset: str) -> None:
    write_again(home, asset, code_version="older")
    stale = rf"^{asset}/toy_rna is stale \(the code that makes it changed\)\. `aehpo run STUDY"
    with pytest.raises(StaleInputError, match=stale):
        tell(home, "random_search")
    home.store.table_path(asset, TASK).unlink()
    with pytest.raises(StaleInputError, match=f"^{asset}/toy_rna is not there"):
        tell(home, "random_search")
    assert not home.live.exists()


def test_data_are_stale_with_what_they_were_made_from(home: Home) -> None:
    source = ("omics_matrix", TASK)
    record = replace(record_of("omics_matrix", home.study()), code_version="older")
    made = home.store.write_table(*source, home.store.read_table("data_split", TASK), record)
    inputs = {"omics_matrix/toy_rna": made.data_version}
    write_again(home, "preprocessed_matrix", inputs=inputs)
    with pytest.raises(StaleInputError, match=r"is stale \(omics_matrix/toy_rna: the code"):
        tell(home, "random_search")


@pytest.mark.slow
def test_scores_are_compared_unless_more_than_the_code_changed(home: Home) -> None:
    for asset in COMPARED:
        write_again(home, asset, code_version="older")
    assert "study, to its end" in tell(home, "random_search")
    for asset in COMPARED[::-1]:
        other = record_of(asset, home.study()).settings | {"seeds": [7]}
        write_again(home, asset, code_version="older", settings=other)
        printed = tell(home, "random_search")
        assert f"{asset}/varix/toy_rna is stale (the setting seeds changed)" in printed
        assert ("Nothing to compare with" in printed) == (asset == "run_results")
    warm = Live(runs=3, batch=3, warm_start="observations")
    with pytest.raises(StaleInputError, match=r"live\.warm_start needs run results: run_results"):
        run_tuning(home, "toy_rna", "varix", warm, 0, Console(file=io.StringIO()))
