"""Scores against the number of train samples: where a tuned autoencoder overtakes PCA.

Training belongs to ``aehpo_gpu.runs.train_sizes``; what can be said of a difference to
``aehpo_assets.noise.verdict``.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from aehpo_assets.analysis.improvement import mean_difference, own_estimate
from aehpo_assets.analysis.names import (
    BASELINE,
    ORIGIN_NAMES,
    RECOMMENDED,
    UNTUNED_DEFAULT,
    baseline_title,
)
from aehpo_assets.analysis.validated_runs import scored_runs
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.noise.verdict import BETTER, EQUAL, NOT_YET, WORSE, verdicts

ORIGINS = (RECOMMENDED, UNTUNED_DEFAULT, BASELINE)

CURVES = ["origin", "name", "train_size", "valid", "lower", "upper", "replicates"]
AGAINST_PCA = ["train_size", "difference", "lower", "upper", "replicates", "outcome"]


def size_curves(scores: pd.DataFrame) -> pd.DataFrame:
    """Average the scores of each size over its replicates.

    Parameters
    ----------
    scores
        Table of ``train_size_curve``: a row an origin (``recommended``, ``untuned_default``,
        ``baseline``), ``train_size`` and ``seed``, with the valid score.

    Returns
    -------
    pandas.DataFrame
        One row an origin and size: :data:`CURVES`. ``lower, upper`` are 95 % of the mean over
        replicates, missing where there is one.
    """
    rows = []
    finished = scored_runs(scores)
    for origin in ORIGINS:
        own = finished[finished["origin"] == origin]
        for size, runs in own.groupby("train_size"):
            mean = own_estimate(runs[VALID_SCORE], has_seed=True)
            lower, upper = mean.interval()
            rows.append(
                {
                    "origin": origin,
                    "name": _name(origin, own),
                    "train_size": int(str(size)),
                    "valid": mean.mean,
                    "lower": lower,
                    "upper": upper,
                    "replicates": mean.replicates,
                }
            )
    return pd.DataFrame(rows, columns=CURVES)


def _name(origin: str, rows: pd.DataFrame) -> str:
    if origin != BASELINE:
        return ORIGIN_NAMES[origin]
    return baseline_title("pca", int(rows["latent_dim"].max()))


def against_pca(scores: pd.DataFrame) -> pd.DataFrame:
    """Compare the recommended autoencoder with PCA on every size, paired by replicate.

    Parameters
    ----------
    scores
        As for :func:`size_curves`.

    Returns
    -------
    pandas.DataFrame
        One row a size, ascending: :data:`AGAINST_PCA`. ``difference`` is the autoencoder's valid
        score less that of PCA; ``outcome`` (``better``, ``worse``, ``equal``, ``not yet``) is given
        for all sizes together.
    """
    finished = scored_runs(scores)
    wide = {
        origin: finished[finished["origin"] == origin].pivot(
            index="seed", columns="train_size", values=VALID_SCORE
        )
        for origin in (RECOMMENDED, BASELINE)
    }
    each = wide[RECOMMENDED] - wide[BASELINE]
    found = {int(size): mean_difference(each[size].dropna()) for size in each}
    outcomes = verdicts(list(found.values()))
    rows = []
    for (size, one), verdict in zip(found.items(), outcomes, strict=True):
        lower, upper = one.interval() if one.is_tested else (float("nan"), float("nan"))
        rows.append([size, one.mean, lower, upper, one.replicates, verdict.outcome])
    return pd.DataFrame(rows, columns=AGAINST_PCA)


def overtaking_sentence(compared: pd.DataFrame, architecture: str) -> str:
    """Say on which sizes an autoencoder is better than PCA, and from where on.

    Parameters
    ----------
    compared
        Output of :func:`against_pca`.
    architecture
        Whose recommendation it is.
    """
    sizes = {name: _list(own["train_size"]) for name, own in compared.groupby("outcome")}
    words = {
        BETTER: "better with",
        EQUAL: "equal with",
        WORSE: "worse with",
        NOT_YET: "not told apart with",
    }
    told = [f"{words[name]} {sizes[name]}" for name in words if name in sizes]
    most = int(compared["train_size"].max())
    is_better = compared["outcome"] == BETTER
    if is_better.all():
        end = "It is ahead from the smallest size on."
    elif is_better.iloc[-1]:
        first = compared["train_size"][~is_better[::-1].cummin()[::-1]].max()
        end = f"It overtakes PCA beyond {first:,} samples."
    else:
        end = f"It is not shown to overtake PCA with up to {most:,} samples."
    return f"Against PCA, the recommended {architecture} is {'; '.join(told)} train samples. {end}"


def _list(sizes: Iterable[int]) -> str:
    return ", ".join(f"{size:,}" for size in sizes)
