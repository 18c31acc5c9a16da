"""Which hyperparameters matter together: pairwise interactions beyond what each does by itself.

What each does by itself belongs to ``effects``; the picture to ``aehpo_assets.analysis.plots``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aehpo_assets.analysis.configurations import configuration_scores, holds_words
from aehpo_assets.analysis.effects import level_numbers
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.noise.power import LEVEL
from aehpo_assets.noise.verdict import holm

if TYPE_CHECKING:
    from sklearn.tree._tree import Tree

FOLDS = 5
TREES = 60
MOST_LEAVES = 64
SMALLEST_LEAF = 3
FEWEST_CONFIGURATIONS = 40
"""With fewer, a forest finds no pair that it could tell from chance."""

POWER = 0.8

COLUMNS = (
    *("first", "second", "explained", "standard_error", "p_value", "told", "decidable"),
    "configurations",
)
SURFACE = ("first", "second", "first_level", "second_level", "mean", "beyond")


@dataclass(frozen=True)
class _Levels:
    """Hyperparameters cut into levels.

    Attributes
    ----------
    names
        Of those that have two levels or more.
    numbers
        Level of each configuration, (configurations, hyperparameters), from 0.
    words
        What the levels of each are called.
    shares
        Share of the configurations at each level of each.
    """

    names: list[str]
    numbers: np.ndarray
    words: list[list[str]]
    shares: list[np.ndarray]


Marginals = tuple[list[np.ndarray], dict[tuple[int, int], np.ndarray]]
"""First-order terms by hyperparameter, (levels,), and second-order by pair, (levels, levels)."""


def pairwise_interactions(
    results: pd.DataFrame, hyperparameters: Sequence[str], seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Second-order terms of a functional ANOVA of the valid score, held against other runs.

    A random forest is fitted to the score of a configuration, averaged over its seeds (and tasks,
    each less its own mean), and taken apart exactly: its mean over all other hyperparameters, at
    every level of one and of two of them, is a sum over its leaves (Hutter et al. 2014, "An
    efficient approach for assessing hyperparameter importance"). What a pair explains is not the
    share of the forest's own variance, which noise is part of, but what the term of the pair takes
    off the forest's error at configurations that it did not see, in five folds. Levels
    are those of :func:`aehpo_assets.analysis.effects.main_effects`.

    Parameters
    ----------
    results
        Run results of one architecture, whose hyperparameters were drawn independently.
    hyperparameters
        Columns to judge; what does not vary is passed over.
    seed
        Seeds folds and forest.

    Returns
    -------
    tuple[pandas.DataFrame, pandas.DataFrame]
        One row a pair, the strongest first: ``first``, ``second``, ``explained`` (share of the
        variance between configurations; below 0 where the term predicts worse than none),
        ``standard_error`` (over configurations), ``p_value`` (one-sided), ``told`` (by Holm's
        method at 5 % over all pairs), ``decidable`` (the smallest share that would be told with a
        power of 80 % by a forest that knew the term, the same for all pairs; a real one needs
        more) and ``configurations``. Numbers are NaN with fewer
        than 40 configurations, or where all score the same.

        And of the pairs that are told, one row a pair and two levels: ``first``, ``second``,
        ``first_level``, ``second_level`` (text), ``mean`` (valid score less the mean over all) and
        ``beyond`` (what of it neither explains by itself).

    Raises
    ------
    InputError
        If the results lack a column.
    """
    table = configuration_scores(results, hyperparameters).sort_index()
    score = table[VALID_SCORE].to_numpy()
    levels = _levels(table[list(hyperparameters)])
    pairs = list(combinations(range(len(levels.names)), 2))
    found = pd.DataFrame(
        [(levels.names[a], levels.names[b]) for a, b in pairs], columns=["first", "second"]
    ).assign(configurations=len(score))
    if len(score) < FEWEST_CONFIGURATIONS or np.ptp(score) == 0 or not pairs:
        unknown = found.assign(
            explained=np.nan, standard_error=np.nan, p_value=np.nan, told=False, decidable=np.nan
        )
        return unknown[list(COLUMNS)], pd.DataFrame(columns=list(SURFACE))
    added, left, marginals = _held_out(levels, score, pairs, seed)
    found = found.assign(**_judged(added, left, score))
    order = found["explained"].sort_values(ascending=False, kind="stable").index
    told = [pairs[at] for at in order if found.loc[at, "told"]]
    surfaces = [_surface(levels, marginals, pair) for pair in told]
    empty = pd.DataFrame(columns=list(SURFACE))
    surface = pd.concat(surfaces, ignore_index=True) if surfaces else empty
    return found.loc[order, list(COLUMNS)].reset_index(drop=True), surface


