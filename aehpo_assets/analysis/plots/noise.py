"""The picture of the noise of one architecture's runs on one task."""

from __future__ import annotations

import pandas as pd

from aehpo_assets.analysis.plots.style import (
    COLOURS,
    GREY,
    MARKERS,
    drawing,
    nothing_to_show,
    rendered,
)
from aehpo_assets.hpo.objectives import OBJECTIVE
from aehpo_assets.noise.summary import PARTS, REMEDY
from aehpo_assets.noise.verdict import EQUIVALENCE

_TITLES = {
    "configuration": "between configurations",
    "split": "between splits",
    "interaction": "configuration x split",
    "seed": "between seeds",
}


def noise(components: pd.DataFrame, by_replicates: pd.DataFrame) -> bytes:
    """Shares of the variance of single runs, and the smallest gain that replicates decide.

    Parameters
    ----------
    components, by_replicates
        Output of :func:`aehpo_assets.noise.summary.noise_tables`.

    Returns
    -------
    bytes
        PNG.
    """
    known = components[components["known"] & (components[list(PARTS)].sum(axis=1) > 0)]
    if known.empty:
        with drawing(height=2.0) as (figure, (panel,)):
            nothing_to_show(panel, f"the noise is not known\n{REMEDY}")
            return rendered(figure)
    with drawing(1, 2, width=11.0, height=3.9) as (figure, (shares, gains)):
        names = [OBJECTIVE[score].title for score in known["score"]]
        total = known[list(PARTS)].sum(axis=1)
        left = pd.Series(0.0, index=known.index)
        for part, colour in zip(PARTS, COLOURS, strict=False):
            share = known[part].fillna(0.0) / total
            if known[part].isna().all():
                continue
            shares.barh(names, share, left=left, color=colour, height=0.55, label=_TITLES[part])
            for place, (start, width) in enumerate(zip(left, share, strict=True)):
                if width >= 0.08:
                    text = f"{width:.0%}"
                    shares.text(start + width / 2, place, text, ha="center", va="center", color="w")
            left += share
        shares.set(xlim=(0, 1), xlabel="share of the variance of single runs")
        shares.invert_yaxis()
        shares.grid(axis="y", visible=False)
        shares.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4)
        for number, (score, name) in enumerate(zip(known["score"], names, strict=True)):
            own = by_replicates[by_replicates["score"] == score]
            if not own["smallest_gain"].any():
                continue
            gains.plot(
                own["replicates"],
                own["smallest_gain"],
                color=COLOURS[number],
                marker=MARKERS[number],
                markersize=4,
                label=name,
            )
        gains.axhline(EQUIVALENCE, color=GREY, linewidth=0.9, linestyle="--")
        gains.annotate(
            "counts as equal",
            (1, EQUIVALENCE),
            xytext=(0, 3),
            color=GREY,
            fontsize=8,
            textcoords="offset points",
        )
        gains.set(xscale="log", yscale="log", xlabel="replicates of each side")
        gains.set(ylabel="smallest gain decided, 80 % power")
        counts = [1, 2, 3, 5, 10, 20, 40]
        gains.set_xticks(counts, [str(count) for count in counts])
        gains.minorticks_off()
        gains.legend()
        return rendered(figure)
