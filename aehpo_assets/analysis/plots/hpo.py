"""Pictures of the blackbox, the surrogate, the searches and what their recommendations are worth.

How searchers and surrogates work belongs to ``aehpo_assets.hpo``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aehpo_assets.analysis.names import ORIGIN_NAMES
from aehpo_assets.analysis.plots.style import (
    COLOURS,
    GREY,
    MARKERS,
    drawing,
    finite,
    noise_label,
    nothing_to_show,
    palette,
    rendered,
    shortened,
    spans_magnitudes,
)
from aehpo_assets.hpo.objectives import OBJECTIVE, OBJECTIVES, TEST_SCORE, VALID_SCORE
from aehpo_assets.noise.words import KNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def score_distribution(evaluations: pd.DataFrame) -> bytes:
    """Each objective of all evaluations, one box a task.

    Parameters
    ----------
    evaluations
        ``task`` and the objectives, one row a run; values that are not finite are left out.

    Returns
    -------
    bytes
        PNG. Boxes are quartiles, whiskers the 5th and 95th percentile.
    """
    tasks = palette(evaluations["task"])
    height = max(2.6, 1.0 + 0.3 * len(tasks))
    with drawing(1, len(OBJECTIVES), width=11.5, height=height) as (figure, axes):
        for panel, objective in zip(axes, OBJECTIVES, strict=True):
            panel.set_title(objective.title)
            known = finite(evaluations[objective.name])
            if known.empty:
                nothing_to_show(panel, "no finite values")
                continue
            of_task = evaluations.loc[known.index, "task"]
            boxes = panel.boxplot(
                [known[of_task == task] for task in tasks],
                orientation="horizontal",
                whis=(5, 95),
                widths=0.6,
                patch_artist=True,
                flierprops={"marker": ".", "markersize": 3, "markeredgecolor": GREY},
                medianprops={"color": "black"},
            )
            for box, colour in zip(boxes["boxes"], tasks.values(), strict=True):
                box.set(facecolor=colour, alpha=0.7)
            if spans_magnitudes(known, 20):
                panel.set_xscale("log")
            first = panel is axes[0]
            names = [shortened(task) if first else "" for task in tasks]
            panel.set_yticks(range(1, len(tasks) + 1), names)
            panel.invert_yaxis()
            panel.grid(axis="y", visible=False)
        return rendered(figure)


def out_of_fold(frame: pd.DataFrame) -> bytes:
    """What the surrogate predicted of configurations it had not seen, against what came out.

    Parameters
    ----------
    frame
        ``task``, ``objective``, ``noise``, ``actual``, ``predicted`` and the bounds ``lower`` and
        ``upper`` of the interval of such means, one row a configuration and objective.

    Returns
    -------
    bytes
        PNG, one panel an objective; the title has the share of means inside the interval.
    """
    found = [name for name in OBJECTIVE if (frame["objective"] == name).any()]
    tasks = palette(frame["task"])
    with drawing(1, max(1, len(found)), height=3.8) as (figure, axes):
        if not found:
            nothing_to_show(axes[0], "no objective was predicted")
        for panel, objective in zip(axes, found, strict=False):
            own = frame[frame["objective"] == objective]
            _predictions(panel, own, tasks)
            panel.set(xlabel="actual, mean over replicates", ylabel="predicted")
            title = f"{OBJECTIVE[objective].title}\n{panel.get_title()}{noise_label(own['noise'])}"
            panel.set_title(title, fontsize=9)
        handles, labels = axes[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(labels)))
        return rendered(figure)


def calibration(table: pd.DataFrame) -> bytes:
    """How often intervals hold the mean that came out, against how often they should.

    Parameters
    ----------
    table
        Table of :func:`aehpo_assets.hpo.surrogate.diagnostics.calibration`.

    Returns
    -------
    bytes
        PNG, one panel an objective, one line a task; on the diagonal is right, below too narrow.
    """
    found = [name for name in OBJECTIVE if (table["objective"] == name).any()]
    tasks = palette(table["task"])
    with drawing(1, max(1, len(found)), height=3.8) as (figure, axes):
        if not found:
            nothing_to_show(axes[0], "no objective was predicted")
        for panel, objective in zip(axes, found, strict=False):
            panel.plot([0.4, 1], [0.4, 1], color="0.6", linewidth=1, linestyle="--")
            own = table[table["objective"] == objective]
            for task, rows in own.groupby("task", sort=False):
                panel.plot(
                    rows["level"], rows["coverage"], marker="o", label=str(task), color=tasks[task]
                )
            panel.set(xlabel="nominal coverage", ylabel="coverage", xlim=(0.4, 1), ylim=(0, 1.02))
            panel.set_title(OBJECTIVE[objective].title + noise_label(own["noise"]), fontsize=9)
        handles, labels = axes[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(labels)))
        return rendered(figure)


def _predictions(panel: Axes, frame: pd.DataFrame, tasks: dict[object, str]) -> None:
    """Scatter the predictions of one objective, with intervals and the diagonal."""
    numbers = frame[["actual", "predicted", "lower", "upper"]].apply(pd.to_numeric, errors="coerce")
    numbers = numbers.replace([np.inf, -np.inf], np.nan).dropna(subset=["actual", "predicted"])
    if numbers.empty:
        nothing_to_show(panel, "no finite values")
        return
    bounded = numbers.dropna()
    if len(bounded):
        inside = bounded["actual"].between(bounded["lower"], bounded["upper"]).mean()
        panel.set_title(f"{inside:.0%} inside the interval")
    if spans_magnitudes(numbers[["actual", "predicted"]].stack(), 20):
        panel.set(xscale="log", yscale="log")
    panel.vlines(
        bounded["actual"], bounded["lower"], bounded["upper"], color=GREY, alpha=0.25, lw=0.5
    )
    of_task = frame.loc[numbers.index, "task"]
    for number, (task, colour) in enumerate(tasks.items()):
        rows = numbers[of_task == task]
        panel.scatter(
            rows["actual"],
            rows["predicted"],
            s=10,
            alpha=0.7,
            color=colour,
            marker=MARKERS[number % len(MARKERS)],
            linewidths=0,
            label=shortened(task),
        )
    _diagonal(panel, numbers["actual"], numbers["predicted"])


def _diagonal(panel: Axes, *values: pd.Series) -> None:
    """Draw where both axes are equal, over the range of the points and no further."""
    together = pd.concat(values)
    ends = [float(together.min()), float(together.max())]
    panel.plot(ends, ends, color="black", linewidth=0.8, linestyle="--", zorder=1)


def search_progress(trials: pd.DataFrame, noise: str = KNOWN) -> bytes:
    """Best predicted valid score so far by trial: mean over repetitions, and their range.

    Parameters
    ----------
    trials
        ``searcher``, ``transfer``, ``repetition``, ``trial`` (in the order of their start) and
        the valid score. With transfer lines are dashed.
    noise
        Whether that of the predictions is known.

    Returns
    -------
    bytes
        PNG.
    """
    numbers = trials.assign(score=pd.to_numeric(trials[VALID_SCORE], errors="coerce"))
    numbers["score"] = numbers["score"].where(np.isfinite(numbers["score"]))
    searchers = palette(trials["searcher"])
    with drawing(width=7.6, height=4.0) as (figure, (panel,)):
        for (searcher, transfer), search in numbers.groupby(["searcher", "transfer"], sort=True):
            by_trial = search.pivot_table("score", "trial", "repetition", dropna=False)
            # A trial without a score leaves the best so far as it was.
            best = by_trial.cummax().ffill()
            if best.isna().all(axis=None):
                continue
            mean = best.mean(axis=1)
            colour = searchers[searcher]
            panel.plot(
                mean.index,
                mean,
                color=colour,
                linestyle="--" if transfer else "-",
                marker="o" if len(mean) == 1 else "",
                label=f"{shortened(searcher)}, transfer" if transfer else shortened(searcher),
            )
            panel.fill_between(
                best.index, best.min(axis=1), best.max(axis=1), color=colour, alpha=0.1, lw=0
            )
        if panel.lines:
            label = noise_label(pd.Series([noise]))
            panel.set(xlabel="trial", ylabel=f"best predicted valid AUC so far{label}")
            panel.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        else:
            nothing_to_show(panel, "no trial has a score")
        return rendered(figure)


def predicted_against_actual(validated: pd.DataFrame) -> bytes:
    """What validation found: predicted against actual valid score.

    Parameters
    ----------
    validated
        One row a candidate and seed: ``origin``, ``config_id``, the actual valid score, and
        ``predicted_<valid score>`` and ``predicted_noise``, which are missing where nothing was
        predicted.

    Returns
    -------
    bytes
        PNG. Points are means over the seeds of a candidate, bars standard errors (none with one
        seed); runs without a score are left out.
    """
    columns = (f"predicted_{VALID_SCORE}", VALID_SCORE)
    label = noise_label(validated["predicted_noise"])
    return _candidates(validated, columns, (f"predicted valid AUC{label}", "actual valid AUC"))


def valid_against_test(validated: pd.DataFrame, opened: pd.DataFrame) -> bytes:
    """What opening the test showed: valid against test score of what was validated.

    Parameters
    ----------
    validated
        As for :func:`predicted_against_actual`, with ``seed``.
    opened
        One row a run: ``config_id``, ``seed`` and the test score.

    Returns
    -------
    bytes
        PNG, as that of :func:`predicted_against_actual`.
    """
    key = ["config_id", "seed"]
    both = validated.drop(columns=TEST_SCORE, errors="ignore").merge(
        opened[[*key, TEST_SCORE]], on=key, how="left"
    )
    return _candidates(both, (VALID_SCORE, TEST_SCORE), ("actual valid AUC", "actual test AUC"))


def _candidates(runs: pd.DataFrame, columns: tuple[str, str], titles: tuple[str, str]) -> bytes:
    """Means over the seeds of each candidate, one score against the other."""
    x, y = columns
    numbers = runs.reindex(columns=list(columns)).apply(pd.to_numeric, errors="coerce")
    numbers = numbers.astype("float64").replace([np.inf, -np.inf], np.nan)
    if "status" in runs:
        # What was predicted of a run that failed has nothing to be held against.
        numbers = numbers.where(runs["status"] == "ok", axis=0)
    groups = numbers.groupby([runs["origin"], runs["config_id"].astype(str)])
    means, errors = groups.mean(), groups.sem()
    with drawing(width=5.2, height=4.2) as (figure, (panel,)):
        for number, (origin, name) in enumerate(ORIGIN_NAMES.items()):
            rows = means[means.index.get_level_values("origin") == origin].dropna()
            spread = errors.loc[rows.index].fillna(0.0)
            panel.errorbar(
                rows[x],
                rows[y],
                xerr=spread[x],
                yerr=spread[y],
                fmt=MARKERS[number],
                color=COLOURS[number],
                elinewidth=0.8,
                markersize=5,
                alpha=0.8,
                label=name,
            )
        known = means.dropna()
        if known.empty:
            nothing_to_show(panel, "no scores to compare")
        else:
            _diagonal(panel, known[x], known[y])
            panel.locator_params(nbins=5)
        panel.set(xlabel=titles[0], ylabel=titles[1])
        handles, labels = panel.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        return rendered(figure)
