"""Exports of architectures with an autoencoder a modality are the runs that they are of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from plain_training import make_runs

import aehpo_assets
from aehpo_assets.errors import InputError
from aehpo_assets.omics.preprocess import FittedPreprocessing, fit_preprocessing
from aehpo_assets.study.data import Preprocessing
from aehpo_gpu.export.composed import CrossedAutoencoder, StackedAutoencoder
from aehpo_gpu.export.export import build_module, export_model, load_model
from aehpo_gpu.training.crossed import CrossedNetwork
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.stacked import StackedTraining
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

DOUBLE = TrainingSettings(epochs=3, device="cpu", precision="float64")
MODALITIES = np.array(["rna", "cna", "type"] * 8 + ["rna"] * 24)
"""The last of the names is that of an attribute of every module."""

OWN: dict[str, dict[str, Any]] = {
    "stackix": {"latent_dim_fixed": 3},
    "xmodalix": {"gamma": 1.0, "delta_pair": 1.0, "delta_class": 1.0, "pretrain_epochs": 1},
}
BEGIN: dict[str, Callable[..., Any]] = {"stackix": StackedTraining, "xmodalix": FleetTraining}


@pytest.fixture
def raw(task: TrainingTask) -> pd.DataFrame:
    names = [f"{kind}:g{i}" for i, kind in enumerate(MODALITIES)]
    ids = pd.Index([f"s{i}" for i in range(len(task.matrix))], name="sample_id")
    return pd.DataFrame(3.0 + 2.0 * task.matrix, ids, names)


@pytest.fixture
def fitted(raw: pd.DataFrame, task: TrainingTask) -> FittedPreprocessing:
    split = pd.Series(task.split, index=raw.index)
    return fit_preprocessing(raw, split, Preprocessing(), MODALITIES)


@pytest.fixture
def joint(raw: pd.DataFrame, task: TrainingTask, fitted: FittedPreprocessing) -> TrainingTask:
    kinds = np.array([name.split(":")[0] for name in fitted.features])
    classes = np.arange(len(raw)) % 3
    matrix = fitted.apply(raw).to_numpy()
    return replace(task, task="toy_rna+cna+type", matrix=matrix, modalities=kinds, classes=classes)


@pytest.mark.parametrize("k_filter", [48, 20])
@pytest.mark.parametrize("architecture", list(OWN))
def test_an_export_encodes_and_reconstructs_as_its_run(
    architecture: str,
    k_filter: int,
    joint: TrainingTask,
    raw: pd.DataFrame,
    fitted: FittedPreprocessing,
    tmp_path: Path,
) -> None:
    run = make_runs(1, k_filter=k_filter, n_layers=2, drop_p=0.2, **OWN[architecture])
    written = export_model(tmp_path / "model", joint, architecture, run, DOUBLE, fitted)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["format_version"] == 4
    assert [part["modality"] for part in config["parts"]] == ["rna", "cna", "type"]
    training = BEGIN[architecture](architecture, run, ResidentMatrix(joint, DOUBLE), DOUBLE)
    training.advance(DOUBLE.epochs)
    read = load_model(tmp_path / "model")
    assert read.widths == [k_filter, int(run["latent_dim_fixed"].iloc[0])]
    x = torch.tensor(joint.matrix[:, :k_filter], dtype=torch.float64)
    with torch.no_grad():
        assert torch.equal(read(x), written(x))
        (latents, *_) = read.encode(x).values()
        squared = (read(x) - x).square().sum(1)
    # Trained twice: Adam carries rounding on.
    torch.testing.assert_close(latents, training.latents[0], rtol=1e-3, atol=1e-4)
    spread = (x - x.mean(1, keepdim=True)).square().sum(1)
    for part in ("valid", "test"):
        rows = torch.as_tensor(joint.split == part)
        r2 = float((1 - squared / spread)[rows].mean())
        assert r2 == pytest.approx(float(training.metrics[f"{part}_r2"][0]), rel=1e-3)

    # By names of features in any order, as a user has them.
    model = aehpo_assets.load_model(tmp_path / "model")
    found = model.encode(raw.iloc[:, ::-1])
    np.testing.assert_allclose(found.to_numpy(), latents.numpy(), rtol=1e-5, atol=1e-6)
    assert list(found) == [f"latent_{n}" for n in range(1, model.latents + 1)]
    assert f"{architecture} of toy_rna+cna+type, {k_filter} features" in repr(model)


def test_a_model_of_xmodalix_translates(
    joint: TrainingTask, fitted: FittedPreprocessing, tmp_path: Path
) -> None:
    run = make_runs(1, n_layers=2, **OWN["xmodalix"])
    export_model(tmp_path / "model", joint, "xmodalix", run, DOUBLE, fitted)
    read = load_model(tmp_path / "model")
    assert isinstance(read, CrossedAutoencoder)
    training = FleetTraining("xmodalix", run, ResidentMatrix(joint, DOUBLE), DOUBLE)
    training.advance(DOUBLE.epochs)
    assert isinstance(training.network, CrossedNetwork)
    valid = torch.tensor(joint.matrix[joint.split == "valid"], dtype=torch.float64)
    rna, cna = (valid[:, read.columns[read.modalities.index(one)]] for one in ("rna", "cna"))
    with torch.no_grad():
        squared = (read.translate(rna, "rna", "cna") - cna).square().sum(1)
    spread = (cna - cna.mean(1, keepdim=True)).square().sum(1)
    told = training.metrics["translation_r2_rna_to_cna_valid"].item()
    assert float((1 - squared / spread).mean()) == pytest.approx(told, rel=1e-3)
    with pytest.raises(InputError, match=r"no modality 'meth'.*Known are: rna, cna, type"):
        read.translate(rna, "rna", "meth")


def test_a_model_of_bce_says_values_between_zero_and_one(
    joint: TrainingTask, fitted: FittedPreprocessing, tmp_path: Path
) -> None:
    data = replace(joint, matrix=1 / (1 + np.exp(-joint.matrix)))
    x = torch.tensor(data.matrix, dtype=torch.float64)
    for architecture, own in OWN.items():
        run = make_runs(1, n_layers=2, reconstruction="bce", **own)
        export_model(tmp_path / "model", data, architecture, run, DOUBLE, fitted)
        with torch.no_grad():
            shown = load_model(tmp_path / "model")(x)
        assert 0 < float(shown.min()) < float(shown.max()) < 1


def test_the_layers_are_those_of_torch_alone(
    joint: TrainingTask, fitted: FittedPreprocessing, tmp_path: Path
) -> None:
    """What ``config.json`` says is enough to encode with nothing of this project."""
    run = make_runs(1, n_layers=1, **OWN["stackix"])
    model = export_model(tmp_path / "model", joint, "stackix", run, DOUBLE, fitted)
    assert isinstance(model, StackedAutoencoder)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    state = torch.load(tmp_path / "model" / "model.pt", weights_only=True)
    x = torch.tensor(joint.matrix, dtype=torch.float64)

    def mean(of: str, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(
            x, state[f"{of}heads.mean.weight"], state[f"{of}heads.mean.bias"]
        )

    each = [mean(f"parts.{i}.", x[:, p["columns"]]) for i, p in enumerate(config["parts"])]
    joined = (torch.cat(each, 1) - state["mean"]) / state["deviation"]
    with torch.no_grad():
        torch.testing.assert_close(mean("joined.", joined), model.encode(x)["mean"])


def test_a_stack_on_one_modality_is_exported_too(
    task: TrainingTask, raw: pd.DataFrame, tmp_path: Path
) -> None:
    fitted = fit_preprocessing(raw, pd.Series(task.split, index=raw.index), Preprocessing())
    data = replace(task, matrix=fitted.apply(raw).to_numpy())
    run = make_runs(1, n_layers=2, **OWN["stackix"])
    export_model(tmp_path / "model", data, "stackix", run, DOUBLE, fitted)
    assert load_model(tmp_path / "model").widths == [48, 3]


def test_a_run_that_diverges_in_either_stage_is_no_model(
    joint: TrainingTask, fitted: FittedPreprocessing, tmp_path: Path
) -> None:
    for architecture, own in OWN.items():
        run = make_runs(1, lr_fixed=1e30, **own)
        with pytest.raises(InputError, match="diverges"):
            export_model(tmp_path / "model", joint, architecture, run, DOUBLE, fitted)
    assert not (tmp_path / "model").exists()


def test_a_description_that_does_not_fit_is_refused(
    joint: TrainingTask, fitted: FittedPreprocessing, tmp_path: Path
) -> None:
    run = make_runs(1, **OWN["stackix"])
    export_model(tmp_path / "model", joint, "stackix", run, DOUBLE, fitted)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    build_module(config)
    with pytest.raises(InputError, match="parts"):
        build_module({name: value for name, value in config.items() if name != "parts"})
    part = config["parts"][0]
    for columns in ([0] * len(part["columns"]), [*part["columns"][1:], 99], []):
        wrong = config | {"parts": [part | {"columns": columns}, *config["parts"][1:]]}
        with pytest.raises(InputError, match="not those of the features, each once"):
            build_module(wrong)
    with pytest.raises(InputError, match="describes no network"):
        build_module(config | {"parts": ["rna"]})
    with pytest.raises(InputError, match="describes no network"):
        build_module(config | {"joined": config["joined"] | {"widths": []}})
    narrower = config["joined"] | {"widths": [9, 2]}
    written = json.dumps(config | {"joined": narrower})
    (tmp_path / "model" / "config.json").write_text(written)
    with pytest.raises(InputError, match="other layers than its config"):
        load_model(tmp_path / "model")
    with pytest.raises(InputError, match="activation"):
        build_module(
            config | {"joined": {n: config["joined"][n] for n in ("widths", "heads", "drop_p")}}
        )
