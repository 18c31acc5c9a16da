"""Sweeps: every combination is scored, and only what replicates decide is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.sweep import sweep_scores, sweep_text
from aehpo_assets.hpo.columns import VALID_R2, VALID_SCORE
from aehpo_assets.report.blocks import Picture
from aehpo_assets.report.sweep import sweep_blocks

SWEPT = ["beta", "latent_dim_fixed"]


def runs(replicates: int, gap: float = 0.05, seed: int = 0) -> pd.DataFrame:
    """Beta 1 is the best by a gap; splits move all alike by more than that."""
    source = np.random.default_rng(seed)
    rows = []
    for replicate in range(replicates):
        split = source.normal(0, 0.1)
        for beta in (0.1, 1.0, 10.0):
            for dim in (2, 8):
                score = 0.7 - gap * abs(np.log10(beta)) + split + source.normal(0, 0.005)
                rows.append((beta, dim, replicate, "ok", score, score / 2, score))
    columns = [*SWEPT, "seed", "status", VALID_SCORE, VALID_R2, "auc_sex_valid"]
    return pd.DataFrame(rows, columns=columns)


def test_what_is_told_is_told_within_replicates() -> None:
    table = sweep_scores(runs(6), SWEPT)
    assert len(table) == 6 * 3
    own = table[table["outcome"] == VALID_SCORE].set_index(SWEPT)
    assert own["told"].groupby("beta").all().to_dict() == {0.1: True, 1.0: False, 10.0: True}
    # The split is in every interval, and in no difference.
    assert (own["upper"] - own["lower"]).min() > 0.05
    mean = runs(6).groupby(SWEPT)[VALID_SCORE].mean()
    np.testing.assert_allclose(own["mean"], mean.loc[own.index])
    np.testing.assert_allclose(own.loc[(10.0, 8), "behind"], mean[1.0, 8] - mean[10.0, 8])
    assert sweep_text(table, SWEPT)[1].endswith(
        f"the highest valid score, {mean[1.0, 8]:.3f}; worse are 0.1, 10, over 6 replicates."
    )


@pytest.mark.slow
def test_chance_is_not_told_and_one_replicate_tells_nothing() -> None:
    told = [sweep_scores(runs(5, 0, seed), SWEPT)["told"].any() for seed in range(20)]
    assert sum(told) <= 6
    once = sweep_scores(runs(1), SWEPT[:1] + SWEPT[1:])
    assert once[["lower", "upper", "p_value"]].isna().all(axis=None)
    assert not once["told"].any()
    assert "not known: 3 replicates at least are needed, there are 1." in sweep_text(once, SWEPT)[0]


def test_a_failed_run_counts_as_a_coin_and_is_counted() -> None:
    table = runs(3)
    table.loc[table["beta"] == 10, "status"] = "failed"
    own = sweep_scores(table, SWEPT).set_index(["outcome", *SWEPT])
    assert own.loc[(VALID_SCORE, 10.0, 2), "mean"] == 0.5
    assert own.loc[(VALID_SCORE, 10.0, 2), "runs"] == 0
    assert (VALID_R2, 10.0, 2) not in own.index


@pytest.mark.parametrize("words", [False, True])
def test_it_is_shown_with_one_and_with_two(words: bool) -> None:
    table = runs(3)
    if words:
        table["beta"] = table["beta"].map({0.1: "relu", 1.0: "tanh", 10.0: "selu"})
    for swept in (SWEPT, SWEPT[:1]):
        one = table if len(swept) == 2 else table[table["latent_dim_fixed"] == 2]
        blocks = list(sweep_blocks(one, swept, "sweep"))
        (picture,) = (block for block in blocks if isinstance(block, Picture))
        assert picture.draw().startswith(b"\x89PNG")
        assert len(blocks) == 1 + (2 if len(swept) == 2 else 1)
