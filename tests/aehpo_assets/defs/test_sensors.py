"""The sensor of data sets: what it registers, has read again, reports, and leaves alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
import yaml

from aehpo_assets.datasets import landing
from aehpo_assets.definitions import defs
from aehpo_assets.defs.broken_datasets import BrokenDataSetError
from aehpo_assets.defs.resource import study_on
from aehpo_assets.defs.sensors import READ_FROM_FILES, dataset_sensor
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study


class Sensed:
    """A home with a study, and the sensor with its cursor and what it asked for."""

    def __init__(self, folder: Path):
        self.home = Home(folder)
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None
        self.resource = study_on(self.home)

    def adopt(self, tasks: Any = "all") -> None:
        study = {
            "name": "tiny",
            "tasks": tasks,
            "architectures": ["varix"],
            "configurations": {"count": 4},
            "epochs": 3,
        }
        self.home.adopt(Study.model_validate(study), Path("tiny.yaml"))

    def tick(self) -> dg.SensorResult:
        """Evaluate the sensor, and do what the daemon does with its answer."""
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=defs.get_repository_def(),
            resources={"study": self.resource},
        ) as context:
            result = dataset_sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        for request in result.dynamic_partitions_requests or []:
            assert isinstance(request, dg.AddDynamicPartitionsRequest)
            name = request.partitions_def_name
            self.instance.add_dynamic_partitions(name, list(request.partition_keys))
        return result

    def make(self, task: str, assets: tuple[str, ...] = READ_FROM_FILES) -> bool:
        """Make the artefacts that are read from the files."""
        owned = [a for a in defs.assets or [] if isinstance(a, dg.AssetsDefinition)]
        return dg.materialize(
            owned,
            selection=list(assets),
            partition_key=task,
            instance=self.instance,
            resources={"study": self.resource},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        ).success


def write_dataset(folder: Path, seed: int = 0) -> Path:
    """Eighty samples with two modalities, as Parquet, and one label."""
    source = np.random.default_rng(seed)
    ids = pd.Index([f"P{i:02d}" for i in range(80)], name="sample_id")
    folder.mkdir(parents=True)
    for name in ("rna", "meth"):
        matrix = pd.DataFrame(source.normal(size=(80, 6)), ids, [f"g{i}" for i in range(6)])
        matrix.to_parquet(folder / f"{name}.parquet")
    pd.DataFrame({"sex": ["f", "m"] * 40}, ids).to_csv(folder / "clinical.csv")
    content = {
        "name": "toy",
        "modalities": {name: {"file": f"{name}.parquet"} for name in ("rna", "meth")},
        "labels": {"file": "clinical.csv", "objective": {"sex": ["sex"]}},
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture
def sensed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sensed:
    monkeypatch.setattr(landing, "SETTLED_SECONDS", 0.0)
    monkeypatch.delenv("AEHPO_DATA", raising=False)
    sensed = Sensed(tmp_path / "home")
    sensed.adopt()
    return sensed


@pytest.fixture
def made(sensed: Sensed) -> Sensed:
    """A data set that landed and was read."""
    write_dataset(sensed.home.data / "toy")
    sensed.tick()
    assert sensed.make("toy_rna")
    assert sensed.make("toy_meth")
    return sensed


def asked(result: dg.SensorResult) -> dict[str, set[str]]:
    """Task to the assets that are asked for."""
    return {
        str(request.partition_key): {key.to_user_string() for key in request.asset_selection or []}
        for request in result.run_requests or []
    }


def reported(result: dg.SensorResult) -> list[str]:
    """What is said of data sets that cannot be read."""
    return [str(event.description) for event in evaluations(result) if not event.passed]


def evaluations(result: dg.SensorResult) -> list[dg.AssetCheckEvaluation]:
    return [e for e in result.asset_events or [] if isinstance(e, dg.AssetCheckEvaluation)]


def test_the_architectures_are_those_of_the_study(sensed: Sensed) -> None:
    sensed.tick()
    assert sensed.instance.get_dynamic_partitions("architecture") == ["varix"]


def test_a_data_set_that_lands_gets_its_tasks(sensed: Sensed) -> None:
    sensed.tick()
    assert not sensed.tick().dynamic_partitions_requests
    write_dataset(sensed.home.data / "toy")
    result = sensed.tick()
    assert set(sensed.instance.get_dynamic_partitions("task")) == {"toy_rna", "toy_meth"}
    assert not result.run_requests, "the conditions ask for what is missing"
    assert not sensed.tick().dynamic_partitions_requests


@pytest.mark.parametrize("title", ["!!timestamp 2024-13-45", "!!int abc", "[" * 3000])
def test_a_data_set_lands_beside_one_whose_yaml_is_impossible(sensed: Sensed, title: str) -> None:
    (sensed.home.data / "bad").mkdir(parents=True)
    (sensed.home.data / "bad" / "dataset.yaml").write_text(f"title: {title}\n")
    write_dataset(sensed.home.data / "toy")
    result = sensed.tick()
    assert set(sensed.instance.get_dynamic_partitions("task")) == {"toy_rna", "toy_meth"}
    (report,) = reported(result)
    assert "bad/dataset.yaml: line 1" in report


def test_only_the_tasks_of_the_study_are_registered(sensed: Sensed) -> None:
    sensed.adopt(tasks=["toy_rna"])
    write_dataset(sensed.home.data / "toy")
    sensed.tick()
    assert sensed.instance.get_dynamic_partitions("task") == ["toy_rna"]


def test_it_rests_without_a_study_and_beside_a_headless_run(tmp_path: Path) -> None:
    sensed = Sensed(tmp_path)
    with dg.build_sensor_context(
        instance=sensed.instance, resources={"study": sensed.resource}
    ) as context:
        assert "no study" in str(dataset_sensor(context).skip_message)
        sensed.adopt()
        with sensed.home.locked():
            assert "at work" in str(dataset_sensor(context).skip_message)


def test_a_broken_data_set_is_reported_once_and_picked_up_when_mended(sensed: Sensed) -> None:
    folder = write_dataset(sensed.home.data / "toy")
    whole = (folder / "rna.parquet").read_bytes()
    (folder / "rna.parquet").write_bytes(whole[:300])
    first = sensed.tick()
    assert len(reported(first)) == 1
    assert "rna.parquet" in reported(first)[0]
    assert not sensed.instance.get_dynamic_partitions("task")
    with pytest.raises(BrokenDataSetError, match=r"left out until .*rna\.parquet"):
        sensed.tick()
    assert not reported(sensed.tick()), "one failed tick is enough"
    (folder / "rna.parquet").write_bytes(whole)
    assert not reported(sensed.tick())
    assert set(sensed.instance.get_dynamic_partitions("task")) == {"toy_rna", "toy_meth"}


@pytest.mark.slow
def test_a_known_data_set_that_breaks_keeps_its_artefacts(made: Sensed) -> None:
    (made.home.data / "toy" / "clinical.csv").write_text("sample_id,sex\n")
    result = made.tick()
    assert len(reported(result)) == 2
    assert {event.partition for event in evaluations(result)} == {"toy_rna", "toy_meth"}
    assert not result.run_requests
    assert made.home.store.is_usable("sample_labels", ("toy_rna",))


@pytest.mark.slow
def test_a_touched_file_is_not_read_again(made: Sensed) -> None:
    os.utime(made.home.data / "toy" / "rna.parquet")
    assert asked(made.tick()) == {}


@pytest.mark.slow
def test_the_same_content_in_other_bytes_is_read_again_and_makes_nothing_stale(
    made: Sensed,
) -> None:
    path = made.home.data / "toy" / "rna.parquet"
    store, raw = made.home.store, ("toy_rna",)
    before = {asset: store.checked(asset, raw).data_version for asset in READ_FROM_FILES}
    pd.read_parquet(path).to_parquet(path, compression="gzip")
    assert asked(made.tick()) == {
        "toy_rna": {"omics_matrix", "data_split"},
        "toy_meth": {"data_split"},
    }
    assert made.make("toy_rna")
    assert {asset: store.checked(asset, raw).data_version for asset in READ_FROM_FILES} == before
    assert asked(made.tick()) == {}


def test_a_changed_file_has_exactly_its_readers_made_again(made: Sensed) -> None:
    path = made.home.data / "toy" / "clinical.csv"
    path.write_text(path.read_text().replace("P07,m", "P07,f"))
    assert asked(made.tick()) == {
        "toy_rna": {"sample_labels", "data_split"},
        "toy_meth": {"sample_labels", "data_split"},
    }


@pytest.mark.slow
def test_an_ontology_is_read_by_what_tells_it_and_by_nothing_else(made: Sensed) -> None:
    folder = made.home.data / "toy"
    genes = pd.read_parquet(folder / "rna.parquet").columns
    lines = ["feature\tnode", *(f"{gene}\tany" for gene in genes)]
    (folder / "ontology.tsv").write_text("\n".join(lines))
    content = yaml.safe_load((folder / "dataset.yaml").read_text())
    content["modalities"]["rna"]["ontology"] = "ontology.tsv"
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content))
    assert asked(made.tick()) == {"toy_rna": {"feature_ontology"}}
    assert made.make("toy_rna", ("feature_ontology",))
    (folder / "ontology.tsv").write_text("\n".join(lines[:-1]))
    assert asked(made.tick()) == {"toy_rna": {"feature_ontology"}}


def test_what_could_not_be_read_is_tried_again_when_mended(sensed: Sensed) -> None:
    """A file that breaks between being noticed and being read."""
    folder = write_dataset(sensed.home.data / "toy")
    sensed.tick()
    whole = (folder / "rna.parquet").read_bytes()
    (folder / "rna.parquet").write_bytes(whole[:300])
    assert not sensed.make("toy_rna")
    assert len(reported(sensed.tick())) == 2
    (folder / "rna.parquet").write_bytes(whole)
    assert asked(sensed.tick())["toy_rna"] == set(READ_FROM_FILES)
