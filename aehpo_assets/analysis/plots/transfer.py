"""Pictures of transfer between tasks: what it gained or cost, and how alike the tasks are.

How tasks are compared and searched belongs to ``aehpo_assets.hpo``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.analysis.plots.style import (
    COLOURS,
    GREY,
    MARKERS,
    drawing,
    nothing_to_show,
    rendered,
    shortened,
)


def transfer_gain(verdicts: pd.DataFrame) -> bytes:
    """Gain of each way of searching over the search without transfer.

    Parameters
    ----------
    verdicts
        ``task, searcher, way, gain, gain_lower, gain_upper, verdict``, one row a task, searcher
        and way.

    Returns
    -------
    bytes
        PNG. One panel a searcher, one row a task; bars are the 95 % intervals, and a case of harm
        is drawn hollow.
    """
    searchers = list(dict.fromkeys(verdicts["searcher"]))
    tasks = list(dict.fromkeys(verdicts["task"]))
    ways = list(dict.fromkeys(verdicts["way"]))
    height = max(2.6, 1.3 + 0.4 * len(tasks))
    with drawing(1, max(1, len(searchers)), width=11.5, height=height) as (figure, axes):
        if not searchers:
            nothing_to_show(axes[0], "nothing was searched")
        for panel, searcher in zip(axes, searchers, strict=False):
            for number, way in enumerate(ways):
                rows = verdicts[(verdicts["searcher"] == searcher) & (verdicts["way"] == way)]
                offset = 0.22 * (number - (len(ways) - 1) / 2)
                height_of = [tasks.index(task) + offset for task in rows["task"]]
                colour = COLOURS[number % len(COLOURS)]
                panel.hlines(height_of, rows["gain_lower"], rows["gain_upper"], color=colour)
                harms = rows["verdict"] == "harms"
                panel.scatter(
                    rows["gain"],
                    height_of,
                    marker=MARKERS[number % len(MARKERS)],
                    s=30,
                    c=["white" if harm else colour for harm in harms],
                    edgecolors=colour,
                    label=way,
                    zorder=3,
                )
            panel.axvline(0, color=GREY, linewidth=1)
            panel.set_title(searcher)
            panel.set_xlabel("gain in valid score")
            first = panel is axes[0]
            names = [shortened(task) if first else "" for task in tasks]
            panel.set_yticks(range(len(tasks)), names)
            panel.set_ylim(len(tasks) - 0.5, -0.5)
        if searchers:
            figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=4)
        return rendered(figure)


def task_similarity(similarity: pd.DataFrame) -> bytes:
    """How alike the data of the tasks are.

    Parameters
    ----------
    similarity
        (tasks, tasks), in [0, 1].

    Returns
    -------
    bytes
        PNG, a heat map; with at most twelve tasks the numbers are written into it.
    """
    count = len(similarity)
    size = min(11.0, max(3.6, 2.2 + 0.45 * count))
    with drawing(1, 1, width=size + 1.0, height=size) as (figure, (panel,)):
        if not count:
            nothing_to_show(panel, "no task is described")
            return rendered(figure)
        values = similarity.to_numpy("float64")
        picture = panel.imshow(values, vmin=0, vmax=1, cmap="cividis")
        names = [shortened(name) for name in similarity.index]
        panel.set_xticks(range(count), names, rotation=45, ha="right")
        panel.set_yticks(range(count), names)
        panel.grid(visible=False)
        if count <= 12:
            for row, column in np.ndindex(count, count):
                value = values[row, column]
                colour = "white" if value < 0.5 else "black"
                panel.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour)
        figure.colorbar(picture, ax=panel, label="similarity of the data", shrink=0.8)
        return rendered(figure)
