"""Pictures of what hyperparameters move, of what tells of the score early, and of good ranges.

The computations belong to ``aehpo_assets.analysis``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.analysis.associations import clustered
from aehpo_assets.analysis.plots.style import (
    COLOURS,
    GREY,
    MARKERS,
    drawing,
    nothing_to_show,
    rendered,
    shortened,
)
from aehpo_assets.hpo.columns import VALID_SCORE

_DIVERGING = "PuOr"
_SHOWN = {VALID_SCORE: "score of all labels", "training_runtime": "training runtime"}


def associations(table: pd.DataFrame) -> bytes:
    """Rank correlations of hyperparameters with outcomes, alike ones side by side.

    Parameters
    ----------
    table
        Of :func:`aehpo_assets.analysis.associations.associations`.

    Returns
    -------
    bytes
        PNG. Outcomes below each other by kind, hyperparameters side by side; numbers are bold where
        the correlation is told from zero, and grey elsewhere.
    """
    known = table.dropna(subset=["correlation"])
    if known.empty:
        with drawing() as (figure, (panel,)):
            nothing_to_show(panel, "too few configurations to tell")
            return rendered(figure)
    names, outcomes = clustered(known)
    cells = known.set_index(["outcome", "hyperparameter"])
    values = cells["correlation"].unstack().reindex(outcomes)[names]
    supported = cells["supported"].unstack().reindex(outcomes)[names]
    width, height = 2.9 + 0.62 * len(names), 1.7 + 0.26 * len(outcomes)
    with drawing(width=max(5.0, width), height=height) as (figure, (panel,)):
        numbers = values.to_numpy("float64")
        picture = panel.imshow(numbers, vmin=-1, vmax=1, cmap=_DIVERGING, aspect="auto")
        for row, column in np.ndindex(*numbers.shape):
            value = numbers[row, column]
            if not np.isfinite(value):
                continue
            told = bool(supported.iloc[row, column])
            colour = "white" if abs(value) > 0.7 else "black" if told else "#5A5A5A"
            words: dict[str, Any] = {
                "color": colour,
                "fontsize": 7.5,
                "fontweight": "bold" if told else "normal",
            }
            panel.text(column, row, f"{value:.2f}", ha="center", va="center", **words)
        kinds = known.drop_duplicates("outcome").set_index("outcome")["kind"].reindex(outcomes)
        for row in np.flatnonzero(kinds.to_numpy()[1:] != kinds.to_numpy()[:-1]):
            panel.axhline(row + 0.5, color="white", linewidth=4)
        panel.set_xticks(range(len(names)), names, rotation=40, ha="right")
        panel.set_yticks(range(len(outcomes)), [_outcome(name) for name in outcomes])
        panel.grid(visible=False)
        figure.colorbar(picture, ax=panel, label="Spearman's correlation", shrink=0.6)
        return rendered(figure)


def _outcome(name: str) -> str:
    if name in _SHOWN:
        return _SHOWN[name]
    plain = name.removesuffix("_valid").replace("_", " ")
    return shortened(plain.replace("auc ", "AUC ").replace("r2", "R²"), 30)


def promising_ranges(table: pd.DataFrame) -> bytes:
    """Ranges of the best configurations within what was sampled, each on a scale of its own.

    Parameters
    ----------
    table
        Of :func:`aehpo_assets.analysis.heuristics.promising_ranges`.

    Returns
    -------
    bytes
        PNG. Grey bars are what was sampled, coloured ones where the best lie; those that chance
        could give are hollow.
    """
    with drawing(width=7.4, height=1.1 + 0.36 * max(1, len(table))) as (figure, (panel,)):
        if table.empty:
            nothing_to_show(panel, "too few configurations to tell")
            return rendered(figure)
        rows = table.to_dict("records")
        for place, row in enumerate(rows):
            ends = pd.Series([row["lowest_sampled"], row["highest_sampled"]], dtype="float64")
            inner = pd.Series([row["lower"], row["upper"], row["median"]], dtype="float64")
            if ends.min() > 0 and ends.max() > 50 * ends.min():
                ends, inner = np.log(ends), np.log(inner)
            span = ends.iloc[1] - ends.iloc[0] or 1.0
            left, right, middle = (inner - ends.iloc[0]) / span
            panel.barh(place, 1, height=0.62, color="#ECECEC")
            panel.barh(
                place,
                max(right - left, 0.012),
                left=min(left, 0.988),
                height=0.62,
                color=COLOURS[0] if row["supported"] else "white",
                edgecolor=COLOURS[0],
                linewidth=1.2,
            )
            panel.plot([middle], [place], "|", color="black", markersize=9)
            for at, value, side in (
                (-0.01, "lowest_sampled", "right"),
                (1.01, "highest_sampled", "left"),
            ):
                words: dict[str, Any] = {
                    "ha": side,
                    "va": "center",
                    "fontsize": 7.5,
                    "color": "#5A5A5A",
                }
                panel.text(at, place, _short(row[value]), **words)
        panel.set_yticks(range(len(rows)), [str(row["quantity"]) for row in rows])
        panel.tick_params(axis="y", length=0, pad=46)
        panel.set_xlim(-0.02, 1.02)
        panel.set_xticks([])
        panel.invert_yaxis()
        for side in ("left", "bottom"):
            panel.spines[side].set_visible(False)
        panel.grid(visible=False)
        top, count = int(rows[0]["top"]), int(rows[0]["configurations"])
        panel.set_title(f"the best {top} of {count} (filled: told from chance)")
        return rendered(figure)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def proxies(table: pd.DataFrame) -> bytes:
    """How well losses, R2 and early epochs rank configurations as their scores do.

    Parameters
    ----------
    table
        Of :func:`aehpo_assets.analysis.proxies.proxies`.

    Returns
    -------
    bytes
        PNG. Points are correlations between configurations, freed of the noise, with 95 %
        intervals; crosses what a single run shows.
    """
    fidelities = sorted(table["at"].unique(), key=lambda at: (at == 0, at))
    signals = list(dict.fromkeys(table["signal"]))
    with drawing(width=7.4, height=1.4 + 0.5 * max(1, len(signals))) as (figure, (panel,)):
        if table.empty:
            nothing_to_show(panel, "too few configurations to tell")
            return rendered(figure)
        for number, at in enumerate(fidelities):
            rows = table[table["at"] == at]
            offset = 0.24 * (number - (len(fidelities) - 1) / 2) / max(1, len(fidelities) - 1) * 2
            height = [signals.index(name) + offset for name in rows["signal"]]
            colour = COLOURS[number % len(COLOURS)]
            panel.hlines(height, rows["lower"], rows["upper"], color=colour, linewidth=1.2)
            panel.scatter(
                rows["true_correlation"],
                height,
                s=26,
                color=colour,
                zorder=3,
                marker=MARKERS[number % len(MARKERS)],
                label=f"at {at:,}" if at else "at the end",
            )
            panel.scatter(rows["correlation"], height, s=22, color=GREY, marker="x", linewidths=1)
        panel.axvline(0, color="black", linewidth=0.8)
        panel.set_xlim(-1.05, 1.05)
        panel.set_yticks(range(len(signals)), [_signal(name) for name in signals])
        panel.set_ylim(len(signals) - 0.5, -0.5)
        panel.set_xlabel("rank correlation with the valid score (crosses: of a single run)")
        figure.legend(*panel.get_legend_handles_labels(), loc="outside upper right", ncols=4)
        return rendered(figure)


def _signal(name: str) -> str:
    if name == VALID_SCORE:
        return "valid score"
    plain = name.replace("_", " ").replace("r2", "R²")
    return plain if name.endswith("r2") else f"less {plain}"
