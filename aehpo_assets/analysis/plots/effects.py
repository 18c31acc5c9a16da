"""Picture of what each hyperparameter does to the valid score by itself.

The computation belongs to ``aehpo_assets.analysis.effects``.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from aehpo_assets.analysis.effects import MOST_LEVELS, WORD
from aehpo_assets.analysis.plots.style import (
    COLOURS,
    GREY,
    nothing_to_show,
    panels,
    rendered,
    shortened,
    spans_magnitudes,
)

CONFIDENCE = 1.96
"""Standard errors to either side of a mean that make an interval of 95 %."""


def main_effects(effects: pd.DataFrame) -> bytes:
    """Main effect of each hyperparameter, on one scale, so that small ones look small.

    Parameters
    ----------
    effects
        Table of :func:`aehpo_assets.analysis.effects.main_effects`.

    Returns
    -------
    bytes
        PNG. Points are means over the configurations of a level, whiskers 95 % intervals; the
        title says how much of the variance between configurations the hyperparameter explains.
    """
    names = effects["hyperparameter"].drop_duplicates().tolist()
    reach = (effects["effect"].abs() + CONFIDENCE * effects["standard_error"].fillna(0)).max()
    with panels(len(names)) as (figure, axes):
        for name, panel in zip(names, axes, strict=False):
            rows = effects[effects["hyperparameter"] == name]
            explained = rows["explained"].iloc[0]
            share = "" if math.isnan(explained) else f" ({max(explained, 0):.0%})"
            panel.set_title(f"{name}{share}")
            if rows["effect"].isna().all():
                nothing_to_show(panel, "no finite scores")
                continue
            if _levels_are_values(rows):
                position = np.arange(len(rows), dtype=float)
                panel.set_xticks(position, _names(rows))
                panel.set_xlim(-0.5, len(rows) - 0.5)
            else:
                position = rows["value"].to_numpy()
                if spans_magnitudes(rows["value"]):
                    panel.set_xscale("log")
            panel.axhline(0, color=GREY, linewidth=0.8)
            panel.errorbar(
                position,
                rows["effect"],
                yerr=CONFIDENCE * rows["standard_error"].fillna(0),
                color=COLOURS[0],
                marker="o",
                markersize=4,
                elinewidth=1.0,
                capsize=2,
            )
            if reach > 0:
                panel.set_ylim(-1.08 * reach, 1.08 * reach)
        if names:
            figure.supylabel("mean valid AUC less the mean over all", fontsize=9)
            figure.suptitle("in brackets: variance between configurations explained", fontsize=10)
        return rendered(figure)


def _levels_are_values(rows: pd.DataFrame) -> bool:
    if _are_words(rows):
        return True
    return len(rows) <= MOST_LEVELS and bool((rows["lower"] == rows["upper"]).all())


def _are_words(rows: pd.DataFrame) -> bool:
    return WORD in rows and bool((rows[WORD] != "").all())


def _names(rows: pd.DataFrame) -> list[str]:
    if _are_words(rows):
        return [shortened(str(word)) for word in rows[WORD]]
    return [f"{value:g}" for value in rows["value"]]
