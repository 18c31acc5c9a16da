"""An exported model takes samples as a task's file has them, and refuses what it cannot read."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from plain_training import make_runs

import aehpo_assets
from aehpo_assets.errors import InputError
from aehpo_assets.omics.preprocess import FittedPreprocessing, fit_preprocessing
from aehpo_assets.study.data import Preprocessing
from aehpo_gpu.export.export import export_model
from aehpo_gpu.export.loaded import LoadedModel
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

SETTINGS = TrainingSettings(epochs=2)


@pytest.fixture(scope="module")
def raw(task: TrainingTask) -> pd.DataFrame:
    source = np.random.default_rng(1)
    names = [f"gene {i}" for i in source.permutation(task.matrix.shape[1])]
    values = 3.0 + 2.0 * np.abs(task.matrix)
    return pd.DataFrame(values, columns=names, index=[f"s{i}" for i in range(len(values))])


@pytest.fixture(scope="module")
def fitted(raw: pd.DataFrame, task: TrainingTask) -> FittedPreprocessing:
    return fit_preprocessing(raw, pd.Series(task.split, index=raw.index), Preprocessing(clip=2.0))


@pytest.fixture(scope="module")
def folder(
    raw: pd.DataFrame,
    task: TrainingTask,
    fitted: FittedPreprocessing,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    place = tmp_path_factory.mktemp("models")
    scaled = TrainingTask("toy_rna", fitted.apply(raw).to_numpy(), task.split, task.targets)
    run = make_runs(1, k_filter=40, n_layers=2)
    for transform in ("none", "log1p", "normalize_log1p"):
        export_model(place / transform, scaled, "varix", run, SETTINGS, fitted, transform)
    return place


@pytest.fixture(scope="module")
def model(folder: Path) -> LoadedModel:
    return aehpo_assets.load_model(folder / "none")


def test_latents_are_those_of_the_network(
    model: LoadedModel, raw: pd.DataFrame, fitted: FittedPreprocessing
) -> None:
    found = model.encode(raw)
    scaled = fitted.apply(raw).to_numpy()[:, :40]
    with torch.no_grad():
        expected = model.module.encode(torch.tensor(scaled, dtype=torch.float32))["mean"]
    np.testing.assert_allclose(found.to_numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)
    assert list(found.index) == list(raw.index)
    assert list(found) == [f"latent_{n}" for n in range(1, model.latents + 1)]
    assert "varix of toy_rna, 40 features" in repr(model)


def test_anndata_in_any_order_dense_or_sparse_gives_the_same(
    model: LoadedModel, raw: pd.DataFrame
) -> None:
    expected = model.encode(raw)
    shuffled = raw.iloc[:, ::-1].assign(other=np.inf)
    dense = anndata.AnnData(shuffled)
    sparse = anndata.AnnData(
        X=np.zeros(shuffled.shape),
        obs=pd.DataFrame(index=raw.index),
        var=pd.DataFrame(index=shuffled.columns),
        layers={"counts": scipy.sparse.csr_matrix(shuffled.to_numpy())},
    )
    for found in (model.encode(dense), model.encode(sparse, layer="counts")):
        pd.testing.assert_frame_equal(found, expected, check_names=False, rtol=1e-5)
    dense.obsm["X_aehpo"] = expected
    assert dense.obsm["X_aehpo"].shape == expected.shape


def test_what_is_missing_is_the_train_median(
    model: LoadedModel, raw: pd.DataFrame, fitted: FittedPreprocessing
) -> None:
    name = model.features[0]
    median = dict(zip(fitted.features, fitted.median, strict=True))[name]
    gaps, filled = raw.assign(**{name: np.nan}), raw.assign(**{name: median})
    pd.testing.assert_frame_equal(model.encode(gaps), model.encode(filled))
    assert model.encode(raw.head(0)).shape == (0, model.latents)


def test_the_transform_of_the_task_is_done_or_asked_for(folder: Path, raw: pd.DataFrame) -> None:
    plain, log, normalised = (
        aehpo_assets.load_model(folder / name) for name in ("none", "log1p", "normalize_log1p")
    )
    pd.testing.assert_frame_equal(log.encode(raw), plain.encode(np.log1p(raw)))
    pd.testing.assert_frame_equal(log.encode(raw, transformed=True), plain.encode(raw))
    with pytest.raises(InputError, match="depends on all samples"):
        normalised.encode(raw)
    pd.testing.assert_frame_equal(normalised.encode(raw, transformed=True), plain.encode(raw))


def test_what_cannot_be_read_is_refused(
    model: LoadedModel, raw: pd.DataFrame, tmp_path: Path
) -> None:
    first = model.features[0]
    refused = {
        "1 of the 40 features .* the first is": raw.drop(columns=first),
        "twice": pd.concat([raw, raw[[first]]], axis=1),
        "no number": raw.astype(object).assign(**{first: "high"}),
        "infinite": raw.assign(**{first: np.inf}),
    }
    for words, data in refused.items():
        with pytest.raises(InputError, match=words):
            model.encode(data)
    with pytest.raises(InputError, match="no layer 'counts'"):
        model.encode(raw, layer="counts")
    with pytest.raises(InputError, match="holds no exported model"):
        aehpo_assets.load_model(tmp_path)
