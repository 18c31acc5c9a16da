"""Latents of recommended configurations are those that were scored, in files others can read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from plain_training import make_runs

from aehpo_gpu.export.export import train_module
from aehpo_gpu.runs.latents import latents_table, recommended_runs, train_latents, write_h5ad
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

SETTINGS = TrainingSettings(epochs=2, precision="float64")
RUNS = make_runs(3, k_filter=[48, 32, 40], latent_dim_fixed=[4, 8, 2], n_layers=[2, 3, 2])


@pytest.fixture(scope="module")
def samples(task: TrainingTask) -> pd.Index:
    return pd.Index([f"s{i}" for i in range(len(task.matrix))], name="sample_id")


@pytest.fixture(scope="module")
def latents(task: TrainingTask, samples: pd.Index) -> dict[str, pd.DataFrame]:
    return train_latents(task, "varix", RUNS, SETTINGS, samples)


def test_latents_are_those_of_the_exported_module(
    task: TrainingTask, latents: dict[str, pd.DataFrame]
) -> None:
    assert list(latents) == list(RUNS["config_id"])
    values = ResidentMatrix(task, SETTINGS).values
    for position, frame in enumerate(latents.values()):
        module = train_module(task, "varix", RUNS.iloc[[position]], SETTINGS)
        expected = module.eval().encode(values[:, : module.widths[0]])["mean"].detach().numpy()
        assert frame.shape == (len(task.matrix), RUNS["latent_dim_fixed"].iloc[position])
        np.testing.assert_allclose(frame, expected, rtol=1e-6, atol=1e-9)


def test_the_h5ad_file_holds_labels_split_and_latents(
    tmp_path: Path, task: TrainingTask, samples: pd.Index, latents: dict[str, pd.DataFrame]
) -> None:
    import anndata

    split = pd.Series(task.split, index=samples)
    labels = pd.DataFrame({"grade": ["G1", np.nan, "G2"] * 100, "age": 1.5}, index=samples)
    splits = dict.fromkeys(latents, split)
    first = next(iter(latents))
    write_h5ad(tmp_path / "latents.h5ad", latents, RUNS, labels, splits)
    read = anndata.read_h5ad(tmp_path / "latents.h5ad")
    for config_id, frame in latents.items():
        np.testing.assert_array_equal(read.obsm[f"X_{config_id}"], frame.to_numpy())
    assert list(read.obs["split"]) == list(task.split)
    assert read.obs["grade"].isna().sum() == 100
    assert list(read.obs_names) == list(samples)
    assert list(read.uns["runs"].index) == list(RUNS["config_id"])
    assert list(read.uns["runs"]["kernel"]) == list(RUNS["kernel"])
    np.testing.assert_array_equal(read.uns["runs"]["lr_fixed"], RUNS["lr_fixed"])
    other = pd.Series(task.split[::-1], index=samples)
    write_h5ad(tmp_path / "two.h5ad", latents, RUNS, labels, splits | {first: other})
    several = anndata.read_h5ad(tmp_path / "two.h5ad").obs
    assert list(several[f"split_{first}"]) == list(other)
    assert "split" not in several


def test_the_table_names_configuration_sample_and_split(
    task: TrainingTask, samples: pd.Index, latents: dict[str, pd.DataFrame]
) -> None:
    table = latents_table(latents, dict.fromkeys(latents, pd.Series(task.split, index=samples)))
    assert len(table) == 3 * len(samples)
    narrow = table[table["config_id"] == RUNS["config_id"].iloc[2]]
    assert narrow["latent_2"].notna().all()
    assert narrow["latent_3"].isna().all()
    assert list(narrow["split"]) == list(task.split)


def test_only_recommended_runs_that_ended_well_are_trained_again() -> None:
    validated = pd.DataFrame(
        {
            "origin": ["best_sampled", *["recommended"] * 4],
            "rank": [1, 2, 1, 1, 3],
            "config_id": ["7", "rb", "ra", "ra", "rc"],
            "seed": [1, 1, 2, 1, 1],
            "status": ["ok", "ok", "ok", "diverged", "failed"],
            "k_filter": 8,
        }
    )
    runs = recommended_runs(validated, ["k_filter"])
    assert list(runs.columns) == ["config_id", "k_filter", "seed"]
    assert list(zip(runs["config_id"], runs["seed"], strict=True)) == [("ra", 2), ("rb", 1)]


def test_no_run_left_gives_an_empty_table(task: TrainingTask, samples: pd.Index) -> None:
    assert train_latents(task, "varix", RUNS.head(0), SETTINGS, samples) == {}
    assert latents_table({}, {}).empty
