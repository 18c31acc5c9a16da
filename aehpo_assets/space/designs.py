"""Configurations that are laid out rather than drawn: a grid, and Sobol's sequence."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.space.distributions import Choice, Scalar
from aehpo_assets.space.search_space import SearchSpace
from aehpo_assets.store.provenance import named_seed

MOST_POINTS = 100
"""Points for each configuration wanted, after which a space counts as used up."""


def grid_configurations(
    space: SearchSpace, count: int, *, file: Path | None = None
) -> pd.DataFrame:
    """Return the first configurations of the full grid, the last hyperparameter varying fastest.

    Parameters
    ----------
    space
        The architecture's space, all of whose hyperparameters are lists.
    count
        Number of configurations.
    file
        The study file, for the messages.

    Returns
    -------
    pandas.DataFrame
        ``config_id`` (text, the position in the grid of this architecture) and the hyperparameters.

    Raises
    ------
    InputError
        If a hyperparameter is continuous, or the grid has fewer configurations.
    """
    values: list[tuple[Scalar, ...]] = []
    for name, domain in space.hyperparameters.items():
        if not isinstance(domain, Choice):
            raise InputError(
                f"a grid needs a list of values; {space.architecture} has {domain}",
                file=file,
                key=f"space.{name}",
                remedy="Give a list of values, or set configurations.source: sobol.",
            )
        values.append(domain.values)
    if count > space.size:
        raise InputError(
            f"the grid of {space.architecture} has {int(space.size):,} configurations, "
            f"{count:,} are asked for",
            file=file,
            key="configurations.count",
            remedy=f"Set configurations.count to {int(space.size)} or lower.",
        )
    rows = list(itertools.islice(itertools.product(*values), count))
    return _table(space, rows)


def sobol_configurations(
    space: SearchSpace, count: int, seed: int, *, file: Path | None = None
) -> pd.DataFrame:
    """Return configurations at the points of a scrambled Sobol sequence (Sobol 1967, Owen 1998).

    A hyperparameter is a dimension, which its distribution makes a value of. More configurations
    begin with the same ones. Points that give a configuration again are passed over.

    Parameters
    ----------
    space
        The architecture's space.
    count
        Number of configurations.
    seed
        Seed of the scrambling.
    file
        The study file, for the message.

    Returns
    -------
    pandas.DataFrame
        ``config_id`` (text, the position in the list) and the hyperparameters.

    Raises
    ------
    InputError
        If the space has fewer distinct configurations.
    """
    rows: dict[tuple[Scalar, ...], None] = {}
    for point in _points(len(space.names), MOST_POINTS * count, seed):
        domains = zip(space.hyperparameters.values(), point, strict=True)
        rows.setdefault(tuple(domain.at(share) for domain, share in domains))
        if len(rows) == count:
            return _table(space, list(rows))
    raise InputError(
        f"the space of {space.architecture} has {len(rows)} distinct configurations among "
        f"{MOST_POINTS * count:,} points, {count} are asked for",
        file=file,
        key="configurations.count",
        remedy="Lower configurations.count, or widen space.",
    )


def _points(dimensions: int, most: int, seed: int) -> Iterator[list[float]]:
    """Yield points of the sequence, by powers of two, over which it is balanced."""
    from scipy.stats import qmc

    sequence = qmc.Sobol(dimensions, scramble=True, rng=named_seed(seed, "sobol"))
    for power in range(math.ceil(math.log2(most)) + 1):
        # Twice as many as all before, which are half of them.
        yield from sequence.random(2 ** max(power - 1, 0)).tolist()


def _table(space: SearchSpace, rows: list[tuple[Scalar, ...]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=space.names)
    table.insert(0, "config_id", table.index.astype(str).astype("str"))
    return table
