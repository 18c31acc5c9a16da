"""A study that joins two modalities, from their files to what joining adds."""

from __future__ import annotations

from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from rich.console import Console

from aehpo_assets import load_model
from aehpo_assets.analysis.names import LATE, RECOMMENDED
from aehpo_assets.analysis.validated_runs import best_runs, scored_runs
from aehpo_assets.cli.results import print_summary
from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.report.study import study_sections
from aehpo_assets.running.runner import StudyRun, prepare
from aehpo_assets.store.home import Home
from aehpo_assets.study import read_study
from aehpo_gpu.export.stored_run import export_stored_run
from tests.conftest import write_tiny

pytestmark = pytest.mark.slow

JOINT = "toy_rna+meth"


def add_modality(folder: Path) -> None:
    """Give the tiny data set a second modality, of which some samples are missing."""
    rna = pd.read_parquet(folder / "rna.parquet")
    source = np.random.default_rng(1)
    values = rna.to_numpy()[:, :6] + source.normal(size=(len(rna), 6))
    meth = pd.DataFrame(values, rna.index, [f"cg{i}" for i in range(6)]).iloc[3:]
    meth.to_parquet(folder / "meth.parquet")
    file = folder / "dataset.yaml"
    content = yaml.safe_load(file.read_text())
    content["modalities"]["meth"] = {"file": "meth.parquet"}
    file.write_text(yaml.safe_dump(content))


def test_a_joint_task_goes_all_the_way_of_a_study(tmp_path: Path) -> None:
    joined = [{"dataset": "toy", "modalities": ["rna", "meth"]}]
    of_any = ["pca", *(["mofa"] if find_spec("mofapy2") else [])]
    methods = {"methods": [*of_any, "cca", "pca_per_modality"], "dimensions": [2, 3]}
    alone = ["toy_rna", "toy_meth"]
    write_tiny(tmp_path, tasks=alone, fusion=joined, replicates=2, baselines=methods)
    add_modality(tmp_path / "data" / "toy")
    home, file = Home(tmp_path / "home"), tmp_path / "tiny.yaml"
    home.record_data_roots([tmp_path / "data"])
    study = read_study(file)
    tasks = available_tasks(home.data_roots(), study.fusion)
    run = StudyRun(home, prepare(study, home, tasks, file=file), tasks)
    assert [outcome.error for outcome in run.run() if outcome.error] == []

    store, partition = home.store, ("vanillix", JOINT)
    matrix = store.read_table("preprocessed_matrix", (JOINT,))
    assert len(matrix) == 77
    kinds = [name.split(":")[0] for name in matrix.columns]
    assert kinds[:12] == ["rna", "meth"] * 6
    assert kinds[12:] == ["rna"] * 14
    runs = store.read_table("run_results", partition)
    assert set(runs["status"]) == {"ok"}
    assert (runs["k_filter_effective"] == 16).all()
    recorded = store.provenance("omics_matrix", (JOINT,))
    assert recorded is not None
    assert {Path(name).name for name in recorded.inputs} == {"rna.parquet", "meth.parquet"}

    scored = store.read_table("baseline_performance", (JOINT,))
    assert set(scored["method"]) == set(methods["methods"])
    assert set(store.read_table("baseline_performance", ("toy_rna",))["method"]) == set(of_any)
    assert set(scored["latent_dim"]) == {2, 3}

    folder = store.existing_folder("validation_report", ("vanillix",))
    found = pd.read_parquet(folder / "integration.parquet").set_index("method")
    assert found.index.tolist() == ["autoencoder", "baseline", "either", *LATE]
    assert found["against"].isin(alone).all()
    # Three of the samples of the one modality are not of the other.
    whole = store.read_table("data_split", ("toy_rna",))["split"] == "test"
    same = set(whole.index[whole]) <= set(matrix.index)
    of_rna = found["against"] == "toy_rna"
    assert (found.loc[of_rna & ~found.index.isin(LATE), "same_samples"] == same).all()
    assert found["new_patients"].notna().all()

    labels = pd.read_parquet(folder / "integration_labels.parquet")
    assert set(labels["task"]) == {*alone, JOINT}
    assert set(labels["origin"]) == {"recommended", "baseline", "late_fusion"}
    (section, *_) = study_sections(home, [])
    gains = pd.read_parquet(folder / "modality_gains.parquet")
    assert set(gains["modality"]) == {"rna", "meth"}
    assert set(gains["method"]) == {"autoencoder", "joined latents", *of_any}
    # Sixteen features of 22, which have taken turns.
    shown = {getattr(one, "name", ""): one for one in section.blocks}
    caption = getattr(shown["integration-labels-toy_rna-meth"], "caption", "")
    assert "vanillix (16 in all, 22 alone)" in caption
    joined = ("integration-scores", "integration-labels", "modality-gains", "shared-factors")
    assert {f"{one}-toy_rna-meth" for one in joined} <= shown.keys()

    factors = pd.read_parquet(store.existing_folder("shared_factors", ()) / "explained.parquet")
    assert set(factors["of"]) == {"vanillix", *(["MOFA"] if "mofa" in of_any else [])}
    assert set(factors["modality"]) == {"rna", "meth"}
    assert factors["explained"].between(-0.05, 1).all()
    of = pd.read_parquet(store.existing_folder("shared_factors", ()) / "labels.parquet")
    assert set(of["of"]) == set(factors["of"])
    assert of["explained"].between(0, 1).all()
    assert "factor-labels-toy_rna-meth" in shown
    # The data set has no ontology.
    nodes = pd.read_parquet(store.existing_folder("shared_factors", ()) / "nodes.parquet")
    assert nodes.empty
    assert factors.loc[factors["of"] == "MOFA", "reproduced"].between(0, 1.001).all()

    late = store.existing_folder("late_fusion", ("vanillix",))
    scores = pd.read_parquet(late / "scores.parquet")
    assert set(scores["way"]) == {*alone, *LATE}
    assert (scores["samples"] == len(matrix)).all()
    # No replicate that both modalities have is lost.
    validated = [store.read_table("validated_recommendations", ("vanillix", t)) for t in alone]
    seeds = [set(best_runs(scored_runs(one), RECOMMENDED)["seed"]) for one in validated]
    assert set(scores["seed"]) == set.intersection(*seeds)
    opened = [one["by"] for one in home.openings.known("vanillix", JOINT)]
    assert opened == ["test_results", "late_fusion"]
    printed = StringIO()
    print_summary(home, Console(file=printed, width=160))
    assert "What joining modalities adds" in printed.getvalue()

    export_stored_run(home, JOINT, "vanillix", "0", None, tmp_path / "model")
    latents = load_model(tmp_path / "model").encode(store.read_table("omics_matrix", (JOINT,)))
    assert list(latents.index) == list(matrix.index)

    # A file of either modality makes what was joined stale, and nothing else does.
    assert run.artefacts.why_stale("omics_matrix", (JOINT,)) is None
    meth = pd.read_parquet(tmp_path / "data" / "toy" / "meth.parquet")
    (meth + 1).to_parquet(tmp_path / "data" / "toy" / "meth.parquet")
    again = StudyRun(home, run.instance, tasks).artefacts
    assert "meth.parquet" in str(again.why_stale("omics_matrix", (JOINT,)))
    assert again.why_stale("omics_matrix", ("toy_rna",)) is None
