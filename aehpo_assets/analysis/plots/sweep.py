"""Picture of a sweep: scores against the swept value, a line for each value of a second one.

The computation belongs to ``aehpo_assets.analysis.sweep``.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from aehpo_assets.analysis.configurations import holds_words
from aehpo_assets.analysis.plots.style import (
    COLOURS,
    drawing,
    rendered,
    shortened,
    spans_magnitudes,
)
from aehpo_assets.hpo.columns import VALID_R2, VALID_SCORE
from aehpo_assets.space.distributions import value_text

TITLES = {VALID_SCORE: "valid score (weighted average AUC)", VALID_R2: "valid R²"}

MARKERS = "osD^vPX*"


def sweep(table: pd.DataFrame, swept: Sequence[str]) -> bytes:
    """Draw the valid score and the valid R2 against the swept value.

    Parameters
    ----------
    table
        Of :func:`aehpo_assets.analysis.sweep.sweep_scores`.
    swept
        The hyperparameter on the axis, and a second one that has a line for each value.

    Returns
    -------
    bytes
        PNG. Points are means over replicates, whiskers their 95 % intervals where three replicates
        or more have them; a filled point is not told from the best of its line.
    """
    axis, *second = swept
    shown = [name for name in TITLES if (table["outcome"] == name).any()]
    with drawing(1, len(shown), width=4.6 * len(shown), height=3.6) as (figure, axes):
        for panel, name in zip(axes, shown, strict=True):
            own = table[table["outcome"] == name]
            places = _places(own[axis])
            lines = [("", own)]
            if second:
                groups = own.groupby(second[0], sort=True)
                lines = [(value_text(value), line) for value, line in groups]
            for at, (label, line) in enumerate(lines):
                colour, marker = COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)]
                x = places[line.index].sort_values()
                ordered = line.loc[x.index]
                panel.plot(x, ordered["mean"], color=colour, linewidth=1.2, label=label)
                for told, face in ((False, colour), (True, "white")):
                    part = ordered["told"] == told
                    panel.plot(
                        x[part], ordered["mean"][part], marker, color=colour, mfc=face, markersize=5
                    )
                known = ordered["lower"].notna()
                half = (ordered["upper"] - ordered["mean"])[known]
                panel.errorbar(
                    x[known],
                    ordered["mean"][known],
                    yerr=half,
                    fmt="none",
                    color=colour,
                    elinewidth=1,
                    capsize=2,
                )
            if holds_words(own[axis]):
                names = sorted(own[axis].unique())
                panel.set_xticks(range(len(names)), [shortened(n) for n in names])
            elif spans_magnitudes(own[axis]):
                panel.set_xscale("log")
            panel.set_xlabel(axis)
            panel.set_title(TITLES[name])
        if second:
            axes[0].legend(title=second[0], fontsize=8, title_fontsize=8)
        return rendered(figure)


def _places(values: pd.Series) -> pd.Series:
    """Where values lie on the axis: numbers as they are, words in order."""
    if not holds_words(values):
        return values.astype("float64")
    names = sorted(values.unique())
    return values.map(names.index).astype("float64")
