"""Shared and specific: what a latent explains of each modality, and what that makes it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from aehpo_assets.analysis.shared_factors import (
    NOTHING,
    SHARED,
    factor_rows,
    factors_text,
    kinds,
    latent_shares,
    ordered,
    wide,
)

SOURCE = np.random.default_rng(0)
LATENTS = SOURCE.normal(size=(300, 4))
LATENTS[:, 3] = 7.0
"""One of both modalities, one of each alone, and a dead one."""

VIEWS = {
    "rna": LATENTS[:, [0, 1]] @ SOURCE.normal(size=(2, 30)) + SOURCE.normal(size=(300, 30)),
    "cna": LATENTS[:, [0, 2]] @ SOURCE.normal(size=(2, 20)) + SOURCE.normal(size=(300, 20)),
}


def shares() -> pd.DataFrame:
    return ordered(latent_shares(LATENTS, VIEWS), LATENTS)[0]


def test_a_share_is_what_a_regression_on_the_latent_explains() -> None:
    found = latent_shares(LATENTS, VIEWS)
    model = LinearRegression().fit(LATENTS[:, [0]], VIEWS["rna"])
    expected = r2_score(
        VIEWS["rna"], model.predict(LATENTS[:, [0]]), multioutput="variance_weighted"
    )
    assert found.loc[0, "rna"] == pytest.approx(expected, rel=1e-9)
    explained, values = ordered(found, LATENTS, pd.Index([f"s{i}" for i in range(300)]))
    assert explained.sum(axis=1).is_monotonic_decreasing
    assert explained.index.tolist() == values.columns.tolist() == [1, 2, 3, 4]
    # Each keeps its own values.
    for number, column in values.items():
        (own,) = np.flatnonzero((column.to_numpy()[:, None] == LATENTS).all(axis=0))
        assert explained.loc[number].tolist() == found.loc[own].tolist()
    assert (explained.loc[4] == 0).all()


def test_latents_are_shared_or_of_one_modality() -> None:
    kind = kinds(shares())
    assert kind[1] == SHARED
    assert set(kind[[2, 3]]) == {"rna", "cna"}
    assert kind[4] == NOTHING


def test_rows_keep_what_is_drawn_and_counted() -> None:
    explained = shares()
    again = pd.Series([0.99, 0.71, 0.69, 0.0], explained.index)
    fits = {"MOFA": again, "varix": None}
    rows = pd.concat([factor_rows("a_rna+cna", of, explained, r) for of, r in fits.items()])
    drawn = wide(rows[rows["of"] == "varix"])
    np.testing.assert_array_equal(drawn.to_numpy(), explained.to_numpy())
    assert list(drawn) == ["rna", "cna"]
    text = factors_text(rows)
    assert text["of"].tolist() == ["MOFA", "varix"]
    counted = ["factors", "shared", "of rna alone", "of cna alone", "of none"]
    assert text.loc[1, counted].tolist() == ["4", "1", "1", "1", "1"]
    assert text["in every fit"].tolist() == ["2", ""]
