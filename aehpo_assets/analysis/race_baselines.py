"""What a race says of its rivals without tuning: which is the best, and what is to be gained on it.

They are measured in the replicates of the race, but are no candidates: they cost little, have
noise of their own or none, and differ from an autoencoder by how both take a split.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from aehpo_assets.analysis.names import baseline_title
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.noise.verdict import BETTER, EQUAL, WORSE, Difference, verdicts

SHOWN = ["method", "latent_dim"]


@dataclass(frozen=True)
class BesideBaselines:
    """The winner of a race beside the best baseline.

    Attributes
    ----------
    standing
        One row a method and number of dimensions that was scored in every replicate, best first:
        ``method, latent_dim, mean, deviation, replicates``.
    difference
        Winner less best baseline, paired by replicate.
    sentence
        What that says.
    """

    standing: pd.DataFrame
    difference: Difference
    sentence: str


def beside_baselines(
    baselines: pd.DataFrame, winner: pd.DataFrame, equivalence: float
) -> BesideBaselines | None:
    """Compare the winner of a race with the best baseline, in the replicates that the winner has.

    Which baseline is the best is decided by its mean over all replicates of the race. These chose
    the winner too: what either is worth elsewhere, validation says.

    Parameters
    ----------
    baselines
        One row a method, number of dimensions and replicate: ``method, latent_dim, seed`` and the
        valid score.
    winner
        Runs of the winner: ``seed`` and the valid score.
    equivalence
        Half-width of the region in which scores count as equal.

    Returns
    -------
    BesideBaselines or None
        None if no baseline has a score.
    """
    scored = baselines.dropna(subset=[VALID_SCORE])
    if scored.empty:
        return None
    cells = scored.groupby(SHOWN, sort=True)[VALID_SCORE]
    standing = cells.agg(mean="mean", deviation="std", replicates="size").reset_index()
    # Where a replicate has fewer features, its largest cell is another one.
    standing = standing[standing["replicates"] == standing["replicates"].max()]
    standing = standing.sort_values("mean", ascending=False, kind="stable", ignore_index=True)
    best = standing.iloc[0]
    own = scored[(scored[SHOWN] == best[SHOWN]).all(axis=1)]
    both = winner.merge(own, on="seed", suffixes=("_winner", "_baseline"))
    gaps = both[f"{VALID_SCORE}_winner"] - both[f"{VALID_SCORE}_baseline"]
    difference = Difference(float(gaps.mean()), float(gaps.sem()), len(gaps) - 1, len(gaps))
    name = baseline_title(str(best["method"]), int(best["latent_dim"]))
    sentence = _sentence(name, float(best["mean"]), difference, equivalence)
    return BesideBaselines(standing, difference, sentence)


def _sentence(name: str, mean: float, difference: Difference, equivalence: float) -> str:
    if not difference.is_tested:
        return f"{name}: {mean:.3f} on valid. One replicate says nothing of the difference."
    (verdict,) = verdicts([difference], equivalence=equivalence)
    lower, upper = difference.interval()
    where = f"in the same {difference.replicates} replicates"
    if verdict.outcome == WORSE:
        return (
            f"The answer here is {name}: {mean:.3f} on valid. An autoencoder would have to gain "
            f"{-difference.mean:.3f} [{-upper:.3f}, {-lower:.3f}] to reach it, {where}."
        )
    text = f"The winner scores {difference} beside {name} ({mean:.3f} on valid), {where}"
    if verdict.outcome == BETTER:
        return f"{text}: it is better."
    if verdict.outcome == EQUAL:
        return f"{text}: they are equal within {equivalence:g}, and the baseline is simpler."
    return f"{text}: not decided yet, the answer may be {name}."
