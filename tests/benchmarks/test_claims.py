"""Studies on an emulator: what they are made of is what was asked for, and the table is honest."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.noise.components import variance_components
from aehpo_assets.space import sample_configurations, search_space
from benchmarks.claims.emulator import (
    DEVIATION,
    FLAT,
    FOREST,
    KINDS,
    ROUGH,
    SPLIT_DEVIATION,
    Emulator,
    Trained,
    trained,
)
from benchmarks.claims.studies import jobs, simulate
from benchmarks.claims.study import study
from benchmarks.claims.table import (
    CLAIMS,
    HOLDS,
    MISSED,
    NOT_SHOWN,
    interval,
    outcome,
    table,
    with_regret,
)

SPACE = search_space("varix")


@pytest.fixture(scope="module")
def source() -> Trained:
    runs = synthetic_results(SPACE, ("a_rna",), 60, (0, 1, 2), noise=0.03)
    return trained(runs["a_rna"], SPACE)


def test_residuals_are_those_of_the_runs_at_unit_variance(source: Trained) -> None:
    assert source.residuals.std() == pytest.approx(1, abs=1e-6)
    assert source.X.shape[0] == len(source.means) <= 60
    assert len(source.residuals) <= 3 * len(source.means)


def test_runs_without_replicates_make_no_emulator() -> None:
    runs = synthetic_results(SPACE, ("a_rna",), 60, (0,))["a_rna"]
    with pytest.raises(InputError, match="two finished runs"):
        trained(runs, SPACE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reliability", [0.35, 0.9])
def test_emulated_runs_have_the_reliability_that_was_asked_for(
    source: Trained, kind: str, reliability: float
) -> None:
    emulator = Emulator.of(source, SPACE, kind, reliability, seed=3)
    configurations = sample_configurations(SPACE, 400, 8)
    scores = emulator.truth(configurations) + emulator.added(configurations, range(6))
    runs = pd.DataFrame(
        {
            "config_id": np.tile(np.arange(400), 6),
            "split_seed": np.repeat(np.arange(6), 400),
            "score": scores.ravel(),
        }
    )
    found = variance_components(runs)
    assert found is not None
    assert found.reliability() == pytest.approx(reliability, abs=0.08)
    assert math.sqrt(found.configuration) == pytest.approx(DEVIATION, rel=0.15)
    assert math.sqrt(found.split) == pytest.approx(SPLIT_DEVIATION, rel=0.8)


def test_a_training_is_the_same_whoever_asks(source: Trained) -> None:
    emulator = Emulator.of(source, SPACE, ROUGH, 0.35, seed=3)
    configurations = sample_configurations(SPACE, 10, 8)
    both = emulator.train(configurations, [4, 5])
    alone = emulator.train(configurations.iloc[[7]], [5])
    assert alone[0, 0] == both[1, 7]
    other = emulator.added(configurations, [4], "another candidate")
    assert not np.allclose(other, emulator.added(configurations, [4]))


def test_no_two_studies_have_the_same_truth(source: Trained) -> None:
    configurations = sample_configurations(SPACE, 30, 8)
    first, second = (
        Emulator.of(source, SPACE, FOREST, 0.35, seed).truth(configurations) for seed in (1, 2)
    )
    assert np.abs(first - second).max() > 0.01


def test_a_flat_cohort_has_nothing_to_choose_from(source: Trained) -> None:
    emulator = Emulator.of(source, SPACE, FLAT, 0.35, seed=3)
    assert np.ptp(emulator.truth(sample_configurations(SPACE, 30, 8))) == 0


@pytest.mark.slow
def test_a_study_says_what_it_can_be_held_to(source: Trained) -> None:
    emulator = Emulator.of(source, SPACE, FOREST, 0.9, seed=3)
    found = study(emulator)
    numbers = pd.DataFrame([{"kind": FOREST, "reliability": 0.9, **vars(found)}])
    shown = table(with_regret(numbers, 40), CLAIMS)
    assert shown["claim"].tolist() == [claim.words for claim in CLAIMS]
    assert shown["mean"].notna().all()
    # A noise of .023: some ten to twenty replicates find a gain of .03 among three opponents.
    assert 5 < found.needed < 40
    assert abs(found.raced_promise) < 0.1
    assert found.winner > 0.7


@pytest.mark.slow
def test_processes_change_nothing(source: Trained) -> None:
    work = [job for job in jobs(2, 0) if job[0] == FLAT]
    (apart,) = simulate(source, SPACE, work, processes=2)
    (alone,) = simulate(source, SPACE, work, processes=1)
    pd.testing.assert_frame_equal(pd.DataFrame([apart]), pd.DataFrame([alone]))


def test_a_share_of_zero_has_an_interval_too() -> None:
    mean, lower, upper = interval(pd.Series([0.0] * 100))
    assert mean == lower == 0
    assert 0.03 < upper < 0.04


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((0.01, 0.04), HOLDS),
        ((0.01, 0.06), NOT_SHOWN),
        ((0.06, 0.08), MISSED),
        ((math.nan, math.nan), NOT_SHOWN),
    ],
)
def test_a_claim_holds_by_its_interval(bounds: tuple[float, float], expected: str) -> None:
    assert outcome(*bounds, (0.0, 0.05)) == expected


def test_power_counts_only_where_it_was_promised() -> None:
    studies = pd.DataFrame({"needed": [12, 200], "found": [True, False], "winner": [0.8, 0.8]})
    studies = studies.assign(single=0.7, observed=0.7, contradicted=0)
    claim = next(c for c in CLAIMS if c.column == "found")
    shown = table(with_regret(studies, 40), (claim,)).iloc[0]
    assert (shown["studies"], shown["mean"]) == (1, 1.0)


def test_scores_are_within_their_bounds(source: Trained) -> None:
    emulator = Emulator.of(source, SPACE, FOREST, 0.05, seed=3)
    scores = emulator.train(sample_configurations(SPACE, 50, 8), range(10))
    assert scores.min() >= 0
    assert scores.max() <= 1
