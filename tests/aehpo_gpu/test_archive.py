"""The archive: finished runs are found again, and only those."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from aehpo_gpu.archive import RUN_KEY, RunArchive, run_keys

RUNS = pd.DataFrame({"config_id": ["0", "1"], "seed": [0, 0], "lr_fixed": [0.1, 0.2]})


def shard(keys: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    results = pd.DataFrame({RUN_KEY: keys, "valid_r2": [float(i) for i in range(len(keys))]})
    curves = pd.concat([results[[RUN_KEY]].assign(epoch=epoch) for epoch in (2, 1)])
    return results, curves


def test_a_key_hashes_everything_but_the_name_of_the_configuration() -> None:
    keys = run_keys(RUNS, {"epochs": 3})
    assert len(set(keys)) == 2
    assert run_keys(RUNS.assign(config_id=["a", "b"]), {"epochs": 3}) == keys
    assert run_keys(RUNS, {"epochs": 4}) != keys
    assert run_keys(RUNS.assign(seed=1), {"epochs": 3}) != keys
    changed = run_keys(RUNS.assign(lr_fixed=[0.1, 0.3]), {"epochs": 3})
    assert changed[0] == keys[0]
    assert changed[1] != keys[1]


def test_finished_runs_are_collected_in_the_order_asked_for(tmp_path: Path) -> None:
    archive = RunArchive(tmp_path)
    assert archive.finished(["a"]) == set()
    archive.add(*shard(["a", "b"]))
    archive.add(*shard(["c"]))
    assert archive.finished(["a", "c", "d"]) == {"a", "c"}
    results, curves = archive.collect(["c", "a"])
    assert list(results[RUN_KEY]) == ["c", "a"]
    assert list(curves[RUN_KEY]) == ["c", "c", "a", "a"]
    assert list(curves["epoch"]) == [1, 2, 1, 2]
    with pytest.raises(KeyError):
        archive.collect(["d"])


def test_a_damaged_shard_is_set_aside_and_its_runs_count_as_missing(tmp_path: Path) -> None:
    archive = RunArchive(tmp_path)
    archive.add(*shard(["a"]))
    archive.add(*shard(["b"]))
    victim = sorted((tmp_path / "results").glob("*.parquet"))[0]
    victim.write_bytes(victim.read_bytes()[:-10])
    assert len(archive.finished(["a", "b"])) == 1
    assert victim.with_suffix(".damaged").exists()
