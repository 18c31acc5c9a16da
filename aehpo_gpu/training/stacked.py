"""Training in two stages: an autoencoder a modality, then one on the latents of them all.

The first stage goes to its end before the second begins, and hands on what its encoders say in
evaluation mode: latent means of every sample, standardised by the train samples. Rungs count the
epochs of the second. How an autoencoder is trained belongs to ``fleet``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import pandas as pd
import torch

from aehpo_assets.datasets.labels import SPLITS
from aehpo_assets.store.provenance import named_seed
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.evaluation.reconstruction import r2_of_samples, spread_of_samples
from aehpo_gpu.training.by_modality import columns_of_modalities, features_of_modalities
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.measure import Measured, Metrics
from aehpo_gpu.training.network import FleetNetwork
from aehpo_gpu.training.parameters import padded
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import EVALUATION_CHUNK, TrainingSettings, TrainingTask


def stages_of(
    architecture: str, runs: pd.DataFrame, data: TrainingTask
) -> list[tuple[pd.DataFrame, int]]:
    """Return the runs of each autoencoder that is trained, and the features that it may have.

    Parameters
    ----------
    architecture
        Name of the architecture; of one that has a single network, the runs themselves come back.
    runs
        One row a run.
    data
        The task.
    """
    own = ARCHITECTURES[architecture]
    if not own.stacked and not (own.crossed and data.modalities is not None):
        return [(runs, data.n_features)]
    columns = list(columns_of_modalities(data.modalities, data.n_features).values())
    counts = features_of_modalities(runs, columns)
    first = [
        (runs.assign(k_filter=count), len(part))
        for part, count in zip(columns, counts, strict=True)
    ]
    if own.crossed:
        return first
    joined = len(columns) * runs["latent_dim_fixed"]
    return [*first, (runs.assign(k_filter=joined), int(joined.max()))]


class JoinedLatents(ResidentMatrix):
    """What the second stage is trained on: an input for each run, and the way back.

    Attributes
    ----------
    values
        (samples, runs, padded features): the latent means of all modalities, standardised; zero
        behind those that a run has.
    mean, deviation
        (runs, features) of the train samples.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    @classmethod
    def of(cls, latents: Sequence[torch.Tensor], dims: Sequence[int], of: ResidentMatrix) -> Self:
        """Join the latent means of each modality.

        Parameters
        ----------
        latents
            (runs, samples, latents) of each modality.
        dims
            (runs,) latents that each run has.
        of
            The matrix of the task.
        """
        runs = [
            torch.cat([own[run, :, :dim] for own in latents], dim=1) for run, dim in enumerate(dims)
        ]
        widest = max(own.shape[1] for own in runs)
        joined = torch.stack([_widened(own, widest) for own in runs], dim=1)
        # A run whose first stage diverged has no second: it is told by what the first one says.
        joined = torch.nan_to_num(joined, nan=0.0, posinf=0.0, neginf=0.0)
        train = joined[of.rows["train"]]
        mean, deviation = train.mean(0), train.std(0, correction=0)
        deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        other = cls.__new__(cls)
        other.__dict__ |= {k: v for k, v in vars(of).items() if k != "train"}
        other.features, other.modalities, other._spreads = widest, None, {}
        other.values = of.values.new_zeros(*joined.shape[:2], padded(widest))
        other.values[:, :, :widest] = (joined - mean) / deviation
        other.mean, other.deviation = mean, deviation
        return other

    def spread(self, features: np.ndarray) -> torch.Tensor:
        """As of any matrix, of the input of each run."""
        own = [
            spread_of_samples(self.values[:, run, :k]) for run, k in enumerate(features.tolist())
        ]
        return torch.stack(own)

    def of_runs(self, rows: torch.Tensor) -> Self:
        """Return the inputs of some of the runs."""
        other = copy(self)
        other.__dict__.pop("train", None)
        other.values = self.values[:, rows]
        other.mean, other.deviation = self.mean[rows], self.deviation[rows]
        return other


