"""Which factors and latents of a joint task are of several modalities, and which of one alone.

A factor is of a modality from :data:`COUNTS` of its variance on. How MOFA's are fitted belongs to
``aehpo_gpu.evaluation.mofa_factors``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

COUNTS = 0.02
"""Share of a modality's variance from which on a factor is one of it, as MOFA drops factors."""

MOFA = "MOFA"

SHARED, NOTHING = "shared", "none"

COLUMNS = ["task", "of", "factor", "modality", "explained", "kind", "reproduced"]

REPRODUCED = 0.7
"""Correlation from which on a factor of another fit is the same."""


def latent_shares(latents: np.ndarray, views: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Say how much of each modality follows each latent along a straight line.

    Parameters
    ----------
    latents
        (train samples, latents).
    views
        (train samples, features) of each modality.

    Returns
    -------
    pandas.DataFrame
        (latents, modalities) share of the modality's variance that a regression of all its features
        on that latent alone explains. Shares of latents that go together count twice, and do not
        add up.
    """
    unit = unit_columns(latents)
    shares = {}
    for name, view in views.items():
        values = view - view.mean(axis=0, dtype=np.float64)
        shares[name] = ((unit.T @ values) ** 2).sum(axis=1) / (values**2).sum()
    return pd.DataFrame(shares)


def unit_columns(values: np.ndarray) -> np.ndarray:
    """Return (samples, columns) centred and of length one, whose products are correlations.

    Parameters
    ----------
    values
        (samples, columns); one that does not vary is zero.
    """
    centred = values - values.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    unit: np.ndarray = centred / np.where(size > 0, size, 1.0)
    return unit


def ordered(
    explained: pd.DataFrame, factors: np.ndarray, samples: pd.Index | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put factors in order by what they explain together, and number them from 1.

    Parameters
    ----------
    explained
        (factors, modalities) shares of variance.
    factors
        (samples, factors), or weights: (features, factors).
    samples
        Names of its rows.

    Returns
    -------
    tuple of pandas.DataFrame
        Both of them.
    """
    order = np.argsort(-explained.sum(axis=1).to_numpy(), kind="stable")
    numbers = pd.Index(range(1, len(order) + 1), name="factor")
    values = pd.DataFrame(factors[:, order], index=samples, columns=numbers)
    return explained.iloc[order].set_axis(numbers), values


def kinds(explained: pd.DataFrame) -> pd.Series:
    """Say of each factor what it is of.

    Parameters
    ----------
    explained
        (factors, modalities) shares of variance.

    Returns
    -------
    pandas.Series
        (factors,) ``shared``, the name of a modality, or ``none``.
    """
    of = explained >= COUNTS
    count = of.sum(axis=1)
    named = of.idxmax(axis=1).where(count == 1, SHARED)
    return named.where(count > 0, NOTHING)


def factor_rows(
    task: str, of: str, explained: pd.DataFrame, reproduced: pd.Series | None = None
) -> pd.DataFrame:
    """Lay out what the factors of a representation explain, one row a factor and modality.

    Parameters
    ----------
    task
        The joint task.
    of
        ``MOFA``, or the architecture whose recommended latents they are.
    explained
        (factors, modalities) shares of variance.
    reproduced
        (factors,) how like a factor of every other fit each is; None where there is one fit.
    """
    kind = kinds(explained)
    again = pd.Series(np.nan, explained.index) if reproduced is None else reproduced
    long = explained.rename_axis("factor").reset_index()
    rows = long.melt("factor", var_name="modality", value_name="explained")
    number = rows["factor"]
    known = {"kind": number.map(kind), "reproduced": number.map(again)}
    return rows.assign(task=task, of=of, **known)[COLUMNS]


def wide(table: pd.DataFrame) -> pd.DataFrame:
    """Return (factors, modalities) shares from the rows of one representation."""
    order = list(dict.fromkeys(table["modality"]))
    return table.pivot(index="factor", columns="modality", values="explained")[order]


def factors_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return how many factors are shared and specific, a row a representation of a joint task.

    Parameters
    ----------
    table
        Rows of :func:`factor_rows`, of one joint task.
    """
    shown = []
    for of, own in table.groupby("of", sort=False):
        kind = own.drop_duplicates("factor")["kind"].value_counts()
        modalities = list(dict.fromkeys(own["modality"]))
        totals = wide(own).sum()
        again = own.drop_duplicates("factor")["reproduced"]
        shown.append(
            {
                "of": of,
                "factors": str(own["factor"].nunique()),
                "shared": str(kind.get(SHARED, 0)),
                **{f"of {name} alone": str(kind.get(name, 0)) for name in modalities},
                "of none": str(kind.get(NOTHING, 0)),
                "in every fit": "" if again.isna().all() else str((again >= REPRODUCED).sum()),
                **{f"explained of {name}": f"{totals[name]:.0%}" for name in modalities},
            }
        )
    return pd.DataFrame(shown)
