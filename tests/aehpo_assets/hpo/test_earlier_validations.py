"""The evidence of earlier rounds: what is kept of a validation, and what may be used of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.hpo.earlier_validations import (
    CONDITIONS,
    as_it_was,
    comparable_runs,
    finished_rounds,
    no_validations,
    training_conditions,
    with_next_round,
    with_race,
)
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, VALID_SCORE
from aehpo_assets.hpo.surrogate.fit import training_table
from aehpo_assets.space import SearchSpace, config_id_of, search_space
from aehpo_assets.store.hashes import content_hash
from aehpo_assets.store.provenance import Provenance


@pytest.fixture
def space() -> SearchSpace:
    return search_space("vanillix", {"k_filter": [16, 32], "latent_dim_fixed": [2, 4]})


def runs(config_ids: list[str], *, seeds: tuple[int, ...] = (0,), lr: float = 1e-3) -> pd.DataFrame:
    table = pd.DataFrame({"config_id": config_ids}).merge(
        pd.DataFrame({"seed": list(seeds)}), how="cross"
    )
    hyperparameters: dict[str, Any] = {
        "k_filter": 32,
        "n_layers": 2,
        "enc_factor": 2.0,
        "latent_dim_fixed": 4,
        "lr_fixed": lr,
        "batch_size": 32,
        "drop_p": 0.2,
    }
    numbers = {name: np.linspace(0.5, 0.9, len(table)) for name in OBJECTIVE_NAMES}
    return table.assign(**hyperparameters, **numbers, status="ok", task="toy_rna")


def validated() -> pd.DataFrame:
    """A recommendation and a default that are one configuration, and a sampled one."""
    parts = [
        ("recommended", "ra", 2e-3),
        ("best_sampled", "0", 1e-3),
        ("untuned_default", "ra", 2e-3),
    ]
    tables = [
        runs([config_id], seeds=(1, 2), lr=lr).assign(
            origin=origin,
            rank=1,
            searcher="cqr",
            transfer=False,
            fleet_runtime=1.0,
            **{f"predicted_{VALID_SCORE}": 0.9},
        )
        for origin, config_id, lr in parts
    ]
    return pd.concat(tables, ignore_index=True)


def test_rounds_are_numbered_and_a_run_counts_once() -> None:
    first = with_next_round(no_validations(), {"toy_rna": validated()}, {"toy_rna": "c1"})
    assert list(first["origin"]) == ["recommended"] * 2 + ["best_sampled"] * 2
    assert set(first["round"]) == {1}
    assert set(first[CONDITIONS]) == {"c1"}
    kept = set(first)
    assert kept >= {"task", "seed", "status", "lr_fixed", *OBJECTIVE_NAMES}
    assert not kept & {"rank", "searcher", "transfer", "fleet_runtime", f"predicted_{VALID_SCORE}"}
    second = with_next_round(first, {"toy_rna": validated()}, {"toy_rna": "c2"})
    assert (finished_rounds(second), len(second)) == (2, 8)
    assert finished_rounds(no_validations()) == 0


def test_what_raced_joins_with_what_was_validated() -> None:
    raced = runs(["ra", "rb"], seeds=(101, 102)).assign(round=[1, 2, 1, 1])
    both = with_race(validated(), raced)
    table = with_next_round(no_validations(), {"toy_rna": both}, {"toy_rna": "c"})
    assert set(table["round"]) == {1}
    own = table[table["origin"] == "race"]
    assert own["seed"].tolist() == [101, 102] * 2
    assert own[VALID_SCORE].tolist() == raced[VALID_SCORE].tolist()
    assert len(table) == len(own) + 4


def test_the_table_is_known_as_it_was_after_each_round(tmp_path: Path) -> None:
    first = with_next_round(no_validations(), {"toy_rna": validated()}, {"toy_rna": "c1"})
    second = with_next_round(first, {"toy_rna": validated()}, {"toy_rna": "c1"})
    second.to_parquet(tmp_path / "second.parquet", index=False)
    kept = pd.read_parquet(tmp_path / "second.parquet")
    for table in (no_validations(), first, second):
        found = as_it_was(kept, content_hash(table))
        assert found is not None
        assert len(found) == len(table)
    assert as_it_was(kept, "0123") is None


def test_the_training_table_of_a_first_round_is_that_of_the_results(space: SearchSpace) -> None:
    results = {"toy_rna": runs(["0", "1"])}
    usable = comparable_runs(no_validations(), results, {"toy_rna": "c1"}, space)
    pd.testing.assert_frame_equal(
        training_table(results, space, usable), training_table(results, space)
    )


def test_earlier_runs_join_under_their_present_ids(space: SearchSpace) -> None:
    """The list of samples changed: what was configuration 0 is configuration 1 now."""
    earlier = with_next_round(no_validations(), {"toy_rna": validated()}, {"toy_rna": "c1"})
    present = pd.concat([runs(["0"], lr=5e-3), runs(["1"], lr=1e-3)], ignore_index=True)
    results = {"toy_rna": present, "toy_meth": runs(["0"])}
    found = comparable_runs(earlier, results, {"toy_rna": "c1", "toy_meth": "c1"}, space)
    assert set(found) == {"toy_rna"}
    own = {name: earlier[name].iloc[0] for name in space.names}
    assert list(found["toy_rna"]["config_id"]) == [config_id_of(own)] * 2 + ["1"] * 2
    table = training_table(results, space, found)
    assert len(table) == 2 + 4 + 1
    assert table.groupby(["task", "config_id"])["lr_fixed"].nunique().max() == 1


def test_runs_of_other_conditions_or_outside_the_space_are_left_out(
    space: SearchSpace, caplog: pytest.LogCaptureFixture
) -> None:
    earlier = with_next_round(no_validations(), {"toy_rna": validated()}, {"toy_rna": "c1"})
    results = {"toy_rna": runs(["0"])}
    assert comparable_runs(earlier, results, {"toy_rna": "c2"}, space) == {}
    assert "4 of 4 runs of earlier rounds" in caplog.text
    narrow = search_space(
        "vanillix",
        {"k_filter": [32], "latent_dim_fixed": [4], "lr_fixed": {"loguniform": [1e-4, 1.5e-3]}},
    )
    found = comparable_runs(earlier, results, {"toy_rna": "c1"}, narrow)
    assert list(found["toy_rna"]["lr_fixed"]) == [1e-3] * 2


def test_conditions_are_those_of_the_training_alone() -> None:
    def conditions(**changes: Any) -> str:
        inputs = {"preprocessed_matrix/toy_rna": "1", "configurations/varix": "1"}
        settings = {"epochs": 3, "seeds": [0], "annealing": "logistic-mid"}
        return training_conditions(
            Provenance(
                artefact="run_results/varix/toy_rna",
                data_version="1",
                code_version="1",
                inputs=inputs | changes.get("inputs", {}),
                settings=settings | changes.get("settings", {}),
            )
        )

    assert conditions() == conditions(settings={"seeds": [1]}, inputs={"configurations/varix": "2"})
    assert conditions() != conditions(settings={"epochs": 4})
    assert conditions() != conditions(inputs={"preprocessed_matrix/toy_rna": "2"})
    assert conditions() != conditions(inputs={"feature_ontology/toy_rna": "1"})
