"""Pictures of a benchmark: anytime curves with bands, critical differences, and promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aehpo_assets.analysis.plots.style import nothing_to_show
from aehpo_assets.hpo.benchmark.significance import CriticalDifference
from aehpo_assets.hpo.benchmark.summary import BenchmarkSummary
from aehpo_assets.noise.words import KNOWN

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def anytime_figure(bands: pd.DataFrame, quantity: str, axis: str) -> Figure:
    """Draw one line with its band per searcher.

    Parameters
    ----------
    bands
        Output of ``regret_bands`` or ``rank_bands``.
    quantity, axis
        Names of the vertical and horizontal axis.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for searcher, band in bands.groupby("searcher", sort=False):
        band = band.sort_values("budget")
        line = axes.plot(band["budget"], band["mean"], label=str(searcher))[0]
        axes.fill_between(
            band["budget"], band["lower"], band["upper"], alpha=0.15, color=line.get_color()
        )
    axes.set_xlabel(axis)
    axes.set_ylabel(quantity)
    axes.legend(fontsize=8, ncols=2)
    return figure


def critical_difference_figure(result: CriticalDifference) -> Figure:
    """Draw mean ranks on a line, with bars over those that cannot be told apart (Demšar 2006)."""
    from matplotlib.figure import Figure

    names, values = list(result.mean_ranks.index), result.mean_ranks.to_numpy()
    figure = Figure(figsize=(7, 1.4 + 0.25 * len(names)), layout="constrained")
    axes = figure.subplots()
    for position, (name, value) in enumerate(zip(names, values, strict=True)):
        depth = -0.6 - 0.5 * position
        axes.plot([value, value], [0, depth], color="0.6", linewidth=0.8)
        axes.text(value, depth, f" {name} ({value:.2f})", va="center", fontsize=8)
    for level, group in enumerate(result.groups):
        inside = result.mean_ranks[list(group)]
        height = 0.25 + 0.25 * level
        axes.plot([inside.min() - 0.02, inside.max() + 0.02], [height, height], linewidth=4)
    axes.axhline(0, color="black", linewidth=1)
    axes.plot(values, np.zeros(len(values)), "ko", markersize=4)
    axes.set_xlim(0.8, len(names) + 0.8)
    axes.set_yticks([])
    axes.set_xlabel(
        f"mean rank (1 is best); critical difference {result.difference:.2f}, "
        f"p = {result.p_value:.2g} over {result.tasks} task{'' if result.tasks == 1 else 's'}"
    )
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    return figure


def promises_figure(promises: pd.DataFrame) -> Figure:
    """Draw what searchers promised of what they recommend, less what is true of it.

    Parameters
    ----------
    promises
        Output of :func:`aehpo_assets.hpo.benchmark.analysis.promises`.
    """
    from matplotlib.figure import Figure

    known = promises.dropna(subset=["promise_less_true"])
    noise = str(promises["noise"].iloc[0])
    figure = Figure(figsize=(7, 1.4 + 0.3 * max(1, len(known))), layout="constrained")
    axes = figure.subplots()
    if known.empty:
        nothing_to_show(axes, noise)
        return figure
    places = np.arange(len(known))
    axes.hlines(places, known["lower"], known["upper"], linewidth=1.5)
    axes.plot(known["promise_less_true"], places, "o")
    axes.axvline(0, color="0.6", linewidth=1, linestyle="--")
    axes.set_yticks(places, list(known["searcher"]))
    axes.invert_yaxis()
    axes.set_xlabel("score told of what is recommended, less its true score (AUC)")
    if noise != KNOWN:
        axes.set_title(noise, fontsize=9)
    return figure


def summary_figures(summary: BenchmarkSummary) -> dict[str, Figure]:
    """Draw regret and rank over the budgets, what can be told apart, and promises; by title.

    Ranks are among searchers that spend alike; where there are several kinds of them, each has its
    figures, and one more shows all of them, each at the whole budget of its kind.
    """
    axis = f"{summary.axis} spent"
    figures = {"normalised regret": anytime_figure(summary.regret, "normalised regret", axis)}
    several = len(summary.critical) > 1
    for kind, bands in summary.rank.groupby("kind", sort=False):
        among = f", {kind}" if several else ""
        figures[f"average rank{among}"] = anytime_figure(bands, f"average rank{among}", axis)
        critical = summary.critical[str(kind)]
        if len(critical.mean_ranks) > 1:
            figures[f"critical difference{among}"] = critical_difference_figure(critical)
    if several:
        title = "critical difference, each kind at its own budget"
        figures[title] = critical_difference_figure(summary.across)
    figures["promises"] = promises_figure(summary.promises)
    return figures
