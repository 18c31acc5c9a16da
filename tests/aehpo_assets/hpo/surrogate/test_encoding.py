"""Configurations as numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aehpo_assets.hpo.surrogate.encoding import Encoder
from aehpo_assets.space import (
    Choice,
    LogUniform,
    SearchSpace,
    Uniform,
    sample_configurations,
    search_space,
)


@given(st.integers(0, 10_000), st.sampled_from(["vanillix", "varix"]), st.booleans())
def test_all_of_a_space_is_encoded_between_zero_and_one(
    seed: int, architecture: str, one_hot: bool
) -> None:
    space = search_space(architecture)
    encoder = Encoder(space, one_hot)
    configurations = sample_configurations(space, 5, seed)
    X = encoder.matrix(configurations)
    assert X.shape == (5, len(encoder.columns))
    assert ((X >= 0) & (X <= 1)).all()
    records = configurations[space.names].to_dict("records")
    np.testing.assert_array_equal(encoder.matrix(records), X)
    columns = {name: configurations[name].tolist() for name in space.names}
    np.testing.assert_array_equal(encoder.matrix(columns), X)


def test_known_values() -> None:
    space = SearchSpace(
        "any",
        {
            "width": Choice((64, 16, 256)),
            "loss": Choice(("kl", "mmd")),
            "rate": LogUniform(1e-4, 1e-2),
            "drop": Uniform(0.0, 0.5),
            "fixed": Uniform(2.0, 2.0),
        },
    )
    rows = [
        {"width": 16, "loss": "kl", "rate": 1e-3, "drop": 0.25, "fixed": 2.0},
        {"width": 64, "loss": "mmd", "rate": 1e-4, "drop": 0.5, "fixed": 2.0},
        {"width": 9999, "loss": "mmd", "rate": 1.0, "drop": -1.0, "fixed": 2.0},
    ]
    encoder = Encoder(space)
    assert encoder.columns == ["width", "loss=kl", "loss=mmd", "rate", "drop", "fixed"]
    np.testing.assert_allclose(
        encoder.matrix(rows),
        [[0, 1, 0, 0.5, 0.5, 0], [0.5, 0, 1, 0, 1, 0], [1, 0, 1, 1, 0, 0]],
        atol=1e-12,
    )


def test_space_survives_json() -> None:
    space = SearchSpace(
        "any", {"a": Choice((1, 2)), "b": Uniform(0.0, 1.0), "c": LogUniform(0.1, 1.0)}
    )
    assert SearchSpace.from_json(space.to_json()) == space
