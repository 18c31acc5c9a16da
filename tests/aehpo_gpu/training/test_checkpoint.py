"""Fleets that are killed on their way: they go on, and end as if nothing had happened."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from plain_training import make_runs

from aehpo_gpu.training import checkpoint as checkpoints_of
from aehpo_gpu.training import fleet
from aehpo_gpu.training.checkpoint import Checkpoint, Checkpoints
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.plan import plan_fleets
from aehpo_gpu.training.rungs import train_rungs
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.work import TERMS

COST = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))
SECONDS = ["fleet_runtime", "evaluation_runtime"]
RULES = {
    "optimizer": ["adamw", "sgd", "rmsprop", "adam"],
    "momentum": [0.0, 0.9, 0.5, 0.0],
    "drop_p": [0.0, 0.3, 0.5, 0.1],
    "k_filter": [48, 32, 48, 16],
    "max_epochs": [9, 4, 9, 6],
    "patience": [0, 0, 2, 0],
    "lr_schedule": ["constant", "cosine", "constant", "constant"],
}


class KilledError(Exception):
    """The process is gone."""


@pytest.fixture
def kept_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every epoch."""
    monkeypatch.setattr(checkpoints_of, "SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(checkpoints_of, "SHARE_OF_TIME", 1e9)


def train(
    task: TrainingTask, runs: pd.DataFrame, architecture: str, folder: Path | None
) -> pd.DataFrame:
    settings = TrainingSettings(epochs=9, fidelities=(3, 5), device="cpu")
    fleets = plan_fleets(architecture, runs, task.n_features, task.n_train, settings)
    rows = [one.rows for one in fleets]
    keys = dict(enumerate(runs["config_id"]))
    kept = None if folder is None else Checkpoints(folder, keys)
    table = train_rungs(task, architecture, runs, rows, settings, COST, checkpoints=kept)
    return table.drop(columns=SECONDS)


@pytest.mark.usefixtures("kept_always")
@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        ("varix", RULES),
        ("vanillix", {}),
        pytest.param(
            "convolix",
            {"channels": 4, "optimizer": ["adamw", "rmsprop"] * 2},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["mixed", "plain", "alone"],
)
@pytest.mark.parametrize(
    "epochs", [pytest.param(2, marks=pytest.mark.slow), 3, pytest.param(7, marks=pytest.mark.slow)]
)
def test_a_killed_fleet_goes_on_bit_for_bit(
    architecture: str,
    changes: dict[str, object],
    epochs: int,
    task: TrainingTask,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = make_runs(4, **changes)
    whole = train(task, runs, architecture, None)
    trained: list[int] = []
    train_epoch = fleet.train_epoch

    def count(*given: object) -> None:
        epoch = given[3]
        assert isinstance(epoch, int)
        if epoch == epochs and not trained.count(-1):
            trained.append(-1)
            raise KilledError
        trained.append(epoch)
        train_epoch(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(fleet, "train_epoch", count)
    with pytest.raises(KilledError):
        train(task, runs, architecture, tmp_path)
    before = len(trained)
    resumed = train(task, runs, architecture, tmp_path)
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)
    # What was trained before is not trained again.
    assert epochs in trained[before:]
    if architecture != "convolix":
        assert min(trained[before:]) == epochs


@pytest.mark.usefixtures("kept_always")
@pytest.mark.parametrize(
    "killed_at",
    [4, pytest.param(18, marks=pytest.mark.slow), pytest.param(22, marks=pytest.mark.slow)],
)
def test_a_stacked_fleet_goes_on_in_the_stage_that_it_was_in(
    killed_at: int, task: TrainingTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine epochs of each of two modalities, and nine of what joins them."""
    joint = replace(task, modalities=np.array(["rna", "meth"])[np.arange(48) % 2])
    runs = make_runs(3, drop_p=[0.0, 0.3, 0.1], lr_fixed=[1e-3, 1e-2, 3e-3])
    whole = train(joint, runs, "stackix", None)
    begun = 0
    train_epoch = fleet.train_epoch

    def count(*given: object) -> None:
        nonlocal begun
        if begun == killed_at:
            begun += 1
            raise KilledError
        begun += 1
        train_epoch(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(fleet, "train_epoch", count)
    with pytest.raises(KilledError):
        train(joint, runs, "stackix", tmp_path)
    resumed = train(joint, runs, "stackix", tmp_path)
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)
    # The one that was killed, and no other epoch twice.
    assert begun == 3 * 9 + 1


@pytest.mark.usefixtures("kept_always")
def test_a_finished_fleet_waits_for_those_beside_it(
    task: TrainingTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = make_runs(2)
    whole = train(task, runs, "vanillix", tmp_path)
    monkeypatch.setattr(FleetTraining, "__init__", None)
    again = train(task, runs, "vanillix", tmp_path)
    pd.testing.assert_frame_equal(again, whole, check_exact=True)


def test_a_short_fleet_is_never_written(task: TrainingTask, tmp_path: Path) -> None:
    train(task, make_runs(2), "vanillix", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


@pytest.mark.usefixtures("kept_always")
def test_what_is_damaged_is_named_and_trained_again(
    task: TrainingTask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runs = make_runs(2)
    whole = train(task, runs, "vanillix", tmp_path)
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        again = train(task, runs, "vanillix", tmp_path)
    assert f"{file} is damaged; its fleet begins again" in caplog.text
    pd.testing.assert_frame_equal(again, whole, check_exact=True)


def test_a_training_goes_on_where_nothing_can_be_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        Checkpoint(tmp_path / "file" / "below.pt").write({"a": torch.zeros(2)})
    assert "could not be kept" in caplog.text
    monkeypatch.setattr(checkpoints_of, "MOST_BYTES", 10)
    large = Checkpoint(tmp_path / "large.pt")
    large.write({"a": torch.zeros(200)})
    assert not (tmp_path / "large.pt").exists()
    assert not large.is_due()


@pytest.mark.usefixtures("kept_always")
def test_only_the_same_fleet_finds_it(task: TrainingTask, tmp_path: Path) -> None:
    runs = make_runs(3)
    train(task, runs.iloc[:2], "vanillix", tmp_path)
    train(task, runs, "vanillix", tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    Checkpoints(tmp_path, {}).clear()
    assert not tmp_path.exists()
    assert np.isfinite(train(task, runs, "vanillix", tmp_path)["train_total_loss"]).all()
