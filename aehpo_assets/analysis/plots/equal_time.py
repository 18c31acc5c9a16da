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
    nothing_to_show,
    palette,
    rendered,
    shortened,
)

BROWN = "#7A4B1E"
"""Colour of the untuned default, which no searcher has."""


def scores_over_training_time(courses: pd.DataFrame) -> bytes:
    """Valid score of what each route would hand over, over training time.

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
    with drawing(width=6.4, height=4.2) as (figure, (panel,)):
        if courses.empty:
            nothing_to_show(panel, "nothing was trained")
        for number, (route, found) in enumerate(courses.groupby("route", sort=False)):
            colour, marker = colours[route], MARKERS[number % len(MARKERS)]
            label = shortened(route if route in fixed else f"live: {route}")
            seconds, valid = found["seconds"], found["valid"]
            panel.step(seconds, valid, where="post", color=colour, label=label)
            panel.plot(seconds.iloc[-1], valid.iloc[-1], marker=marker, color=colour)
            looked = found[~found["validated"].fillna(False).astype(bool)]
            looked = looked.dropna(subset="again_valid")
            panel.plot(
                looked["seconds"],
                looked["again_valid"],
                linestyle="",
                marker=marker,
                markerfacecolor="none",
                color=colour,
            )
            if found["lower"].notna().any():
                lower, upper = found["lower"], found["upper"]
                panel.fill_between(
                    seconds, lower, upper, step="post", color=colour, alpha=0.25, lw=0
                )
        panel.set(
            xlabel="training time spent (s)", ylabel="valid AUC that chose; hollow: trained again"
        )
        handles, labels = panel.get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)))
        return rendered(figure)
