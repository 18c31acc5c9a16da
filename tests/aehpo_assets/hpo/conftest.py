"""Small seeded tables that the tests of the optimisation package share."""

from __future__ import annotations

import pandas as pd
import pytest

from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.space import SearchSpace, search_space


@pytest.fixture(scope="session")
def space() -> SearchSpace:
    return search_space("varix")


@pytest.fixture(scope="session")
def results(space: SearchSpace) -> dict[str, pd.DataFrame]:
    return synthetic_results(space, tasks=("a", "b", "c"), count=60, seeds=(0, 1))


@pytest.fixture(scope="session")
def evaluations(results: dict[str, pd.DataFrame], space: SearchSpace) -> pd.DataFrame:
    return training_table(results, space)


@pytest.fixture(scope="session")
def fitted(
    evaluations: pd.DataFrame, space: SearchSpace
) -> tuple[Surrogate, pd.DataFrame, pd.DataFrame]:
    return fit_surrogate(evaluations, space)


@pytest.fixture(scope="session")
def surrogate(fitted: tuple[Surrogate, pd.DataFrame, pd.DataFrame]) -> Surrogate:
    return fitted[0]
