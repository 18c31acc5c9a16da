"""Sampling configurations: the study's very own, and anyone's from a file."""

from __future__ import annotations

import itertools
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aehpo_assets.errors import InputError
from aehpo_assets.space import (
    config_id_of,
    configurations_of,
    read_configurations,
    sample_configurations,
    search_space,
)
from aehpo_assets.study import read_study

STUDIES = Path(__file__).parents[3] / "data" / "studies"


def test_the_thesis_study_samples_the_very_configurations_of_the_reference(
    shared_data: Path,
) -> None:
    reference = pd.read_parquet(shared_data / "thesis_configs_5000.parquet")
    reference.columns = reference.columns.str.lower()
    ours = configurations_of(read_study(STUDIES / "thesis.yaml"), "varix")
    pd.testing.assert_frame_equal(ours.drop(columns="config_id"), reference, check_exact=True)


def test_the_first_configuration_of_the_thesis() -> None:
    first = sample_configurations(search_space("varix"), 1, 42).iloc[0]
    assert first["k_filter"] == 4096
    assert first["n_layers"] == 2
    assert first["batch_size"] == 32
    assert first["enc_factor"] == pytest.approx(1.075032, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 30))
def test_architectures_share_their_draws_and_stay_inside_their_space(seed: int, count: int) -> None:
    vanillix, varix = search_space("vanillix"), search_space("varix")
    ours = sample_configurations(vanillix, count, seed)
    theirs = sample_configurations(varix, count, seed)
    pd.testing.assert_frame_equal(ours, theirs[ours.columns])
    assert all(varix.problem(row) is None for row in theirs.to_dict("records"))
    assert list(ours["config_id"]) == [str(i) for i in range(count)]


def test_more_configurations_begin_with_the_same_ones() -> None:
    space = search_space("varix")
    pd.testing.assert_frame_equal(
        sample_configurations(space, 10, 1), sample_configurations(space, 25, 1).head(10)
    )


SMALL = {
    "k_filter": [64, 128],
    "n_layers": [2, 3],
    "enc_factor": [1.5, 2.0],
    "latent_dim_fixed": [2],
    "lr_fixed": [0.001, 0.01, 0.1],
    "batch_size": [16],
    "drop_p": [0.0],
}
"""A space of 24 configurations."""


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 24))
def test_no_configuration_is_drawn_twice_in_a_small_space(seed: int, count: int) -> None:
    space, wider = search_space("vanillix", SMALL), search_space("varix", SMALL)
    assert space.size == 24
    assert wider.size == float("inf")
    drawn = sample_configurations(space, count, seed)
    assert len(drawn) == count
    assert not drawn.duplicated(space.names).any()
    if count == 24:
        every = set(itertools.product(*(SMALL[name] for name in space.names)))
        assert set(drawn[space.names].itertuples(index=False, name=None)) == every
    # An id is the same draw for every architecture, also where one of them passes over repeats.
    draws = sample_configurations(wider, int(drawn["config_id"].iloc[-1]) + 1, seed)
    known = draws.set_index("config_id").loc[drawn["config_id"], space.names]
    pd.testing.assert_frame_equal(known, drawn.set_index("config_id"), check_dtype=False)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, "24 distinct configurations, 25"),
        ({"enc_factor": {"uniform": [1, 1 + 2**-52]}}, "24 distinct configurations among 2,500"),
    ],
)
def test_a_space_with_fewer_configurations_than_asked_for_is_refused(
    change: dict[str, object], found: str
) -> None:
    space = search_space("vanillix", SMALL | change)
    with pytest.raises(InputError, match=f"study.yaml: configurations.count: .*{found}") as caught:
        sample_configurations(space, 25, 1, file=Path("study.yaml"))
    assert "Lower configurations.count" in str(caught.value)


def test_a_file_of_configurations_is_read_in_any_case_and_order(tmp_path: Path) -> None:
    space = search_space("varix")
    sampled = sample_configurations(space, 5, 0)
    file = tmp_path / "mine.parquet"
    renamed = sampled.drop(columns="config_id").rename(columns=str.upper)
    renamed[renamed.columns[::-1]].to_parquet(file)
    pd.testing.assert_frame_equal(read_configurations(space, file, 5), sampled)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="beta"), "beta: column missing"),
        (lambda t: t.assign(beta="x"), "beta: holds values that are no finite"),
        (lambda t: t.assign(beta=float("nan")), "beta: holds values that are no finite"),
        (lambda t: t.head(3), "holds 3 configurations"),
        (lambda t: pd.concat([t.head(4), t.head(1)]), "repeats an earlier one"),
        (lambda t: t.assign(k_filter=1), "below latent_dim_fixed"),
        (lambda t: t.assign(drop_p=0.95), r"row 0: drop_p=0.95 .* uniform \[0, 0.9\]"),
    ],
)
def test_a_wrong_file_of_configurations_is_explained(tmp_path, change, words) -> None:
    space = search_space("varix")
    file = tmp_path / "mine.parquet"
    change(sample_configurations(space, 5, 0).drop(columns="config_id")).to_parquet(file)
    with pytest.raises(InputError, match=words):
        read_configurations(space, file, 5)


def test_a_file_that_is_no_parquet(tmp_path: Path) -> None:
    file = tmp_path / "mine.parquet"
    file.write_bytes(b"PAR1 but not really")
    with pytest.raises(InputError, match="no readable Parquet"):
        read_configurations(search_space("varix"), file, 5)
    with pytest.raises(InputError, match="no such file"):
        read_configurations(search_space("varix"), tmp_path / "absent.parquet", 5)


def test_the_id_of_a_proposed_configuration_depends_on_its_values_alone() -> None:
    first = config_id_of({"k_filter": 128, "drop_p": 0.5})
    assert first == config_id_of({"drop_p": 0.5, "k_filter": 128.0})
    assert first != config_id_of({"drop_p": 0.25, "k_filter": 128})
    assert len(first) == 9
    assert first.startswith("r")


def test_further_hyperparameters_come_from_a_stream_of_their_own() -> None:
    shared = sample_configurations(search_space("vanillix"), 20, 42)
    further = sample_configurations(search_space("disentanglix"), 20, 42)
    pd.testing.assert_frame_equal(further[shared.columns], shared)
    assert further[["beta_mi", "beta_tc", "beta_dimKL"]].nunique().eq(20).all()
