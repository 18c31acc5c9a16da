"""The picture of routes compared at equal training time.

What is compared belongs to ``aehpo_assets.analysis.equal_time``.
"""

from __future__ import annotations

import pandas as pd

from aehpo_assets.analysis.equal_time import DEFAULT_ROUTE, RANDOM_SAMPLING, STUDY_ROUTE
from aehpo_assets.analysis.plots.style import (
    GREY,
    MARKERS,
    drawing,
    figure_png,
    nothing_to_show,
    palette,
    shortened,
)

BROWN = "#7A4B1E"
"""Colour of the untuned default, which no searcher has."""


def scores_over_training_time(courses: pd.DataFrame) -> bytes:
    """Valid score of what each route would hand over, over training time, and its test score.

    Parameters
    ----------
    courses
        :attr:`aehpo_assets.analysis.equal_time.EqualTime.courses`.

    Returns
    -------
    bytes
        PNG: steps for the live searches, the study's route and the default, which end in a mark;
        for random sampling the median and the band over draws. Hollow marks are means of later
        trainings of what a route had chosen: where there is one, it is what a user would get.
    """
    fixed: dict[object, str] = {STUDY_ROUTE: "black", RANDOM_SAMPLING: GREY, DEFAULT_ROUTE: BROWN}
    searchers = [route for route in courses["route"].unique() if route not in fixed]
    colours = palette(pd.Series(searchers)) | fixed
    with drawing(1, 2, width=9.6, height=4.2) as (figure, axes):
        if courses.empty:
            nothing_to_show(axes[0], "nothing was trained")
        for panel, score in zip(axes, ("valid", "test"), strict=True):
            for number, (route, found) in enumerate(courses.groupby("route", sort=False)):
                colour = colours[route]
                label = route if route in fixed else f"live: {route}"
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
                looked = found[~found["validated"].fillna(False).astype(bool)].dropna(
                    subset=f"again_{score}"
                )
                panel.plot(
                    looked["seconds"],
                    looked[f"again_{score}"],
                    linestyle="",
                    marker=MARKERS[number % len(MARKERS)],
                    markerfacecolor="none",
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
        axes[0].set_ylabel("valid AUC that chose; hollow: trained again")
        axes[1].set_ylabel("its test AUC (chose nothing)")
        handles, labels = axes[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
        return figure_png(figure)
