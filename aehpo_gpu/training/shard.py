"""Training a shard: its fleets, and the rows that come out.

How fleets share the device belongs to ``workers``, what is planned into a shard to ``plan``, what
is kept of it to the caller.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.columns import SCORES
from aehpo_assets.store.measured import PRICES
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.evaluation.downstream import score_latents
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.fleet import FleetResult, Metrics
from aehpo_gpu.training.progress import Progress, device_bytes
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings, TrainingTask, device_name
from aehpo_gpu.training.threads import threads_for
from aehpo_gpu.training.widths import layer_widths, trainable_parameters, weights_and_biases
from aehpo_gpu.training.workers import train_fleets

SCORED_TOGETHER = 1 << 30
"""Bytes of latents that are scored at once on a GPU."""


@dataclass(frozen=True)
class ShardResult:
    """What a shard leaves behind.

    Attributes
    ----------
    runs
        One row a run: the columns of run results, in the order of the runs given.
    curves
        One row a run and fidelity.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame


def train_shard(
    data: TrainingTask,
    architecture: str,
    runs: pd.DataFrame,
    fleets: Sequence[Sequence[int]],
    settings: TrainingSettings,
    cost: CostModel,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> ShardResult:
    """Train the fleets of a shard, score their latents, and lay out the rows.

    Parameters
    ----------
    data
        The task.
    architecture
        Name of the architecture.
    runs
        One row a run: ``config_id``, ``seed`` and the hyperparameters.
    fleets
        Positions within ``runs`` of each fleet; together they are all rows.
    settings
        What all runs share.
    cost
        The device's cost model: what a run would take alone.
    on_progress
        Called a few times a second from the calling thread; may raise to cancel.

    Returns
    -------
    ShardResult
        ``training_runtime`` is what the cost model says the run would take alone;
        ``fleet_runtime`` and ``evaluation_runtime`` are its share of the fleet's wall clock.

    Raises
    ------
    InputError
        If a run asks for ``k_filter`` below its latent dimension, or the device is not there.
    """
    check_runs(runs)
    matrix = ResidentMatrix(data, settings)
    started = time.monotonic()

    def tell(runs_done: float) -> None:
        seconds = time.monotonic() - started
        on_progress(Progress(runs_done, len(runs), seconds, device_bytes(matrix.device)))

    trained: list[tuple[pd.DataFrame, FleetResult]] = []
    for fleet, result in train_fleets(architecture, runs, fleets, matrix, settings, tell):
        described = describe_runs(architecture, runs.iloc[fleet], data)
        described["training_runtime"] = cost.training_runtime(
            architecture, runs.iloc[fleet], data.matrix.shape[1], len(matrix.train), settings.epochs
        )
        trained.append((described, result))
    rows = pd.concat([_fleet_rows(described, result, settings) for described, result in trained])
    scores, seconds = score_fleets([(d.index, result.latents) for d, result in trained], data)
    rows["evaluation_runtime"] += seconds
    rows = rows.join(scores).sort_index(kind="stable")
    rows["device"] = device_name(matrix.device)
    rows[PRICES] = cost.version
    scores_at = {settings.epochs: scores}
    for epoch in trained[0][1].latents_at:
        scored, _ = score_fleets(
            [(d.index, result.latents_at[epoch]) for d, result in trained], data
        )
        scores_at[epoch] = scored
    curves = [_curve_rows(described, result, settings, scores_at) for described, result in trained]
    return ShardResult(rows.reset_index(drop=True), pd.concat(curves, ignore_index=True))


def check_runs(runs: pd.DataFrame) -> None:
    """Refuse runs that no network can have.

    Raises
    ------
    InputError
        If ``k_filter`` lies below ``latent_dim_fixed``.
    """
    narrow = runs[runs["k_filter"] < runs["latent_dim_fixed"]]
    if len(narrow):
        first = narrow.iloc[0]
        raise InputError(
            f"the configuration {first['config_id']} asks for k_filter {first['k_filter']} below "
            f"its latent dimension {first['latent_dim_fixed']}",
            key="k_filter",
            remedy="Raise k_filter or lower latent_dim_fixed.",
        )


def describe_runs(architecture: str, runs: pd.DataFrame, data: TrainingTask) -> pd.DataFrame:
    """Everything about the runs that is known before they are trained."""
    features = np.minimum(runs["k_filter"], data.matrix.shape[1])
    heads = len(ARCHITECTURES[architecture].heads)
    widths = [
        layer_widths(int(k), int(row.n_layers), float(row.enc_factor), int(row.latent_dim_fixed))
        for k, row in zip(features, runs.itertuples(), strict=True)
    ]
    described = runs.copy()
    described.insert(1, "task", data.task)
    described.insert(2, "architecture", architecture)
    described["k_filter_effective"] = features
    described["overcomplete"] = features < runs["latent_dim_fixed"]
    described["trainable_parameters"] = [trainable_parameters(w, heads) for w in widths]
    described["weights_and_biases"] = [weights_and_biases(w) for w in widths]
    return described


def _fleet_rows(
    described: pd.DataFrame, result: FleetResult, settings: TrainingSettings
) -> pd.DataFrame:
    """Rows of a fleet that was trained to its end."""
    count = len(described)
    return result_rows(
        described,
        result.curves[settings.epochs],
        result.diverged,
        settings,
        result.training_seconds / count,
        result.evaluation_seconds / count,
    )


def result_rows(
    described: pd.DataFrame,
    metrics: Metrics,
    diverged: torch.Tensor,
    settings: TrainingSettings,
    fleet_runtime: float | pd.Series,
    evaluation_runtime: float | pd.Series,
) -> pd.DataFrame:
    """Rows of a fleet, all but the downstream scores.

    Parameters
    ----------
    described
        Output of :func:`describe_runs` with the column ``training_runtime``.
    metrics, diverged
        What the runs reached, in the same order.
    settings
        What all runs share.
    fleet_runtime, evaluation_runtime
        Share of each run in the fleet's wall clock.
    """
    bad = diverged.cpu().numpy()
    return described.assign(
        epochs=settings.epochs,
        status=np.where(bad, "diverged", "ok"),
        error=np.where(bad, "a loss or gradient became non-finite", ""),
        fleet_runtime=fleet_runtime,
        evaluation_runtime=evaluation_runtime,
        **{name: values.cpu().numpy().astype(np.float64) for name, values in metrics.items()},
    )


def score_fleets(
    fleets: Sequence[tuple[pd.Index, torch.Tensor]], data: TrainingTask
) -> tuple[pd.DataFrame, pd.Series]:
    """Downstream scores of the latents of all runs of a shard, and the seconds each took.

    Fleets of equal latent width are scored together: most of the time of a small problem is spent
    on starting it. On a GPU no more of them than :data:`SCORED_TOGETHER`: scoring needs several
    times their memory.
    """
    widths: dict[int, list[tuple[pd.Index, torch.Tensor]]] = {}
    for rows, latents in fleets:
        widths.setdefault(latents.shape[2], []).append((rows, latents))
    scores, seconds = [], []
    on_gpu = any(latents.is_cuda for _, latents in fleets)
    most = SCORED_TOGETHER if on_gpu else math.inf
    groups = [group for same in widths.values() for group in scored_together(same, most)]
    for members in groups:
        started = time.perf_counter()
        index = members[0][0].append([rows for rows, _ in members[1:]])
        together = torch.cat([latents for _, latents in members])
        # The classifiers' steps are made of many small products.
        with threads_for(together.numel()):
            scored = score_latents(together, data.split, data.targets)
        scores.append(scored.set_index(index))
        share = (time.perf_counter() - started) / len(index)
        seconds.append(pd.Series(share, index=index))
    return pd.concat(scores), pd.concat(seconds)


def scored_together(
    fleets: Sequence[tuple[pd.Index, torch.Tensor]], most: float
) -> Iterator[Sequence[tuple[pd.Index, torch.Tensor]]]:
    """Yield neighbouring fleets whose latents take at most so many bytes, or a single one."""
    start = held = 0
    for number, (_, latents) in enumerate(fleets):
        if start < number and held + latents.nbytes > most:
            yield fleets[start:number]
            start, held = number, 0
        held += latents.nbytes
    yield fleets[start:]


def _curve_rows(
    described: pd.DataFrame,
    result: FleetResult,
    settings: TrainingSettings,
    scores_at: Mapping[int, pd.DataFrame],
) -> pd.DataFrame:
    """Rows of the learning curves; the runtime of an epoch is its share of the solo runtime."""
    identity = described[["config_id", "task", "architecture", "seed"]]
    parts = []
    for epoch, metrics in result.curves.items():
        values = {name: v.cpu().numpy().astype(np.float64) for name, v in metrics.items()}
        if settings.score_fidelities:
            scores = scores_at[epoch].loc[described.index]
            values |= {name: scores[name].to_numpy() for name in SCORES}
        runtime = described["training_runtime"] * epoch / settings.epochs
        parts.append(identity.assign(epoch=epoch, runtime=runtime, **values))
    return pd.concat(parts, ignore_index=True)
