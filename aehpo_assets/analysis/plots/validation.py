"""Pictures of what validation found over all tasks of an architecture.

What one task's validation found is drawn in ``hpo``; the numbers belong to
``analysis.validation_report``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aehpo_assets.analysis.names import OPPONENT_NAMES
from aehpo_assets.analysis.plots.style import (
    COLOURS,
    GREY,
    MARKERS,
    drawing,
    noise_label,
    nothing_to_show,
    palette,
    rendered,
    shortened,
)
from aehpo_assets.hpo.objectives import OBJECTIVE, TEST_SCORE, VALID_SCORE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def predictions_and_improvements(predicted: pd.DataFrame, compared: pd.DataFrame) -> bytes:
    """Predicted against actual of every recommendation, and what the best one of a task gains.

    Parameters
    ----------
    predicted
        Output of :func:`aehpo_assets.analysis.validation_report.predictions`.
    compared
        Output of :func:`aehpo_assets.analysis.validation_report.improvements`.

    Returns
    -------
    bytes
        PNG. Vertical bars are 90 % intervals of the true mean, horizontal ones standard errors of
        the mean over seeds; the second panel has 95 % intervals by the pooled noise.
    """
    tasks = palette(predicted["task"])
    height = max(4.2, 1.6 + 0.42 * len(tasks))
    with drawing(1, 2, width=9.2, height=height) as (figure, axes):
        _predictions(axes[0], predicted, tasks)
        _improvements(axes[1], compared, list(tasks))
        handles, labels = axes[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(labels)))
        return rendered(figure)


def _predictions(panel: Axes, rows: pd.DataFrame, tasks: dict[object, str]) -> None:
    if rows.empty:
        nothing_to_show(panel, "nothing was recommended")
        return
    for number, (task, colour) in enumerate(tasks.items()):
        own = rows[rows["task"] == task]
        panel.errorbar(
            own["actual"],
            own["predicted"],
            xerr=own["standard_error"].fillna(0.0),
            yerr=[own["predicted"] - own["lower"], own["upper"] - own["predicted"]],
            # Colours repeat after seven tasks; a colour then has another marker.
            fmt=MARKERS[(number + number // len(COLOURS)) % len(MARKERS)],
            color=colour,
            elinewidth=0.7,
            markersize=5,
            alpha=0.8,
            label=shortened(task),
        )
    ends = [
        float(np.nanmin(rows[["predicted", "actual"]])),
        float(np.nanmax(rows[["predicted", "actual"]])),
    ]
    panel.plot(ends, ends, color="black", linewidth=0.8, linestyle="--", zorder=1)
    label = noise_label(rows["noise"])
    bias = (rows["predicted"] - rows["actual"]).mean()
    panel.set(xlabel="actual, mean over seeds", ylabel="predicted")
    panel.set_title(
        f"{OBJECTIVE[VALID_SCORE].title}\n"
        f"bias {bias:+.3f}, {rows['inside'].mean():.0%} of the means inside{label}",
        fontsize=9,
    )


def _improvements(panel: Axes, compared: pd.DataFrame, tasks: list[object]) -> None:
    if compared.empty:
        nothing_to_show(panel, "there is nothing to compare with")
        return
    on_test = compared[compared["score"] == TEST_SCORE]
    opponents = list(dict.fromkeys(on_test["opponent"]))
    panel.axvline(0, color=GREY, linewidth=0.8)
    for number, opponent in enumerate(opponents):
        own = on_test[on_test["opponent"] == opponent].set_index("task")
        place = [
            tasks.index(task) + 0.3 * (number - (len(opponents) - 1) / 2) for task in own.index
        ]
        half = (own["upper"] - own["improvement"]).fillna(0.0)
        panel.errorbar(
            own["improvement"],
            place,
            xerr=half,
            fmt=MARKERS[number],
            color=("black", GREY, COLOURS[0])[number],
            elinewidth=0.9,
            markersize=5,
            capsize=2,
            label=f"over: {OPPONENT_NAMES[opponent]}",
        )
    panel.set_yticks(range(len(tasks)), [shortened(task) for task in tasks])
    panel.set_ylim(len(tasks) - 0.5, -0.5)
    panel.grid(axis="y", visible=False)
    panel.set(xlabel="improvement of the test AUC")
    panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14))
