"""Pictures of configurations, of training runs and of the baselines beside them.

How runs are trained and scored belongs to ``aehpo_gpu``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aehpo_assets.analysis.chosen_baselines import tried_baselines
from aehpo_assets.analysis.configurations import holds_words
from aehpo_assets.analysis.names import BASELINE_NAMES
from aehpo_assets.analysis.plots.style import (
    COLOURS,
    GREY,
    MARKERS,
    drawing,
    finite,
    nothing_to_show,
    palette,
    panels,
    rendered,
    shortened,
    spans_magnitudes,
)
from aehpo_assets.hpo.objectives import OBJECTIVE, VALID_SCORE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CATEGORIES = 8
MOST_RUN_LINES = 60
MOST_BANDS = 4


def configuration_distribution(table: pd.DataFrame) -> bytes:
    """Distribution of each hyperparameter over the configurations.

    Parameters
    ----------
    table
        One row a configuration; every column but ``config_id`` is a hyperparameter.

    Returns
    -------
    bytes
        PNG.
    """
    names = [name for name in table if name != "config_id"]
    with panels(len(names)) as (figure, axes):
        for name, panel in zip(names, axes, strict=False):
            panel.set_title(name)
            if holds_words(table[name]):
                counts = table[name].value_counts().sort_index()
                panel.bar(range(len(counts)), counts, color=COLOURS[0], width=0.7)
                panel.set_xticks(range(len(counts)), [shortened(word) for word in counts.index])
                continue
            values = finite(table[name])
            if values.empty:
                nothing_to_show(panel, "no finite values")
            elif _is_categorical(values):
                counts = values.value_counts().sort_index()
                panel.bar(range(len(counts)), counts, color=COLOURS[0], width=0.7)
                panel.set_xticks(range(len(counts)), [f"{value:g}" for value in counts.index])
            elif spans_magnitudes(values):
                edges = np.geomspace(values.min(), values.max(), 21)
                panel.hist(values, bins=edges.tolist(), color=COLOURS[0])
                panel.set_xscale("log")
            else:
                panel.hist(values, bins=20, color=COLOURS[0])
        figure.supylabel("configurations", fontsize=9)
        return rendered(figure)


def score_against_hyperparameters(results: pd.DataFrame, hyperparameters: list[str]) -> bytes:
    """Valid score of each run against each hyperparameter, with the medians over it.

    Parameters
    ----------
    results
        Run results; runs whose ``status`` is not ``ok`` or without a score are drawn as crosses at
        the foot of the panel.
    hyperparameters
        Columns to draw against.

    Returns
    -------
    bytes
        PNG.
    """
    numbers = results.apply(pd.to_numeric, errors="coerce")
    score = numbers[VALID_SCORE].where(np.isfinite(numbers[VALID_SCORE]))
    score = score.where(results["status"] == "ok") if "status" in results else score
    with panels(len(hyperparameters)) as (figure, axes):
        for name, panel in zip(hyperparameters, axes, strict=False):
            panel.set_title(name)
            words = None
            if holds_words(results[name]):
                places, words = pd.factorize(results[name], sort=True)
                values = pd.Series(places, results.index, dtype="float64")
            else:
                values = finite(numbers[name])
            if values.empty:
                nothing_to_show(panel, "no finite values")
                continue
            _scores_along(panel, values, score.loc[values.index], words)
        best = f"best {score.max():.3f}" if score.notna().any() else "no finished run"
        figure.suptitle(
            f"{len(results)} runs, {int(score.isna().sum())} without a score (crosses), {best}",
            fontsize=10,
        )
        figure.supylabel(OBJECTIVE[VALID_SCORE].title, fontsize=9)
        return rendered(figure)


def _scores_along(
    panel: Axes, values: pd.Series, score: pd.Series, words: Sequence[str] | None = None
) -> None:
    """Scatter scores along one hyperparameter and join their medians by category or by bin.

    With ``words``, the values are places in them.
    """
    if words is not None or _is_categorical(values):
        levels = np.sort(values.unique())
        group = np.searchsorted(levels, values)
        # Side by side instead of on top of each other, by the same small steps every time.
        position = group + 0.5 * ((np.arange(len(values)) * 0.618) % 1 - 0.5)
        names = [f"{x:g}" if words is None else shortened(words[int(x)]) for x in levels]
        panel.set_xticks(range(len(levels)), names)
        panel.set_xlim(-0.6, len(levels) - 0.4)
        centres = pd.Series(group, index=values.index).astype("float64")
    else:
        logarithmic = spans_magnitudes(values)
        position = values.to_numpy()
        scale = np.log(values) if logarithmic else values
        bins = pd.cut(scale, 6, labels=False)
        means = scale.groupby(bins).transform("mean")
        centres = np.exp(means) if logarithmic else means
        if logarithmic:
            panel.set_xscale("log")
            margin = (values.max() / values.min()) ** 0.05
            panel.set_xlim(values.min() / margin, values.max() * margin)
    ok = score.notna().to_numpy()
    panel.scatter(position[ok], score[ok], s=9, alpha=0.45, color=COLOURS[0], linewidths=0)
    foot = np.full(int((~ok).sum()), 0.03)
    panel.scatter(
        position[~ok],
        foot,
        s=14,
        marker="x",
        color=GREY,
        linewidths=0.8,
        transform=panel.get_xaxis_transform(),
    )
    medians = score[ok].groupby(centres[ok]).median()
    panel.plot(medians.index, medians, color=COLOURS[1], marker="o", markersize=4)
    panel.margins(y=0.12)


def learning_curves(curves: pd.DataFrame) -> bytes:
    """Losses and valid R² by epoch: the median over the runs of each task, and its quartiles.

    Parameters
    ----------
    curves
        One row a run and fidelity: ``task``, ``config_id``, ``seed``, ``epoch`` (or ``step``),
        ``train_total_loss``, ``valid_total_loss``, ``valid_r2``. R² is cut to [-1, 1], as in the
        blackbox; values that are not finite are left out. Of a single task the first 60 runs are
        drawn as thin lines; where one epoch was kept, points take the place of lines.

    Returns
    -------
    bytes
        PNG.
    """
    titles = {
        "train_total_loss": "train loss per sample",
        "valid_total_loss": "valid loss per sample",
        "valid_r2": "valid R²",
    }
    tasks = palette(curves["task"])
    unit = "step" if "step" in curves else "epoch"
    with drawing(1, 3, width=10.5, height=3.6) as (figure, axes):
        for panel, (column, title) in zip(axes, titles.items(), strict=True):
            panel.set(title=title, xlabel=unit)
            values = finite(curves[column])
            values = values.clip(-1, 1) if column == "valid_r2" else values[values > 0]
            known = curves.loc[values.index].assign(value=values)
            if known.empty:
                nothing_to_show(panel, "no finite values")
                continue
            if column != "valid_r2":
                panel.set_yscale("log")
            if len(tasks) == 1:
                for number, (_, run) in enumerate(known.groupby(["config_id", "seed"])):
                    if number < MOST_RUN_LINES:
                        run = run.sort_values(unit)
                        style = "" if len(run) > 1 else "."
                        panel.plot(
                            run[unit], run["value"], color=GREY, lw=0.5, alpha=0.5, marker=style
                        )
            for number, (task, colour) in enumerate(tasks.items()):
                rows = known[known["task"] == task]
                _median_line(panel, rows, unit, str(task), colour, number, len(tasks))
        handles, labels = axes[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
        return rendered(figure)


def _median_line(
    panel: Axes,
    curves: pd.DataFrame,
    unit: str,
    task: str,
    colour: str,
    number: int,
    tasks: int,
) -> None:
    """Draw the median by epoch or step and the quartiles; of many tasks the medians only."""
    quartiles = curves.groupby(unit)["value"].quantile([0.25, 0.5, 0.75]).unstack()
    if quartiles.empty:
        return
    style: dict[str, Any] = {
        "color": colour,
        "linestyle": ("-", "--", ":", "-.")[number // len(COLOURS) % 4],
        "marker": MARKERS[number % len(MARKERS)] if len(quartiles) < 12 else "",
        "markersize": 4,
        "label": f"{shortened(task, 32)} (median)",
    }
    middle = quartiles[0.5]
    if curves[unit].nunique() == 1:
        # Side by side: all tasks were kept at the same epoch.
        place = quartiles.index + 0.6 * ((number + 0.5) / tasks - 0.5)
        spread = [middle - quartiles[0.25], quartiles[0.75] - middle]
        panel.errorbar(place, middle, yerr=spread, capsize=4, **style)
        panel.set_xticks([int(quartiles.index[0])])
        panel.set_xlim(quartiles.index[0] - 1, quartiles.index[0] + 1)
        return
    panel.plot(quartiles.index, middle, **style)
    if tasks <= MOST_BANDS:
        panel.fill_between(
            quartiles.index, quartiles[0.25], quartiles[0.75], color=colour, alpha=0.15, lw=0
        )


def baselines(table: pd.DataFrame) -> bytes:
    """Valid score of each baseline by latent dimension, on the features of its best.

    Parameters
    ----------
    table
        As for :func:`aehpo_assets.analysis.chosen_baselines.tried_baselines`, with the
        valid score.

    Returns
    -------
    bytes
        PNG.
    """
    methods = [name for name in BASELINE_NAMES if (table["method"] == name).any()]
    with drawing(height=3.8) as (figure, (panel,)):
        if not methods or not len(finite(table[VALID_SCORE])):
            nothing_to_show(panel, "no baseline has a score")
            return rendered(figure)
        for number, method in enumerate(methods):
            rows, name = tried_baselines(table, method), BASELINE_NAMES[method]
            if "features" in rows and len(rows):
                best = rows.loc[rows[VALID_SCORE].idxmax(), "features"]
                rows, name = rows[rows["features"] == best], f"{name} of {best:.0f} features"
            panel.plot(
                rows["latent_dim"],
                rows[VALID_SCORE],
                color=COLOURS[number % len(COLOURS)],
                marker=MARKERS[(number + number // len(COLOURS)) % len(MARKERS)],
                markersize=5,
                label=name,
            )
        dims = np.sort(table["latent_dim"].unique())
        panel.set_xscale("log", base=2)
        panel.set_xticks(dims, [str(dim) for dim in dims])
        panel.minorticks_off()
        panel.axhline(0.5, color=GREY, linewidth=0.8)
        panel.set(xlabel="latent dimension", ylabel="valid weighted average AUC")
        panel.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return rendered(figure)


def _is_categorical(values: pd.Series) -> bool:
    return values.nunique() <= MOST_CATEGORIES and bool((values % 1 == 0).all())
