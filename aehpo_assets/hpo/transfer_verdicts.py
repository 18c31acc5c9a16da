"""What searches with and without transfer say: where it helps, where it harms, what it saves.

Running them belongs to ``leave_one_out``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.hpo.leave_one_out import WAYS

HELPS, HARMS, UNDECIDED = "helps", "harms", "no clear difference"

_DRAWS = 2000


def transfer_verdicts(progress: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Judge each way of searching against the search without transfer, harm included.

    Parameters
    ----------
    progress
        Output of :func:`aehpo_assets.hpo.leave_one_out.leave_one_task_out`.
    seed
        Seed of the bootstrap over repetitions.

    Returns
    -------
    pandas.DataFrame
        One row a task, searcher and way other than ``none``:

        - ``gain``: difference of the final best score, paired by repetition, on average; with its
          95 % bootstrap interval ``gain_lower``, ``gain_upper``;
        - ``anytime_gain``: the same difference, averaged over all evaluations;
        - ``evaluations_saved``: how many evaluations earlier than the search without transfer it
          reached that search's final result, median over the repetitions; negative infinity where
          half of them never did;
        - ``reached``: share of the repetitions that reached it;
        - ``verdict``: ``helps``, ``harms`` or ``no clear difference``, by the interval.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for (task, searcher), group in progress.groupby(["task", "searcher"], sort=False):
        budget = int(group["evaluation"].max())
        curves = {way: _curves(part, budget) for way, part in group.groupby("way")}
        without = curves["none"]
        target = without[:, -1:]
        for way in WAYS[1:]:
            with_it = curves[way]
            difference = with_it[:, -1] - without[:, -1]
            draws = generator.integers(0, len(difference), (_DRAWS, len(difference)))
            lower, upper = np.quantile(difference[draws].mean(axis=1), [0.025, 0.975])
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
                    "gain_lower": float(lower),
                    "gain_upper": float(upper),
                    "anytime_gain": float(with_it.mean() - without.mean()),
                    "evaluations_saved": float(np.median(saved)),
                    "reached": float(reached.mean()),
                    "verdict": HELPS if lower > 0 else HARMS if upper < 0 else UNDECIDED,
                }
            )
    return pd.DataFrame(rows)


def _curves(part: pd.DataFrame, budget: int) -> np.ndarray:
    """(repetitions, evaluations) best scores; a search that ran out of proposals stays put."""
    table = part.pivot(index="repetition", columns="evaluation", values="best")
    return table.reindex(columns=range(1, budget + 1)).ffill(axis=1).to_numpy()


def _first(reached: np.ndarray) -> np.ndarray:
    """(repetitions,) position of the first True, as a float."""
    return reached.argmax(axis=1).astype("float64")
