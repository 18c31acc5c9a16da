"""Training in two stages: an autoencoder a modality, then one on the latents of them all.

The first stage goes to its end before the second begins, and hands on what its encoders say in
evaluation mode: latent means of every sample, standardised by the train samples. Rungs count the
epochs of the second. How an autoencoder is trained belongs to ``fleet``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from aehpo_assets.datasets.labels import SPLITS
from aehpo_assets.errors import InputError
from aehpo_assets.store.provenance import named_seed
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.evaluation.reconstruction import r2_of_samples
from aehpo_gpu.training.fleet import FleetTraining, Metrics
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import EVALUATION_CHUNK, TrainingSettings, TrainingTask


def columns_of_modalities(modalities: np.ndarray | None, features: int) -> dict[str, np.ndarray]:
    """Return the positions of each modality's features, in their order; all of a single one."""
    if modalities is None:
        return {"": np.arange(features)}
    return {str(one): np.flatnonzero(modalities == one) for one in pd.unique(modalities)}


def features_of_modalities(runs: pd.DataFrame, columns: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return how many features of each modality each run has, (runs,) each.

    Raises
    ------
    InputError
        If a run has none of one.
    """
    asked = runs["k_filter"].to_numpy()
    counts = [np.searchsorted(own, asked) for own in columns]
    if any((own == 0).any() for own in counts):
        raise InputError(
            f"k_filter {int(asked.min())} leaves a modality without a feature",
            key="space.k_filter",
            remedy=f"Set it to {len(columns)} or more: each modality has its share.",
        )
    return counts


def stages_of(
    architecture: str, runs: pd.DataFrame, data: TrainingTask
) -> list[tuple[pd.DataFrame, int]]:
    """Return the runs of each autoencoder that is trained, and the features that it may have.

    Parameters
    ----------
    architecture
        Name of the architecture; of one that is not stacked, the runs themselves come back.
    runs
        One row a run.
    data
        The task.
    """
    if not ARCHITECTURES[architecture].stacked:
        return [(runs, data.n_features)]
    columns = list(columns_of_modalities(data.modalities, data.n_features).values())
    counts = features_of_modalities(runs, columns)
    first = [
        (runs.assign(k_filter=count), len(own)) for own, count in zip(columns, counts, strict=True)
    ]
    joined = len(columns) * runs["latent_dim_fixed"]
    return [*first, (runs.assign(k_filter=joined), int(joined.max()))]


@dataclass(frozen=True)
class _Joined:
    """What the second stage of a run is trained on, and the way back.

    Attributes
    ----------
    matrix
        (samples, modalities x latents), standardised.
    mean, deviation
        (modalities x latents,) of the train samples.
    """

    matrix: ResidentMatrix
    mean: torch.Tensor
    deviation: torch.Tensor

    @classmethod
    def of(cls, latents: Sequence[torch.Tensor], matrix: ResidentMatrix) -> _Joined:
        """Join the latent means of each modality, (samples, latents) each."""
        joined = torch.cat(list(latents), dim=1)
        # A run whose first stage diverged has no second: it is told by what the first one says.
        joined = torch.nan_to_num(joined, nan=0.0, posinf=0.0, neginf=0.0)
        train = joined[matrix.rows["train"]]
        mean, deviation = train.mean(0), train.std(0, correction=0)
        deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        return cls(matrix.with_values((joined - mean) / deviation), mean, deviation)


class StackedTraining:
    """The training of runs of a stacked architecture; to whoever trains, as a ``FleetTraining``.

    The autoencoders of a modality are one fleet. Those of the second stage have an input each, and
    are trained one after another.

    Parameters
    ----------
    architecture, runs, matrix, settings
        As for :class:`~aehpo_gpu.training.fleet.FleetTraining`.

    Attributes
    ----------
    first
        Training of each modality's autoencoders.
    second
        Training of each run on their latents, once the first stage has ended.
    metrics
        ``recon_loss`` and ``r2`` are those of the whole way: the second stage decodes latents of
        the first, which decode features. ``vae_loss`` and ``total_loss`` are what the second stage
        is trained by.
    latents
        (members, samples, latents) latent means of the second stage.
    """

    metrics: Metrics
    latents: torch.Tensor

    def __init__(
        self,
        architecture: str,
        runs: pd.DataFrame,
        matrix: ResidentMatrix,
        settings: TrainingSettings,
    ):
        self._architecture, self._runs = architecture, runs
        self._matrix, self._settings = matrix, settings
        parts = columns_of_modalities(matrix.modalities, matrix.features)
        counts = features_of_modalities(runs, list(parts.values()))
        self._names = list(parts)
        self.first: list[FleetTraining] = []
        self._views: list[ResidentMatrix] = []
        for (name, columns), count in zip(parts.items(), counts, strict=True):
            view = matrix.with_values(matrix.values[:, torch.as_tensor(columns)])
            own = runs.assign(k_filter=count, seed=_seeds(runs, "modality", name))
            self._views.append(view)
            self.first.append(FleetTraining(architecture, own, view, settings))
        self.second: list[FleetTraining] = []
        self._joined: list[_Joined] = []
        self._batch_size = int(runs["batch_size"].iloc[0])
        self._spread = matrix.spread(np.minimum(runs["k_filter"].to_numpy(), matrix.features))
        self.members = np.arange(len(runs))
        self.epochs, self.epoch = self.first[0].epochs, 0

    def epoch_of(self, rung: int) -> int:
        """Return the epoch of the second stage at whose end a rung is reached."""
        return self.first[0].epoch_of(rung)

    @property
    def training_seconds(self) -> float:
        """Wall clock of both stages."""
        return sum(one.training_seconds for one in (*self.first, *self.second))

    @property
    def evaluation_seconds(self) -> float:
        """Wall clock of evaluating both stages."""
        return sum(one.evaluation_seconds for one in (*self.first, *self.second))

    def advance(self, until: int, on_step: Callable[[float], None] = lambda share: None) -> None:
        """Train the second stage up to an epoch, the first before it, and evaluate there.

        Parameters
        ----------
        until, on_step
            As for :meth:`~aehpo_gpu.training.fleet.FleetTraining.advance`.
        """
        trainings = len(self.first) + len(self.members)
        if not self.second:
            for number, training in enumerate(self.first):
                training.advance(training.epochs, _share_of(on_step, number, trainings))
            self._begin_second()
        for number, training in enumerate(self.second, start=len(self.first)):
            training.advance(until, _share_of(on_step, number, trainings))
        self.epoch = until
        self.latents = self._padded([training.latents[0] for training in self.second])
        self.metrics = self._measured()

    def _begin_second(self) -> None:
        dims = self._runs["latent_dim_fixed"].tolist()
        for position, dim in enumerate(dims):
            own = [training.latents[position, :, :dim] for training in self.first]
            joined = _Joined.of(own, self._matrix)
            run = self._runs.iloc[[position]]
            # Latents lie anywhere, whatever error the features have.
            own_error = {"reconstruction": "mse", "seed": _seeds(run, "joined")}
            run = run.assign(k_filter=joined.matrix.features, **own_error)
            self._joined.append(joined)
            self.second.append(
                FleetTraining(self._architecture, run, joined.matrix, self._settings)
            )

    def _padded(self, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        widest = max(row.shape[1] for row in rows)
        return torch.stack(
            [torch.nn.functional.pad(row, (0, widest - row.shape[1])) for row in rows]
        )

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
        decoded = []
        for training, joined in zip(self.second, self._joined, strict=True):
            network = training.network
            x = joined.matrix.values[rows, : network.width]
            latents = network.encode(x)[network.architecture.heads[0]]
            (found,) = network.reconstruction(latents)
            decoded.append(found[:, : len(joined.mean)] * joined.deviation + joined.mean)
        whole = []
        for number, training in enumerate(self.first):
            shares = [own.chunk(len(self.first), dim=1)[number] for own in decoded]
            stacked = [_widened(share, training.network.latent_dim) for share in shares]
            whole.append(training.network.reconstruction(torch.stack(stacked)))
        return whole

    @torch.no_grad()
    def _measured(self) -> Metrics:
        metrics: Metrics = {}
        for part in SPLITS:
            rows = self._matrix.rows[part]
            sums = self._spread.new_zeros(2, len(self.members))
            for chunk in rows.split(EVALUATION_CHUNK):
                squared = torch.zeros_like(self._spread[:, chunk])
                for found, view, training in zip(
                    self.reconstruct(chunk), self._views, self.first, strict=True
                ):
                    network = training.network
                    difference = found - view.values[chunk, : network.width]
                    if network.feature_mask is not None:
                        difference = difference * network.feature_mask
                    squared += difference.square().sum(2)
                r2 = r2_of_samples(squared, self._spread[:, chunk])
                sums += torch.stack([squared.sum(1), r2.sum(1)])
            recon, r2_mean = sums / len(rows)
            metrics |= {f"{part}_recon_loss": recon, f"{part}_r2": r2_mean}
            for name in (f"{part}_vae_loss", f"{part}_total_loss"):
                metrics[name] = torch.cat([training.metrics[name] for training in self.second])
        return metrics

    @property
    def diverged(self) -> torch.Tensor:
        """(members,) whether either stage of a run became non-finite."""
        first = torch.stack([training.diverged for training in self.first]).any(0)
        second = torch.cat([training.diverged for training in self.second])
        finite = torch.stack([torch.isfinite(values) for values in self.metrics.values()]).all(0)
        return first | second | ~finite

    def keep(self, going: np.ndarray) -> None:
        """Let the other runs leave; ``going`` as for a fleet."""
        staying = np.flatnonzero(going).tolist()
        for training in self.first:
            training.keep(going)
        self.second = [self.second[position] for position in staying]
        self._joined = [self._joined[position] for position in staying]
        self._runs = self._runs.iloc[staying]
        self.members = self.members[going]
        self._spread = self._spread[staying]
        self.metrics = {name: values[staying] for name, values in self.metrics.items()}
        self.latents = self.latents[staying]


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
