"""Pictures of a task's data: values, labels, split and variances.

What the values mean and how they are checked belongs to ``aehpo_assets.omics`` and
``aehpo_assets.quality``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.analysis.plots.style import (
    COLOURS,
    GREY,
    drawing,
    nothing_to_show,
    rendered,
    shortened,
)

MOST_VALUES = 1_000_000
MOST_LABELS = 12
MOST_CLASSES = 7


def value_distribution(matrix: pd.DataFrame) -> bytes:
    """Histogram of the values of a matrix, counts on a logarithmic scale.

    Parameters
    ----------
    matrix
        (samples, features); missing and infinite values are left out and counted in the title.
        Of a large matrix an even spread of 1,000,000 values is shown.

    Returns
    -------
    bytes
        PNG.
    """
    values = matrix.to_numpy(dtype="float32").ravel()
    values = values[:: max(1, -(-values.size // MOST_VALUES))]
    shown = values[np.isfinite(values)]
    with drawing() as (figure, (axes,)):
        if shown.size:
            # Float64 edges: a constant float32 column leaves no room for its own bins.
            axes.hist(shown.astype("float64"), bins=60, color=COLOURS[0], log=True)
            axes.axvline(float(np.median(shown)), color=COLOURS[1], linestyle="--", label="median")
            axes.set(xlabel="value", ylabel="values")
            axes.legend()
        else:
            nothing_to_show(axes, "no finite values")
        missing = 1 - shown.size / values.size if values.size else 0.0
        axes.set_title(
            f"{matrix.shape[0]:,} samples x {matrix.shape[1]:,} features, {missing:.1%} missing"
        )
        return rendered(figure)


def label_counts(labels: pd.DataFrame) -> bytes:
    """Samples of each class, one stacked bar a label.

    Parameters
    ----------
    labels
        (samples, labels); ``attrs["objective"]`` maps a group to its classification labels.
        Without it every text column counts as one. The first 12 labels are shown, and of each its
        7 largest classes; the others are added up.

    Returns
    -------
    bytes
        PNG.
    """
    groups = labels.attrs.get("objective")
    if groups is None:
        texts = labels.select_dtypes(exclude="number").columns
        groups = {"": list(texts)}
    names = [
        (group, label) for group, chosen in groups.items() for label in chosen if label in labels
    ]
    shown = names[:MOST_LABELS]
    height = max(2.2, 0.9 + 0.5 * len(shown))
    with drawing(height=height) as (figure, (axes,)):
        if not shown or labels.empty:
            nothing_to_show(axes, "no classification labels")
            return rendered(figure)
        for position, (_, label) in enumerate(shown):
            left = 0
            for number, (name, count) in enumerate(_classes(labels[label]).items()):
                colour = GREY if name in ("missing", "other") else COLOURS[number % len(COLOURS)]
                axes.barh(position, count, left=left, color=colour, edgecolor="white", height=0.7)
                if count > 0.07 * len(labels):
                    text = f"{shortened(name, max(5, int(80 * count / len(labels))))}\n{count}"
                    axes.text(
                        left + count / 2,
                        position,
                        text,
                        ha="center",
                        va="center",
                        fontsize=7,
                        color="white" if colour != COLOURS[5] else "black",
                        parse_math=False,
                    )
                left += count
        ticks = [
            f"{shortened(label)}\n({shortened(group)})" if group else shortened(label)
            for group, label in shown
        ]
        axes.set_yticks(range(len(shown)), ticks)
        for tick in axes.get_yticklabels():
            tick.set_parse_math(False)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("samples")
        left_out = f", the first {len(shown)} of {len(names)}" if len(shown) < len(names) else ""
        axes.set_title(f"classes of each label (group){left_out}")
        return rendered(figure)


def _classes(values: pd.Series) -> dict[str, int]:
    """Count the classes, largest first, then ``other`` and ``missing`` where there are any."""
    counts = values.dropna().astype(str).value_counts()
    classes = {str(name): int(count) for name, count in counts.iloc[:MOST_CLASSES].items()}
    rest = {"other": int(counts.iloc[MOST_CLASSES:].sum()), "missing": int(values.isna().sum())}
    return classes | {name: count for name, count in rest.items() if count}


def split_counts(split: pd.Series) -> bytes:
    """Samples in each part of the split.

    Parameters
    ----------
    split
        ``train``, ``valid`` or ``test`` per sample.

    Returns
    -------
    bytes
        PNG.
    """
    counts = split.value_counts().reindex(["train", "valid", "test"], fill_value=0)
    with drawing(height=2.6) as (figure, (axes,)):
        bars = axes.barh(counts.index, counts, color=COLOURS[:3], height=0.65)
        total = max(1, int(counts.sum()))
        axes.bar_label(bars, [f"{count:,} ({count / total:.1%})" for count in counts], padding=4)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.2)
        axes.set(xlabel="samples", title=f"{int(counts.sum()):,} samples")
        return rendered(figure)


def variance_spectrum(variance: pd.Series) -> bytes:
    """Variance on train by rank of the feature, beside the share that the first features hold.

    Parameters
    ----------
    variance
        Variance per feature, in any order.

    Returns
    -------
    bytes
        PNG.
    """
    values = variance.to_numpy(dtype="float64")
    ordered = np.sort(values[np.isfinite(values)])[::-1]
    rank = np.arange(1, len(ordered) + 1)
    with drawing(1, 2, height=3.2) as (figure, (spectrum, share)):
        if not len(ordered) or ordered[0] <= 0:
            nothing_to_show(spectrum, "no feature varies")
            share.set_axis_off()
            return rendered(figure)
        marker = "o" if len(ordered) < 3 else ""
        positive = ordered > 0
        spectrum.plot(rank[positive], ordered[positive], color=COLOURS[0], marker=marker)
        spectrum.set(xscale="log", yscale="log", xlabel="rank of the feature")
        spectrum.set_title("variance on train")
        share.plot(rank, np.cumsum(ordered) / ordered.sum(), color=COLOURS[1], marker=marker)
        share.set(xscale="log", ylim=(0, 1.05), xlabel="features kept (k_filter)")
        share.set_title("share of the total variance")
        return rendered(figure)
