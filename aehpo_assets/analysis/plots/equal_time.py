"""The picture of routes compared at equal training time.

What is compared belongs to ``aehpo_assets.analysis.equal_time``.
"""

from __future__ import annotations

import pandas as pd

from aehpo_assets.analysis.equal_time import RANDOM_SAMPLING, STUDY_ROUTE
from aehpo_assets.analysis.plots.style import (
    GREY,
    MARKERS,
    drawing,
    figure_png,
    nothing_to_show,
    palette,
    shortened,
)


def scores_over_training_time(courses: pd.DataFrame) -> bytes:
    """Best valid score over spent training time, and the test score of the run that has it.

    Parameters
    ----------
    courses
        :attr:`aehpo_assets.analysis.equal_time.EqualTime.courses`.

    Returns
    -------
    bytes
        PNG: steps for the live searches and the study's route, which end in a mark; for random
        sampling the median and the band over draws.
    """
    searchers = [r for r in courses["route"].unique() if r not in (STUDY_ROUTE, RANDOM_SAMPLING)]
    colours = {**palette(pd.Series(searchers)), STUDY_ROUTE: "black", RANDOM_SAMPLING: GREY}
    with drawing(1, 2, width=9.6, height=4.2) as (figure, axes):
        if courses.empty:
            nothing_to_show(axes[0], "nothing was trained")
        for panel, score in zip(axes, ("valid", "test"), strict=True):
            for number, (route, found) in enumerate(courses.groupby("route", sort=False)):
                colour = colours[route]
                label = route if route in (STUDY_ROUTE, RANDOM_SAMPLING) else f"live: {route}"
                panel.step(
                    found["seconds"],
                    found[score],
                    where="post",
                    color=colour,
                    label=shortened(label),
                )
                panel.plot(
                    found["seconds"].iloc[-1],
                    found[score].iloc[-1],
                    marker=MARKERS[number % len(MARKERS)],
                    color=colour,
                )
                if score == "valid" and found["lower"].notna().any():
                    panel.fill_between(
                        found["seconds"],
                        found["lower"],
                        found["upper"],
                        step="post",
                        color=colour,
                        alpha=0.25,
                        lw=0,
                    )
            panel.set_xlabel("training time spent (s)")
        axes[0].set_ylabel("best valid AUC so far")
        axes[1].set_ylabel("its test AUC (chose nothing)")
        handles, labels = axes[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
        return figure_png(figure)
