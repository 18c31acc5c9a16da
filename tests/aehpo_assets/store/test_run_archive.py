"""The archive: finished runs are found again, and only those."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.errors import StaleInputError
from aehpo_assets.store.run_archive import RUN_KEY, RunArchive, run_keys

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
    with pytest.raises(StaleInputError, match="lacks 1 of 2 runs"):
        archive.collect(["a", "d"])


def test_what_samples_add_is_kept_beside_the_runs_it_was_asked_for(tmp_path: Path) -> None:
    archive = RunArchive(tmp_path)
    archive.add(*shard(["a", "b"]), np.array([[0.1, -0.2], [-0.1, 0.2]]))
    archive.add(*shard(["c"]))
    found = archive.influence(["b", "c"])
    assert found.columns.tolist() == ["b"]
    assert found["b"].tolist() == [-0.2, 0.2]
    assert archive.finished(["a", "b", "c"]) == {"a", "b", "c"}
    assert RunArchive(tmp_path / "empty").influence(["a"]).empty


def test_runs_of_epochs_and_of_steps_lie_side_by_side(tmp_path: Path) -> None:
    archive = RunArchive(tmp_path)
    archive.add(*shard(["a"]))
    results, curves = shard(["b"])
    # Two rungs that one epoch reaches are two rows.
    archive.add(results, curves.assign(epoch=3, step=[20, 10]))
    _, of_epochs = archive.collect(["a"])
    assert "step" not in of_epochs
    assert list(of_epochs["epoch"]) == [1, 2]
    _, of_steps = archive.collect(["b"])
    assert sorted(of_steps["step"]) == [10, 20]
    assert of_steps["step"].dtype == "int64"


def test_a_damaged_shard_is_set_aside_and_its_runs_count_as_missing(tmp_path: Path) -> None:
    archive = RunArchive(tmp_path)
    archive.add(*shard(["a"]))
    archive.add(*shard(["b"]))
    victim = sorted((tmp_path / "results").glob("*.parquet"))[0]
    victim.write_bytes(victim.read_bytes()[:-10])
    assert len(archive.finished(["a", "b"])) == 1
    assert victim.with_name(f".{victim.name}.damaged").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["results", "curves"])
def test_no_flipped_byte_of_a_shard_alters_a_number(tmp_path: Path, kind: str) -> None:
    """What is collected is what was trained, or the run counts as missing and is trained again."""
    archive = RunArchive(tmp_path)
    archive.add(*shard(["a", "b"]))
    wanted = archive.collect(["a", "b"])
    (path,) = (tmp_path / kind).glob("*.parquet")
    whole = path.read_bytes()
    detected = 0
    for position in range(0, len(whole), 11):
        content = bytearray(whole)
        content[position] ^= 0xFF
        path.write_bytes(content)
        if archive.finished(["a", "b"]) == {"a", "b"}:
            for found, table in zip(archive.collect(["a", "b"]), wanted, strict=True):
                pd.testing.assert_frame_equal(found, table)
        else:
            detected += 1
            assert path.with_name(f".{path.name}.damaged").exists()
    assert detected > len(whole) / 11 / 2


def test_a_shard_under_the_name_of_another_is_damage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = RunArchive(tmp_path)
    archive.add(*shard(["a"]))
    (of_a,) = (tmp_path / "results").iterdir()
    archive.add(*shard(["b"]))
    (of_b,) = set((tmp_path / "results").iterdir()) - {of_a}
    of_b.write_bytes(of_a.read_bytes())
    assert archive.finished(["a", "b"]) == {"a"}
    assert f"{of_b}: damaged (it is results/{of_a.stem}" in caplog.text


def test_shards_without_a_record_are_told_of_in_a_sentence_and_trained_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As an older version left them: set aside, not lost."""
    for kind, table in zip(("results", "curves"), shard(["a"]), strict=True):
        (tmp_path / kind).mkdir()
        for number in range(20):
            table.to_parquet(tmp_path / kind / f"{number}.parquet")
    assert RunArchive(tmp_path).finished(["a"]) == set()
    assert caplog.text.count("no seal: an older aehpo wrote it") == 2
    assert f"19 more tables of {tmp_path / 'results'} are set aside likewise" in caplog.text
    assert len(list((tmp_path / "results").glob(".*.parquet.damaged"))) == 20
