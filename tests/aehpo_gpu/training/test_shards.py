"""Shards dealt to devices and cores: the same rows, whoever trains them and whatever dies."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from dying import DyingOnce

from aehpo_assets.errors import InputError
from aehpo_assets.store.home import Home
from aehpo_gpu.runs.table import RunTable, with_seeds
from aehpo_gpu.training.device_workers import _see_only
from aehpo_gpu.training.plan import Shard
from aehpo_gpu.training.progress import Progress
from aehpo_gpu.training.shards import train_shards
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

CPU = torch.device("cpu")
SHARDS = [Shard(number, ((2 * number, 2 * number + 1),), 1.0, 1, 0.0) for number in range(4)]
RUNS = with_seeds(
    pd.DataFrame(
        {
            "config_id": ["0", "1", "2", "3"],
            "k_filter": [16, 24, 32, 48],
            "n_layers": 2,
            "enc_factor": [2.0, 1.5, 2.0, 3.0],
            "latent_dim_fixed": [3, 2, 4, 2],
            "lr_fixed": [1e-3, 3e-3, 1e-2, 3e-4],
            "batch_size": 32,
            "drop_p": [0.1, 0.0, 0.4, 0.2],
            "beta": 0.1,
        }
    ),
    [0, 1],
).sort_values(["seed", "config_id"], ignore_index=True)


def table_of(home: Path, task: TrainingTask) -> RunTable:
    settings = TrainingSettings(epochs=3, fidelities=(1,), device="cpu")
    inputs = {"preprocessed_matrix/toy_rna": "p"}
    return RunTable("varix", task, RUNS, settings, inputs, Home(home))


def without_seconds(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[[name for name in frame if not re.fullmatch(r".*runtime|prices", str(name))]]


@pytest.mark.slow
def test_two_devices_leave_what_one_does_and_a_killed_process_costs_its_shard(
    task: TrainingTask, tmp_path: Path
) -> None:
    one, two = table_of(tmp_path / "one", task), table_of(tmp_path / "two", task)
    train_shards(SHARDS, one.train, [CPU], lambda progress: None)
    # A plan has measured what training costs before anybody is sent for.
    shutil.copytree(one.home.devices, two.home.devices)
    notes = tmp_path / "notes"
    notes.mkdir()
    told: list[Progress] = []
    train_shards(SHARDS, DyingOnce(two.train, 1, notes), [CPU, CPU], told.append)
    for found, expected in zip(
        two.collect(open_test=True), one.collect(open_test=True), strict=True
    ):
        pd.testing.assert_frame_equal(
            without_seconds(found), without_seconds(expected), check_exact=True
        )
    tried = {note.name: note.read_text() for note in notes.iterdir()}
    assert set(tried) == {"0-0", "1-0", "1-1", "2-0", "3-0"}
    # Two processes, and the one in place of the killed if anything was left for it.
    assert len(set(tried.values())) in (2, 3)
    assert str(os.getpid()) not in tried.values()
    assert tried["1-0"] != tried["1-1"]
    assert (told[-1].runs_done, told[-1].runs_total) == (8, 8)


def test_a_gpu_is_the_only_one_that_its_process_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    for seen, expected in (("", "1"), ("4, 6", "6"), ("GPU-a,GPU-b,GPU-c", "GPU-b")):
        os.environ["CUDA_VISIBLE_DEVICES"] = seen
        _see_only(torch.device("cuda", 1))
        assert os.environ["CUDA_VISIBLE_DEVICES"] == expected
    _see_only(CPU)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-b"


@pytest.mark.parametrize("threads", [1, 2])
def test_a_shard_that_fails_costs_no_other(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    trained: list[int] = []

    def train(shard: Shard, listen: Callable[[Progress], None]) -> None:
        if shard.shard_id == 1:
            raise ZeroDivisionError("of this shard alone")
        trained.append(shard.shard_id)

    try:
        with pytest.raises(ZeroDivisionError, match="of this shard alone"):
            train_shards(SHARDS, train, [CPU], lambda progress: None)
    finally:
        torch.set_num_threads(before)
    assert sorted(trained) == [0, 2, 3]


def test_a_shard_that_fails_is_tried_once_more() -> None:
    begun: list[int] = []

    def train(shard: Shard, listen: Callable[[Progress], None]) -> None:
        begun.append(shard.shard_id)
        if begun.count(1) == 1 and shard.shard_id == 1:
            raise MemoryError

    train_shards(SHARDS, train, [CPU], lambda progress: None)
    assert sorted(begun) == [0, 1, 1, 2, 3]


def test_what_is_wrong_with_all_of_them_ends_the_first() -> None:
    begun: list[int] = []

    def train(shard: Shard, listen: Callable[[Progress], None]) -> None:
        begun.append(shard.shard_id)
        raise InputError("of all", key="space.beta")

    with pytest.raises(InputError, match=r"space.beta: of all"):
        train_shards(SHARDS, train, [CPU], lambda progress: None)
    assert begun == [0]


def test_who_listens_may_end_shards_one_after_another() -> None:
    begun: list[int] = []

    def train(shard: Shard, listen: Callable[[Progress], None]) -> None:
        begun.append(shard.shard_id)
        listen(Progress(1.0, 2, 0.1))

    def refuse(progress: Progress) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        train_shards(SHARDS, train, [CPU], refuse)
    assert begun == [0]


def test_devices_of_settings_are_the_cpu_or_every_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TrainingSettings(epochs=1, device="cpu").torch_devices() == [CPU]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    found = TrainingSettings(epochs=1).torch_devices()
    assert [str(device) for device in found] == ["cuda:0", "cuda:1", "cuda:2"]
    assert np.unique([device.type for device in found]).tolist() == ["cuda"]
