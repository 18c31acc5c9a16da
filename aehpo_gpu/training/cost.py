"""What a run would take alone on the device: the cost model, its fit and its file.

Simulated searches charge one run at a time, so a run's ``training_runtime`` must not depend on the
fleet that it happened to train in. Nearly every configuration has shapes of its own; timing each
alone would undo the fleets. The model prices the work of a step (``work``); the prices are fitted
to timings of some 60 runs alone and some fleets, spread over the space (``timing``), once for a
device (``device_cost``). On the CPU, alone means on one core, which is how a fleet trains as well.

On the CPU one thing follows another, and a step takes the sum of its terms. A GPU works off what
was launched before while the next is launched, and a step takes the longer of the two. Memory and
arithmetic add up on both: AdamW, BatchNorm and the products between them are kernels of their own,
and run in turn. Nothing is decided by seconds that were measured, see ``plan``.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aehpo_assets.limits import read_json
from aehpo_assets.space.batches import steps_per_epoch
from aehpo_assets.store.files import damaged_path, write_text
from aehpo_assets.store.hashes import settings_hash
from aehpo_assets.store.seals import opened, sealed
from aehpo_gpu.training.work import LAUNCHED, TERMS, run_work

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CostModel:
    """Prices of the work of a training step.

    Attributes
    ----------
    device
        What was measured.
    seconds
        Term of :data:`aehpo_gpu.training.work.TERMS` to the seconds that one unit of it takes.
    solo_error, fleet_error
        Median relative error of the predicted step of a run alone, and of a fleet, each left out
        of its fit in turn.
    solo_timings, fleet_timings
        How many of each were measured; 0 for the shipped prices.
    largest_step
        Operations of the largest step of a run alone that was timed.
    overlapped
        Whether launches go on beside memory and arithmetic: a step takes the longer of the two
        instead of the sum.
    """

    device: str
    seconds: dict[str, float]
    solo_error: float = float("nan")
    fleet_error: float = float("nan")
    solo_timings: int = 0
    fleet_timings: int = 0
    largest_step: float = 0.0
    overlapped: bool = False

    @property
    def version(self) -> str:
        """Hash of the model, by which rows name the prices that they were priced by."""
        known = asdict(self)
        # Prices that were kept before there were others are still the same.
        if not self.overlapped:
            del known["overlapped"]
        return settings_hash(known)

    def step_seconds(self, work: np.ndarray) -> np.ndarray:
        """Seconds of steps, (fleets,), from the (fleets, terms) work of each."""
        return _seconds(work, np.array([self.seconds[term] for term in TERMS]), self.overlapped)

    def training_runtime(
        self,
        architecture: str,
        runs: pd.DataFrame,
        n_features: int,
        n_train: int,
        epochs: int | Sequence[int],
    ) -> np.ndarray:
        """Seconds that each run's training would take alone, evaluation not included.

        Parameters
        ----------
        architecture
            Name of the architecture.
        runs
            One row a run.
        n_features
            Features of the task; a run that asks for more uses all.
        n_train
            Train samples of the task.
        epochs
            Number of epochs, of all or of each.

        Returns
        -------
        np.ndarray
            (runs,) seconds.
        """
        sizes = runs["batch_size"].to_numpy(dtype=int)
        steps = np.array([steps_per_epoch(n_train, int(size)) for size in sizes])
        work = run_work(architecture, runs, n_features, (n_train / steps).tolist())
        seconds = np.array([self.step_seconds(one[None])[0] for one in work])
        return np.broadcast_to(epochs, len(runs)) * steps * seconds


def fit_cost_model(
    device: str,
    work: np.ndarray,
    seconds: np.ndarray,
    runs: np.ndarray,
    *,
    overlapped: bool = False,
) -> CostModel:
    """Fit prices to timings: non-negative least squares on the relative error.

    Parameters
    ----------
    device
        What was measured.
    work
        (timings, terms).
    seconds
        (timings,) of one step.
    runs
        (timings,) runs of each fleet; 1 for a run alone.
    overlapped
        As of the model.
    """
    fit = _longer_prices if overlapped else _prices
    predicted = np.empty(len(seconds))
    for left_out in range(len(seconds)):
        kept = np.arange(len(seconds)) != left_out
        predicted[left_out] = _seconds(work[left_out], fit(work[kept], seconds[kept]), overlapped)
    error = np.abs(predicted / seconds - 1)
    prices = fit(work, seconds)
    return CostModel(
        device=device,
        seconds=dict(zip(TERMS, prices.tolist(), strict=True)),
        solo_error=_median(error[runs == 1]),
        fleet_error=_median(error[runs > 1]),
        solo_timings=int((runs == 1).sum()),
        fleet_timings=int((runs > 1).sum()),
        largest_step=float(work[runs == 1, TERMS.index("operations")].max(initial=0)),
        overlapped=overlapped,
    )


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _seconds(work: np.ndarray, prices: np.ndarray, overlapped: bool) -> np.ndarray:
    if not overlapped:
        return work @ prices
    launching = work[..., _LAUNCHING] @ prices[_LAUNCHING]
    return np.maximum(launching, work[..., ~_LAUNCHING] @ prices[~_LAUNCHING])


_LAUNCHING = np.isin(TERMS, LAUNCHED)


def _prices(work: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    from scipy.optimize import nnls

    relative = work / seconds[:, None]
    scale = np.maximum(np.linalg.norm(relative, axis=0), 1e-300)
    prices, _ = nnls(relative / scale, np.ones(len(seconds)))
    return prices / scale


def _longer_prices(work: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Fit prices of the longer of two sums: each timing to the sum that it is the longer of.

    Which one that is follows from the prices, and these from it, in turn (Magnani and Boyd, 2009,
    https://doi.org/10.1007/s11081-008-9045-3), beginning with the steps that take the shortest for
    each launch as launched ones, few of them or many; the best of all comes back.
    """
    by_launch = np.argsort(seconds / work[:, TERMS.index("layers")], kind="stable")
    best, least = np.zeros(len(TERMS)), np.inf
    for share in _FIRST_SHARES:
        launched = np.isin(np.arange(len(seconds)), by_launch[: round(share * len(seconds))])
        for _ in range(_MOST_TURNS):
            prices = np.zeros(len(TERMS))
            prices[_LAUNCHING] = _prices(work[launched][:, _LAUNCHING], seconds[launched])
            prices[~_LAUNCHING] = _prices(work[~launched][:, ~_LAUNCHING], seconds[~launched])
            error = float(np.square(_seconds(work, prices, True) / seconds - 1).sum())
            if error < least:
                best, least = prices, error
            device = work[:, ~_LAUNCHING] @ prices[~_LAUNCHING]
            before, launched = launched, work[:, _LAUNCHING] @ prices[_LAUNCHING] > device
            if (launched == before).all():
                break
    return best


_FIRST_SHARES = (0.2, 0.4, 0.6, 0.8)
_MOST_TURNS = 20


def save_cost_model(model: CostModel, path: Path, of: Sequence[str]) -> None:
    """Write a model as sealed JSON, atomically.

    Parameters
    ----------
    model
        The model.
    path
        The file.
    of
        What the prices are of: processor, architecture, loss and precision.
    """
    write_text(path, json.dumps(sealed({"of": list(of)} | asdict(model)), indent=2) + "\n")


def load_cost_model(path: Path, of: Sequence[str]) -> CostModel | None:
    """Read a model; None if there is none, or one of other terms.

    One that is damaged, altered, of something else or without a seal is set aside.
    """
    try:
        content = opened(read_json(path.read_bytes()))
        if (present := content.pop("of")) != list(of):
            raise ValueError(f"its prices are of {' '.join(present)}, not of {' '.join(of)}")
        model = CostModel(**content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        aside = damaged_path(path)
        with contextlib.suppress(OSError):
            path.replace(aside)
        logger.warning(
            "%s is no price list to go by (%s); it is set aside as %s, and the device is measured "
            "again",
            path,
            error,
            aside.name,
        )
        return None
    return model if set(model.seconds) == set(TERMS) else None
