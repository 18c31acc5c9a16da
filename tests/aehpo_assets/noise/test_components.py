"""Variance components against the analysis of variance, against the truth, and where they end."""

import math

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.noise.components import variance_components

TRUTH = {"configuration": 0.07**2, "split": 0.03**2, "interaction": 0.03**2, "seed": 0.08**2}


def simulated(seed, /, configurations=16, splits=4, seeds=2, **variances):
    """Scores of a full design, as an array and as a table."""
    sd = {name: math.sqrt(value) for name, value in (TRUTH | variances).items()}
    draw = np.random.default_rng(seed).normal
    shape = (configurations, splits, seeds)
    scores = (
        0.8
        + sd["configuration"] * draw(size=(configurations, 1, 1))
        + sd["split"] * draw(size=(1, splits, 1))
        + sd["interaction"] * draw(size=(configurations, splits, 1))
        + sd["seed"] * draw(size=shape)
    )
    rows = np.indices(shape).reshape(3, -1)
    names = ("config_id", "split_seed", "seed")
    table = pd.DataFrame(dict(zip(names, rows, strict=True))).assign(score=scores.ravel())
    return scores, table.astype({"config_id": str})


def test_equals_the_analysis_of_variance_where_no_component_is_zero():
    scores, table = simulated(3, interaction=0.06**2)
    configurations, splits, seeds = scores.shape
    cells, overall = scores.mean(axis=2), scores.mean()
    by_configuration, by_split = cells.mean(axis=1), cells.mean(axis=0)
    residual = cells - by_configuration[:, None] - by_split + overall
    seed = ((scores - cells[..., None]) ** 2).sum() / (configurations * splits * (seeds - 1))
    both = seeds * (residual**2).sum() / ((configurations - 1) * (splits - 1))
    found = variance_components(table)
    expected = {
        "seed": seed,
        "interaction": (both - seed) / seeds,
        "configuration": (splits * seeds * by_configuration.var(ddof=1) - both) / (splits * seeds),
        "split": (configurations * seeds * by_split.var(ddof=1) - both) / (configurations * seeds),
    }
    assert min(expected.values()) > 0
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, rel=5e-3), name
    assert found.replicate == pytest.approx(found.interaction + found.seed)


@pytest.mark.slow
def test_finds_the_truth_on_average_also_where_replicates_are_unequal():
    found = []
    for seed in range(60):
        _, table = simulated(seed, configurations=24)
        kind = table["config_id"].astype(int) % 3
        lost = (kind == 1) & (table["split_seed"] == 0)
        lost |= (kind == 2) & (table["seed"] == 1) & (table["split_seed"] > 1)
        found.append(vars(variance_components(table[~lost])))
    found = pd.DataFrame(found)
    for name, value in TRUTH.items():
        assert found[name].mean() == pytest.approx(value, abs=3 * found[name].sem()), name
        assert found[name].sem() < 0.2 * value, name


@pytest.mark.slow
def test_reliability_grows_with_replicates_and_is_the_squared_correlation_with_the_truth():
    scores, table = simulated(5, configurations=3000, splits=3, seeds=1, split=0.0)
    found = variance_components(table)
    one, three = found.reliability(), found.reliability(3)
    assert 0 < one < three < 1
    truth = TRUTH["configuration"] / (sum(TRUTH.values()) - TRUTH["split"])
    assert one == pytest.approx(truth, abs=0.03)
    # Between two sets of replicates the correlation is the reliability itself.
    assert np.corrcoef(scores[:, 0, 0], scores[:, 1, 0])[0, 1] == pytest.approx(one, abs=0.05)


def test_what_cannot_be_told_apart_is_not_told_apart():
    _, one_seed = simulated(1, seeds=1)
    found = variance_components(one_seed)
    assert math.isnan(found.interaction)
    assert found.split > 0
    assert found.replicate == found.seed
    _, one_split = simulated(1, splits=1, seeds=5)
    found = variance_components(one_split)
    assert math.isnan(found.split)
    assert math.isnan(found.interaction)


@pytest.mark.parametrize("shape", [{"splits": 1, "seeds": 1}, {"configurations": 1}])
def test_without_replicates_or_with_one_configuration_nothing_is_known(shape):
    assert variance_components(simulated(0, **shape)[1]) is None


def test_scores_that_never_vary_have_no_noise_and_no_reliability():
    _, table = simulated(0)
    found = variance_components(table.assign(score=0.5))
    assert (found.configuration, found.split, found.replicate) == (0, 0, 0)
    assert math.isnan(found.reliability())


def test_what_splits_add_to_all_alike_does_not_count_as_noise():
    _, table = simulated(2)
    shifted = table.assign(score=table["score"] + 10.0 * table["split_seed"])
    before, after = variance_components(table), variance_components(shifted)
    assert after.replicate == pytest.approx(before.replicate, rel=5e-3)
    assert after.configuration == pytest.approx(before.configuration, rel=5e-3)
    assert after.split > 100


def test_order_of_rows_and_names_do_not_matter():
    _, table = simulated(4)
    shuffled = table.sample(frac=1, random_state=0).assign(
        config_id=lambda rows: "x" + rows["config_id"]
    )
    one, other = vars(variance_components(table)), vars(variance_components(shuffled))
    assert one == pytest.approx(other, rel=5e-3, nan_ok=True)


def test_refuses_a_score_that_is_not_finite():
    _, table = simulated(0)
    table.loc[3, "score"] = np.nan
    with pytest.raises(ValueError, match="finite"):
        variance_components(table)


@pytest.mark.parametrize("interaction", [0.0, 0.03**2])
def test_seeds_that_make_no_noise_leave_the_other_components(interaction):
    _, table = simulated(4, configurations=200, seed=0.0, interaction=interaction)
    found = variance_components(table)
    assert found.seed == 0
    assert found.interaction == pytest.approx(interaction, rel=0.2)
    assert 0 < found.split < 0.06**2
    assert found.configuration == pytest.approx(0.07**2, rel=0.2)
