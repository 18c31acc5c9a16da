"""Reading other people's results and writing for other people's tools."""

from __future__ import annotations

import json
import os
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from aehpo_assets import limits
from aehpo_assets.errors import InputError
from aehpo_assets.exchange.exports import (
    autoencodix_config,
    legacy_autoencodix_config,
    write_recommendation,
)
from aehpo_assets.exchange.folders import export_study, import_results
from aehpo_assets.exchange.imports import import_bbomix_results, import_study_results
from aehpo_assets.exchange.recommended import recommended
from aehpo_assets.hpo.blackbox import build_blackboxes
from aehpo_assets.hpo.objectives import RUNTIME, TEST_SCORE, VALID_SCORE
from aehpo_assets.hpo.surrogate.fit import training_table
from aehpo_assets.space import sample_configurations, search_space
from aehpo_assets.store.files import inside
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Record
from aehpo_assets.study import Study

TCGA = [
    "CANCER_TYPE",
    "SUBTYPE",
    "ONCOTREE_CODE",
    "SEX",
    "AJCC_PATHOLOGIC_TUMOR_STAGE",
    "GRADE",
    "PATH_N_STAGE",
    "DSS_STATUS",
    "OS_STATUS",
]
SCHC = ["author_cell_type", "age_group", "sex"]


def study_file(folder: Path, architecture: str, scenario: str, modality: str) -> pd.DataFrame:
    """Write a small file with the columns that the study's own script writes."""
    generator = np.random.default_rng(0)
    space = search_space("varix")
    frame = sample_configurations(space, 12, seed=42)[space.names].rename(columns=str.upper)
    frame.insert(
        0, "run_id", [f"RUN_{architecture}_{scenario}_{modality}_{i:06d}" for i in range(12)]
    )
    frame.insert(1, "MODEL_TYPE", architecture)
    frame["EPOCHS"] = 300
    frame = frame.astype(object)  # as transposing a dictionary of lists leaves them
    for name in ("data_runtime", "training_runtime", "total_runtime", "trainable_parameters"):
        frame[name] = generator.uniform(10, 1000, 12)
    frame["valid_r2"] = generator.uniform(0, 1, 12)
    for label in TCGA if scenario == "tcga" else SCHC:
        frame[label] = generator.uniform(0.5, 1, 12)
    frame.to_parquet(folder / f"real_ae_results_{architecture}_{scenario}_{modality}.parquet")
    return frame


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for architecture in ("vanillix", "varix"):
        study_file(tmp_path, architecture, "tcga", "RNA")
        study_file(tmp_path, architecture, "schc", "METH")
    return tmp_path


def test_study_results_become_run_results(study: Path) -> None:
    found = import_study_results(study)
    assert set(found) == {"vanillix", "varix"}
    assert set(found["varix"]) == {"tcga_rna", "schc_meth"}
    runs = found["varix"]["tcga_rna"]
    assert runs["config_id"].tolist() == [str(i) for i in range(12)]
    expected = sample_configurations(search_space("varix"), 12, seed=42)
    pd.testing.assert_frame_equal(
        runs[search_space("varix").names], expected[search_space("varix").names]
    )
    assert (runs["score_split"] == "test").all()
    assert runs.attrs["source"]["file"] == "real_ae_results_varix_tcga_RNA.parquet"
    assert "beta" not in found["vanillix"]["tcga_rna"]


def test_weights_are_the_studys(study: Path) -> None:
    """The formula of Syne Tune's autoencodix_import: 1/21 for histology, 1/7 for the others."""
    runs = import_study_results(study)["varix"]["tcga_rna"]
    raw = pd.read_parquet(study / "real_ae_results_varix_tcga_RNA.parquet")
    weights = [1 / 21] * 3 + [1 / 7] * 6
    expected = raw[TCGA].astype(float).to_numpy() @ weights
    np.testing.assert_allclose(runs[TEST_SCORE], expected)
    np.testing.assert_allclose(runs[VALID_SCORE], expected)
    np.testing.assert_allclose(runs["auc_SEX_test"], raw["SEX"])
    schc = import_study_results(study)["varix"]["schc_meth"]
    raw = pd.read_parquet(study / "real_ae_results_varix_schc_METH.parquet")
    np.testing.assert_allclose(schc[TEST_SCORE], raw[SCHC].astype(float).mean(axis=1))


def test_imported_results_can_be_searched(study: Path) -> None:
    tables = build_blackboxes(import_study_results(study)["varix"], search_space("varix"), 300)
    assert len(tables.config_ids) == 12
    assert list(tables.tasks) == ["schc_meth", "tcga_rna"]


