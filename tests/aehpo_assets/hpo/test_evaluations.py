"""What a run counts as."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.evaluations import evaluation_table
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, RUNTIME, VALID_R2, VALID_SCORE
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.space import search_space

SPACE = search_space("vanillix")


def runs(**columns: list) -> dict[str, pd.DataFrame]:
    count = len(next(iter(columns.values())))
    frame = synthetic_results(SPACE, tasks=("a",), count=count)["a"]
    return {"a": frame.assign(status="ok").assign(**columns)}


def test_failed_runs_count_as_the_worst_finished_one() -> None:
    given_runs = runs(
        status=["ok", "diverged", "ok", "failed"],
        valid_r2=[0.4, 0.9, -3.0, np.nan],
        weighted_avg_auc_downstream_performance_valid=[0.8, 0.99, 0.7, np.nan],
        training_runtime=[10.0, 2.0, 11.0, np.nan],
    )
    table = evaluation_table(given_runs, SPACE)
    assert table[VALID_R2].tolist() == [0.4, -1.0, -1.0, -1.0]
    assert table[VALID_SCORE].tolist() == [0.8, 0.7, 0.7, 0.7]
    assert table[RUNTIME].tolist() == [10.0, 2.0, 11.0, 0.0]
    assert table["failed"].tolist() == [False, True, False, True]


def test_an_unscored_finished_run_loses_that_objective_and_not_its_row() -> None:
    scores = {VALID_SCORE: [0.8, np.inf, 0.7]}
    table = evaluation_table(runs(valid_r2=[0.1, 0.2, 0.3], **scores), SPACE)
    assert table[VALID_SCORE].tolist() == [0.8, 0.7, 0.7]
    assert table[VALID_R2].tolist() == [0.1, 0.2, 0.3]
    assert not table["failed"].any()


def test_lowest_r2_is_the_tasks_own() -> None:
    given_runs = runs(status=["ok", "diverged", "ok"], valid_r2=[0.4, np.nan, 0.2])
    assert evaluation_table(given_runs, SPACE)[VALID_R2].tolist() == [0.4, 0.2, 0.2]


def test_all_runs_diverged() -> None:
    table = evaluation_table(runs(status=["diverged"] * 3), SPACE)
    assert (table[VALID_R2] == -1).all()
    assert (table[VALID_SCORE] == 0).all()


def test_no_finished_run_ranks_below_a_diverged_one() -> None:
    """Half as good as chance would be is still better than nothing."""
    given_runs = runs(
        status=["ok", "diverged", "ok"],
        weighted_avg_auc_downstream_performance_valid=[0.35, 0.9, 0.45],
    )
    assert evaluation_table(given_runs, SPACE)[VALID_SCORE].tolist() == [0.35, 0.35, 0.45]


def test_the_split_of_a_run_is_kept_where_it_is_known() -> None:
    given_runs = runs(split_seed=[7, 8, 7])
    assert evaluation_table(given_runs, SPACE)["split_seed"].tolist() == [7, 8, 7]
    assert "split_seed" not in evaluation_table(runs(status=["ok"]), SPACE)


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ok", "diverged", "failed"]),
            *[st.floats(allow_nan=True, allow_infinity=True) for _ in OBJECTIVE_NAMES],
        ),
        min_size=1,
        max_size=8,
    )
)
def test_evaluations_are_always_finite_and_in_bounds(rows: list[tuple]) -> None:
    columns = dict(
        zip(["status", *OBJECTIVE_NAMES], map(list, zip(*rows, strict=True)), strict=True)
    )
    table = evaluation_table(runs(**columns), SPACE)
    assert np.isfinite(table[list(OBJECTIVE_NAMES)]).all().all()
    assert table[VALID_R2].between(-1, 1).all()
    assert table[VALID_SCORE].between(0, 1).all()
    assert (table[RUNTIME] >= 0).all()


def test_k_filter_stays_as_requested() -> None:
    given_runs = runs(k_filter=[4096, 2048], k_filter_effective=[39, 39])
    assert evaluation_table(given_runs, SPACE)["k_filter"].tolist() == [4096, 2048]


def test_missing_column_is_named() -> None:
    given_runs = {"a": runs(status=["ok"])["a"].drop(columns=VALID_SCORE)}
    with pytest.raises(InputError, match=VALID_SCORE):
        evaluation_table(given_runs, SPACE)
    with pytest.raises(InputError, match="no run results"):
        evaluation_table({}, SPACE)
