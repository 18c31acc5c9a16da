"""An exported run encodes like its fleet, and needs nothing of the project to do so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from plain_training import make_runs

from aehpo_assets.errors import InputError
from aehpo_assets.omics.preprocess import FittedPreprocessing, fit_preprocessing
from aehpo_assets.space.widths import trainable_parameters
from aehpo_assets.study.data import Preprocessing
from aehpo_gpu.export.export import build_module, export_model, load_model, train_module
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

SETTINGS = TrainingSettings(epochs=3)
DOUBLE = TrainingSettings(epochs=3, precision="float64")

ENCODE_WITHOUT_AEHPO = """
import itertools, json, sys
import pandas as pd
import torch
from torch import nn

folder, matrix, out = sys.argv[1:]
config = json.load(open(f"{folder}/config.json"))
fitted = json.load(open(f"{folder}/preprocessing.json"))
state = torch.load(f"{folder}/model.pt", weights_only=True)
layers = []
for i, o in itertools.pairwise(config["widths"][:-1]):
    layers += [nn.Linear(i, o), nn.BatchNorm1d(o), nn.Dropout(config["drop_p"]), nn.ReLU()]
encoder = nn.Sequential(*layers)
encoder.load_state_dict({k[8:]: v for k, v in state.items() if k.startswith("encoder.")})
head = f"heads.{config['heads'][0]}"
x = pd.read_parquet(matrix)[fitted["features"]]
x = x.fillna(dict(zip(fitted["features"], fitted["median"])))
x = (x - fitted["center"]) / fitted["scale"]
x = x if fitted["clip"] is None else x.clip(-fitted["clip"], fitted["clip"])
hidden = encoder.eval()(torch.tensor(x.to_numpy(dtype="float32")))
latents = nn.functional.linear(hidden, state[f"{head}.weight"], state[f"{head}.bias"])
torch.save(latents.detach(), out)
"""


@pytest.fixture
def raw(task: TrainingTask) -> pd.DataFrame:
    source = np.random.default_rng(1)
    values = 3.0 + 2.0 * task.matrix + 0.01 * source.normal(size=task.matrix.shape)
    names = [f"gene {i}" for i in source.permutation(values.shape[1])]
    return pd.DataFrame(values, columns=names, index=[f"s{i}" for i in range(len(values))])


@pytest.fixture
def fitted(raw: pd.DataFrame, task: TrainingTask) -> FittedPreprocessing:
    split = pd.Series(task.split, index=raw.index)
    return fit_preprocessing(raw, split, Preprocessing(clip=2.0))


@pytest.fixture
def scaled(task: TrainingTask, raw: pd.DataFrame, fitted: FittedPreprocessing) -> TrainingTask:
    return TrainingTask("toy_rna", fitted.apply(raw).to_numpy(), task.split, task.targets)


@pytest.mark.parametrize("architecture", ["vanillix", "varix", "disentanglix"])
def test_a_module_encodes_like_its_run_in_a_padded_fleet(
    task: TrainingTask, architecture: str
) -> None:
    runs = make_runs(
        3, k_filter=[48, 32, 40], latent_dim_fixed=[4, 8, 2], n_layers=3, drop_p=[0.0, 0.5, 0.2]
    )
    matrix = ResidentMatrix(task, DOUBLE)
    fleet = FleetTraining(architecture, runs, matrix, DOUBLE)
    fleet.advance(DOUBLE.epochs)
    for position in range(3):
        module = train_module(task, architecture, runs.iloc[[position]], DOUBLE)
        with torch.no_grad():
            heads = module.encode(matrix.values[:, : module.widths[0]])
        latents = next(iter(heads.values()))
        ours = fleet.latents[position, :, : latents.shape[1]]
        torch.testing.assert_close(latents, ours, rtol=1e-6, atol=1e-9)
        count = sum(p.numel() for p in module.parameters())
        assert count == trainable_parameters(module.widths, len(module.heads))


@pytest.mark.parametrize(
    "n_layers",
    [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(4, marks=pytest.mark.slow)],
)
def test_an_export_encodes_a_raw_matrix_with_plain_pytorch(
    scaled: TrainingTask,
    raw: pd.DataFrame,
    fitted: FittedPreprocessing,
    tmp_path: Path,
    n_layers: int,
) -> None:
    run = make_runs(1, k_filter=40, n_layers=n_layers, drop_p=0.2)
    folder = tmp_path / "model"
    module = export_model(folder, scaled, "varix", run, SETTINGS, fitted)
    raw.to_parquet(tmp_path / "raw.parquet")
    script = tmp_path / "encode.py"
    script.write_text(ENCODE_WITHOUT_AEHPO, encoding="utf-8")
    arguments = [str(folder), str(tmp_path / "raw.parquet"), str(tmp_path / "latents.pt")]
    subprocess.run([sys.executable, str(script), *arguments], check=True, cwd=tmp_path)
    with torch.no_grad():
        expected = module.encode(torch.tensor(scaled.matrix[:, :40]))["mean"]
    found = torch.load(tmp_path / "latents.pt", weights_only=True)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_an_export_is_read_back(
    scaled: TrainingTask, fitted: FittedPreprocessing, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    for seed in (0, 1):
        module = export_model(folder, scaled, "vanillix", make_runs(seed=seed), SETTINGS, fitted)
    x = torch.tensor(scaled.matrix)
    with torch.no_grad():
        assert torch.equal(load_model(folder)(x), module(x))
    assert json.loads((folder / "config.json").read_text())["seed"] == 1


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no exported model"):
        load_model(tmp_path)
    with pytest.raises(InputError, match="format version 7"):
        build_module({"format_version": 7})
    with pytest.raises(InputError, match="widths"):
        build_module({"format_version": 1})


def test_a_run_that_diverges_is_no_model(
    scaled: TrainingTask, fitted: FittedPreprocessing, tmp_path: Path
) -> None:
    run = make_runs(lr_fixed=1e30)
    with pytest.raises(InputError, match="diverges"):
        export_model(tmp_path / "model", scaled, "vanillix", run, SETTINGS, fitted)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "gelu"])
@pytest.mark.parametrize("batch_norm", [0, 1])
def test_an_export_of_any_kind_is_read_back_as_what_was_trained(
    activation: str,
    batch_norm: int,
    fitted: FittedPreprocessing,
    task: TrainingTask,
    tmp_path: Path,
) -> None:
    run = make_runs(activation=activation, batch_norm=batch_norm, reconstruction="bce", drop_p=0.2)
    data = TrainingTask(task.task, 1 / (1 + np.exp(-task.matrix)), task.split, task.targets)
    written = export_model(tmp_path / "model", data, "varix", run, DOUBLE, fitted)
    read = load_model(tmp_path / "model")
    x = torch.tensor(data.matrix, dtype=torch.float64)
    with torch.no_grad():
        assert torch.equal(read(x), written(x))
        assert 0 < float(read(x).min()) < float(read(x).max()) < 1
    fleet = FleetTraining("varix", run, ResidentMatrix(data, DOUBLE), DOUBLE)
    fleet.advance(3)
    with torch.no_grad():
        # Trained twice: Adam carries rounding on.
        torch.testing.assert_close(read.encode(x)["mean"], fleet.latents[0], rtol=1e-3, atol=1e-4)
        squared = (read(x) - x).square().sum(1)
    spread = (x - x.mean(1, keepdim=True)).square().sum(1)
    rows = torch.as_tensor(data.split == "test")
    r2 = float((1 - squared / spread)[rows].mean())
    assert r2 == pytest.approx(float(fleet.metrics["test_r2"][0]), rel=1e-3)
    count = sum(p.numel() for p in read.parameters())
    assert count == trainable_parameters(read.widths, 2, bool(batch_norm))


@pytest.mark.parametrize(
    ("architecture", "own", "version"),
    [
        ("topk", {"active_latents": 2, "latent_dim_fixed": 6}, 3),
        ("categorix", {"categories": 3, "latent_dim_fixed": 2, "k_filter": 30}, 3),
        ("convolix", {"channels": 4, "k_filter": 30, "reconstruction": "bce"}, 3),
        ("adage_tan", {"corruption": "masking", "noise_p": 0.1, "k_filter": 30}, 3),
        ("adage", {"corruption": "masking", "noise_p": 0.1}, 2),
        ("vanillix", {}, 1),
    ],
)
def test_latents_made_in_a_way_of_their_own_are_those_of_the_run(
    architecture: str,
    own: dict[str, object],
    version: int,
    fitted: FittedPreprocessing,
    task: TrainingTask,
    tmp_path: Path,
) -> None:
    data = TrainingTask(task.task, 1 / (1 + np.exp(-task.matrix)), task.split, task.targets)
    run = make_runs(1, **own)
    export_model(tmp_path / "model", data, architecture, run, DOUBLE, fitted)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["format_version"] == version
    read = load_model(tmp_path / "model")
    training = FleetTraining(architecture, run, ResidentMatrix(data, DOUBLE), DOUBLE)
    training.advance(DOUBLE.epochs)
    x = torch.tensor(data.matrix[:, : read.widths[0]], dtype=torch.float64)
    with torch.no_grad():
        (latents, *_) = read.encode(x).values()
        squared = (read(x) - x).square().sum(1)
    # Trained twice: Adam carries rounding on.
    torch.testing.assert_close(latents, training.latents[0], rtol=1e-3, atol=1e-4)
    spread = (x - x.mean(1, keepdim=True)).square().sum(1)
    rows = torch.as_tensor(data.split == "test")
    r2 = float((1 - squared / spread)[rows].mean())
    assert r2 == pytest.approx(float(training.metrics["test_r2"][0]), rel=1e-3)


def test_a_network_of_an_architecture_that_is_not_here_is_refused() -> None:
    config = {"format_version": 3, "network": {}, "architecture": "of_a_lab", "widths": [4, 2]}
    with pytest.raises(InputError, match=r"of_a_lab .* Install the package"):
        build_module(config)
