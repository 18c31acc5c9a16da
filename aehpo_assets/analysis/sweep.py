"""What a sweep says: scores at every swept value, and which of them replicates tell apart.

What a sweep consists of belongs to ``aehpo_assets.space.sweep``, the picture to
``aehpo_assets.analysis.plots``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aehpo_assets.hpo.columns import VALID_R2, VALID_SCORE
from aehpo_assets.hpo.objectives import FAILED_SCORE
from aehpo_assets.noise.power import LEVEL
from aehpo_assets.noise.verdict import holm
from aehpo_assets.space.distributions import value_text

FEWEST_REPLICATES = 3
"""With fewer, an interval of a mean is too wide to say anything."""

COLUMNS = ("outcome", "mean", "lower", "upper", "behind", "p_value", "told", "replicates", "runs")


def sweep_scores(results: pd.DataFrame, swept: Sequence[str]) -> pd.DataFrame:
    """Return the valid scores of a sweep, a row an outcome and combination of swept values.

    Replicates share their splits, so values are compared within each: what is behind the best value
    is judged by the differences of the two in every replicate (Student's t). That the best is the
    best of several is not undone: it makes differences look a little larger than they are.

    Parameters
    ----------
    results
        Run results of one architecture and task.
    swept
        The hyperparameter on the axis; a second one has a line for each of its values, among which
        the best is chosen separately.

    Returns
    -------
    pandas.DataFrame
        The swept hyperparameters, ``outcome`` (the valid score, the valid R2, and the valid AUC or
        R2 of every label), ``mean`` over replicates, ``lower`` and ``upper`` (95 %, Student's t;
        NaN with fewer than three replicates), ``behind`` (the best value of the same line less this
        one), ``p_value`` (of that difference, two-sided; NaN for the best itself and with fewer
        than three replicates), ``told`` (by Holm's method at 5 % over a line), ``replicates`` and
        ``runs`` (those that ended well; another counts as an AUC of 0.5, and has no R2).
    """
    parts = [_outcome(results, list(swept), name) for name in _outcomes(results)]
    return pd.concat(parts, ignore_index=True)[[*swept, *COLUMNS]]


def sweep_text(table: pd.DataFrame, swept: Sequence[str]) -> list[str]:
    """Return a sentence a line of the sweep: which value is best, and which are not told from it.

    Parameters
    ----------
    table
        Of :func:`sweep_scores`.
    swept
        As there.
    """
    scores = table[table["outcome"] == VALID_SCORE]
    axis, *second = swept
    sentences = []
    for key, line in scores.groupby(second, sort=True) if second else [((), scores)]:
        where = "".join(f"{n} {value_text(v)}: " for n, v in zip(second, key, strict=True))
        best = line.loc[line["behind"].idxmin()]
        value = f"{where}{axis} {value_text(best[axis])}"
        said = f"{value} has the highest valid score, {best['mean']:.3f}"
        others = line.drop(index=best.name)
        if line["p_value"].isna().all():
            sentences.append(
                f"{said}; whether that is chance is not known: {FEWEST_REPLICATES} replicates at "
                f"least are needed, there are {int(best['replicates'])}."
            )
            continue
        told, same = (
            ", ".join(value_text(v) for v in own[axis])
            for own in (others[others["told"]], others[~others["told"]])
        )
        sentences.append(
            f"{said}; "
            + (f"worse are {told}" if told else "no other value is told from it")
            + (f", and not told from it {same}" if told and same else "")
            + f", over {int(best['replicates'])} replicates."
        )
    return sentences


def _outcomes(results: pd.DataFrame) -> list[str]:
    """The score first, then R2, then labels."""
    labels = [
        name
        for name in results.columns
        if name.startswith(("auc_", "r2_")) and name.endswith("_valid")
    ]
    known = [name for name in (VALID_SCORE, VALID_R2) if name in results]
    return [name for name in [*known, *labels] if results[name].notna().any()]


def _outcome(results: pd.DataFrame, swept: list[str], name: str) -> pd.DataFrame:
    values = pd.to_numeric(results[name], errors="coerce").where(results["status"] == "ok")
    if name == VALID_SCORE or name.startswith("auc_"):
        values = values.fillna(FAILED_SCORE)
    own = results[[*swept, "seed"]].assign(value=values, ok=results["status"] == "ok")
    # Combinations x replicates.
    wide = own.pivot_table("value", swept, "seed", dropna=False).dropna(how="all")
    table = wide.mean(axis=1).rename("mean").to_frame()
    table["lower"], table["upper"] = _interval(wide)
    table["replicates"] = wide.notna().sum(axis=1)
    table["runs"] = own.groupby(swept)["ok"].sum().reindex(table.index)
    lines = wide.groupby(level=swept[1:]) if len(swept) > 1 else [((), wide)]
    judged = pd.concat([_behind(line) for _, line in lines])
    return table.join(judged).reset_index().assign(outcome=name)


def _interval(wide: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    from scipy import stats

    count = wide.notna().sum(axis=1)
    quantile = stats.t.ppf(1 - LEVEL / 2, np.maximum(count - 1, 1))
    half = (wide.sem(axis=1) * quantile).where(count >= FEWEST_REPLICATES)
    mean = wide.mean(axis=1)
    return mean - half, mean + half


def _behind(line: pd.DataFrame) -> pd.DataFrame:
    """Return how far each value of a line is behind its best, and whether that is told."""
    from scipy import stats

    mean = line.mean(axis=1)
    best = mean.idxmax()
    differences = (-line).add(line.loc[best], axis=1)
    p_value = pd.Series(np.nan, line.index)
    for place, own in differences.drop(index=[best]).iterrows():
        own = own.dropna()
        if len(own) >= FEWEST_REPLICATES:
            spread = own.std(ddof=1)
            p = 2 * stats.t.sf(abs(own.mean()) / (spread / np.sqrt(len(own))), len(own) - 1)
            p_value[place] = p if spread > 0 else float(own.mean() == 0)
    known = p_value.dropna()
    told = pd.Series(False, line.index)
    told[known.index] = np.array(holm(known.tolist())) <= LEVEL
    return pd.DataFrame({"behind": mean[best] - mean, "p_value": p_value, "told": told})