class StackedTraining:
    """The training of runs of a stacked architecture; to whoever trains, as a ``FleetTraining``.

    The autoencoders of a modality are one fleet, and those of the second stage another, in which
    each has an input of its own.

    Parameters
    ----------
    architecture, runs, matrix, settings
        As for :class:`~aehpo_gpu.training.fleet.FleetTraining`.

    Attributes
    ----------
    first
        Training of each modality's autoencoders.
    second
        Training on their latents, once the first stage has ended.
    columns
        Positions of the features of each modality, by name.
    joined
        What the second stage is trained on.
    metrics
        ``recon_loss`` and ``r2`` are those of the whole way: the second stage decodes latents of
        the first, which decode features. ``vae_loss`` and ``total_loss`` are what the second stage
        is trained by.
    latents
        (members, samples, latents) latent means of the second stage.
    """

    def __init__(
        self,
        architecture: str,
        runs: pd.DataFrame,
        matrix: ResidentMatrix,
        settings: TrainingSettings,
    ):
        self._architecture, self._runs = architecture, runs
        self._matrix, self._settings = matrix, settings
        self.columns = columns_of_modalities(matrix.modalities, matrix.features)
        counts = features_of_modalities(runs, list(self.columns.values()))
        self.first: list[FleetTraining] = []
        self._views: list[ResidentMatrix] = []
        for (name, columns), count in zip(self.columns.items(), counts, strict=True):
            view = matrix.with_values(matrix.values[:, torch.as_tensor(columns)])
            own = runs.assign(k_filter=count, seed=_seeds(runs, "modality", name))
            self._views.append(view)
            self.first.append(FleetTraining(architecture, own, view, settings))
        self.second: FleetTraining | None = None
        self._spread = matrix.spread(np.minimum(runs["k_filter"].to_numpy(), matrix.features))
        self.members = np.arange(len(runs))
        self.metrics: Metrics = {}
        self.latents = torch.empty(len(runs), 0, device=matrix.device)
        self.epochs = self.first[0].epochs

    @property
    def epoch(self) -> int:
        """The present epoch of the second stage."""
        return 0 if self.second is None else self.second.epoch

    def epoch_of(self, rung: int) -> int:
        """Return the epoch of the second stage at whose end a rung is reached."""
        return self.first[0].epoch_of(rung)

    def rung_of(self, rungs: Sequence[int]) -> int:
        """As of a fleet, of the second stage."""
        assert self.second is not None
        return self.second.rung_of(rungs)

    @property
    def lengths(self) -> np.ndarray:
        """(members,) how far each goes: that of the study."""
        return self.first[0].lengths

    @property
    def stopped(self) -> np.ndarray:
        """(members,) which stop early: none."""
        return np.zeros(len(self.members), dtype=bool)

    @property
    def training_seconds(self) -> float:
        """Wall clock of both stages."""
        return sum(one.training_seconds for one in self._trainings)

    @property
    def evaluation_seconds(self) -> float:
        """Wall clock of evaluating both stages."""
        return sum(one.evaluation_seconds for one in self._trainings)

    @property
    def _trainings(self) -> list[FleetTraining]:
        return [*self.first, *([] if self.second is None else [self.second])]

    def advance(self, until: int, on_step: Callable[[float], None] = lambda share: None) -> None:
        """Train the second stage up to an epoch, the first before it, and evaluate there.

        Parameters
        ----------
        until, on_step
            As for :meth:`~aehpo_gpu.training.fleet.FleetTraining.advance`.
        """
        self.train(until, on_step)
        measured = self.measure()
        self.metrics, self.latents = measured.metrics, measured.latents

    def train(
        self,
        until: int,
        on_step: Callable[[float], None] = lambda share: None,
        on_epoch: Callable[[], None] = lambda: None,
    ) -> None:
        """Train the second stage up to an epoch, and the first before it.

        Parameters
        ----------
        until, on_step, on_epoch
            As for :meth:`~aehpo_gpu.training.fleet.FleetTraining.train`; ``until`` is an epoch of
            the second stage, ``on_epoch`` is called after those of both.
        """
        stages = len(self.first) + 1
        if self.second is None:
            for number, training in enumerate(self.first):
                training.advance(training.epochs, _share_of(on_step, number, stages), on_epoch)
            self.second = self._second()
        self.second.train(until, _share_of(on_step, len(self.first), stages), on_epoch)

    def state(self) -> dict[str, Any]:
        """As of a fleet, of both stages."""
        return {
            "first": [training.state() for training in self.first],
            "second": None if self.second is None else self.second.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """As of a fleet; what the second stage is trained on is made again of the first."""
        for training, kept in zip(self.first, state["first"], strict=True):
            training.restore(kept)
        if state["second"] is not None:
            for training in self.first:
                training.advance(training.epochs)
            self.second = self._second()
            self.second.restore(state["second"])

    def measure(self, rows: np.ndarray | None = None) -> Measured:
        """Evaluate all members, or those at some positions, at the present epoch."""
        assert self.second is not None
        last = self.second.measure()
        metrics = self._measured(last.metrics)
        first = torch.stack([training.diverged for training in self.first]).any(0)
        finite = torch.stack([torch.isfinite(values) for values in metrics.values()]).all(0)
        chosen = np.arange(len(self.members)) if rows is None else rows
        return Measured(
            {name: values[chosen] for name, values in metrics.items()},
            last.latents[chosen],
            (first | last.diverged | ~finite)[chosen],
        )

    def _second(self) -> FleetTraining:
        dims = self._runs["latent_dim_fixed"].tolist()
        latents = [training.latents for training in self.first]
        self.joined = JoinedLatents.of(latents, dims, self._matrix)
        runs = self._runs.assign(
            k_filter=len(self.first) * self._runs["latent_dim_fixed"],
            # Latents lie anywhere, whatever error the features have.
            reconstruction="mse",
            seed=_seeds(self._runs, "joined"),
        )
        return FleetTraining(self._architecture, runs, self.joined, self._settings)

    @torch.no_grad()
    def reconstruct(self, rows: torch.Tensor) -> list[torch.Tensor]:
        """Take some samples all the way, in evaluation mode.

        Parameters
        ----------
        rows
            Their positions.

        Returns
        -------
        list of torch.Tensor
            (members, samples, features) of each modality, zero where a run has no feature.
        """
        assert self.second is not None
        network, joined = _network_of(self.second), self.joined
        x = joined.values[rows, :, : network.width].transpose(0, 1)
        latents = network.encode(x)[network.architecture.heads[0]]
        decoded = network.reconstruction(latents)[:, :, : joined.features]
        decoded = decoded * joined.deviation[:, None] + joined.mean[:, None]
        whole = []
        for number, training in enumerate(self.first):
            network = _network_of(training)
            width = network.latent_dim
            shares = [
                _widened(own[:, number * dim : (number + 1) * dim], width)
                for own, dim in zip(decoded, self._runs["latent_dim_fixed"], strict=True)
            ]
            whole.append(network.reconstruction(torch.stack(shares)))
        return whole

    @torch.no_grad()
    def _measured(self, second: Metrics) -> Metrics:
        metrics: Metrics = {}
        for part in SPLITS:
            rows = self._matrix.rows[part]
            sums = self._spread.new_zeros(2, len(self.members))
            for chunk in rows.split(EVALUATION_CHUNK):
                squared = torch.zeros_like(self._spread[:, chunk])
                for found, view, training in zip(
                    self.reconstruct(chunk), self._views, self.first, strict=True
                ):
                    network = _network_of(training)
                    difference = found - view.values[chunk, : network.width]
                    if network.feature_mask is not None:
                        difference = difference * network.feature_mask
                    squared += difference.square().sum(2)
                r2 = r2_of_samples(squared, self._spread[:, chunk])
                sums += torch.stack([squared.sum(1), r2.sum(1)])
            recon, r2_mean = sums / len(rows)
            metrics |= {f"{part}_recon_loss": recon, f"{part}_r2": r2_mean}
            for name in (f"{part}_vae_loss", f"{part}_total_loss"):
                metrics[name] = second[name]
        return metrics

    def keep(self, going: np.ndarray) -> None:
        """Let the other runs leave; ``going`` as for a fleet."""
        if going.all():
            return
        staying = np.flatnonzero(going).tolist()
        for training in self._trainings:
            training.keep(going)
        self.joined = self.joined.of_runs(torch.as_tensor(staying))
        self._runs = self._runs.iloc[staying]
        self.members = self.members[going]
        self._spread = self._spread[staying]
        self.metrics = {name: values[staying] for name, values in self.metrics.items()}
        self.latents = self.latents[staying]


def _network_of(training: FleetTraining) -> FleetNetwork:
    assert isinstance(training.network, FleetNetwork)
    return training.network


def _seeds(runs: pd.DataFrame, *words: str) -> list[int]:
    """Seeds of a stage: each draws for itself."""
    return [named_seed(int(seed), *words) for seed in runs["seed"]]


def _widened(latents: torch.Tensor, width: int) -> torch.Tensor:
    return torch.nn.functional.pad(latents, (0, width - latents.shape[1]))


def _share_of(
    on_step: Callable[[float], None], number: int, trainings: int
) -> Callable[[float], None]:
    """Tell of one of several trainings as of a share of them all."""
    return lambda share: on_step((number + share) / trainings)
