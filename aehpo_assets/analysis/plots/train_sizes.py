"""A picture of scores against the number of train samples."""

from __future__ import annotations

import pandas as pd

from aehpo_assets.analysis.plots.style import COLOURS, MARKERS, drawing, rendered


def train_sizes(curves: pd.DataFrame) -> bytes:
    """Valid score of the recommended autoencoder, the untuned one and PCA on growing train parts.

    Parameters
    ----------
    curves
        Output of :func:`aehpo_assets.analysis.train_sizes.size_curves`.

    Returns
    -------
    bytes
        PNG. Points are means over replicates, whiskers their 95 % intervals, a little beside each
        other so that they can be told apart.
    """
    names = list(dict.fromkeys(curves["name"]))
    with drawing() as (figure, (axes,)):
        for at, name in enumerate(names):
            own = curves[curves["name"] == name].sort_values("train_size")
            beside = 1.02 ** (at - (len(names) - 1) / 2)
            axes.errorbar(
                own["train_size"] * beside,
                own["valid"],
                yerr=(own["upper"] - own["valid"]).fillna(0),
                color=COLOURS[at % len(COLOURS)],
                marker=MARKERS[at % len(MARKERS)],
                markersize=5,
                elinewidth=1,
                capsize=2,
                label=name,
            )
        axes.set_xscale("log")
        sizes = sorted(curves["train_size"].unique())
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.set(xlabel="train samples", ylabel="valid score (weighted average AUC)")
        axes.legend()
        return rendered(figure)