def test_zip_is_read_like_the_folder(study: Path, tmp_path: Path) -> None:
    archive = tmp_path / "ae_results.zip"
    with zipfile.ZipFile(archive, "w") as content:
        for path in study.glob("*.parquet"):
            content.write(path, f"inside/{path.name}")
    from_zip, from_folder = import_study_results(archive), import_study_results(study)
    for architecture, tasks in from_folder.items():
        for task, runs in tasks.items():
            pd.testing.assert_frame_equal(from_zip[architecture][task], runs)


def test_bad_study_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="real_ae_results"):
        import_study_results(tmp_path)
    with pytest.raises(InputError, match="neither a folder nor a readable zip"):
        import_study_results(tmp_path / "none.zip")
    frame = study_file(tmp_path, "varix", "tcga", "RNA")
    path = tmp_path / "real_ae_results_varix_tcga_RNA.parquet"
    frame.drop(columns="LR_FIXED").to_parquet(path)
    with pytest.raises(InputError, match="LR_FIXED"):
        import_study_results(tmp_path)
    path.write_bytes(b"PAR1 but not really")
    with pytest.raises(InputError, match="no readable Parquet"):
        import_study_results(tmp_path)


def bbomix_run(folder: Path, modality: str, seed: int) -> Path:
    """Write one run with the keys that BBOmix' ``run_experiment.py`` writes."""
    place = folder / "vanillix" / "tcga" / f"{modality}_CLIN" / f"seed_{seed}"
    place.mkdir(parents=True)
    run_id = f"vanillix_tcga_{seed}_{modality}_CLIN_hp0"
    content = {
        "RUN_ID": run_id,
        "ARCHITECTURE": "vanillix",
        "SEED": seed,
        "DATASET": "tcga",
        "MODALITIES": [modality, "CLIN"],
        "ONTOLOGY": None,
        "HYPERPARAMETERS": {
            "epochs": 300,
            "checkpoint_interval": 300,
            "loss_reduction": "sum",
            "k_filter": 4096,
            "n_layers": 2,
            "enc_factor": 1,
            "learning_rate": 0.009,
            "weight_decay": 9.5e-05,
            "batch_size": 64,
            "drop_p": 0.66,
            "latent_dim": 64,
        },
        "AVG_ML_TASK_PERFORMANCE": 0.8,
        "PER_TASK_PERFORMANCE": {"SEX": 0.7, "GRADE": 0.9},
        "VALID_RECON_LOSS": 12.5,
        "loss_per_epoch": {"0": 20.0, "299": 12.5},
        "RUNTIME_SECONDS": 33.3,
    }
    path = place / f"{run_id}_result.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_bbomix_results_become_run_results(tmp_path: Path) -> None:
    for modality in ("RNA", "METH"):
        for seed in (1, 2):
            bbomix_run(tmp_path, modality, seed)
    found = import_bbomix_results(tmp_path)
    assert set(found["vanillix"]) == {"tcga_rna", "tcga_meth"}
    runs = found["vanillix"]["tcga_rna"]
    assert runs["seed"].tolist() == [1, 2]
    first = runs.iloc[0]
    assert first["n_layers"] == 3  # theirs plus the latent layer
    assert first["latent_dim_fixed"] == 64
    assert first["lr_fixed"] == 0.009
    assert first[RUNTIME] == 33.3
    assert first[VALID_SCORE] == 0.8
    assert np.isnan(first[TEST_SCORE])
    assert first["auc_GRADE_valid"] == 0.9
    assert runs["config_id"].nunique() == 1
    assert first["config_id"] == found["vanillix"]["tcga_meth"]["config_id"].iloc[0]
    evaluations = training_table(found["vanillix"], search_space("vanillix"))
    assert not evaluations["failed"].any()
    assert (evaluations[VALID_SCORE] == 0.8).all()


def test_what_is_known_of_the_noise_of_bbomix_is_told(tmp_path: Path) -> None:
    for seed, score in ((1, 0.7), (2, 0.9)):
        path = bbomix_run(tmp_path / "source", "RNA", seed)
        content = json.loads(path.read_text()) | {"AVG_ML_TASK_PERFORMANCE": score}
        path.write_text(json.dumps(content))
        content["HYPERPARAMETERS"]["latent_dim"] = 32
        content["AVG_ML_TASK_PERFORMANCE"] = score - 0.5
        path.with_name(f"other_{path.name}").write_text(json.dumps(content))
    (row,) = import_results(tmp_path / "source", tmp_path / "out").to_dict("records")
    assert row["noise_known"]
    # Two configurations 0.5 apart, two seeds of each 0.2 apart.
    seed, configuration = 0.2**2 / 2, 0.5**2 / 2 - 0.2**2 / 4
    assert row["reliability"] == pytest.approx(configuration / (configuration + seed), rel=1e-3)


