"""Comparing what was computed twice: what counts, what does not, and how far apart it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aehpo_assets.store.comparison import (
    EQUAL,
    Verdict,
    compare_folders,
    compare_tables,
)
from aehpo_assets.store.measured import is_measured


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "config_id": ["0", "1"],
            "score": [0.5, np.nan],
            "loss": [200.0, 3.0],
            "training_runtime": [1.0, 2.0],
            "code_version": ["a", "a"],
        }
    )


def test_a_table_equals_itself_whatever_the_clock_and_the_code_say() -> None:
    other = frame().assign(training_runtime=[9.0, 9.0], code_version=["b", "b"])
    assert compare_tables(frame(), other, 1e-6) == EQUAL


def test_the_largest_difference_is_relative_above_one_and_named_by_its_column() -> None:
    other = frame().assign(loss=[200.02, 3.0], score=[0.50001, np.nan])
    found = compare_tables(frame(), other, 1e-3)
    assert found.verdict is Verdict.WITHIN_TOLERANCE
    assert found.where == "loss"
    assert found.largest == pytest.approx(1e-4, rel=1e-3)
    assert compare_tables(frame(), other, 1e-5).verdict is Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("other", "where"),
    [
        (frame().assign(config_id=["0", "2"]), "config_id"),
        (frame().assign(config_id=["0", None]), "config_id"),
        (frame().assign(score=[0.5, 0.5]), "score"),
        (frame().drop(columns="loss"), "loss"),
        (frame()[["score", "config_id", *frame().columns[2:]]], "order"),
        (frame().head(1), "rows"),
        (frame().set_axis(["a", "b"]), "rows"),
    ],
)
def test_what_is_no_matter_of_rounding_is_different(other: pd.DataFrame, where: str) -> None:
    found = compare_tables(frame(), other, 1.0)
    assert found.verdict is Verdict.DIFFERENT
    assert where in str(found)


def test_rows_of_a_measured_objective_do_not_count() -> None:
    long = pd.DataFrame({"objective": ["training_runtime", "valid_r2"], "predicted": [1.0, 2.0]})
    assert compare_tables(long, long.assign(predicted=[5.0, 2.0]), 1e-6) == EQUAL
    found = compare_tables(long, long.assign(predicted=[1.0, 5.0]), 1e-6)
    assert found.verdict is Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("column", "measured"),
    [
        ("runtime", True),
        ("fleet_runtime", True),
        ("predicted_training_runtime_lower", True),
        ("searcher_seconds", True),
        ("valid_r2", False),
        ("runtimes_of_others", False),
        ("auc_seconds_valid", False),
        ("r2_training_runtime_test", False),
    ],
)
def test_which_columns_are_measured(column: str, measured: bool) -> None:
    assert is_measured(column) is measured


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20),
    st.floats(0, 1e-3),
)
def test_a_shift_within_the_tolerance_is_within_it_and_symmetric(
    values: list[float], shift: float
) -> None:
    ours = pd.DataFrame({"value": values})
    theirs = ours + shift
    found, back = compare_tables(ours, theirs, 1.01e-3), compare_tables(theirs, ours, 1.01e-3)
    assert found == back
    assert found.verdict is not Verdict.DIFFERENT


def write_blackbox(folder: Path, values: np.ndarray, score: float = 0.5) -> Path:
    folder.mkdir()
    np.save(folder / "objectives_evaluations.npy", values)
    names = {"objectives_names": ["training_runtime", "valid_r2"]}
    (folder / "metadata.json").write_text(json.dumps(names))
    pd.DataFrame({"score": [score]}).to_parquet(folder / "table.parquet")
    (folder / "provenance.json").write_text(folder.name)
    return folder


def test_folders_are_compared_by_their_tables_and_arrays(tmp_path: Path) -> None:
    one = write_blackbox(tmp_path / "one", np.array([[1.0, 0.5]]))
    same = write_blackbox(tmp_path / "same", np.array([[9.0, 0.5]]))
    near = write_blackbox(tmp_path / "near", np.array([[1.0, 0.5000001]]))
    far = write_blackbox(tmp_path / "far", np.array([[1.0, 0.5]]), score=0.6)
    assert compare_folders(one, same, 1e-5) == EQUAL
    assert compare_folders(one, near, 1e-5).verdict is Verdict.WITHIN_TOLERANCE
    found = compare_folders(one, far, 1e-5)
    assert found.verdict is Verdict.DIFFERENT
    assert "table.parquet" in found.where
    (same / "rna.training_runtime.json").write_text("1")
    (one / "rna.training_runtime.json").write_text("2")
    assert compare_folders(one, same, 1e-5) == EQUAL
    (same / "rna.valid_r2.json").write_text("1")
    (one / "rna.valid_r2.json").write_text("2")
    assert compare_folders(one, same, 1e-5).where == "the file rna.valid_r2.json"
    (one / "rna.valid_r2.json").unlink()
    (one / "rna.training_runtime.json").unlink()
    (far / "more").write_text("")
    assert "more" in compare_folders(one, far, 1e-5).where


def test_metadata_is_compared_by_what_it_says(tmp_path: Path) -> None:
    def write(name: str, seconds: float, margin: float, file: str = "a.json") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        models = [
            {"objective": "training_runtime", "margins": [seconds], "file": "t.json"},
            {"objective": "valid_r2", "margins": [margin], "file": file},
        ]
        (folder / "metadata.json").write_text(json.dumps({"models": models}))
        return folder

    one = write("one", 1.0, 0.5)
    assert compare_folders(one, write("clock", 2.0, 0.5), 1e-5) == EQUAL
    near = compare_folders(one, write("near", 1.0, 0.500001), 1e-5)
    assert near.verdict is Verdict.WITHIN_TOLERANCE
    assert near.where == "models[1].margins[0] of metadata.json"
    for other in (write("far", 1.0, 0.6), write("word", 1.0, 0.5, "b.json")):
        assert compare_folders(one, other, 1e-5).verdict is Verdict.DIFFERENT
