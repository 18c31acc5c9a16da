"""What is validated: recommendations, the sampled opponents, the default, and with which seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.hpo.earlier_validations import no_validations
from aehpo_assets.hpo.objectives import OBJECTIVES, VALID_SCORE
from aehpo_assets.space import SearchSpace, config_id_of, default_configuration, search_space
from aehpo_assets.study import Study
from aehpo_gpu.validation import candidates, validation_runs, validation_seeds, with_candidates

OVERRIDES = {"k_filter": [16, 32], "latent_dim_fixed": [2, 4]}


@pytest.fixture
def space() -> SearchSpace:
    return search_space("vanillix", OVERRIDES)


def study(**changes: Any) -> Study:
    content = {
        "name": "tiny",
        "tasks": "all",
        "architectures": ["vanillix"],
        "configurations": {"count": 4},
        "space": OVERRIDES,
        "epochs": 3,
    }
    return Study.model_validate(content | changes)


def configuration(lr: float) -> dict[str, Any]:
    return {
        "k_filter": 16,
        "n_layers": 2,
        "enc_factor": 2.0,
        "latent_dim_fixed": 4,
        "lr_fixed": lr,
        "batch_size": 32,
        "drop_p": 0.2,
    }


def results(space: SearchSpace, configurations: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(configurations)[space.names]
    table.insert(0, "config_id", [str(number) for number in range(len(table))])
    numbers = {name: np.linspace(0.5, 0.9, len(table)) for name in OBJECTIVES}
    return table.assign(task="toy_rna", seed=0, status="ok", **numbers)


def recommendations(space: SearchSpace, configurations: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(configurations)[space.names]
    ids = [config_id_of(values) for values in configurations]
    return table.assign(
        config_id=ids,
        rank=range(1, len(ids) + 1),
        searcher="cqr",
        transfer=False,
        **{f"predicted_{VALID_SCORE}": 0.9},
    )


def test_as_many_of_both_and_one_default(space: SearchSpace) -> None:
    sampled = results(space, [configuration(lr) for lr in (1e-4, 1e-3, 1e-2)])
    proposed = recommendations(space, [configuration(lr) for lr in (2e-3, 3e-3, 4e-3)])
    chosen = candidates(proposed, sampled, space, 2)
    assert list(chosen["origin"]) == [
        *["recommended"] * 2,
        *["best_sampled"] * 2,
        "untuned_default",
    ]
    assert list(chosen["config_id"][2:4]) == ["2", "1"]
    default = chosen.iloc[-1]
    assert {name: default[name] for name in space.names} == default_configuration(space)
    assert chosen[f"predicted_{VALID_SCORE}"].notna().tolist() == [True, True, False, False, False]


def test_a_default_that_was_sampled_or_recommended_is_trained_once(space: SearchSpace) -> None:
    default = default_configuration(space)
    sampled = results(space, [configuration(1e-4), default])
    chosen = candidates(recommendations(space, [configuration(1e-2)]), sampled, space, 1)
    assert list(chosen["config_id"][1:]) == ["1", "1"]
    runs = validation_runs(chosen, space, study(), no_validations())
    assert list(runs["config_id"]) == [chosen["config_id"][0], "1"]
    trained = runs.assign(**{VALID_SCORE: [0.7, 0.8]})
    joined = with_candidates(chosen, trained)
    assert list(joined["origin"]) == ["recommended", "best_sampled", "untuned_default"]
    assert list(joined[VALID_SCORE]) == [0.7, 0.8, 0.8]

    recommended = candidates(
        recommendations(space, [default]), results(space, [configuration(1e-4)]), space, 1
    )
    assert recommended["config_id"][0] == recommended["config_id"][2]


def test_seeds_are_fresh_in_every_round() -> None:
    first = no_validations()
    assert validation_seeds(study(seeds=[0, 4]), first) == [5, 6]
    assert validation_seeds(study(hpo={"validation_seeds": 3}), first) == [1, 2, 3]
    # Also where an earlier round took more of them.
    later = pd.DataFrame({"round": [1, 1, 1], "seed": [1, 2, 3]})
    assert validation_seeds(study(hpo={"validation_seeds": 2}), later) == [4, 5]
