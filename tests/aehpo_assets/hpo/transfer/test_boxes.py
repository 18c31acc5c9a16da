"""How much other tasks count, and what a search makes of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aehpo_assets.hpo.transfer.boxes import (
    WEAKEST,
    bounding_box,
    top_configurations,
    transfer_weights,
    weighted_box,
)
from aehpo_assets.space import Choice, SearchSpace


def ranks(**correlations: tuple[float, int]) -> pd.DataFrame:
    """Task to the rank correlation and the number of configurations that it rests on."""
    table = pd.DataFrame.from_dict(correlations, orient="index", dtype="float64")
    return table.set_axis(["correlation", "configurations"], axis=1)


def test_weights_move_from_data_to_ranks() -> None:
    found = transfer_weights(
        ranks(friend=(0.9, 1000), foe=(-0.9, 1000), stranger=(np.nan, 0)),
        pd.Series({"friend": 0.1, "foe": 0.9, "stranger": 0.8}),
    )
    assert found.loc["friend", "weight"] == pytest.approx(0.9, abs=0.01)
    assert found.loc["foe", "weight"] == 0
    assert found.loc["stranger", "weight"] == pytest.approx(0.8)
    assert found["used"].to_dict() == {"friend": True, "foe": False, "stranger": True}
    assert found["reason"].to_dict() == {
        "friend": "by its data and its ranks",
        "foe": "its ranks do not agree",
        "stranger": "by its data alone",
    }


def test_a_task_that_was_never_described_counts_half() -> None:
    assert transfer_weights(ranks(a=(np.nan, 0)))["weight"].tolist() == [0.5]
    found = transfer_weights(ranks(a=(np.nan, 0), b=(np.nan, 0)), pd.Series({"b": 0.1}))
    assert found["weight"].tolist() == [0.5, 0.1]
    assert np.isnan(found.loc["a", "similarity"])
    assert found.loc["b", "reason"] == "too little alike"


def test_ten_configurations_outvote_data_that_look_alike() -> None:
    """Once as many were evaluated as the data counts for, opposite ranks drop a task."""
    weights = [
        float(transfer_weights(ranks(a=(-0.8, count)), pd.Series({"a": 0.9}))["weight"].iloc[0])
        for count in (3, 5, 10)
    ]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > WEAKEST > weights[2]


@given(
    st.floats(-1, 1) | st.just(float("nan")), st.integers(0, 300), st.floats(0, 1), st.floats(0, 1)
)
def test_weights_grow_with_either_similarity(
    correlation: float, count: int, lower: float, higher: float
) -> None:
    lower, higher = sorted((lower, higher))
    table = ranks(a=(correlation, count), b=(correlation, count))
    found = transfer_weights(table, pd.Series({"a": lower, "b": higher}))
    assert found["weight"].between(0, 1).all()
    assert found.loc["a", "weight"] <= found.loc["b", "weight"]
    assert (found["used"] == (found["weight"] >= WEAKEST)).all()


def test_box_widens_as_trust_falls(evaluations: pd.DataFrame, space: SearchSpace) -> None:
    def widths(box: SearchSpace) -> list[float]:
        return [
            len(d.values) if isinstance(d, Choice) else d.upper - d.lower
            for d in box.hyperparameters.values()
        ]

    full = weighted_box(space, evaluations, {"b": 1.0}, 10)
    assert full == bounding_box(space, top_configurations(evaluations, ["b"], 10, space))
    half = weighted_box(space, evaluations, {"b": 0.4}, 10)
    assert all(wide >= narrow for narrow, wide in zip(widths(full), widths(half), strict=True))
    assert weighted_box(space, evaluations, {"b": 0.1, "c": 0.0}, 10) == space
    assert weighted_box(space, evaluations, {}, 10) == space
