"""A picture of every way of representing the samples of a joint task."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.analysis.integration_labels import AVERAGE
from aehpo_assets.analysis.plots.style import COLOURS, GREY, drawing, rendered, shortened


def integration_scores(table: pd.DataFrame, joint: str) -> bytes:
    """Mean test score of every candidate of a joint task and of its modalities.

    Parameters
    ----------
    table
        Output of :func:`aehpo_assets.analysis.integration_labels.by_candidate`.
    joint
        The joint task.

    Returns
    -------
    bytes
        PNG. One line a candidate, best on top, with its interval; a colour a task, filled where all
        modalities are joined.
    """
    ordered = table.iloc[::-1].reset_index(drop=True)
    others = sorted(set(ordered["task"]) - {joint})
    colours = {joint: COLOURS[0]} | dict(zip(others, (*COLOURS[1:], *[GREY] * 9), strict=False))
    with drawing(width=7.6, height=1.1 + 0.22 * len(ordered)) as (figure, (axes,)):
        for task, colour in colours.items():
            own = ordered[ordered["task"] == task]
            centre = own[AVERAGE].to_numpy()
            ends = np.abs(own[[f"{AVERAGE} lower", f"{AVERAGE} upper"]].to_numpy().T - centre)
            axes.errorbar(
                centre,
                own.index,
                xerr=np.nan_to_num(ends),
                fmt="o" if task == joint else "s",
                mfc=colour if task == joint else "white",
                color=colour,
                markersize=5,
                elinewidth=1,
                linestyle="none",
                label=shortened(task, 40),
            )
        names = [
            f"{task}: {_short(what)}"
            for task, what in zip(ordered["task"], ordered["what"], strict=True)
        ]
        axes.set_yticks(range(len(ordered)), [shortened(name, 70) for name in names], fontsize=7)
        axes.set_ylim(-0.7, len(ordered) - 0.3)
        axes.set_xlabel("test score (weighted average AUC)")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
        return rendered(figure)


def _short(what: str) -> str:
    """What a candidate is, without its size and its id, which the table beside it has."""
    return what.partition(" (")[0].partition(": ")[0]
