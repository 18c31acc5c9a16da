"""Orders of searchers, emulated and live: the same again, honest about what is luck."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.space import search_space
from aehpo_assets.store.home import Home
from benchmarks.live_order import LOOKS, emulated, live, orders, reliability

SPACE = search_space("varix")


def test_an_emulated_search_repeats_and_is_told_luck() -> None:
    runs = synthetic_results(SPACE, ("a_rna",), 40, (0, 1, 2), noise=0.05)["a_rna"]
    first, again = (emulated(runs, SPACE, ["random_search"], 3, 8) for _ in range(2))
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert first["repetition"].tolist() == [0, 1, 2]
    # The best of eight lucky draws.
    assert first["told"].mean() > first["true"].mean()


@pytest.mark.slow
def test_live_searches_are_scored_in_replicates_that_they_never_saw(
    finished_tiny: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished_tiny / "home", tmp_path / "home")
    home = Home(tmp_path / "home")
    found = live(home, "toy_rna", "vanillix", ["random_search"], 1, 3)
    assert len(found) == 1
    kept = pd.concat(map(pd.read_parquet, (home.runs / "vanillix").rglob("results/*.parquet")))
    looks = kept[kept["seed"] >= 500]
    assert len(looks) == LOOKS
    score = "weighted_avg_auc_downstream_performance_valid"
    assert found["true"][0] == pytest.approx(looks[score].mean())
    # Another call finds all of it in the archive.
    pd.testing.assert_frame_equal(
        live(home, "toy_rna", "vanillix", ["random_search"], 1, 3), found, check_exact=True
    )


@pytest.mark.parametrize(("apart", "least", "most"), [(1.0, 0.95, 1.0), (0.0, 0.0, 0.6)])
def test_reliability_is_the_share_between_searchers(
    apart: float, least: float, most: float
) -> None:
    source = np.random.default_rng(0)
    table = pd.DataFrame({"searcher": np.repeat(["a", "b", "c"], 5), "told": 0.9})
    table["true"] = table["searcher"].map({"a": 0.0, "b": apart, "c": 2 * apart})
    table["true"] += 0.1 * source.normal(size=15)
    assert least <= reliability(table) <= most
    assert math.isnan(reliability(table.iloc[::5]))
    shown = orders({"emulated": table, "live": table})
    assert shown.loc["c", ("live", "rank")] == shown.loc["c", ("emulated", "rank")]
