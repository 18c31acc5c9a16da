"""Training runs, and the rows that come out: one a run and rung that it reached.

The loop belongs to ``fleets``, which runs make a fleet to ``plan``. At a rung somebody may decide
which runs go on; who decides, and by what rule, is not known here.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import torch

from aehpo_assets.errors import InputError
from aehpo_assets.space.widths import run_widths, weights_and_biases
from aehpo_assets.store.measured import PRICES
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.evaluation.downstream import score_latents
from aehpo_gpu.training.by_modality import absent_weights, modality_numbers
from aehpo_gpu.training.checkpoint import Checkpoints
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.decoders import BETWEEN, absent_from_decoder, with_decoder
from aehpo_gpu.training.defaults import training_defaults, with_defaults
from aehpo_gpu.training.errors import ERRORS
from aehpo_gpu.training.fleets import Fleets, Reached
from aehpo_gpu.training.progress import Progress
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.solo_module import parameter_counts
from aehpo_gpu.training.stacked import stages_of
from aehpo_gpu.training.task import TrainingSettings, TrainingTask, device_name

Decide = Callable[[int, pd.DataFrame], Sequence[bool]]
"""A rung and the rows of the runs that reached it, to whether each of them goes on."""

MOST_PARAMETERS = 200_000_000
"""Weights and biases of a run at most: twice those of the largest of the reference study."""

SCORED_TOGETHER = 1 << 30
"""Bytes of latents that are scored at once on a GPU."""


def train_rungs(
    data: TrainingTask,
    architecture: str,
    runs: pd.DataFrame,
    fleets: Sequence[Sequence[int]],
    settings: TrainingSettings,
    cost: CostModel,
    decide: Decide | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    checkpoints: Checkpoints | None = None,
) -> pd.DataFrame:
    """Train the runs of some fleets, score their latents, and lay out the rows.

    A run that goes on ends as it would have ended if no other had been stopped.

    Parameters
    ----------
    data
        The task.
    architecture
        Name of the architecture.
    runs
        One row a run: ``config_id``, ``seed`` and the hyperparameters.
    fleets
        Positions within ``runs`` of each fleet; runs in none of them are left out.
    settings
        What all runs share.
    cost
        The device's cost model: what a run would take alone.
    decide
        Asked at every rung but the last which runs go on, with their rows in the order of
        ``runs``. A run that diverged is stopped whatever the answer, and one that has ended is not
        asked about. Without it nobody leaves, and a fleet goes to its end before the next one
        begins.
    on_progress
        Called a few times a second from the calling thread; may raise to cancel.
    checkpoints
        Where fleets under way are kept, unless somebody decides.

    Returns
    -------
    pandas.DataFrame
        One row a run and rung that it reached, by rung and then in the order of the runs: the
        columns of run results, ``epoch``, and ``step`` where lengths count in steps: the rung that
        the epoch reached. The last row of a run is its result, after ``epochs`` where nobody
        stopped it; ``early_stopped`` where runs have a patience. A run with a length of its own, or
        that stops early, has no row at later rungs. Scores are missing at earlier rungs
        unless somebody decides, or ``score_fidelities`` asks for them. ``training_runtime`` is what
        the cost model says the run would have taken alone up to there; ``fleet_runtime`` and
        ``evaluation_runtime`` are its share of the fleet's wall clock.

    Raises
    ------
    InputError
        If a run asks for ``k_filter`` below its latent dimension or for an error that the data
        cannot have, or the device is not there.
    """
    given = (data, architecture, runs, fleets, settings, cost, on_progress)
    if decide is not None:
        return train_together([RungTraining(*given)], decide)
    training = RungTraining(*given, checkpoints)
    training.advance(settings.rungs)
    return training.table()


def train_together(trainings: Sequence[RungTraining], decide: Decide) -> pd.DataFrame:
    """Train the same configurations in several replicates, rung by rung, all at the same rung.

    Parameters
    ----------
    trainings
        One a replicate, with the same settings; none has begun.
    decide
        As for :func:`train_rungs`, with the rows of all replicates.

    Returns
    -------
    pandas.DataFrame
        As :func:`train_rungs` returns it, replicate after replicate.
    """
    for rung in trainings[0].rungs:
        reached = [training.advance([rung]) for training in trainings]
        asked = [rows[rows["epoch"] < rows["epochs"]] for rows in reached]
        going = [rows["status"] == "ok" for rows in reached]
        if any(map(len, asked)):
            answers = iter(decide(rung, pd.concat(asked, ignore_index=True)))
            for goes, rows in zip(going, asked, strict=True):
                goes[rows.index] &= np.array([next(answers) for _ in rows.index], dtype=bool)
        under_way = [t.keep(goes) for t, goes in zip(trainings, going, strict=True)]
        if not any(under_way):
            break
    return pd.concat([training.table() for training in trainings], ignore_index=True)


class RungTraining:
    """The runs of some fleets on their way from rung to rung.

    Parameters
    ----------
    data, architecture, runs, fleets, settings, cost, on_progress, checkpoints
        As for :func:`train_rungs`.

    Raises
    ------
    InputError
        As :func:`train_rungs`.
    """

    def __init__(
        self,
        data: TrainingTask,
        architecture: str,
        runs: pd.DataFrame,
        fleets: Sequence[Sequence[int]],
        settings: TrainingSettings,
        cost: CostModel,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        checkpoints: Checkpoints | None = None,
    ):
        places = np.sort(list(itertools.chain.from_iterable(fleets)))
        members = with_decoder(ARCHITECTURES[architecture], runs.iloc[places], data.ontology)
        members = members.set_axis(places)
        check_runs(architecture, members, data.n_features)
        check_targets(architecture, members, data)
        self.rungs = settings.rungs
        self._data, self._settings, self._cost = data, settings, cost
        self._matrix = ResidentMatrix(data, settings)
        self._described = _with_lengths(architecture, members, data, settings, cost)
        self._fleets = Fleets(
            architecture, runs, fleets, self._matrix, settings, on_progress, checkpoints
        )
        self._seconds = pd.DataFrame(0.0, places, ["fleet_runtime", "evaluation_runtime"])
        self._rows: list[pd.DataFrame] = []

    def advance(self, rungs: Sequence[int]) -> pd.DataFrame:
        """Train on to the last of some rungs; return the rows of the runs that reached it."""
        found = self._fleets.advance(rungs)
        rows = self._described.head(0).assign(epoch=0, status="")
        for rung in sorted({fleet.rung for fleet in found}):
            reached = [fleet for fleet in found if fleet.rung == rung]
            rows = _rung_rows(reached, self._described, self._seconds, self._data, self._settings)
            self._rows.append(rows)
        return rows

    def keep(self, going: pd.Series) -> bool:
        """Let go of runs that do not go on; return whether any does."""
        return bool(self._fleets.keep(going))

    def table(self) -> pd.DataFrame:
        """Return all rows so far, as :func:`train_rungs` does."""
        table = pd.concat(self._rows, ignore_index=True)
        table["device"] = device_name(self._matrix.device)
        table[PRICES] = self._cost.version
        return table


def _with_lengths(
    architecture: str,
    members: pd.DataFrame,
    data: TrainingTask,
    settings: TrainingSettings,
    cost: CostModel,
) -> pd.DataFrame:
    """Everything that is known of the runs before they are trained, and what each would take."""
    described = describe_runs(architecture, members, data)
    lengths = settings.lengths(members).tolist()
    epochs = [
        settings.epoch_of(length, data.n_train, int(size))
        for length, size in zip(lengths, members["batch_size"], strict=True)
    ]
    described["training_runtime"] = sum(
        cost.training_runtime(architecture, own, features, data.n_train, epochs)
        for own, features in stages_of(architecture, members, data)
    )
    described["epochs"] = epochs
    if "patience" in members:
        described["early_stopped"] = False
    return described


def check_runs(architecture: str, runs: pd.DataFrame, n_features: int) -> None:
    """Refuse runs that no network can have.

    Raises
    ------
    InputError
        If ``k_filter`` lies below ``latent_dim_fixed`` and the architecture is nothing for that, or
        a network has more parameters than :data:`MOST_PARAMETERS`.
    """
    narrow = runs[runs["k_filter"] < runs["latent_dim_fixed"]]
    if len(narrow) and not ARCHITECTURES[architecture].overcomplete:
        first = narrow.iloc[0]
        raise InputError(
            f"the configuration {first['config_id']} asks for k_filter {first['k_filter']} below "
            f"its latent dimension {first['latent_dim_fixed']}",
            key="k_filter",
            remedy="Raise k_filter or lower latent_dim_fixed.",
        )
    for config_id, widths in zip(runs["config_id"], run_widths(runs, n_features), strict=True):
        if (size := weights_and_biases(widths)) > MOST_PARAMETERS:
            raise InputError(
                f"the configuration {config_id} of {architecture} has {size:,} weights, more than "
                f"{MOST_PARAMETERS:,}",
                key="space.enc_factor",
                remedy="Raise enc_factor, or lower n_layers, k_filter or latent_dim_fixed.",
            )


def check_targets(architecture: str, runs: pd.DataFrame, data: TrainingTask) -> None:
    """Refuse runs whose error the data cannot have.

    Raises
    ------
    InputError
        If a run is trained by the cross-entropy, and train samples lie outside 0 and 1.
    """
    runs = with_defaults(runs, training_defaults(ARCHITECTURES[architecture]))
    on_logits = runs[runs["reconstruction"].map(lambda name: ERRORS[name].on_logits)]
    if on_logits.empty:
        return
    train = data.matrix[data.split == "train"]
    if train.min() < 0 or train.max() > 1:
        first = on_logits.iloc[0]
        raise InputError(
            f"the configuration {first['config_id']} is trained by {first['reconstruction']}, "
            f"which takes values from 0 to 1; the train samples of {data.task} lie between "
            f"{train.min():.3g} and {train.max():.3g}",
            key="space.reconstruction",
            remedy="Set preprocessing.scaler: minmax, or train by another error.",
        )


def describe_runs(architecture: str, runs: pd.DataFrame, data: TrainingTask) -> pd.DataFrame:
    """Everything about the runs that is known before they are trained."""
    stages = stages_of(architecture, runs, data)
    described = runs.drop(columns=BETWEEN, errors="ignore")
    described.insert(1, "task", data.task)
    described.insert(2, "architecture", architecture)
    described["k_filter_effective"] = np.minimum(runs["k_filter"], data.n_features)
    described["overcomplete"] = described["k_filter_effective"] < runs["latent_dim_fixed"]
    own = ARCHITECTURES[architecture]
    counts = np.sum([parameter_counts(own, *stage) for stage in stages], axis=0)
    if own.balance is not None:
        numbers = modality_numbers(data.modalities, data.n_features)
        counts = counts - absent_weights(run_widths(*stages[0]), numbers)[:, None]
    if own.decoder is not None:
        assert data.ontology is not None
        counts = counts - absent_from_decoder(own, runs, data.ontology)[:, None]
    described[["trainable_parameters", "weights_and_biases"]] = counts
    return described


def _rung_rows(
    fleets: Sequence[Reached],
    described: pd.DataFrame,
    seconds: pd.DataFrame,
    data: TrainingTask,
    settings: TrainingSettings,
) -> pd.DataFrame:
    """Rows of all runs that reached a rung; what the rung took is added to ``seconds``."""
    parts = []
    for fleet in fleets:
        seconds.loc[fleet.sharing] += fleet.seconds
    for fleet in fleets:
        bad = fleet.diverged.cpu().numpy()
        metrics = {n: v.cpu().numpy().astype(np.float64) for n, v in fleet.metrics.items()}
        ends = described.loc[fleet.rows]
        part = ends.assign(
            training_runtime=ends["training_runtime"] * (fleet.epoch / ends["epochs"]),
            **{"epoch": fleet.epoch, settings.unit: fleet.rung},
            status=np.where(bad, "diverged", "ok"),
            error=np.where(bad, "a loss or gradient became non-finite", ""),
            **seconds.loc[fleet.rows],
            **metrics,
        )
        if "early_stopped" in part:
            part["early_stopped"] = fleet.early
        if fleet.early:
            part["epochs"] = fleet.epoch
        parts.append(part)
    rows = pd.concat(parts)
    latents = [(pd.Index(f.rows), f.latents) for f in fleets if f.latents is not None]
    if latents:
        scores, scoring = score_fleets(latents, data, influence=settings.influence)
        seconds.loc[scoring.index, "evaluation_runtime"] += scoring
        rows["evaluation_runtime"] += scoring
        rows = rows.join(scores)
    return rows.sort_index(kind="stable")


def score_fleets(
    fleets: Sequence[tuple[pd.Index, torch.Tensor]],
    data: TrainingTask,
    *,
    influence: bool = False,
) -> tuple[pd.DataFrame, pd.Series]:
    """Downstream scores of the latents of all runs of some fleets, and the seconds each took.

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
        scored = score_latents(together, data.split, data.targets, influence=influence)
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
