"""Every searcher searches a space of words, switches and constants."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.search.searchers import SEARCHERS
from aehpo_assets.space import sample_configurations, search_space

SPACE = search_space(
    "infovae",
    {
        "optimizer": ["sgd", "adam", "adamw"],
        "batch_norm": [True, False],
        "lr_schedule": ["cosine"],
        "k_filter": [64, 128],
    },
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name == "ehvi" else name
        for name in sorted(set(SEARCHERS) - {"grid"})
    ],
)
def test_a_searcher_proposes_words_and_observes_them(name: str) -> None:
    searcher = SEARCHERS[name]
    if searcher.library is not None:
        pytest.importorskip(searcher.library)
    drawn = sample_configurations(SPACE, 12, 0).assign(**{VALID_SCORE: np.linspace(0.5, 0.9, 12)})
    problem = Problem(
        SPACE,
        seed=0,
        trials=6,
        objectives=searcher.objectives,
        fidelities=(1, 3, 9) if searcher.stops_early else (9,),
        evidence=pd.concat([drawn.assign(task=task) for task in ("a", "b")]),
    )
    conversation = AskTell(name, problem)
    for _ in range(6):
        asked = conversation.ask()
        assert asked is not None
        number, configuration = asked
        assert SPACE.problem(configuration) is None
        assert configuration["lr_schedule"] == "cosine"
        score = 0.7 if configuration["optimizer"] == "adam" else 0.5
        values = dict.fromkeys(searcher.objectives, score)
        for epoch in problem.fidelities:
            if not conversation.tell(number, values, epoch):
                break
