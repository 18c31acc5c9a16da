"""Redrawn studies: the best of many noisy runs promises too much, and the table shows it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.space import search_space
from benchmarks.arms import FEW, MANY, TODAY, redrawn, summary

SPACE = search_space("varix")


def runs(level: float, noise: float, replicates: int = 4) -> pd.DataFrame:
    table = synthetic_results(SPACE, ("a_rna",), 24, tuple(range(replicates)), noise=1e-9)["a_rna"]
    drawn = np.random.default_rng(3).normal(0, noise, len(table))
    table = table.assign(status="ok", replicate=table["seed"], split_seed=table["seed"])
    return table.assign(**{VALID_SCORE: level + drawn})


@pytest.fixture
def pca() -> pd.DataFrame:
    rows = [(dim, r, 0.74 + dim / 1000) for dim in (4, 8) for r in range(4)]
    return pd.DataFrame(rows, columns=["latent_dim", "replicate", VALID_SCORE])


@pytest.mark.slow
def test_one_run_promises_luck_and_the_posterior_mean_does_not(pca: pd.DataFrame) -> None:
    found = redrawn(runs(0.7, 0.05), runs(0.75, 0.05), pca, SPACE, studies=20)
    table = summary(found)
    assert table.index.tolist() == [FEW, MANY, TODAY]
    # All are the same: the best of 24 runs lies two standard deviations above them.
    assert table.loc[MANY, "promise - result"] > 0.06
    assert table.loc[TODAY, "promise - result"] < table.loc[MANY, "promise - result"] / 2
    assert table.loc[MANY, "result"] - table.loc[FEW, "result"] == pytest.approx(0.05, abs=0.02)
    assert (found["pca"] == 0.748).all()


def test_a_missing_score_is_refused(pca: pd.DataFrame) -> None:
    table = runs(0.7, 0.05)
    with pytest.raises(InputError, match="four replicates"):
        redrawn(table, table.iloc[1:], pca, SPACE, studies=1)
    with pytest.raises(InputError, match="four replicates"):
        redrawn(runs(0.7, 0.05, 2), runs(0.7, 0.05, 2), pca, SPACE, studies=1)
