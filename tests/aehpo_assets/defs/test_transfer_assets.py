"""The assets that transfer between tasks, on a store that no training had to fill."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from aehpo_assets.definitions import build_definitions
from aehpo_assets.defs.partitions import partition_key, sync_partitions
from aehpo_assets.defs.resource import study_on
from aehpo_assets.defs.study_artefacts import StudyArtefacts, specs_of
from aehpo_assets.defs.study_asset import MAKE_AGAIN_TAG
from aehpo_assets.hpo.earlier_validations import no_validations
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.omics.profile import profile
from aehpo_assets.space import search_space
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Record
from aehpo_assets.study import Study

NAMES = ["friend", "new", "stranger"]
STUDY: dict[str, Any] = {
    "name": "tiny",
    "tasks": NAMES,
    "architectures": ["vanillix"],
    "configurations": {"count": 60},
    "epochs": 3,
    "hpo": {"searchers": ["random_search"], "trials": 10},
    "transfer_benchmark": {
        "searchers": ["random_search"],
        "trials": 14,
        "repetitions": 2,
        "probe": 6,
        "earlier_runs": 10,
    },
}


def profile_of(seed: int, sparse: bool) -> pd.DataFrame:
    """The profile of dense data, or of counts that are mostly zero."""
    generator = np.random.default_rng(seed)
    values = generator.poisson(0.1, (300, 20)) if sparse else generator.normal(size=(40, 200))
    matrix = pd.DataFrame(values.astype("float64"))
    split = pd.Series(np.resize(["train", "train", "valid", "test"], len(values)))
    labels = pd.DataFrame({"kind": np.resize(["a", "b"], len(values))})
    labels.attrs = {"objective": {"kind": ["kind"]}}
    return profile(matrix - matrix.mean(), split, labels, matrix)


@dataclass
class Bench:
    """A home whose store holds everything up to the surrogate."""

    home: Home
    instance: dg.DagsterInstance
    location: dg.Definitions
    always: bool = False

    def put(self, asset: str, *partition: str, frame: pd.DataFrame) -> None:
        put(self.home, asset, *partition, frame=frame)

    def make(self, asset: str, *partition: str) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            # Those of the other location as well, as a run of the UI knows them.
            [
                a
                for a in self.location.assets or []
                if isinstance(a, dg.AssetsDefinition | dg.AssetSpec)
            ],
            selection=[asset],
            partition_key=partition_key(partition),
            instance=self.instance,
            resources={"study": study_on(self.home)},
            tags={MAKE_AGAIN_TAG: "true"} if self.always else None,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )

    def artefacts(self) -> StudyArtefacts:
        assets = [a for a in self.location.assets or [] if isinstance(a, dg.AssetsDefinition)]
        stubs = {
            a.key.to_user_string(): a
            for a in self.location.assets or []
            if isinstance(a, dg.AssetSpec)
        }
        return StudyArtefacts(self.home, {}, NAMES, stubs | specs_of(assets))


def put(home: Home, asset: str, *partition: str, frame: pd.DataFrame) -> None:
    home.store.write_table(asset, partition, frame, Record(code_version="1"))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two tasks alike, and one of other data that likes what the others dislike."""
    home = Home(tmp_path_factory.mktemp("transfer") / "home")
    home.adopt(Study.model_validate(STUDY), Path("tiny.yaml"))
    space = search_space("vanillix")
    results = synthetic_results(space, ("friend", "new"), count=60)
    upside_down = 1.45 - results["new"][VALID_SCORE]
    results["stranger"] = results["new"].assign(**{VALID_SCORE: upside_down})
    for number, (task, runs) in enumerate(results.items()):
        put(home, "run_results", "vanillix", task, frame=runs)
        put(home, "dataset_profile", task, frame=profile_of(number, sparse=task == "stranger"))
    put(home, "earlier_validations", "vanillix", frame=no_validations())
    fitted, _, _ = fit_surrogate(training_table(results, space), space, folds=2)
    home.store.write_folder("surrogate", ("vanillix",), fitted.save, Record(code_version="1"))
    home.store.write_folder("blackbox", ("vanillix",), lambda _: None, Record(code_version="1"))
    return home.root


@pytest.fixture
def bench(filled: Path, tmp_path: Path) -> Iterator[Bench]:
    """A copy of it."""
    shutil.copytree(filled, tmp_path / "home")
    home = Home(tmp_path / "home")
    instance = dg.DagsterInstance.ephemeral()
    sync_partitions(home.study(), instance, NAMES)
    yield Bench(home, instance, build_definitions(study_on(home)))
    instance.dispose()


def baseline(pca: float) -> pd.DataFrame:
    return pd.DataFrame(
        {"method": ["pca", "random_features"], "latent_dim": 2, VALID_SCORE: [pca, 0.6]}
    )