def interactions_text(table: pd.DataFrame) -> str:
    """Return in a sentence or two which pairs are told, and what is left undecided.

    Parameters
    ----------
    table
        Pairs of :func:`pairwise_interactions`.
    """
    if table.empty:
        return "There are no interactions: no two hyperparameters vary."
    count, configurations = len(table), int(table["configurations"].iloc[0])
    if table["explained"].isna().all():
        return (
            f"Interactions are not told: {configurations} configurations, of which at least "
            f"{FEWEST_CONFIGURATIONS} with different scores are needed."
        )
    told = table[table["told"]]
    listed = ", ".join(
        f"{row.first} x {row.second} ({row.explained:.1%} ± {row.standard_error:.1%})"
        for row in told.itertuples()
    )
    left = count - len(told)
    said = (
        f"Told from chance, with the share of the variance: {listed}."
        if len(told)
        else "No pair is told from chance."
    )
    if not left:
        return said
    smallest = float(table["decidable"].iloc[0])
    from_which = f"shares from {smallest:.0%} on" if smallest < 1 else "no share, however large"
    return (
        f"{said} Undecided {'is' if left == 1 else 'are'} {left} of {count} pairs: with the noise "
        f"there is, {configurations} configurations decide {from_which}."
    )


def _levels(table: pd.DataFrame) -> _Levels:
    names, numbers, words, shares = [], [], [], []
    for name, values in table.items():
        if holds_words(values):
            level, labels = pd.factorize(values, sort=True)
            called = [str(label) for label in labels]
        else:
            level = level_numbers(values.fillna(values.median())).to_numpy()
            called = [f"{v:.3g}" for v in values.groupby(level).median()]
        if len(called) > 1:
            names.append(str(name))
            numbers.append(level)
            words.append(called)
            shares.append(np.bincount(level) / len(level))
    stacked = np.stack(numbers, axis=1) if numbers else np.empty((len(table), 0), dtype=int)
    return _Levels(names, stacked, words, shares)


