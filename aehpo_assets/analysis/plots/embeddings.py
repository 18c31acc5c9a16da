"""Picture of the samples in two dimensions: the data, principal components and latents, by label.

How they are laid out belongs to ``aehpo_assets.analysis.embedding``.
"""

from __future__ import annotations

import pandas as pd

from aehpo_assets.analysis.embedding import TITLES
from aehpo_assets.analysis.plots.style import COLOURS, GREY, MARKERS, drawing, rendered, shortened

MOST_CLASSES = 7


def embeddings(table: pd.DataFrame, label: str) -> bytes:
    """Scatter of the samples, a row for each way of laying them out, a column for each space.

    Parameters
    ----------
    table
        One row a sample, space and method: ``space, method, x, y`` and the classes in ``label``.
    label
        Name of the label.

    Returns
    -------
    bytes
        PNG. The seven most frequent classes are told apart by colour and form, the others are
        grey.
    """
    spaces, methods = (list(dict.fromkeys(table[name])) for name in ("space", "method"))
    shown = table[label].value_counts().index[:MOST_CLASSES]
    size = {"width": 1.4 + 2.9 * len(spaces), "height": 0.5 + 2.7 * len(methods)}
    with drawing(len(methods), len(spaces), **size) as (figure, axes):
        for place, panel in enumerate(axes):
            row, column = divmod(place, len(spaces))
            own = table[(table["space"] == spaces[column]) & (table["method"] == methods[row])]
            rest = own[~own[label].isin(shown)]
            if len(rest):
                panel.scatter(rest["x"], rest["y"], s=4, color=GREY, lw=0, label="other or missing")
            for name, colour, marker in zip(shown, COLOURS, MARKERS, strict=False):
                of = own[own[label] == name]
                text = shortened(str(name))
                panel.scatter(of["x"], of["y"], s=7, color=colour, marker=marker, lw=0, label=text)
            panel.set(xticks=[], yticks=[])
            if row == 0:
                panel.set_title(spaces[column])
            if column == 0:
                panel.set_ylabel(TITLES[methods[row]])
        if len(shown):
            handles, names = axes[0].get_legend_handles_labels()
            kept = dict(zip(names, handles, strict=True))
            figure.legend(
                kept.values(), kept.keys(), title=shortened(label), loc="outside right upper",
                markerscale=1.8,
            )  # fmt: skip
        return rendered(figure)