def test_bad_bbomix_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \*_result.json"):
        import_bbomix_results(tmp_path)
    path = bbomix_run(tmp_path, "RNA", 1)
    content = json.loads(path.read_text())
    del content["HYPERPARAMETERS"]["learning_rate"]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="learning_rate"):
        import_bbomix_results(tmp_path)
    path.write_text("{")
    with pytest.raises(InputError, match="no readable JSON"):
        import_bbomix_results(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ARCHITECTURE", "../../../victim"),
        ("ARCHITECTURE", "/etc"),
        ("ARCHITECTURE", 3),
        ("DATASET", "../../../../victim"),
        ("DATASET", "a/b"),
        ("DATASET", ".."),
        ("DATASET", "x\x1b[2J"),
        ("MODALITIES", ["../x"]),
        ("MODALITIES", [3]),
        ("ONTOLOGY", "/../../../victim"),
        ("SEED", 10**30),
        ("SEED", None),
        ("HYPERPARAMETERS", "none"),
        ("RUNTIME_SECONDS", []),
    ],
)
def test_results_of_others_name_no_path_and_write_nowhere_else(
    tmp_path: Path, key: str, value: object
) -> None:
    path = bbomix_run(tmp_path / "source", "RNA", 1)
    content = json.loads(path.read_text()) | {key: value}
    path.write_text(json.dumps(content))
    victim = tmp_path / "victim" / "tcga_rna.parquet"
    victim.parent.mkdir()
    victim.write_text("mine")
    (tmp_path / "victim_rna.parquet").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=path.name) as caught:
        import_results(tmp_path / "source", tmp_path / "out")
    assert caught.value.remedy
    assert sorted(tmp_path.rglob("*")) == before
    assert victim.read_text() == (tmp_path / "victim_rna.parquet").read_text() == "mine"


@pytest.mark.parametrize("content", ["[1]", "3", "null", "[" * 100_000, "{}", "\xff"])
def test_json_that_is_no_run_is_named(tmp_path: Path, content: str) -> None:
    path = bbomix_run(tmp_path, "RNA", 1)
    path.write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=path.name) as caught:
        import_bbomix_results(tmp_path)
    assert caught.value.remedy


def test_a_study_file_with_a_name_that_is_none_or_with_odd_values_is_refused(
    tmp_path: Path,
) -> None:
    study_file(tmp_path, "9varix", "tcga", "RNA")
    with pytest.raises(InputError, match="'9varix' is no name"):
        import_study_results(tmp_path)
    (tmp_path / "real_ae_results_9varix_tcga_RNA.parquet").unlink()
    frame = study_file(tmp_path, "varix", "tcga", "RNA").assign(run_id="none")
    frame.to_parquet(tmp_path / "real_ae_results_varix_tcga_RNA.parquet")
    with pytest.raises(InputError, match="no result of a run"):
        import_study_results(tmp_path)


