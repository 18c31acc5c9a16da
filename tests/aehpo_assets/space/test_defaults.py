"""The untuned configuration: Autoencodix' values, taken into whatever a study allows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aehpo_assets.exchange.exports import AUTOENCODIX_CONFIGS, autoencodix_config
from aehpo_assets.space import ARCHITECTURE_SPACES, SHARED, default_configuration, search_space
from aehpo_assets.study import Study

BENCH = Path.home() / ".cache" / "aehpo" / "bench"


@pytest.mark.parametrize("architecture", ARCHITECTURE_SPACES)
def test_every_hyperparameter_has_a_default_inside_the_space(architecture: str) -> None:
    space = search_space(architecture)
    default = default_configuration(space)
    assert list(default) == space.names
    assert space.problem(default) is None


def test_the_default_of_varix() -> None:
    assert default_configuration(search_space("varix")) == {
        "k_filter": 4096,
        "n_layers": 4,
        "enc_factor": 4.0,
        "latent_dim_fixed": 16,
        "lr_fixed": 0.001,
        "beta": 0.1,
        "batch_size": 32,
        "drop_p": 0.1,
    }
    assert default_configuration(search_space("disentanglix"))["beta_tc"] == 1.0


def test_a_narrowed_space_gets_the_nearest_values() -> None:
    space = search_space(
        "varix",
        {
            "k_filter": [64, 128],
            "n_layers": [2, 3],
            "latent_dim_fixed": [4, 64],
            # By their difference 1e-5 would be the nearer one.
            "lr_fixed": [1e-5, 5e-3],
            "beta": {"uniform": [0.5, 2]},
            "drop_p": [0.0, 0.5],
        },
    )
    default = default_configuration(space)
    assert (default["k_filter"], default["n_layers"], default["lr_fixed"]) == (128, 3, 5e-3)
    assert (default["latent_dim_fixed"], default["beta"], default["drop_p"]) == (4, 0.5, 0.0)


@given(
    k_filter=st.lists(st.integers(64, 5000), min_size=1, max_size=5, unique=True),
    latent=st.lists(st.integers(1, 64), min_size=1, max_size=5, unique=True),
    bounds=st.tuples(st.floats(1e-6, 1e-3), st.floats(2e-3, 1)),
)
def test_the_default_lies_inside_every_space(
    k_filter: list[int], latent: list[int], bounds: tuple[float, float]
) -> None:
    overrides: dict[str, Any] = {
        "k_filter": k_filter,
        "latent_dim_fixed": latent,
        "lr_fixed": {"loguniform": list(bounds)},
    }
    space = search_space("varix", overrides)
    assert space.problem(default_configuration(space)) is None


@pytest.mark.parametrize("architecture", sorted(AUTOENCODIX_CONFIGS))
def test_the_values_are_those_that_autoencodix_ships(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its configurations need pydantic alone; the package around them is not imported."""
    folders = sorted(
        BENCH.glob("autoencodix-0.2.5-*/lib/python*/site-packages/autoencodix/configs")
    )
    if not folders:
        pytest.skip(f"Autoencodix 0.2.5 is not below {BENCH}")
    monkeypatch.syspath_prepend(str(folders[0].parent))
    for name in [name for name in sys.modules if name.partition(".")[0] == "configs"]:
        monkeypatch.delitem(sys.modules, name)
    import configs  # type: ignore[import-not-found]

    shipped = getattr(configs, AUTOENCODIX_CONFIGS[architecture])()
    ours = default_configuration(search_space(architecture))
    study = Study.model_validate(
        {
            "name": "small",
            "tasks": "all",
            "architectures": [architecture],
            "configurations": {"count": 1},
            "epochs": 3,
        }
    )
    arguments = autoencodix_config(ours, study, epochs=3, seed=0)
    exported = getattr(configs, AUTOENCODIX_CONFIGS[architecture])(**arguments).model_dump()
    assert shipped.k_filter is None
    keeps_all = {one.default for one in SHARED if one.name == "k_filter"}
    assert keeps_all == {float("inf")}
    names = {
        "n_layers",
        "enc_factor",
        "latent_dim",
        "learning_rate",
        "batch_size",
        "drop_p",
        *(["beta"] if "beta" in ours else []),
    }
    assert {name: exported[name] for name in names} == {
        name: getattr(shipped, name) for name in names
    }
