"""Grids and Sobol's sequence: complete, in order, balanced, and refused where there is none."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.space import configurations_of, search_space
from aehpo_assets.space.designs import grid_configurations, sobol_configurations
from aehpo_assets.study import Study, read_study

LISTS: dict[str, list[Any]] = {
    "k_filter": [64, 128],
    "n_layers": [2],
    "enc_factor": [1.5, 2.0],
    "latent_dim_fixed": [2, 4],
    "lr_fixed": [0.001, 0.01, 0.1],
    "batch_size": [16],
    "drop_p": [0.0],
    "optimizer": ["sgd", "adam"],
}


def test_a_grid_is_every_combination_once_and_the_last_varies_fastest() -> None:
    space = search_space("vanillix", LISTS)
    grid = grid_configurations(space, 48)
    assert list(grid["config_id"]) == [str(i) for i in range(48)]
    expected = list(itertools.product(*(LISTS[name] for name in space.names)))
    assert list(grid[space.names].itertuples(index=False, name=None)) == expected
    assert grid["optimizer"].tolist()[:4] == ["sgd", "adam"] * 2
    assert grid_configurations(space, 5).equals(grid.head(5))
    assert all(space.problem(row) is None for row in grid.to_dict("records"))


def test_a_grid_over_a_range_or_of_more_than_there_is_is_refused() -> None:
    lists = {name: values for name, values in LISTS.items() if name != "lr_fixed"}
    with pytest.raises(InputError, match=r"study.yaml: space.lr_fixed: .*loguniform") as caught:
        grid_configurations(search_space("vanillix", lists), 3, file=Path("study.yaml"))
    assert "sobol" in str(caught.value)
    with pytest.raises(InputError, match=r"configurations.count: .* has 48 .* 49 are asked"):
        grid_configurations(search_space("vanillix", LISTS), 49)


def test_a_grid_has_as_many_points_as_the_lists_multiply_to() -> None:
    """Six, three, six and five values."""
    space = search_space(
        "vanillix",
        {
            "enc_factor": [2.0],
            "lr_fixed": [1e-5, 1e-4, 1e-3, 1e-2, 1e-1],
            "batch_size": [32],
            "drop_p": [0.1],
        },
    )
    assert len(grid_configurations(space, 540)) == 540
    with pytest.raises(InputError, match="has 540"):
        grid_configurations(space, 541)


def test_sobol_fills_the_space_evenly_and_begins_with_the_same_points() -> None:
    space = search_space("varix", {"optimizer": ["sgd", "adam", "adamw", "rmsprop"]})
    drawn = sobol_configurations(space, 256, 42)
    assert all(space.problem(row) is None for row in drawn.to_dict("records"))
    assert drawn["optimizer"].value_counts().tolist() == [64] * 4
    # Each of 256 equal parts of every range has exactly one point.
    shares = (np.log(drawn["lr_fixed"]) - np.log(1e-5)) / (np.log(1e-1) - np.log(1e-5))
    assert sorted((shares * 256).astype(int)) == list(range(256))
    shorter = sobol_configurations(space, 100, 42)
    assert shorter.equals(drawn.head(100))
    assert not sobol_configurations(space, 100, 43).equals(shorter)


def test_sobol_of_a_small_space_is_all_of_it_and_no_more() -> None:
    space = search_space("vanillix", LISTS)
    found = sobol_configurations(space, 48, 0)
    assert not found.duplicated(space.names).any()
    with pytest.raises(InputError, match="has 48 distinct configurations"):
        sobol_configurations(space, 49, 0)


@pytest.mark.parametrize("source", ["grid", "sobol"])
def test_a_study_says_which(source: str, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(
        "{name: s, tasks: all, architectures: [vanillix], epochs: 1, "
        f"configurations: {{count: 4, source: {source}}}, space: {LISTS!r}}}"
    )
    study = read_study(file)
    assert study.configurations.source == source
    configurations = configurations_of(study, "vanillix", file=file)
    assert len(configurations) == 4
    assert isinstance(study, Study)
