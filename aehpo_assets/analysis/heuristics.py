"""Where good configurations lie: what the best have in common, and whether it may be chance.

The ranges are read off what was sampled, so they are no optimum: a range that ends where the search
space ends says that the space should be wider there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from aehpo_assets.analysis.associations import configuration_means
from aehpo_assets.analysis.configurations import configuration_scores
from aehpo_assets.hpo.columns import VALID_R2, VALID_SCORE
from aehpo_assets.noise.power import LEVEL
from aehpo_assets.noise.verdict import holm
from aehpo_assets.space import ARCHITECTURE_SPACES
from aehpo_assets.space.widths import run_widths

TOP = 50
"""Best configurations whose ranges are told; a fifth of all where there are fewer than 250."""

SHARE = 5
"""One of so many configurations is one of the best, where there are few."""

INSIDE = 0.8
"""Share of the best that a promising range holds: from their 10th to their 90th percentile."""

FEWEST = 20
"""With fewer configurations, nothing that the best share is told from chance."""

HIDDEN_NODES = "hidden_nodes"
PARAMETERS = "trainable_parameters"

COLUMNS = (
    "quantity",
    "kind",
    "lower",
    "upper",
    "median",
    "lowest_sampled",
    "highest_sampled",
    "rest_inside",
    "p_value",
    "supported",
    "top",
    "configurations",
)


def hidden_nodes(runs: pd.DataFrame) -> pd.Series:
    """Return the nodes between input and reconstruction of every run: what its capacity is told by.

    Parameters
    ----------
    runs
        Run results with ``k_filter_effective``.

    Returns
    -------
    pandas.Series
        Hidden layers of encoder and decoder, and the latents: 2 x 768 + 8 = 1,544 for 1,024
        features halved twice into eight dimensions. Of a decoder that is an ontology, nothing is
        counted.
    """
    of = runs.assign(k_filter=runs["k_filter_effective"])
    widths = run_widths(of, int(of["k_filter"].max()))
    known = runs.get("architecture", pd.Series("", index=runs.index)).map(ARCHITECTURE_SPACES.get)
    sides = [1 if space is not None and space.ontology else 2 for space in known]
    nodes = [count * sum(own[1:-1]) + own[-1] for count, own in zip(sides, widths, strict=True)]
    return pd.Series(nodes, index=runs.index, dtype="int64")


def best_configurations(results: pd.DataFrame) -> pd.Series:
    """Return the mean valid scores of the best configurations, best first, by ``config_id``.

    A run that diverged or failed counts as in :mod:`aehpo_assets.analysis.configurations`.

    Parameters
    ----------
    results
        Run results of one architecture and task.
    """
    scores = configuration_scores(results.drop(columns="task", errors="ignore"), [])[VALID_SCORE]
    ordered = scores.sort_values(ascending=False, kind="stable")
    return ordered.head(min(TOP, max(1, math.ceil(len(ordered) / SHARE))))


def promising_ranges(
    results: pd.DataFrame, hyperparameters: Sequence[str], best: pd.Index | None = None
) -> pd.DataFrame:
    """Return where the best configurations lie, for each hyperparameter, capacity and valid R2.

    Parameters
    ----------
    results
        Run results of one architecture and task.
    hyperparameters
        Columns to judge; those of words are passed over.
    best
        Which configurations are the best, where something better is known than their means.

    Returns
    -------
    pandas.DataFrame
        One row a quantity: ``quantity``, ``kind`` (``hyperparameter``, ``capacity``: hidden nodes
        and trainable parameters, or ``signal``: valid R2, whose ``lower`` is what was necessary),
        ``lower``, ``upper`` (values of the best between which four in five of them lie),
        ``median`` (of the best), ``lowest_sampled``, ``highest_sampled``, ``rest_inside`` (share of
        the others that lie in the range too: what the range rules out is the remainder),
        ``p_value`` (that the best are like the others: Kolmogorov and Smirnov's test, which is
        conservative where values repeat), ``supported`` (by Holm's method at 5 % over all rows),
        ``top`` and ``configurations``. With fewer than 20 configurations nothing is supported. The
        best are chosen by noisy means: that widens ranges, and does not invent one.
    """
    from scipy.stats import ks_2samp

    best = best_configurations(results).index if best is None else best
    own = results.assign(**{HIDDEN_NODES: hidden_nodes(results)})
    kinds = dict.fromkeys(hyperparameters, "hyperparameter")
    kinds |= dict.fromkeys((HIDDEN_NODES, PARAMETERS), "capacity") | {VALID_R2: "signal"}
    kinds = {name: kind for name, kind in kinds.items() if own[name].nunique() > 1}
    means = configuration_means(own, list(kinds))
    is_best = means.index.isin(best)
    rows = []
    for name, kind in kinds.items():
        values = means[name]
        top, rest = values[is_best].dropna(), values[~is_best].dropna()
        if top.empty or rest.empty:
            continue
        lower, upper = _percentiles(top)
        inside = float(rest.between(lower, upper).mean())
        p_value = float(ks_2samp(top, rest).pvalue)
        sampled = (float(values.min()), float(values.max()))
        rows.append((name, kind, lower, upper, float(top.median()), *sampled, inside, p_value))
    named = [name for name in COLUMNS if name not in ("supported", "top", "configurations")]
    table = pd.DataFrame(rows, columns=named)
    enough = len(means) >= FEWEST
    table["supported"] = enough & (np.array(holm(table["p_value"].tolist())) <= LEVEL)
    return table.assign(top=len(best), configurations=len(means))[list(COLUMNS)]


def _percentiles(values: pd.Series) -> tuple[float, float]:
    """Ends of the middle of some values, both among them."""
    outside = (1 - INSIDE) / 2
    lower, upper = np.quantile(values, [outside, 1 - outside], method="closest_observation")
    return float(lower), float(upper)
