"""Whether compared configurations were trained to the end of what training gives.

An autoencoder whose reconstruction still improves, or explains less than the mean does, says
little of autoencoders beside PCA. Here belong the gate and its sentence; what is compared with what
belongs to ``validation_summary``, verdicts to ``verdict``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from aehpo_assets.analysis.names import ORIGIN_NAMES

FALL = "last_tenth_fall"
"""Column of validated runs: relative fall of the train reconstruction loss over the last tenth of
the training; missing where too few epochs were trained to tell, or the loss is not finite."""

STILL_FALLING = 0.01
"""A loss that falls by more than this share over the last tenth has not settled."""


def with_fall(results: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Add to run results how far the loss still fell at the end.

    Parameters
    ----------
    results
        One row a run, with ``config_id`` and ``seed``.
    curves
        Their learning curves: ``config_id``, ``seed``, ``epoch``, ``train_recon_loss``, kept at the
        end and before the last tenth. Of several earlier epochs the one nearest to nine tenths is
        taken. A stretch that is not a tenth, as whole epochs may make it, is scaled to one.

    Returns
    -------
    pandas.DataFrame
        ``results`` with :data:`FALL`, positive where the loss fell.
    """
    key = ["config_id", "seed"]
    end = curves.groupby(key)["epoch"].transform("max")
    share = curves["epoch"] / end
    known = curves[[*key, "train_recon_loss"]].assign(share=share, distance=(share - 0.9).abs())
    last = known[share == 1].drop_duplicates(key)
    before = known[share < 1].sort_values("distance", kind="stable").drop_duplicates(key)
    both = last.merge(before, on=key, suffixes=("", "_before"))
    fell = 1 - both["train_recon_loss"] / both["train_recon_loss_before"]
    fall = fell * 0.1 / (1 - both["share_before"])
    both[FALL] = fall.where(np.isfinite(fall))
    return results.merge(both[[*key, FALL]], on=key, how="left")


def convergence(validated: pd.DataFrame) -> pd.DataFrame:
    """Say of every validated configuration whether its training had converged.

    Parameters
    ----------
    validated
        One row a candidate and seed: ``origin``, ``config_id``, ``status``, ``train_r2`` and,
        where it is known, :data:`FALL` and ``early_stopped``. Only runs that ended well count. One
        that stopped early had settled: its valid loss no longer fell.

    Returns
    -------
    pandas.DataFrame
        One row a candidate, in their order: ``name``, ``origin``, ``config_id``, ``runs``,
        :data:`FALL` and ``train_r2`` (means over the runs), ``still_falling`` (missing where it is
        not known) and ``train_r2_below_0``.
    """
    runs = validated[validated["status"] == "ok"]
    if FALL not in runs:
        runs = runs.assign(**{FALL: np.nan})
    if "early_stopped" in runs:
        early = runs["early_stopped"].fillna(False).astype(bool)
        runs = runs.assign(**{FALL: runs[FALL].mask(early)}, early_stopped=early)
    else:
        runs = runs.assign(early_stopped=False)
    groups = runs.groupby(["origin", "config_id"], sort=False)
    table = groups.agg(
        runs=("train_r2", "size"),
        early_stopped=("early_stopped", "all"),
        **{name: (name, "mean") for name in (FALL, "train_r2")},
    ).reset_index()
    names = table["origin"].map(ORIGIN_NAMES)
    table.insert(0, "name", names + " " + table["config_id"].astype(str))
    falling = (table[FALL] > STILL_FALLING).astype("boolean")
    table["still_falling"] = falling.where(table[FALL].notna() | table.pop("early_stopped"))
    table["train_r2_below_0"] = table["train_r2"] < 0
    return table


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"the {name}" for name in names)


def convergence_sentence(table: pd.DataFrame) -> str:
    """Warn of configurations whose training had not converged, or of which that is not known.

    Parameters
    ----------
    table
        Rows of :func:`convergence`: those that are compared.

    Returns
    -------
    str
        To stand beside every sentence that compares with a baseline; empty if there is nothing to
        warn of.
    """
    falling = table[table["still_falling"].fillna(False).astype(bool)]
    below = table[table["train_r2_below_0"]]
    unknown = table.loc[table["still_falling"].isna(), "name"]
    found = []
    if len(falling):
        of = _listed(f"{row['name']} ({100 * row[FALL]:.1f} %)" for _, row in falling.iterrows())
        found.append(
            "the reconstruction loss on train still fell by more than "
            f"{100 * STILL_FALLING:g} % over the last tenth of the training of {of}"
        )
    if len(below):
        of = _listed(f"{row['name']} ({row['train_r2']:.2f})" for _, row in below.iterrows())
        found.append(f"the train R2 is below 0 for {of}")
    sentences = []
    if found:
        sentences.append(f"Longer training may change what is compared: {' and '.join(found)}.")
    if len(unknown):
        sentences.append(f"Whether training had converged is not known for {_listed(unknown)}.")
    return " ".join(sentences)