def _held_out(
    levels: _Levels, score: np.ndarray, pairs: list[tuple[int, int]], seed: int
) -> tuple[np.ndarray, np.ndarray, Marginals]:
    """Hold the terms of each fold against the configurations that its forest did not see.

    What each takes off their squared errors, (pairs, configurations), these errors, and the terms
    averaged over the folds.
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold

    added, residuals = np.empty((len(pairs), len(score))), np.empty(len(score))
    folds = []
    for train, held_out in KFold(FOLDS, shuffle=True, random_state=seed).split(score):
        forest = RandomForestRegressor(
            TREES,
            min_samples_leaf=SMALLEST_LEAF,
            max_leaf_nodes=MOST_LEAVES,
            max_features=0.5,
            random_state=seed,
        )
        mean = score[train].mean()
        forest.fit(levels.numbers[train], score[train] - mean)
        first, second = _terms([one.tree_ for one in forest.estimators_], levels, pairs)
        own = levels.numbers[held_out]
        left = score[held_out] - mean - forest.predict(own)
        residuals[held_out] = left
        for at, (a, b) in enumerate(pairs):
            term = second[a, b][own[:, a], own[:, b]]
            # Without the term less with it, all others being there.
            added[at, held_out] = (left + term) ** 2 - left**2
        folds.append((first, second))
    first = [np.mean(every, axis=0) for every in zip(*(f for f, _ in folds), strict=True)]
    second = {pair: np.mean([s[pair] for _, s in folds], axis=0) for pair in pairs}
    return added, residuals, (first, second)


def _terms(trees: list[Tree], levels: _Levels, pairs: list[tuple[int, int]]) -> Marginals:
    """Take a forest apart: means over all levels of the others, less those of lower order."""
    first = [np.zeros(len(share)) for share in levels.shares]
    second = {(a, b): np.zeros((len(first[a]), len(first[b]))) for a, b in pairs}
    for value, inside in (_leaves(tree, levels) for tree in trees):
        # Share of all levels of a hyperparameter that reach a leaf, (hyperparameters, leaves).
        reach = np.stack([own @ share for own, share in zip(inside, levels.shares, strict=True)])
        weight = value * reach.prod(axis=0)
        for at, own in enumerate(inside):
            first[at] += (weight / reach[at]) @ own
        for a, b in pairs:
            second[a, b] += (inside[a] * (weight / (reach[a] * reach[b]))[:, None]).T @ inside[b]
    first = [f / len(trees) for f in first]
    mean = float(first[0] @ levels.shares[0])
    first = [f - mean for f in first]
    second = {
        (a, b): joint / len(trees) - mean - first[a][:, None] - first[b]
        for (a, b), joint in second.items()
    }
    return first, second


def _leaves(tree: Tree, levels: _Levels) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the value of each leaf, and which levels of each hyperparameter reach it."""
    inside = [np.ones((tree.node_count, len(share)), dtype=bool) for share in levels.shares]
    # A node has a higher number than the one that it is split from.
    for node, at, threshold, children in _splits(tree):
        below = np.arange(len(levels.shares[at])) <= threshold
        for child, kept in zip(children, (below, ~below), strict=True):
            for own in inside:
                own[child] = own[node]
            inside[at][child] &= kept
    leaf = tree.children_left == -1
    return tree.value[leaf, 0, 0], [own[leaf].astype("float64") for own in inside]


def _splits(tree: Tree) -> Iterator[tuple[int, int, float, tuple[int, int]]]:
    children = zip(tree.children_left.tolist(), tree.children_right.tolist(), strict=True)
    nodes = zip(tree.feature.tolist(), tree.threshold.tolist(), children, strict=True)
    for node, (at, threshold, pair) in enumerate(nodes):
        if pair[0] != -1:
            yield node, at, threshold, pair


def _judged(added: np.ndarray, left: np.ndarray, score: np.ndarray) -> dict[str, np.ndarray]:
    from scipy import stats

    count = len(score)
    total = ((score - score.mean()) ** 2).mean()
    explained = added.mean(axis=1) / total
    error = added.std(axis=1, ddof=1) / np.sqrt(count) / total
    with np.errstate(invalid="ignore", divide="ignore"):
        p_value = np.where(error > 0, stats.t.sf(explained / error, count - 1), 1.0)
    # A term of variance q takes off 2 f e + f^2 of an error e: its mean q is known up to a standard
    # error of 2 sqrt(q var(e) / n), and q has to be so many of them.
    errors = stats.norm.isf(LEVEL / len(added)) + stats.norm.ppf(POWER)
    return {
        "explained": explained,
        "standard_error": error,
        "p_value": p_value,
        "told": np.array(holm(p_value.tolist())) <= LEVEL,
        "decidable": np.full(len(added), 4 * errors**2 * (left**2).mean() / total / count),
    }


def _surface(levels: _Levels, marginals: Marginals, pair: tuple[int, int]) -> pd.DataFrame:
    (a, b), (first, second) = pair, marginals
    beyond = second[pair]
    mean = beyond + first[a][:, None] + first[b]
    index = pd.MultiIndex.from_product(
        [levels.words[a], levels.words[b]], names=["first_level", "second_level"]
    )
    table = pd.DataFrame({"mean": mean.ravel(), "beyond": beyond.ravel()}, index=index)
    named = table.reset_index().assign(first=levels.names[a], second=levels.names[b])
    return named[list(SURFACE)]
