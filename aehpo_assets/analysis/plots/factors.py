"""A picture of what the factors of a joint task are of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.analysis.plots.style import COLOURS, drawing, rendered, shortened


def factors(explained: pd.DataFrame, of: str = "factor of MOFA") -> bytes:
    """Share of each modality's variance that each factor explains.

    Parameters
    ----------
    explained
        (factors, modalities).
    of
        What a factor is called.

    Returns
    -------
    bytes
        PNG. One group of bars a factor, one bar a modality: a factor with bars of the same height
        is shared, one with a single bar is of that modality alone.
    """
    places = np.arange(len(explained))
    width = 0.8 / max(1, explained.shape[1])
    with drawing(width=max(4.0, 1.5 + 0.5 * len(explained))) as (figure, (axes,)):
        for number, (name, values) in enumerate(explained.items()):
            offset = width * (number - (explained.shape[1] - 1) / 2)
            colour = COLOURS[number % len(COLOURS)]
            label = shortened(str(name))
            axes.bar(places + offset, 100 * values, width, color=colour, label=label)
        axes.set(xlabel=of, ylabel="% of the modality's variance on train")
        axes.set_xticks(places, [str(name) for name in explained.index])
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return rendered(figure)
