"""A picture of where the samples lie in the latents of a run.

Which run that is and how it was trained belongs to the caller.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.analysis.plots.style import COLOURS, GREY, MARKERS, drawing, rendered, shortened

MOST_CLASSES = 7


def latents(frame: pd.DataFrame, labels: pd.DataFrame) -> bytes:
    """Scatter of the samples on the first two principal components of their latents.

    Parameters
    ----------
    frame
        (samples, latent dimensions).
    labels
        (samples, labels); the first label of text with two classes or more gives the colours, its
        seven most frequent classes at most.

    Returns
    -------
    bytes
        PNG.
    """
    values = frame.to_numpy(dtype="float64")
    centred = values - values.mean(0)
    left, scales, _ = np.linalg.svd(centred, full_matrices=False)
    components = left * scales
    x, y = components[:, 0], components[:, 1] if components.shape[1] > 1 else np.zeros(len(values))
    label = _shown_label(labels)
    with drawing() as (figure, (axes,)):
        if label is None:
            axes.scatter(x, y, s=8, color=COLOURS[0], linewidths=0)
        else:
            classes = labels[label].reindex(frame.index)
            shown = classes.value_counts().index[:MOST_CLASSES]
            rest = ~classes.isin(shown).to_numpy()
            if rest.any():
                axes.scatter(x[rest], y[rest], s=6, color=GREY, lw=0, label="other or missing")
            for name, colour, marker in zip(shown, COLOURS, MARKERS, strict=False):
                here = (classes == name).to_numpy()
                text = shortened(str(name))
                axes.scatter(x[here], y[here], s=9, color=colour, marker=marker, lw=0, label=text)
            axes.legend(title=label, loc="center left", bbox_to_anchor=(1, 0.5))
        axes.set(xlabel="principal component 1", ylabel="principal component 2")
        axes.set_title(f"{len(frame):,} samples in {frame.shape[1]} latent dimensions")
        return rendered(figure)


def _shown_label(labels: pd.DataFrame) -> str | None:
    """Pick the label that colours the samples."""
    texts = labels.select_dtypes(exclude="number")
    return next((str(name) for name in texts if texts[name].nunique() > 1), None)
