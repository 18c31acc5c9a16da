"""Picture of how much the valid score depends on each hyperparameter.

The computation belongs to ``aehpo_assets.analysis.importance``.
"""

from __future__ import annotations

import pandas as pd

from aehpo_assets.analysis.plots.style import COLOURS, drawing, nothing_to_show, rendered


def hyperparameter_importance(importance: pd.DataFrame) -> bytes:
    """Importance of each hyperparameter, the largest on top.

    Parameters
    ----------
    importance
        Table of :func:`aehpo_assets.analysis.importance.hyperparameter_importance`.

    Returns
    -------
    bytes
        PNG. Bars are means over the folds, whiskers standard deviations.
    """
    with drawing(height=max(2.2, 1.0 + 0.32 * len(importance))) as (figure, (panel,)):
        known = importance.dropna(subset=["importance"])
        if known.empty:
            nothing_to_show(panel, "too few configurations to tell")
            return rendered(figure)
        panel.barh(
            known["hyperparameter"],
            known["importance"],
            xerr=known["standard_deviation"],
            color=COLOURS[0],
            error_kw={"elinewidth": 1.0, "capsize": 2},
            height=0.65,
        )
        panel.axvline(0, color="black", linewidth=0.8)
        panel.invert_yaxis()
        panel.grid(axis="y", visible=False)
        panel.set_xlabel("loss of cross-validated R² when shuffled")
        panel.set_title(f"the forest's cross-validated R² is {known['forest_r2'].iloc[0]:.2f}")
        return rendered(figure)
