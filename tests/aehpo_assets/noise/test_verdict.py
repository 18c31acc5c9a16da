"""Verdicts: what they say where the truth is known, and that the level holds for the family."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aehpo_assets.noise.verdict import (
    BETTER,
    EQUAL,
    NOT_YET,
    WORSE,
    Difference,
    holm,
    verdicts,
)


def drawn(seed, truth, rows, replicates=40, sd=0.05):
    """Differences of means of replicates around a true one."""
    draw = np.random.default_rng(seed).normal
    samples = draw(truth, sd * math.sqrt(2), size=(rows, replicates))
    errors = samples.std(axis=1, ddof=1) / math.sqrt(replicates)
    return [
        Difference(float(mean), float(error), replicates - 1, replicates)
        for mean, error in zip(samples.mean(axis=1), errors, strict=True)
    ]


def outcomes(differences):
    return [verdict.outcome for verdict in verdicts(differences)]


def test_says_better_and_worse_where_it_is_clear():
    clear = [Difference(0.05, 0.005, 30, 20), Difference(-0.05, 0.005, 30, 20)]
    assert outcomes(clear) == [BETTER, WORSE]


def test_without_a_known_error_nothing_is_said():
    [verdict] = verdicts([Difference(0.2, math.nan, 0, 1)])
    assert verdict.outcome == NOT_YET
    assert verdict.more is None
    assert math.isnan(verdict.decidable)
    assert verdict.difference.interval() == (-math.inf, math.inf)


def test_a_small_difference_that_is_known_well_is_equal_whether_it_is_real_or_not():
    real_but_small = Difference(0.004, 0.001, 100, 100)
    assert real_but_small.p_different < 0.001
    assert outcomes([real_but_small, Difference(0.0, 0.002, 100, 100)]) == [EQUAL, EQUAL]


def test_equal_scores_in_every_replicate_are_equal():
    assert outcomes([Difference(0.0, 0.0, 5, 6)]) == [EQUAL]


def test_what_is_undecided_says_how_many_more_would_decide_it():
    [verdict] = verdicts([Difference(0.03, 0.03, math.inf, 10)])
    assert verdict.outcome == NOT_YET
    # The error shrinks with the root: 2.8 errors need 2.8 ** 2 times the replicates.
    assert verdict.more == math.ceil(10 * (1.959964 + 0.841621) ** 2) - 10
    assert verdict.decidable == pytest.approx(0.03 * (1.959964 + 0.841621))
    # Three rows share the level, and an error that was estimated itself asks for more.
    for others in ([Difference(0.03, 0.03, 6, 10)], [verdict.difference] * 3):
        assert verdicts(others)[0].decidable > verdict.decidable


def test_no_number_of_replicates_decides_a_difference_of_rounding():
    (verdict,) = verdicts([Difference(1e-17, 0.1, math.inf, 10)])
    assert verdict.outcome == NOT_YET
    assert verdict.more is None


def test_what_was_not_tested_costs_the_others_nothing():
    known, unknown = Difference(0.03, 0.014, 40, 5), Difference(0.2, math.nan, 0, 1)
    assert outcomes([known]) == [BETTER]
    assert outcomes([unknown, known, unknown]) == [NOT_YET, BETTER, NOT_YET]
    assert outcomes([known, known]) == [NOT_YET, NOT_YET]


@pytest.mark.slow
@pytest.mark.parametrize(("degrees", "rows"), [(14, 1), (14, 3), (60, 3)])
def test_a_gain_as_large_as_said_is_found_as_often_as_promised(degrees, rows):
    """With a noise that is pooled, and so shared by the rows; the others gain nothing."""
    source, studies, found = np.random.default_rng([degrees, rows]), 3000, 0
    [promised] = {
        round(verdict.decidable, 12)
        for verdict in verdicts([Difference(0.5, 0.01, degrees, 5)] * rows)
    }
    for _ in range(studies):
        error = 0.01 * math.sqrt(source.chisquare(degrees) / degrees)
        means = source.normal(0, 0.01, rows) + np.array([promised, *[0.0] * (rows - 1)])
        family = [Difference(float(mean), error, degrees, 5) for mean in means]
        found += outcomes(family)[0] == BETTER
    assert found / studies == pytest.approx(0.8, abs=0.05)


def test_in_families_without_a_difference_at_most_one_in_twenty_says_better_or_worse():
    families = 400
    wrong = sum(
        bool({BETTER, WORSE} & set(outcomes(drawn(seed, 0.0, rows=6)))) for seed in range(families)
    )
    assert wrong / families <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / families)


def test_at_the_border_of_equivalence_at_most_one_family_in_twenty_says_equal():
    families = 400
    wrong = sum(
        EQUAL in outcomes(drawn(seed, 0.01, rows=4, replicates=60, sd=0.01))
        for seed in range(families)
    )
    assert wrong / families <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / families)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_lies_between_the_value_and_bonferroni(values):
    adjusted = holm(values)
    for value, found in zip(values, adjusted, strict=True):
        assert min(1.0, value) <= found + 1e-15
        assert found <= min(1.0, len(values) * value) + 1e-15
    order = np.argsort(values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


def test_holm_on_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_refuses_a_difference_without_a_value():
    with pytest.raises(ValueError, match="without a value"):
        verdicts([Difference(math.nan, 0.1, 3, 4)])
