"""Search spaces, and the mistakes a study can make with them."""

from __future__ import annotations

import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.space import Choice, LogUniform, Uniform, search_space


def test_only_varix_has_a_beta() -> None:
    assert "beta" not in search_space("vanillix").names
    assert search_space("varix").names == [
        "k_filter",
        "n_layers",
        "enc_factor",
        "latent_dim_fixed",
        "lr_fixed",
        "beta",
        "batch_size",
        "drop_p",
    ]


def test_a_study_narrows_and_replaces_distributions() -> None:
    space = search_space(
        "vanillix",
        {
            "k_filter": [64, 128],
            "drop_p": {"uniform": [0, 0.5]},
            "lr_fixed": {"loguniform": [1e-4, 1e-2]},
            "beta": [1],
        },
    )
    assert space.hyperparameters["k_filter"] == Choice((64, 128))
    assert space.hyperparameters["drop_p"] == Uniform(0, 0.5)
    assert space.hyperparameters["lr_fixed"] == LogUniform(1e-4, 1e-2)
    assert "beta" not in space.hyperparameters


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"k_filters": [64]}, "Did you mean k_filter"),
        ({"k_filter": [32]}, "below latent_dim_fixed"),
        ({"k_filter": []}, "distinct values"),
        ({"k_filter": [128, 128]}, "distinct values"),
        ({"drop_p": [0, 0.0, 0.5]}, "distinct values"),
        ({"drop_p": [float("nan")]}, "no number"),
        ({"enc_factor": {"uniform": [1, float("inf")]}}, "two bounds"),
        ({"k_filter": [128.5]}, "whole numbers"),
        ({"k_filter": {"uniform": [64, 128]}}, "whole numbers"),
        ({"k_filter": ["many"]}, "no number"),
        ({"lr_fixed": {"loguniform": [0, 1]}}, "above zero"),
        ({"lr_fixed": {"uniform": [1, 0]}}, "lower one first"),
        ({"lr_fixed": {"normal": [0, 1]}}, "no distribution"),
        ({"drop_p": [1.0]}, "outside 0 to 1"),
        ({"n_layers": [0]}, "outside 1"),
        ({"batch_size": [1]}, "outside 2"),
    ],
)
def test_a_mistake_in_the_space_names_its_key(overrides: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        search_space("varix", overrides, file="study.yaml")
    assert f"study.yaml: space.{next(iter(overrides))}" in str(caught.value)


def test_an_unknown_architecture_is_refused_with_those_known() -> None:
    with pytest.raises(InputError, match="vanillix, varix, disentanglix"):
        search_space("vanilix")


def test_a_configuration_outside_the_space_is_explained() -> None:
    space = search_space("vanillix", {"k_filter": [64, 128]})
    inside = {
        "k_filter": 64,
        "n_layers": 2,
        "enc_factor": 2.0,
        "latent_dim_fixed": 8,
        "lr_fixed": 1e-3,
        "batch_size": 32,
        "drop_p": 0.1,
    }
    assert space.problem(inside) is None
    assert "drop_p" in str(space.problem(inside | {"drop_p": 0.95}))
    assert "missing" in str(space.problem({}))
