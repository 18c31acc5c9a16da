"""Transfer that does not harm: every task in turn as the new one, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.known_best import best_known
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.hpo.transfer.leave_one_out import (
    WARM_POINTS,
    WAYS,
    NewTask,
    TransferPlan,
    leave_one_task_out,
    probe_weights,
)
from aehpo_assets.hpo.transfer.verdicts import transfer_verdicts
from aehpo_assets.space import SearchSpace

PLAN = TransferPlan(
    searchers=("random_search",), trials=20, repetitions=6, probe=8, earlier_runs=30
)


@pytest.fixture(scope="module")
def with_hostile(space: SearchSpace) -> pd.DataFrame:
    """Three tasks alike, and one that likes what the others dislike."""
    results = synthetic_results(space, tasks=("a", "b", "c"), count=120)
    hostile = results["a"].copy()
    hostile[VALID_SCORE] = 1.45 - hostile[VALID_SCORE]
    return training_table(results | {"hostile": hostile}, space)


@pytest.fixture(scope="module")
def of_hostile(with_hostile: pd.DataFrame, space: SearchSpace) -> Surrogate:
    return fit_surrogate(with_hostile, space, folds=2)[0]


@pytest.fixture(scope="module")
def progress(with_hostile: pd.DataFrame, of_hostile: Surrogate) -> pd.DataFrame:
    return leave_one_task_out(with_hostile, of_hostile, PLAN)


@pytest.mark.slow
def test_every_way_gets_the_same_evaluations(progress: pd.DataFrame) -> None:
    searches = progress.groupby(["task", "way", "repetition"])
    assert searches.size().eq(20).all()
    assert len(searches) == 4 * len(WAYS) * 6
    assert (searches["best"].diff().dropna() >= 0).all()
    assert progress["best"].equals(searches["score"].cummax())


@pytest.mark.slow
def test_plain_transfer_harms_on_a_hostile_task_and_weighted_transfer_does_not(
    progress: pd.DataFrame, with_hostile: pd.DataFrame, of_hostile: Surrogate
) -> None:
    verdicts = transfer_verdicts(progress).set_index(["task", "way"])
    assert verdicts.loc[("hostile", "plain"), "verdict"] == "harms"
    assert verdicts.loc[("hostile", "plain"), "evaluations_saved"] == -np.inf
    assert verdicts.loc[("hostile", "plain"), "reached"] < 0.5
    assert verdicts.loc[("hostile", "weighted"), "verdict"] != "harms"
    weights = probe_weights(with_hostile, of_hostile, PLAN)
    assert len(weights) == 4 * 3 * 6
    of_hostile_task = weights["task"] == "hostile"
    towards_it = weights["other"] == "hostile"
    # Eight configurations can mislead, but seldom.
    assert weights.loc[of_hostile_task | towards_it, "used"].mean() < 0.15
    assert weights.loc[~of_hostile_task & ~towards_it, "weight"].median() > 0.5


@pytest.mark.slow
def test_a_hostile_task_that_looks_alike_is_dropped_too(
    with_hostile: pd.DataFrame, of_hostile: Surrogate
) -> None:
    tasks = list(with_hostile["task"].unique())
    alike = pd.DataFrame(0.9, index=tasks, columns=tasks)
    weights = probe_weights(with_hostile, of_hostile, PLAN, alike).set_index(["task", "other"])
    assert (weights.loc["hostile", "similarity"] == 0.9).all()
    friends = weights.loc["a", "weight"].drop("hostile")
    assert weights.loc["hostile", "weight"].median() < friends.median() / 2
    plan = TransferPlan(**(vars(PLAN) | {"probe": 12}))
    weights = probe_weights(with_hostile, of_hostile, plan, alike).set_index(["task", "other"])
    assert weights.loc["hostile", "used"].mean() < 0.3


@pytest.mark.slow
def test_the_probe_is_a_draw_from_the_space_as_random_search_is(
    progress: pd.DataFrame, with_hostile: pd.DataFrame, of_hostile: Surrogate, space: SearchSpace
) -> None:
    """Configurations of the training table would be known too well to the surrogate."""
    new = NewTask("a", with_hostile, of_hostile, PLAN)
    probe = new.evaluated("probe", 0, 8)
    trained = with_hostile[space.names].itertuples(index=False, name=None)
    assert not set(trained) & set(probe[space.names].itertuples(index=False, name=None))
    weighted = progress.query("way == 'weighted' and task == 'a' and repetition == 0")
    assert weighted["score"].tolist()[:8] == probe[VALID_SCORE].tolist()


@pytest.mark.slow
def test_what_was_probed_is_known_to_the_searcher(
    with_hostile: pd.DataFrame, of_hostile: Surrogate, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    observe = AskTell._observe

    def counted(self: AskTell, observations: pd.DataFrame) -> None:
        told.append(len(observations))
        observe(self, observations)

    monkeypatch.setattr(AskTell, "_observe", counted)
    plan = TransferPlan(**(vars(PLAN) | {"repetitions": 1}))
    leave_one_task_out(with_hostile, of_hostile, plan)
    assert told == [8, 30] * 4


@pytest.mark.slow
def test_a_warm_start_begins_with_the_best_earlier_runs(
    progress: pd.DataFrame, with_hostile: pd.DataFrame, of_hostile: Surrogate
) -> None:
    new = NewTask("a", with_hostile, of_hostile, PLAN)
    for repetition in range(3):
        best = new.evaluated("earlier runs", repetition, 30)[VALID_SCORE].nlargest(WARM_POINTS)
        search = progress.query("way == 'warm' and task == 'a' and repetition == @repetition")
        assert search["score"].tolist()[:WARM_POINTS] == pytest.approx(best.tolist(), abs=1e-9)
    verdicts = transfer_verdicts(progress).set_index(["task", "way"])
    assert (verdicts.xs("warm", level="way")["anytime_gain"] > 0).all()


@pytest.mark.slow
def test_finished_cells_are_kept_and_the_same_seed_finds_the_same(
    progress: pd.DataFrame,
    with_hostile: pd.DataFrame,
    of_hostile: Surrogate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[int, int, str]] = []

    def stop(done: int, cells: int, cell: str) -> None:
        seen.append((done, cells, cell))
        if done == 2:
            raise KeyboardInterrupt

    plan = TransferPlan(**(vars(PLAN) | {"repetitions": 1}))
    with pytest.raises(KeyboardInterrupt):
        leave_one_task_out(with_hostile, of_hostile, plan, folder=tmp_path, on_progress=stop)
    assert seen == [(1, 4, "random_search on a"), (2, 4, "random_search on b")]
    whole = leave_one_task_out(
        with_hostile,
        of_hostile,
        plan,
        folder=tmp_path,
        on_progress=lambda done, cells, cell: seen.append((done, cells, cell)),
    )
    assert [done for done, _, _ in seen] == [1, 2, 3, 4]
    first = progress[progress["repetition"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(whole, first, check_exact=True)
    cell = sorted(tmp_path.rglob("*.parquet"))[0]
    content = bytearray(cell.read_bytes())
    # More than the header of a page, whose single bytes may say what nobody reads.
    for place in range(len(content) // 4, len(content) // 4 + 100):
        content[place] ^= 0xFF
    cell.write_bytes(content)
    found = leave_one_task_out(
        with_hostile,
        of_hostile,
        plan,
        folder=tmp_path,
        on_progress=lambda done, cells, cell: seen.append((done, cells, cell)),
    )
    assert len(seen) == 5, "the damaged cell is searched again"
    pd.testing.assert_frame_equal(found, whole, check_exact=True)


def test_on_the_table_nothing_beats_the_best_trained(
    evaluations: pd.DataFrame, surrogate: Surrogate
) -> None:
    plan = TransferPlan(
        searchers=("regularized_evolution",), trials=12, repetitions=2, probe=4, oracle="table"
    )
    found = leave_one_task_out(evaluations, surrogate, plan)
    for task, own in found.groupby("task"):
        known = best_known(evaluations, str(task))["known_valid"]
        assert own["best"].max() <= known.max()
        assert set(own["score"]) <= set(known)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"probe": 20}, "leaves nothing of 20 trials"),
        ({"searchers": ("magic",)}, "unknown searcher"),
        ({"searchers": ("zero_shot",)}, "does not work here"),
    ],
)
def test_plans_that_compare_nothing_are_refused(
    evaluations: pd.DataFrame, surrogate: Surrogate, changes: dict[str, object], match: str
) -> None:
    plan = TransferPlan(**(vars(PLAN) | changes))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=match):
        leave_one_task_out(evaluations, surrogate, plan)


def test_one_task_is_not_enough(evaluations: pd.DataFrame, surrogate: Surrogate) -> None:
    with pytest.raises(InputError, match="needs at least two tasks"):
        leave_one_task_out(evaluations[evaluations["task"] == "a"], surrogate, PLAN)


def curves(**ways: list[list[float]]) -> pd.DataFrame:
    """Progress of one task and searcher: way to the best scores of each repetition."""
    return pd.DataFrame(
        [
            {"task": "t", "searcher": "s", "way": way, "repetition": r, "evaluation": e, "best": b}
            for way, repetitions in ways.items()
            for r, scores in enumerate(repetitions)
            for e, b in enumerate(scores, start=1)
        ]
    )


def test_verdicts_of_known_curves() -> None:
    none = [[0.5, 0.6, 0.7, 0.7]] * 3
    found = transfer_verdicts(
        curves(
            none=none,
            plain=[[0.5, 0.5, 0.5, 0.6]] * 3,
            weighted=none,
            warm=[[0.7, 0.8, 0.8, 0.9]] * 3,
        )
    ).set_index("way")
    assert found["verdict"].to_dict() == {
        "plain": "harms",
        "weighted": "no clear difference",
        "warm": "helps",
    }
    assert found["gain"].tolist() == pytest.approx([-0.1, 0, 0.2])
    assert found["anytime_gain"].tolist() == pytest.approx([-0.1, 0, 0.175])
    # Without transfer, 0.7 is reached at the third evaluation, warm at the first.
    assert found["evaluations_saved"].tolist() == [-np.inf, 0, 2]
    assert found["reached"].tolist() == [0, 1, 1]


def test_few_repetitions_that_agree_by_chance_are_no_verdict() -> None:
    """Three gains of one sign, and of many sizes, happen by chance."""
    lucky = [[0.5, 0.6, 0.61], [0.5, 0.6, 0.70], [0.5, 0.6, 0.62]]
    still = [[0.5, 0.6, 0.6]] * 3
    found = transfer_verdicts(curves(none=still, plain=lucky, weighted=still, warm=still))
    plain = found.set_index("way").loc["plain"]
    expected = stats.t.interval(0.95, 2, np.mean([0.01, 0.1, 0.02]), stats.sem([0.01, 0.1, 0.02]))
    assert (plain["gain_lower"], plain["gain_upper"]) == pytest.approx(expected)
    assert plain["verdict"] == "no clear difference"
    once = transfer_verdicts(curves(none=[[0.5, 0.6]], **{way: [[0.5, 0.9]] for way in WAYS[1:]}))
    assert once["gain"].tolist() == pytest.approx([0.3] * 3)
    assert (once["verdict"] == "no clear difference").all()


def test_a_search_that_ran_out_of_proposals_stays_where_it_was() -> None:
    found = transfer_verdicts(
        curves(
            none=[[0.5, 0.6, 0.8, 0.8]] * 2,
            plain=[[0.7, 0.7]] * 2,
            weighted=[[0.8]] * 2,
            warm=[[0.5, 0.6, 0.8, 0.8]] * 2,
        )
    ).set_index("way")
    assert found["gain"].tolist() == pytest.approx([-0.1, 0, 0])
    assert found.loc["weighted", "anytime_gain"] == pytest.approx(0.8 - 2.7 / 4)
    assert found.loc["weighted", "evaluations_saved"] == 2
