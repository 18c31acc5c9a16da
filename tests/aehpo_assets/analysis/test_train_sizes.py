"""Scores against train samples: means, intervals, and from where on an autoencoder is better."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from aehpo_assets.analysis.names import BASELINE, RECOMMENDED
from aehpo_assets.analysis.plots.train_sizes import train_sizes
from aehpo_assets.analysis.train_sizes import against_pca, overtaking_sentence, size_curves
from aehpo_assets.hpo.objectives import VALID_SCORE

NOISE = np.array([-0.01, 0.0, 0.01, 0.004])


def scores(gains: dict[int, float]) -> pd.DataFrame:
    """Valid scores of four replicates, an autoencoder's by so much above PCA's."""
    parts = []
    for size, gain in gains.items():
        # Replicates move both: what is compared moves by a tenth of it.
        own = {RECOMMENDED: 0.7 + gain + NOISE + NOISE[::-1] / 10, BASELINE: 0.7 + NOISE}
        parts += [
            pd.DataFrame(
                {
                    "origin": origin,
                    "config_id": origin,
                    "latent_dim": 8,
                    "train_size": size,
                    "seed": range(4),
                    "status": "ok",
                    VALID_SCORE: values,
                }
            )
            for origin, values in own.items()
        ]
    return pd.concat(parts, ignore_index=True)


def test_means_have_the_intervals_of_their_replicates() -> None:
    curves = size_curves(scores({50: -0.1, 100: 0.1})).set_index(["origin", "train_size"])
    values = 0.7 + NOISE
    expected = t.interval(0.95, 3, values.mean(), values.std(ddof=1) / 2)
    row = curves.loc[(BASELINE, 50)]
    assert (row["lower"], row["upper"]) == pytest.approx(expected)
    assert (row["name"], row["replicates"]) == ("PCA, 8 components", 4)
    assert curves.loc[(RECOMMENDED, 100), "valid"] == pytest.approx(0.8 + NOISE.mean() * 1.1)
    assert train_sizes(curves.reset_index()).startswith(b"\x89PNG")
    alone = scores({50: 0.1})
    assert size_curves(alone[alone["seed"] == 0])["lower"].isna().all()


def test_an_autoencoder_overtakes_where_it_is_better_from_there_on() -> None:
    found = against_pca(scores({400: 0.1, 50: -0.1, 100: 0.0, 200: 0.1}))
    assert found["train_size"].tolist() == [50, 100, 200, 400]
    assert found["outcome"].tolist() == ["worse", "equal", "better", "better"]
    said = overtaking_sentence(found, "varix")
    assert "better with 200, 400; equal with 100; worse with 50 train samples" in said
    assert said.endswith("It overtakes PCA beyond 100 samples.")


@pytest.mark.parametrize(
    ("gains", "end"),
    [
        ({50: 0.1, 100: 0.1}, "It is ahead from the smallest size on."),
        ({50: 0.1, 100: 0.0}, "It is not shown to overtake PCA with up to 100 samples."),
        ({50: 0.1, 100: 0.0, 200: 0.1}, "It overtakes PCA beyond 100 samples."),
    ],
)
def test_what_comes_after_counts(gains: dict[int, float], end: str) -> None:
    assert overtaking_sentence(against_pca(scores(gains)), "varix").endswith(end)


def test_one_replicate_tells_nothing() -> None:
    alone = scores({50: 0.1, 100: 0.2})
    found = against_pca(alone[alone["seed"] == 0])
    assert found["outcome"].tolist() == ["not yet"] * 2
    assert found["lower"].isna().all()


def test_a_run_without_a_score_counts_as_a_guess() -> None:
    table = scores({50: 0.1, 100: 0.1})
    failed = (table["origin"] == RECOMMENDED) & (table["seed"] == 0) & (table["train_size"] == 50)
    table.loc[failed, ["status", VALID_SCORE]] = ["diverged", np.nan]
    mean = size_curves(table).set_index(["origin", "train_size"]).loc[(RECOMMENDED, 50), "valid"]
    others = table[(table["origin"] == RECOMMENDED) & (table["train_size"] == 50)][VALID_SCORE]
    assert mean == pytest.approx((others.sum() + 0.5) / 4)