def event_of(result: dg.ExecuteInProcessResult, asset: str) -> dg.AssetMaterialization:
    (event,) = result.asset_materializations_for_node(asset)
    return event


@pytest.mark.slow
def test_recommendations_say_how_much_each_task_counted(bench: Bench) -> None:
    bench.put("baseline_performance", "new", frame=baseline(0.9))
    result = bench.make("recommendations", "vanillix", "new")
    assert result.success
    table = event_of(result, "recommendations").metadata["transfer"].value
    rows = {row.split("|")[1].strip(): row for row in str(table).splitlines()[2:]}
    assert set(rows) == {"friend", "stranger"}
    assert "by its data and its ranks" in rows["friend"]
    assert "its ranks do not agree" in rows["stranger"]
    similar = {task: float(row.split("|")[2]) for task, row in rows.items()}
    assert similar["friend"] > 2 * similar["stranger"]
    found = bench.home.store.read_table("recommendations", ("vanillix", "new"))
    assert set(found["evidence"]) <= {"new", "new, friend"}
    provenance = bench.home.store.provenance("recommendations", ("vanillix", "new"))
    assert provenance is not None
    read = {name for name in provenance.inputs if name.startswith(("dataset", "baseline"))}
    assert read == {f"dataset_profile/{task}" for task in NAMES} | {"baseline_performance/new"}


@pytest.mark.slow
def test_landmarks_that_come_later_make_recommendations_stale(bench: Bench) -> None:
    own = ("vanillix", "new")
    assert bench.make("recommendations", *own).success
    assert bench.artefacts().why_stale("recommendations", own) is None
    bench.put("baseline_performance", "friend", frame=baseline(0.9))
    why = bench.artefacts().why_stale("recommendations", own)
    assert why == "the input baseline_performance/friend is new"
    assert bench.make("recommendations", *own).success
    assert bench.artefacts().why_stale("recommendations", own) is None


def test_recommendations_need_their_own_task_and_no_baseline(bench: Bench) -> None:
    needed = bench.artefacts().needs("recommendations", ("vanillix", "new"))
    assert needed["dataset_profile"] == [("new",)]
    assert needed["run_results"] == [("vanillix", "new")]
    assert needed["surrogate"] == [("vanillix",)]
    assert "baseline_performance" not in needed


@pytest.mark.slow
def test_the_benchmark_of_transfer_is_made_and_goes_on_where_it_stopped(bench: Bench) -> None:
    result = bench.make("transfer_benchmark", "vanillix")
    assert result.success
    folder = bench.home.store.folder_path("transfer_benchmark", ("vanillix",))
    progress, verdicts, similarity, weights = (
        pd.read_parquet(folder / f"{name}.parquet")
        for name in ("progress", "verdicts", "similarity", "weights")
    )
    assert progress.groupby(["task", "way", "repetition"]).size().eq(14).all()
    assert len(verdicts) == 3 * 3
    assert similarity["task"].tolist() == NAMES
    assert len(weights) == 3 * 2 * 2
    event = event_of(result, "transfer_benchmark")
    assert "evaluations_saved" in str(event.metadata["verdicts"].value)
    assert {"gain of transfer", "similarity of tasks"} <= set(event.metadata)
    (check,) = result.get_asset_check_evaluations()
    assert check.check_name == "transfer_does_no_harm"
    assert check.severity == dg.AssetCheckSeverity.WARN

    (cells,) = (bench.home.benchmarks / "vanillix").iterdir()
    kept = {cell: cell.stat().st_mtime_ns for cell in cells.rglob("*.parquet")}
    assert len(kept) == 3
    next(iter(kept)).unlink()
    bench = replace(bench, always=True)
    again = event_of(bench.make("transfer_benchmark", "vanillix"), "transfer_benchmark")
    assert again.tags == event.tags
    later = {cell: cell.stat().st_mtime_ns for cell in cells.rglob("*.parquet")}
    assert sum(later[cell] == kept[cell] for cell in kept) == 2


def test_one_usable_task_is_not_enough(bench: Bench) -> None:
    for task in ("friend", "stranger"):
        bench.home.store.table_path("run_results", ("vanillix", task)).unlink()
    result = bench.make("transfer_benchmark", "vanillix")
    assert not result.success
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    assert "needs at least two tasks, and there are 1" in str(failure.step_failure_data.error)
    assert not bench.home.store.folder_path("transfer_benchmark", ("vanillix",)).exists()


def test_a_study_that_does_not_ask_has_no_such_artefact(bench: Bench) -> None:
    assert bench.artefacts().partitions("transfer_benchmark") == [("vanillix",)]
    without = {key: value for key, value in STUDY.items() if key != "transfer_benchmark"}
    bench.home.adopt(Study.model_validate(without), Path("tiny.yaml"))
    assert bench.artefacts().partitions("transfer_benchmark") == []
    assert not bench.make("transfer_benchmark", "vanillix").success
