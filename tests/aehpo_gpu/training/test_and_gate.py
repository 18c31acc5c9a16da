"""The AND gate: what one linear layer cannot do, to the digit, and what one that bends can."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plain_training import make_runs

from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.labels import DownstreamTargets
from aehpo_assets.datasets.logic import and_gate, write_and_gate
from aehpo_assets.datasets.validate import validate_dataset
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

EPOCHS = 300
PLAIN = {
    "k_filter": 3,
    "batch_size": 50,
    "batch_norm": 0,
    "weight_decay": 0.0,
    "clip_norm": 0.0,
    "latent_l1": 0.0,
    "enc_factor": 0.25,
}


def test_the_table_has_the_eigenvalues_that_are_known() -> None:
    # All rows alike: (0, 0), (0, 1), (1, 0), (1, 1).
    rows = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 1]])
    values = np.linalg.eigvalsh(np.cov(rows.T, bias=True))[::-1]
    np.testing.assert_allclose(values, [0.39827, 0.25, 0.03923], atol=1e-5)
    table = and_gate()
    assert (table["x3"] == table["x1"] * table["x2"]).all()
    assert set(map(tuple, table.to_numpy())) == set(map(tuple, rows))


def test_the_data_set_is_one(tmp_path: Path) -> None:
    folder = write_and_gate(tmp_path)
    assert validate_dataset(folder) == []
    assert read_dataset(folder).name == "and_gate"
    before = (folder / "table.parquet").read_bytes()
    assert (write_and_gate(tmp_path / "again") / "table.parquet").read_bytes() == before


@pytest.mark.slow
def test_linear_is_pca_and_what_bends_needs_no_error() -> None:
    matrix = and_gate().to_numpy(np.float32)
    split = np.array(["train"] * 400 + ["valid"] * 100 + ["test"] * 100)
    task = TrainingTask("and_gate_table", matrix, split, DownstreamTargets((), (), {}))
    settings = TrainingSettings(epochs=EPOCHS, device="cpu")
    # Two linear networks of one and of two latents, and one with a hidden layer of tanh.
    runs = make_runs(2, n_layers=1, latent_dim_fixed=[1, 2], lr_fixed=0.01, **PLAIN)
    deep = make_runs(1, n_layers=2, latent_dim_fixed=2, lr_fixed=0.03, activation="tanh", **PLAIN)
    errors = []
    for members in (runs, deep):
        training = FleetTraining("sparsix", members, ResidentMatrix(task, settings), settings)
        training.advance(EPOCHS)
        errors += (training.metrics["train_recon_loss"] / 3).tolist()
    values = np.linalg.eigvalsh(np.cov(matrix[:400].T, bias=True))[::-1]
    assert errors[0] == pytest.approx((values[1] + values[2]) / 3, rel=2e-2)
    assert errors[1] == pytest.approx(values[2] / 3, rel=2e-2)
    assert errors[1] == pytest.approx(0.01308, rel=0.05)
    assert errors[2] < 1e-3
