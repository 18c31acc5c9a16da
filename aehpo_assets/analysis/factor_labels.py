"""Which labels the factors and latents of a joint task go along with (MOFA's association analysis).

One factor and one label at a time, by ranks: neither scale nor outliers decide. It says what a
factor is about, not how well all of them together predict.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.analysis.associations import LEVEL
from aehpo_assets.noise.verdict import holm

COLUMNS = ["task", "of", "factor", "label", "explained", "p_value", "supported", "samples"]

FEWEST = 5
"""Samples of a class below which it is left out, and of a label below which nothing is said."""


def factor_labels(task: str, of: str, factors: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Say how much of the ranks of each factor each label explains.

    Parameters
    ----------
    task, of
        As in the rows of :func:`aehpo_assets.analysis.shared_factors.factor_rows`.
    factors
        (train samples, factors), columns numbered from 1.
    labels
        (samples, labels) with ``attrs`` ``objective`` and ``regression``; all of these samples are
        among them.

    Returns
    -------
    pandas.DataFrame
        One row a factor and label: ``explained``, the share of the variance of the factor's ranks
        between the classes (Kruskal and Wallis 1952), or the square of Spearman's correlation with
        a number; ``p_value``, and ``supported``, whether it is other than chance at a level of 5 %
        for all rows together, by Holm's method; ``samples`` with the label.
    """
    from scipy.stats import kruskal, rankdata, spearmanr

    own = labels.loc[factors.index]
    classes = dict.fromkeys(n for names in labels.attrs["objective"].values() for n in names)
    rows = []
    for label in [*classes, *labels.attrs.get("regression", [])]:
        values = own[label]
        if label in classes:
            counts = values.value_counts()
            values = values.where(values.isin(counts.index[counts >= FEWEST]))
        known = values.notna().to_numpy()
        if known.sum() < FEWEST or values[known].nunique() < 2:
            continue
        for number, column in factors.items():
            factor = column.to_numpy(dtype=np.float64)[known]
            explained, p_value = 0.0, 1.0
            if np.ptp(rankdata(factor)) > 0:
                if label in classes:
                    groups = pd.Series(factor).groupby(values[known].to_numpy())
                    statistic, p_value = kruskal(*(group.to_numpy() for _, group in groups))
                    explained = statistic / (len(factor) - 1)
                else:
                    correlation, p_value = spearmanr(factor, values[known].astype(float))
                    explained = correlation**2
            numbers = (float(explained), float(p_value))
            rows.append((task, of, number, label, *numbers, False, len(factor)))
    table = pd.DataFrame(rows, columns=COLUMNS)
    if len(table):
        table["supported"] = np.array(holm(table["p_value"])) <= LEVEL
    return table


def factor_labels_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the factor that goes along with each label most, a row a representation and label.

    Parameters
    ----------
    table
        Rows of :func:`factor_labels`, of one joint task.
    """
    shown = []
    for (of, label), own in table.groupby(["of", "label"], sort=False):
        best = own.loc[own["explained"].idxmax()]
        others = int(own["supported"].sum()) - int(best["supported"])
        p_value = float(best["p_value"])
        shown.append(
            {
                "of": of,
                "label": label,
                "factor": str(best["factor"]),
                "of its ranks": f"{best['explained']:.0%}",
                "p": "below 1e-16" if p_value < 1e-16 else f"{p_value:.1g}",
                "told from chance": "yes" if best["supported"] else "no",
                "other factors": str(others),
            }
        )
    return pd.DataFrame(shown)
