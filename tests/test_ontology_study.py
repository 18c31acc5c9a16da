"""A study of ontix, from the files of a data set to a model whose latents have names."""

from __future__ import annotations

from pathlib import Path

import anndata
import pandas as pd
import pytest
import yaml

from aehpo_assets import load_model
from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.running.runner import StudyRun, Work, prepare
from aehpo_assets.store.home import Home
from aehpo_assets.study import read_study
from aehpo_gpu.export.stored_run import export_stored_run
from tests.conftest import write_tiny

pytestmark = pytest.mark.slow

NAMES = ["latent_cell cycle", "latent_immune", "latent_stroma"]


def add_ontology(folder: Path) -> None:
    """Give the tiny data set an ontology of three nodes."""
    nodes = [name.removeprefix("latent_") for name in NAMES]
    table = pd.DataFrame({"feature": [f"g{i}" for i in range(18)], "node": nodes * 6})
    table.to_csv(folder / "ontology.tsv", sep="\t", index=False)
    file = folder / "dataset.yaml"
    content = yaml.safe_load(file.read_text())
    content["modalities"]["rna"]["ontology"] = "ontology.tsv"
    file.write_text(yaml.safe_dump(content))


def test_latents_are_nodes_from_the_file_to_the_model(tmp_path: Path) -> None:
    space = {"k_filter": [16], "nonnegative_latents": [True, False], "n_layers": [2]}
    few = {"trials": 4, "validate_top": 1, "surrogates": ["gaussian_process"]}
    write_tiny(tmp_path, architectures=["ontix"], space=space, replicates=2, hpo=few)
    folder = tmp_path / "data" / "toy"
    add_ontology(folder)
    home, file = Home(tmp_path / "home"), tmp_path / "tiny.yaml"
    home.record_data_roots([tmp_path / "data"])
    study = read_study(file)
    tasks = available_tasks(home.data_roots())
    run = StudyRun(home, prepare(study, home, tasks, file=file), tasks)
    assert [outcome.error for outcome in run.run() if outcome.error] == []

    store, partition = home.store, ("ontix", "toy_rna")
    runs = store.read_table("run_results", partition)
    assert set(runs["status"]) == {"ok"}
    assert set(runs["latent_dim_fixed"]) == {3}
    assert set(runs["nonnegative_latents"]) == {0, 1}
    latents = store.existing_folder("recommended_latents", partition)
    assert pd.read_parquet(latents / "latents.parquet").columns.tolist()[3:] == NAMES
    data = anndata.read_h5ad(latents / "latents.h5ad")
    assert [own.tolist() for own in data.uns["latents"].values()] == [NAMES]

    export_stored_run(home, "toy_rna", "ontix", "0", None, tmp_path / "model")
    encoded = load_model(tmp_path / "model").encode(store.read_table("omics_matrix", ("toy_rna",)))
    assert encoded.columns.tolist() == NAMES
    assert (encoded > 0).all(axis=None) == bool(runs["nonnegative_latents"].iloc[0])

    # Another ontology is another result of what reads it, and of nothing else.
    recorded = store.provenance("run_results", partition)
    assert recorded is not None
    assert "feature_ontology/toy_rna" in recorded.inputs
    lines = (folder / "ontology.tsv").read_text().splitlines()
    (folder / "ontology.tsv").write_text("\n".join(lines[:-1]) + "\n")
    again = StudyRun(home, run.instance, tasks)
    assert "ontology.tsv" in str(again.artefacts.why_stale("feature_ontology", ("toy_rna",)))
    again.materialize(Work(("feature_ontology",), ("toy_rna",), "changed"))
    why = again.artefacts.why_stale
    assert why("run_results", partition) == "the input feature_ontology/toy_rna changed"
    assert why("preprocessed_matrix", ("toy_rna",)) is None
    assert why("baseline_performance", ("toy_rna",)) is None