def test_a_zip_that_unpacks_to_more_than_fits_is_refused(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("real_ae_results_varix_tcga_RNA.parquet", b"0" * (8 << 20))
    monkeypatch.setattr(limits, "free_memory", lambda: 1 << 20)
    with pytest.raises(InputError, match="8,388,608 bytes, unpacked, take about 16 MiB"):
        import_study_results(archive)


def test_a_zip_that_belies_its_size_is_unpacked_no_further_than_it_says(tmp_path: Path) -> None:
    archive, name, size = tmp_path / "liar.zip", "real_ae_results_varix_tcga_RNA.parquet", 64 << 20
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr(name, b"0" * size)
    packed = archive.read_bytes()
    archive.write_bytes(packed.replace(size.to_bytes(4, "little"), (10).to_bytes(4, "little")))
    tracemalloc.start()
    with pytest.raises(InputError, match="cannot be unpacked"):
        import_study_results(archive)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < size // 4


def test_what_is_called_a_result_and_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a_result.json")
    (tmp_path / "b_result.json").mkdir()
    os.mkfifo(tmp_path / "real_ae_results_varix_tcga_RNA.parquet")
    with pytest.raises(InputError, match="holds no file"):
        import_results(tmp_path, tmp_path / "out")


def test_what_is_written_lies_below_its_folder(tmp_path: Path) -> None:
    assert inside(tmp_path, "a", "b.csv") == tmp_path / "a" / "b.csv"
    (tmp_path / "link").symlink_to("/tmp")
    for names in (("..", "x"), ("/etc/x",), ("a", "../../x"), (".",), ("link", "x")):
        with pytest.raises(InputError, match="leads out"):
            inside(tmp_path, *names)


def a_study(**changes: Any) -> Study:
    content = {
        "name": "small",
        "tasks": ["toy_rna"],
        "architectures": ["varix"],
        "configurations": {"count": 4},
        "epochs": 7,
    }
    return Study.model_validate(content | changes)


OTHER_SETTINGS = a_study(
    preprocessing={"filter": "mad", "scaler": "robust", "clip": 10},
    split={"train": 0.5, "valid": 0.2, "test": 0.3, "group": "patient"},
    annealing="3phase-log",
    vae_loss="mmd",
    precision="float64",
    seeds=[5, 6],
)


def test_exported_configurations_have_the_settings_of_the_study() -> None:
    space = search_space("varix")
    best = sample_configurations(space, 2, seed=1).iloc[0]
    present = autoencodix_config(best, OTHER_SETTINGS, epochs=300, seed=5)
    assert present["n_layers"] == best["n_layers"] - 1
    assert present["latent_dim"] == best["latent_dim_fixed"]
    assert present["beta"] == best["beta"]
    told = {
        "scaling": "ROBUST",
        "anneal_function": "3phase-log",
        "default_vae_loss": "mmd",
        "float_precision": "64",
        "train_ratio": 0.5,
        "valid_ratio": 0.2,
        "test_ratio": 0.3,
        "global_seed": 5,
        "epochs": 300,
    }
    assert {name: present[name] for name in told} == told
    older = legacy_autoencodix_config(best, "varix", OTHER_SETTINGS, epochs=300, seed=5, run_id="x")
    assert older["N_LAYERS"] == best["n_layers"]
    assert older["K_FILTER"] == best["k_filter"]
    assert older["SPLIT"] == [0.5, 0.2, 0.3]
    assert (older["ANNEAL"], older["VAE_LOSS"], older["GLOBAL_SEED"]) == ("3phase-log", "MMD", 5)
    vanillix = {name: best[name] for name in space.names if name != "beta"}
    assert "beta" not in autoencodix_config(vanillix, a_study(), epochs=1, seed=0)
    legacy = legacy_autoencodix_config(
        vanillix, "vanillix", a_study(), epochs=1, seed=0, run_id="x"
    )
    assert legacy["BETA"] == 1.0


def write_validated(home: Home) -> pd.DataFrame:
    """Three recommendations, of which the second turns out to be the best, and a report."""
    table = sample_configurations(search_space("varix"), 3, seed=1)
    table = table.assign(config_id=["first", "second", "third"], rank=[1, 2, 3])
    table[f"predicted_{VALID_SCORE}"] = [0.9, 0.8, 0.7]
    partition = ("varix", "toy_rna")
    home.store.write_table("recommendations", partition, table, Record(code_version="x"))
    made = home.store.checked("recommendations", partition).data_version
    runs = table.loc[table.index.repeat(2)].reset_index(drop=True)
    runs = runs.assign(
        origin="recommended",
        seed=[7, 8] * 3,
        status="ok",
        **{VALID_SCORE: [0.60, 0.64, 0.70, 0.72, 0.65, 0.65]},
    )
    record = Record(code_version="x", inputs={"recommendations/varix/toy_rna": made})
    home.store.write_table("validated_recommendations", partition, runs, record)
    return table.set_index("config_id")


def write_report(home: Home) -> None:
    version = home.store.checked("validated_recommendations", ("varix", "toy_rna")).data_version
    scores = {"valid": 0.71, "valid_error": 0.01, "test": 0.69, "test_error": 0.02}
    candidates = pd.DataFrame([{"task": "toy_rna", "origin": "recommended"} | scores])
    verdicts = pd.DataFrame([{"task": "toy_rna", "verdict": "It is worse than PCA."}])

    def fill(folder: Path) -> None:
        candidates.to_parquet(folder / "candidates.parquet")
        verdicts.to_parquet(folder / "verdicts.parquet")

    record = Record(code_version="x", inputs={"validated_recommendations/varix/toy_rna": version})
    home.store.write_folder("validation_report", ("varix",), fill, record)


def test_what_is_exported_is_the_best_of_what_was_validated(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.adopt(OTHER_SETTINGS, tmp_path / "study.yaml")
    table = write_validated(home)
    found = recommended(home, "varix", "toy_rna")
    assert found.config_id == "second"
    assert found.configuration["lr_fixed"] == table.loc["second", "lr_fixed"]
    assert found.scores["valid"] == pytest.approx(0.71)
    assert (found.seeds, found.epochs) == ([7, 8], 7)
    assert "not made yet" in found.verdict
    write_report(home)
    found = recommended(home, "varix", "toy_rna")
    assert found.scores["test"] == 0.69
    assert found.verdict == "It is worse than PCA."
    files = write_recommendation(tmp_path / "out", found, OTHER_SETTINGS)
    whole, present, older = (path.read_text() for path in files)
    for text in (whole, present, older):
        assert "It is worse than PCA." in text
        assert "second" in text
        assert "0.71" in text
    content = yaml.safe_load(whole)
    assert content["study"]["preprocessing"]["clip"] == 10
    assert content["validated_with_seeds"] == [7, 8]
    for beyond in (
        "clips scaled values at 10",
        "by group: patient",
        "filtering='MAD'",
        "seeds 5, 6",
    ):
        assert beyond in present.replace("\n# ", " ")
    assert yaml.safe_load(present)["global_seed"] == 7
    assert yaml.safe_load(older)["RUN_ID"] == "RUN_varix_toy_rna_second"


def test_hyperparameters_that_autoencodix_does_not_have_are_named(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.adopt(OTHER_SETTINGS, tmp_path / "study.yaml")
    write_validated(home)
    found = recommended(home, "varix", "toy_rna")
    further = {"optimizer": "sgd", "activation": "relu", "weight_decay": 0.1, "annealing": "x"}
    chosen = replace(found, configuration=dict(found.configuration) | further)
    files = write_recommendation(tmp_path / "out", chosen, OTHER_SETTINGS)
    whole, present, older = (path.read_text() for path in files)
    assert yaml.safe_load(whole)["hyperparameters"]["optimizer"] == "sgd"
    for text, decay, annealing in (
        (present, "weight_decay", "anneal_function"),
        (older, "WEIGHT_DECAY", "ANNEAL"),
    ):
        said = text.replace("\n# ", " ")
        assert "trains with optimizer sgd, which is not said here" in said
        assert "activation" not in said
        assert yaml.safe_load(text)[decay] == 0.1
        assert yaml.safe_load(text)[annealing] == "x"


def test_before_validation_the_export_says_that_it_is_a_prediction(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.adopt(OTHER_SETTINGS, tmp_path / "study.yaml")
    table = write_validated(home)
    again = table.reset_index().assign(rank=[3, 2, 1])
    home.store.write_table("recommendations", ("varix", "toy_rna"), again, Record(code_version="x"))
    found = recommended(home, "varix", "toy_rna")
    assert found.config_id == "first"
    assert "valid" not in found.scores
    assert "predicted to be the best" in found.verdict
    assert found.seeds == []


def test_imported_results_lie_where_run_results_lie_and_name_their_source(
    study: Path, tmp_path: Path
) -> None:
    summary = import_results(study, tmp_path / "imported")
    # The reference study trained every configuration once: nothing is known of its noise.
    assert not summary["noise_known"].any()
    assert summary["reliability"].isna().all()
    assert set(zip(summary["architecture"], summary["task"], strict=True)) == {
        (architecture, task)
        for architecture in ("vanillix", "varix")
        for task in ("tcga_rna", "schc_meth")
    }
    assert (summary["runs"] == 12).all()
    read = pd.read_parquet(tmp_path / "imported" / "run_results" / "varix" / "tcga_rna.parquet")
    assert len(read.attrs["source"]["sha256"]) >= 16
    with pytest.raises(InputError, match="is there already"):
        import_results(study, tmp_path / "imported")


def test_a_source_that_is_neither_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(InputError, match="real_ae_results"):
        import_results(tmp_path / "source", tmp_path / "imported")
    with pytest.raises(InputError, match="is not there"):
        import_results(tmp_path / "absent", tmp_path / "imported")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize("folder", ["file/out", "file/deeper/out", "/proc/nope", "/proc/nope/out"])
def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_read(
    tmp_path: Path, folder: str
) -> None:
    (tmp_path / "file").write_text("kept")
    target = tmp_path / folder
    with pytest.raises(InputError, match=f"{target}: --out: cannot be written .*Name a new folder"):
        export_study(Home(tmp_path / "home"), target)
    with pytest.raises(InputError, match=f"{target}: --out: cannot be written .*Name a new folder"):
        import_results(tmp_path / "absent", target)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
