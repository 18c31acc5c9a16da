"""A search space narrowed to where good configurations lie, and what that is worth.

It is measured on configurations that had no part in narrowing: those of them that lie inside are
random draws of the narrowed space, as all of them are of the whole one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.analysis.heuristics import FEWEST, SHARE, TOP, promising_ranges
from aehpo_assets.analysis.posterior import posterior_scores, replicate_scores
from aehpo_assets.space.distributions import Choice, Distribution
from aehpo_assets.space.search_space import SearchSpace
from aehpo_assets.store.provenance import named_seed

FOLDS = 5
DRAWS = (1, 5, 20)
"""So many random configurations are drawn, and the best of them is kept."""

BOOTSTRAPS = 400
PREDICTED = 1000
DIGITS = 3

COLUMNS = ("draws", "whole", "narrowed", "gain", "lower", "upper", "inside", "configurations")


@dataclass(frozen=True)
class NarrowedSpace:
    """A narrowed space, what it rests on and what it is worth.

    Attributes
    ----------
    space
        Hyperparameter to what a study's ``space`` would say of it, of those that are narrowed.
    support
        One row a hyperparameter: the ranges of :func:`promising_ranges`, ``space`` (what is there
        now) and ``narrowed`` (what is left of it; empty where nothing is told from chance).
    worth
        One row a number of ``draws``: ``whole`` and ``narrowed``, the mean valid score of the best
        of so many random configurations of the two spaces, chosen by one half of the replicates
        and scored by the other; ``gain`` with ``lower`` and ``upper`` (95 %, bootstrap over
        configurations); ``inside``, how many of the ``configurations`` held out lay in the space
        that the others narrowed. Empty where nothing is narrowed.
    """

    space: dict[str, Any]
    support: pd.DataFrame
    worth: pd.DataFrame


def narrowed_space(results: pd.DataFrame, space: SearchSpace, seed: int = 0) -> NarrowedSpace:
    """Narrow a space to where the best configurations of a task lie, and measure it.

    The best are those of the highest posterior means, a fifth of all and fifty at most. A
    hyperparameter is narrowed to where four in five of them lie, if the configurations of the
    highest plain means lie otherwise than the rest by more than chance, and left alone if not:
    posterior means follow the hyperparameters, and would lie together by chance as well. Words are
    left alone.

    Parameters
    ----------
    results
        Run results of one architecture and task, of configurations drawn from the space.
    space
        Its search space.
    seed
        Seeds forests, folds and bootstrap.
    """
    support = _support(results, space, seed)
    kept = _kept(support, space)
    support["space"] = [str(space.hyperparameters[n]) for n in support["hyperparameter"]]
    support["narrowed"] = [_text(kept.get(name)) for name in support["hyperparameter"]]
    worth = _worth(results, space, seed) if kept else pd.DataFrame(columns=list(COLUMNS))
    return NarrowedSpace(kept, support, worth)


def predicted_worth(
    predict: Callable[[list[dict[str, Any]]], np.ndarray],
    whole: SearchSpace,
    narrowed: SearchSpace,
    seed: int = 0,
) -> pd.DataFrame:
    """Return what a surrogate says of a narrowed space: it knows the runs that narrowed it.

    Parameters
    ----------
    predict
        Configurations to their predicted scores.
    whole, narrowed
        The two spaces.
    seed
        Seeds the draws.

    Returns
    -------
    pandas.DataFrame
        One row a number of ``draws``: ``predicted_whole`` and ``predicted_narrowed``, the mean of
        the highest prediction among so many.
    """
    of = {}
    for name, space in {"predicted_whole": whole, "predicted_narrowed": narrowed}.items():
        generator = random.Random(named_seed(seed, name))
        drawn = [
            {key: domain.draw(generator) for key, domain in space.hyperparameters.items()}
            for _ in range(PREDICTED)
        ]
        scores = np.asarray(predict(drawn), dtype="float64")
        of[name] = [expected_best(scores, scores, draws) for draws in DRAWS]
    return pd.DataFrame({"draws": DRAWS, **of})


def narrowed_text(found: NarrowedSpace) -> str:
    """Return in words how much a narrowed space is worth, and on what that rests.

    Parameters
    ----------
    found
        Of :func:`narrowed_space`.
    """
    if not found.space:
        return "The space is not narrowed: no range of values is told from chance."
    known = found.worth.dropna(subset=["gain"])
    if known.empty:
        return (
            "What narrowing is worth was not measured: too few of the configurations held out lie "
            "inside."
        )
    said = [
        f"{'a random configuration' if row.draws == 1 else f'the best of {row.draws}'} scores "
        f"{row.narrowed:.3f} instead of {row.whole:.3f}, {row.gain:+.3f} "
        f"[{row.lower:+.3f}, {row.upper:+.3f}]"
        for row in known.itertuples()
    ]
    first, told = known.iloc[0], known["lower"] > 0
    few = "; too few lie inside for more draws" if len(known) < len(DRAWS) else ""
    verdict = "" if told.all() else "; where an interval holds 0, that may be chance"
    return (
        f"Of {int(first['configurations'])} configurations held out, {int(first['inside'])} lie "
        f"inside what the others narrow: {', '.join(said)}{verdict}{few}."
    )


def expected_best(choice: np.ndarray, value: np.ndarray, draws: int) -> float:
    """Mean value of the one with the highest choice among so many drawn without replacement.

    Parameters
    ----------
    choice, value
        (configurations,) what is chosen by, and what the chosen one is worth.
    draws
        At most as many as there are configurations.
    """
    from scipy.special import gammaln

    count = len(choice)
    ordered = value[np.argsort(-choice, kind="stable")]
    # The one at rank i is the best drawn where all others drawn lie behind it.
    behind = np.arange(count - 1, draws - 2, -1)
    log_share = (
        gammaln(behind + 1)
        - gammaln(behind - draws + 2)
        - gammaln(count + 1)
        + gammaln(count - draws + 1)
        + np.log(draws)
    )
    return float(np.exp(log_share) @ ordered[: len(behind)])


def _support(results: pd.DataFrame, space: SearchSpace, seed: int) -> pd.DataFrame:
    varying = [name for name in space.names if results[name].nunique() > 1]
    posterior = posterior_scores(results, varying, seed) if varying else pd.Series(dtype=float)
    count = min(TOP, max(1, -(-len(posterior) // SHARE)))
    best = posterior.sort_values(ascending=False, kind="stable").head(count).index
    table, plain = (
        found[found["kind"] == "hyperparameter"].set_index("quantity")
        for found in (promising_ranges(results, varying, one) for one in (best, None))
    )
    table = table.assign(p_value=plain["p_value"], supported=plain["supported"])
    return table.rename_axis("hyperparameter").reset_index().drop(columns="kind")


def _kept(support: pd.DataFrame, space: SearchSpace) -> dict[str, Any]:
    """Return hyperparameter to what a study would say of it, of those that are narrowed."""
    told = support[support["supported"]].set_index("hyperparameter")
    found = {
        str(name): _narrowed(space.hyperparameters[str(name)], row["lower"], row["upper"])
        for name, row in told.iterrows()
    }
    return {name: narrowed for name, narrowed in found.items() if narrowed is not None}


def _narrowed(given: Distribution, lower: float, upper: float) -> Any:
    """Return what a study would say of a narrowed distribution; None where nothing is left out."""
    if isinstance(given, Choice):
        kept = [v for v in given.values if not isinstance(v, str) and lower <= v <= upper]
        return kept if 0 < len(kept) < len(given.values) else None
    low, high = (float(f"{bound:.{DIGITS}g}") for bound in (lower, upper))
    ends = [max(low, given.lower), min(high, given.upper)]
    if ends[0] >= ends[1] or ends == [given.lower, given.upper]:
        return None
    return {next(iter(given.to_json())): ends}


def _text(narrowed: Any) -> str:
    if isinstance(narrowed, dict):
        kind, (lower, upper) = next(iter(narrowed.items()))
        return f"{kind} [{lower:g}, {upper:g}]"
    return "" if narrowed is None else f"[{', '.join(f'{value:g}' for value in narrowed)}]"


def _contains(narrowed: Any, values: pd.Series) -> pd.Series:
    if isinstance(narrowed, dict):
        return values.between(*next(iter(narrowed.values())))
    return values.isin(narrowed)


def _worth(results: pd.DataFrame, space: SearchSpace, seed: int) -> pd.DataFrame:
    """Narrow by four folds of configurations, and look at the fifth."""
    from sklearn.model_selection import KFold

    scores = replicate_scores(results).dropna()
    ids = results["config_id"].astype(str)
    values = results.drop_duplicates("config_id").set_index(ids.drop_duplicates())
    inside = pd.Series(False, scores.index)
    if len(scores) >= FOLDS * FEWEST / (FOLDS - 1):
        folds = KFold(FOLDS, shuffle=True, random_state=named_seed(seed, "folds"))
        for train, held_out in folds.split(scores):
            own = results[ids.isin(scores.index[train])]
            out = scores.index[held_out]
            is_in = pd.Series(True, out)
            for name, narrowed in _kept(_support(own, space, seed), space).items():
                is_in &= _contains(narrowed, values.loc[out, name])
            inside[out] = is_in
    rows = [
        row
        for draws in (DRAWS if scores.shape[1] > 1 else DRAWS[:1])
        if (row := _gain(scores.to_numpy(), inside.to_numpy(), draws, seed)) is not None
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _gain(scores: np.ndarray, inside: np.ndarray, draws: int, seed: int) -> tuple[Any, ...] | None:
    # With fewer, the best of so many draws would be that of nearly the same ones each time.
    if inside.sum() < 2 * draws or inside.sum() < 3:
        return None
    generator = np.random.default_rng(named_seed(seed, "narrowed", draws))
    whole, narrowed = _best(scores, draws), _best(scores[inside], draws)
    gains = []
    for _ in range(BOOTSTRAPS):
        chosen = generator.integers(len(scores), size=len(scores))
        drawn, is_in = scores[chosen], inside[chosen]
        if is_in.sum() >= draws:
            gains.append(_best(drawn[is_in], draws) - _best(drawn, draws))
    lower, upper = np.quantile(gains, [0.025, 0.975])
    count = (int(inside.sum()), len(scores))
    return (draws, whole, narrowed, narrowed - whole, float(lower), float(upper), *count)


def _best(scores: np.ndarray, draws: int) -> float:
    """The best of so many, chosen by one half of the replicates and scored by the other."""
    if draws == 1:
        return float(scores.mean())
    halves = scores[:, ::2].mean(axis=1), scores[:, 1::2].mean(axis=1)
    return (expected_best(*halves, draws) + expected_best(*halves[::-1], draws)) / 2
