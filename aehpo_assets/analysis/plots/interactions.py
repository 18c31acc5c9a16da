"""Picture of which hyperparameters matter together.

The computation belongs to ``aehpo_assets.analysis.interactions``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aehpo_assets.analysis.plots.style import drawing, nothing_to_show, rendered, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_SURFACES = 2


def interactions(
    pairs: pd.DataFrame, surfaces: pd.DataFrame, hyperparameters: Sequence[str]
) -> bytes:
    """What each pair explains beyond its two, and what the strongest ones do.

    Parameters
    ----------
    pairs, surfaces
        Tables of :func:`aehpo_assets.analysis.interactions.pairwise_interactions`.
    hyperparameters
        Their order.

    Returns
    -------
    bytes
        PNG. Each square is a pair, those with a number are told from chance; beside it, for the
        two strongest of these, the score at each of their levels less the mean over all.
    """
    named = {*pairs["first"], *pairs["second"]}
    names = [name for name in hyperparameters if name in named]
    known = not pairs["explained"].isna().all() and len(names) > 1
    shown = pairs[pairs["told"]].head(MOST_SURFACES) if known else pairs.head(0)
    side = max(3.2, 1.4 + 0.3 * len(names))
    size = {"width": side + 1.2 + 3.4 * len(shown), "height": side}
    with drawing(1, 1 + len(shown), **size) as (figure, axes):
        if not known:
            nothing_to_show(axes[0], "too few configurations to tell")
            return rendered(figure)
        _pairs(figure, axes[0], pairs, names)
        for panel, row in zip(axes[1:], shown.itertuples(), strict=True):
            own = (surfaces["first"] == row.first) & (surfaces["second"] == row.second)
            _surface(figure, panel, surfaces[own])
        return rendered(figure)


def _pairs(figure: Figure, panel: Axes, pairs: pd.DataFrame, names: list[str]) -> None:
    shares = np.full((len(names), len(names)), np.nan)
    for row in pairs.itertuples():
        low, high = sorted((names.index(row.first), names.index(row.second)))
        shares[high, low] = max(row.explained, 0)
        if row.told:
            panel.text(low, high, f"{100 * row.explained:.0f}", ha="center", va="center", size=8)
    top = max(0.05, float(np.nanmax(shares)))
    # Words are dark on it: the darker half of the colours is left out.
    drawn = panel.imshow(shares[1:, :-1], cmap="Blues", vmin=0, vmax=1.8 * top, aspect="auto")
    drawn.set_extent((-0.5, len(names) - 1.5, len(names) - 0.5, 0.5))
    panel.set_xticks(range(len(names) - 1), [shortened(n) for n in names[:-1]], rotation=90)
    panel.set_yticks(range(1, len(names)), [shortened(n) for n in names[1:]])
    panel.grid(visible=False)
    panel.set_title("% of variance beyond both alone", fontsize=9)
    bar = figure.colorbar(drawn, ax=panel, shrink=0.8, boundaries=np.linspace(0, top, 64))
    bar.set_ticks([0, top / 2, top], labels=[f"{100 * share:.3g} %" for share in (0, top / 2, top)])


def _surface(figure: Figure, panel: Axes, surface: pd.DataFrame) -> None:
    first, second = surface["first_level"].unique(), surface["second_level"].unique()
    values = surface["mean"].to_numpy().reshape(len(first), len(second))
    reach = float(np.abs(values).max()) or 1.0
    drawn = panel.imshow(
        values, cmap="PuOr", vmin=-reach, vmax=reach, origin="lower", aspect="auto"
    )
    panel.set_xticks(range(len(second)), [shortened(n, 12) for n in second], rotation=45)
    panel.set_yticks(range(len(first)), [shortened(n, 12) for n in first])
    panel.set_xlabel(str(surface["second"].iloc[0]))
    panel.set_ylabel(str(surface["first"].iloc[0]))
    panel.grid(visible=False)
    panel.set_title("valid AUC less the mean over all", fontsize=9)
    figure.colorbar(drawn, ax=panel, shrink=0.8)
