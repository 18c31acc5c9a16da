"""Grid search, Hyperband, the Gaussian process with a bound, and objectives beside the score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import RUNTIME, VALID_LOSS, VALID_R2, VALID_SCORE
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.hpo.search.hyperband import bracket_sizes
from aehpo_assets.hpo.search.live import Decide, LiveBudget, live_search
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.running.preflight import check_study
from aehpo_assets.space import Choice, SearchSpace, Uniform, search_space
from aehpo_assets.study import Study
from aehpo_assets.study.searches import Live

LISTS = SearchSpace(
    "vanillix",
    {
        "k_filter": Choice((64, 128)),
        "latent_dim_fixed": Choice((2,)),
        "optimizer": Choice(("adam", "sgd")),
        "lr_fixed": Choice((0.1, 0.01, 0.001)),
    },
)
RUNGS = (1, 3, 9)


def rows_of(configurations: pd.DataFrame, epoch: int, **objectives: pd.Series) -> pd.DataFrame:
    known = {RUNTIME: 1.0, VALID_R2: 0.5, VALID_SCORE: 0.5} | objectives
    return configurations.assign(seed=0, status="ok", epoch=epoch, epochs=RUNGS[-1], **known)


class Rungs:
    """Trains to each rung in no time: the less dropout the better."""

    def __init__(self) -> None:
        self.sizes: list[list[int]] = []

    def __call__(self, configurations: pd.DataFrame, decide: Decide) -> pd.DataFrame:
        running, rungs, sizes = configurations, [], []
        for epoch in RUNGS:
            rows = rows_of(running, epoch, **{VALID_SCORE: 1 - running["drop_p"]})
            rungs.append(rows)
            sizes.append(len(rows))
            if epoch < RUNGS[-1]:
                running = running[np.array(decide(epoch, rows))]
        self.sizes.append(sizes)
        return pd.concat(rungs, ignore_index=True)


# ---- grid ----------------------------------------------------------------------------------------


def test_a_grid_is_walked_once_in_the_order_of_its_lists() -> None:
    searcher = AskTell("grid", Problem(LISTS, 0, 100))
    found = []
    while (asked := searcher.ask()) is not None:
        number, configuration = asked
        found.append(configuration)
        searcher.tell(number, {VALID_SCORE: 0.5})
    assert len(found) == 12
    assert [one["lr_fixed"] for one in found[:4]] == [0.1, 0.01, 0.001, 0.1]
    assert [one["optimizer"] for one in found[:6]] == ["adam"] * 3 + ["sgd"] * 3
    assert {one["latent_dim_fixed"] for one in found} == {2}


def test_a_grid_passes_over_what_was_given_to_begin_with() -> None:
    first = {"k_filter": 128, "latent_dim_fixed": 2, "optimizer": "sgd", "lr_fixed": 0.001}
    searcher = AskTell("grid", Problem(LISTS, 0, 100, points_to_evaluate=[first]))
    found = [one[1] for one in iter(searcher.ask, None) if one is not None]
    assert found[0] == first
    assert len(found) == 12


def study(**content: Any) -> Study:
    base = {
        "name": "s",
        "tasks": "all",
        "architectures": ["vanillix"],
        "configurations": {"count": 2},
        "epochs": 9,
        "fidelities": [1, 3],
    }
    return Study.model_validate(base | content)


def test_a_grid_over_a_range_is_refused_with_the_study(tmp_path: Path) -> None:
    ranged = study(hpo={"searchers": ["grid"]})
    with pytest.raises(InputError, match=r"hpo.searchers: names grid.*lists of values"):
        check_study(ranged, tmp_path / "s.yaml", ["t"])
    lists = {"enc_factor": [1, 2], "lr_fixed": [0.1, 0.01], "drop_p": [0]}
    check_study(study(hpo={"searchers": ["grid"]}, space=lists), tmp_path / "s.yaml", ["t"])


# ---- Hyperband -----------------------------------------------------------------------------------


def test_the_brackets_are_those_of_the_paper() -> None:
    # Li et al., table 1: R = 81, eta = 3.
    assert [size for _, size in bracket_sizes((1, 3, 9, 27, 81))] == [81, 34, 15, 8, 5]


def test_a_bracket_is_halved_together_at_every_rung(space: SearchSpace, tmp_path: Path) -> None:
    trainer = Rungs()
    problem = Problem(space, 0, 100, fidelities=RUNGS)
    found = live_search("hyperband", problem, trainer, LiveBudget(26, batch=2), tmp_path / "r")
    assert bracket_sizes(RUNGS) == [(0, 9), (1, 5), (2, 3)]
    assert trainer.sizes == [[9, 3, 1], [5, 5, 1], [3, 3, 3], [9, 3, 1]]
    first = found[found["batch"] == 0].sort_values("drop_p")
    assert first["epoch"].tolist() == [9, 3, 3, *[1] * 6]
    # Going on from the record asks and stops the same ones.
    again = live_search("hyperband", problem, Rungs(), LiveBudget(26, batch=2), tmp_path / "r")
    pd.testing.assert_frame_equal(again, found)


def test_a_run_that_ended_by_itself_is_no_other_search(space: SearchSpace, tmp_path: Path) -> None:
    def train(configurations: pd.DataFrame, decide: Decide) -> pd.DataFrame:
        rows = rows_of(configurations, 1, **{VALID_SCORE: 1 - configurations["drop_p"]})
        # The first is over after an epoch, and nobody is asked about it.
        rows.loc[rows.index[0], "epochs"] = 1
        going = np.array(decide(1, rows.iloc[1:]))
        rest = configurations.iloc[1:][going]
        second = rows_of(rest, 3)
        rest = rest[np.array(decide(3, second))]
        return pd.concat([rows, second, rows_of(rest, 9)], ignore_index=True)

    problem = Problem(space, 0, 100, fidelities=RUNGS)
    budget = LiveBudget(9, batch=9)
    found = live_search("hyperband", problem, train, budget, tmp_path / "r")
    again = live_search("hyperband", problem, train, budget, tmp_path / "r")
    pd.testing.assert_frame_equal(again, found)


def test_hyperband_takes_no_settings(space: SearchSpace) -> None:
    with pytest.raises(InputError, match="hyperband does not take these settings"):
        AskTell("hyperband", Problem(space, 0, 10, fidelities=RUNGS, settings={"eta": 3}))


# ---- the Gaussian process with a bound -----------------------------------------------------------


def test_the_bound_leads_to_the_optimum() -> None:
    space = SearchSpace(
        "vanillix",
        {
            "drop_p": Uniform(0, 1),
            "k_filter": Choice((8, 16)),
            "latent_dim_fixed": Choice((2,)),
            "activation": Choice(("relu", "tanh")),
        },
    )
    searcher = AskTell("gp_lcb", Problem(space, 0, 30))
    scores = []
    for _ in range(30):
        asked = searcher.ask()
        assert asked is not None
        number, one = asked
        score = 0.9 - (one["drop_p"] - 0.3) ** 2 - 0.2 * (one["activation"] == "relu")
        scores.append(score)
        searcher.tell(number, {VALID_SCORE: score})
    assert max(scores[9:]) > 0.899
    assert np.mean(scores[-10:]) > np.mean(scores[:9]) + 0.1


# ---- what is searched for ------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("objective", "kept"), [(VALID_LOSS, "low"), (VALID_SCORE, "high")])
def test_a_search_is_for_the_loss_if_it_is_asked_to(
    space: SearchSpace, tmp_path: Path, objective: str, kept: str
) -> None:
    def train(configurations: pd.DataFrame, decide: Decide) -> pd.DataFrame:
        # Loss and score want opposite things.
        known = {VALID_LOSS: 1 + configurations["drop_p"], VALID_SCORE: configurations["drop_p"]}
        return rows_of(configurations, 1, **known)

    problem = Problem(space, 0, 20, objectives=(objective,))
    found = live_search("cqr", problem, train, LiveBudget(40, batch=5), tmp_path / "r")
    late = found["drop_p"].iloc[-10:].mean()
    assert late < 0.3 if kept == "low" else late > 0.6


def test_a_warm_start_is_of_scores() -> None:
    with pytest.raises(ValueError, match="a warm start knows scores"):
        Live(objective="valid_loss", warm_start="observations")
    assert Live(objective="valid_r2").objective == "valid_r2"
    assert search_space("vanillix", {}).names
