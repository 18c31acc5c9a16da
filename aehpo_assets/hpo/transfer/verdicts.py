"""What searches with and without transfer say: where it helps, where it harms, what it saves.

Running them belongs to ``leave_one_out``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from aehpo_assets.hpo.transfer.leave_one_out import WAYS

HELPS, HARMS, UNDECIDED = "helps", "harms", "no clear difference"

CONFIDENCE = 0.95
"""Confidence of the interval of a gain."""


def transfer_verdicts(progress: pd.DataFrame) -> pd.DataFrame:
    """Judge each way of searching against the search without transfer, harm included.

    Parameters
    ----------
    progress
        Output of :func:`aehpo_assets.hpo.transfer.leave_one_out.leave_one_task_out`.

    Returns
    -------
    pandas.DataFrame
        One row a task, searcher and way other than ``none``:

        - ``gain``: difference of the final best score, paired by repetition, on average; with its
          95 % interval ``gain_lower``, ``gain_upper`` (Student's; NaN with a single repetition);
        - ``anytime_gain``: the same difference, averaged over all evaluations;
        - ``evaluations_saved``: how many evaluations earlier than the search without transfer it
          reached that search's final result, median over the repetitions; negative infinity where
          half of them never did;
        - ``reached``: share of the repetitions that reached it;
        - ``verdict``: ``helps``, ``harms`` or ``no clear difference``, by the interval in three
          digits. Of forty cases without any difference, chance makes one look like harm.
    """
    rows = []
    for (task, searcher), group in progress.groupby(["task", "searcher"], sort=False):
        budget = int(group["evaluation"].max())
        curves = {way: _curves(part, budget) for way, part in group.groupby("way")}
        without = curves["none"]
        target = without[:, -1:]
        for way in WAYS[1:]:
            with_it = curves[way]
            difference = with_it[:, -1] - without[:, -1]
            lower, upper = _interval(difference)
            reached = with_it[:, -1] >= target[:, 0]
            saved = np.where(
                reached, _first(without >= target) - _first(with_it >= target), -np.inf
            )
            rows.append(
                {
                    "task": task,
                    "searcher": searcher,
                    "way": way,
                    "gain": float(difference.mean()),
                    "gain_lower": lower,
                    "gain_upper": upper,
                    "anytime_gain": float(with_it.mean() - without.mean()),
                    "evaluations_saved": float(np.median(saved)),
                    "reached": float(reached.mean()),
                    "verdict": _verdict(lower, upper),
                }
            )
    return pd.DataFrame(rows)


def _interval(differences: np.ndarray) -> tuple[float, float]:
    count, mean = len(differences), float(differences.mean())
    if count < 2:
        return np.nan, np.nan
    error = float(differences.std(ddof=1)) / np.sqrt(count)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    return mean - half, mean + half


def _verdict(lower: float, upper: float) -> str:
    if round(lower, 3) > 0:
        return HELPS
    return HARMS if round(upper, 3) < 0 else UNDECIDED


def _curves(part: pd.DataFrame, budget: int) -> np.ndarray:
    """(repetitions, evaluations) best scores; a search that ran out of proposals stays put."""
    table = part.pivot(index="repetition", columns="evaluation", values="best")
    return table.reindex(columns=range(1, budget + 1)).ffill(axis=1).to_numpy()


def _first(reached: np.ndarray) -> np.ndarray:
    """(repetitions,) position of the first True, as a float."""
    return reached.argmax(axis=1).astype("float64")
