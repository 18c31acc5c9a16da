"""The winner beside methods without training, where it is known what is to be found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.race_baselines import BesideBaselines, beside_baselines
from aehpo_assets.hpo.columns import VALID_SCORE

SEEDS = range(100, 112)
SPLITS = 0.1 * np.random.default_rng(0).standard_normal(len(SEEDS))
"""What a split does to everything alike: far more than the methods differ."""


def scores(mean: float, seed: int) -> pd.DataFrame:
    own = np.random.default_rng(seed).standard_normal(len(SEEDS))
    return pd.DataFrame({"seed": SEEDS, VALID_SCORE: mean + SPLITS + 0.005 * own})


BASELINES = pd.concat(
    [
        scores(0.70, 1).assign(method="pca", latent_dim=2),
        scores(0.74, 2).assign(method="pca", latent_dim=16),
        scores(0.60, 3).assign(method="random_features", latent_dim=16),
    ],
    ignore_index=True,
)


def beside(mean: float, replicates: int = 12, equivalence: float = 0.01) -> BesideBaselines:
    found = beside_baselines(BASELINES, scores(mean, 4).head(replicates), equivalence)
    assert found is not None
    return found


def test_the_number_of_components_is_decided_by_the_mean_over_the_replicates() -> None:
    best = beside(0.74).standing.iloc[0]
    assert (best["method"], best["latent_dim"], best["replicates"]) == ("pca", 16, 12)


def test_a_better_baseline_is_the_answer_and_it_is_said_what_is_to_gain() -> None:
    found = beside(0.70)
    assert found.difference.mean == pytest.approx(-0.04, abs=0.01)
    # By replicate: the splits alone would make the error of unpaired means about .04.
    assert found.difference.error < 0.005
    assert found.sentence.startswith("The answer here is PCA, 16 components: ")
    assert f"have to gain {-found.difference.mean:.3f} [0.0" in found.sentence
    assert found.sentence.endswith("in the same 12 replicates.")


@pytest.mark.parametrize(
    ("mean", "equivalence", "words"),
    [
        (0.80, 0.01, "it is better."),
        (0.74, 0.02, "they are equal within 0.02, and the baseline is simpler."),
        (0.742, 0.0, "the answer may be PCA, 16 components."),
    ],
)
def test_the_other_outcomes_have_words_of_their_own(
    mean: float, equivalence: float, words: str
) -> None:
    assert beside(mean, equivalence=equivalence).sentence.endswith(words)


def test_the_winner_counts_in_the_replicates_that_it_has() -> None:
    found = beside(0.70, replicates=5)
    assert (found.difference.replicates, found.difference.degrees) == (5, 4)


def test_one_replicate_decides_nothing() -> None:
    assert "One replicate says nothing" in beside(0.70, replicates=1).sentence


def test_without_a_score_there_is_nothing_to_be_beside_of() -> None:
    empty = BASELINES.assign(**{VALID_SCORE: np.nan})
    assert beside_baselines(empty, scores(0.7, 4), 0.01) is None


def test_any_rival_may_be_the_answer_in_words() -> None:
    raw = scores(0.80, 5).assign(method="raw_features", latent_dim=64)
    found = beside_baselines(pd.concat([BASELINES, raw]), scores(0.70, 4), 0.01)
    assert found is not None
    words = "The answer here is raw features with the probe, 64 of them: 0.8"
    assert found.sentence.startswith(words)


def test_a_rival_that_some_replicates_lack_does_not_win_by_them() -> None:
    lucky = scores(0.80, 5).head(2).assign(method="raw_features", latent_dim=63)
    found = beside_baselines(pd.concat([BASELINES, lucky]), scores(0.70, 4), 0.01)
    assert found is not None
    assert set(found.standing["method"]) == {"pca", "random_features"}
