"""Autoencoders of several modalities that are trained together, and translate between them.

Each modality has a plain network as a run alone has it, with draws of its own; all see the same
samples. Their parameters have one optimiser and one gradient norm, since they have one loss. The
classifier that is to tell modalities apart has an optimiser of its own, and steps after them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from aehpo_assets.errors import InputError
from aehpo_assets.space.widths import run_widths
from aehpo_assets.store.provenance import named_seed
from aehpo_gpu.architectures import Architecture
from aehpo_gpu.evaluation.alignment import foscttm, modality_accuracy
from aehpo_gpu.evaluation.reconstruction import r2_of_samples, spread_of_samples
from aehpo_gpu.training import draws
from aehpo_gpu.training.by_modality import columns_of_modalities, features_of_modalities
from aehpo_gpu.training.class_means import ClassMeans
from aehpo_gpu.training.defaults import training_defaults, with_defaults
from aehpo_gpu.training.losses import Losses
from aehpo_gpu.training.rules import UpdateRule
from aehpo_gpu.training.solo import ROWS, DrawnDropout, Passed, SoloNetwork
from aehpo_gpu.training.solo_optimiser import SoloOptimiser

HIDDEN = (64, 32)
"""Hidden layers of the classifier, as in Autoencodix."""

DROPPED = 0.1

CLASSES = "classes"
"""Name of the classes of samples, among what a batch has beside its features."""


class CrossedNetwork:
    """One run on a joint task, with the interface of a run alone.

    Parameters
    ----------
    architecture, runs, features, train_samples, vae_loss, device, dtype
        As of a :class:`~aehpo_gpu.training.solo.SoloNetwork`.
    modalities
        (features,) modality of each feature.
    classes
        How many classes there are, of a run with a class loss.

    Attributes
    ----------
    parts
        Network of each modality, by name.
    columns
        Positions of the features of each.
    classifier
        Latents of a sample in a modality to the logits of the modalities.
    seen
        (modalities, samples, latents) of the batch before, without gradient, and the samples.
    class_means
        Means of the classes; None without a class loss.
    crossing
        Whether modalities are brought together yet.

    Raises
    ------
    InputError
        If the task has one modality, or the run none of the features of one.
    """

    def __init__(
        self,
        architecture: Architecture,
        runs: pd.DataFrame,
        *,
        features: int,
        modalities: np.ndarray | None,
        train_samples: int,
        vae_loss: str,
        device: torch.device,
        dtype: torch.dtype,
        classes: int = 0,
    ):
        if modalities is None:
            raise InputError(
                f"{architecture.name} translates between modalities, and the task has one",
                key="architectures",
                remedy="Train it on joint tasks alone: name them under fusion, and set tasks: [].",
            )
        if len(runs) != 1:
            raise ValueError(f"{architecture.name} trains one run at a time, not {len(runs)}")
        runs = with_defaults(runs, training_defaults(architecture))
        self.architecture, self.device, self.dtype = architecture, device, dtype
        self.train_samples = train_samples
        run = runs.iloc[0]
        self.seed = int(run["seed"])
        self.widths = run_widths(runs, features)
        self.width, self.latent_dim = self.widths[0][0], self.widths[0][-1]
        self.features = np.array([self.width])
        self._gamma, self._delta = float(run["gamma"]), float(run["delta_pair"])
        self._delta_class = float(run["delta_class"])
        self.pretrain_epochs, self.crossing = int(run["pretrain_epochs"]), True
        columns = columns_of_modalities(modalities, features)
        counts = features_of_modalities(runs, list(columns.values()))
        self.parts: dict[str, SoloNetwork] = {}
        self.columns: list[Tensor] = []
        for (name, own), count in zip(columns.items(), counts, strict=True):
            seed = named_seed(self.seed, "modality", name)
            self.parts[name] = SoloNetwork(
                architecture,
                runs.assign(k_filter=count, seed=seed),
                features=len(own),
                train_samples=train_samples,
                vae_loss=vae_loss,
                device=device,
                dtype=dtype,
            )
            self.columns.append(torch.as_tensor(own[: int(count[0])], device=device))
        self.module = nn.ModuleList(part.module for part in self.parts.values())
        self.classifier = self._classifier().to(device=device, dtype=dtype)
        self.seen: tuple[Tensor, range] | None = None
        self.class_means: ClassMeans | None = None
        if self._delta_class > 0 and classes > 0:
            self.class_means = ClassMeans(classes, self.latent_dim, device, dtype)

    def _classifier(self) -> nn.Sequential:
        seed, layers = named_seed(self.seed, "classifier"), nn.Sequential()
        source = draws.generator(seed, "weights")
        for number, (inputs, outputs) in enumerate(
            itertools.pairwise([self.latent_dim, *HIDDEN, len(self.parts)])
        ):
            linear = nn.Linear(inputs, outputs)
            nn.init.xavier_uniform_(linear.weight, generator=source)
            nn.init.zeros_(linear.bias)
            layers.append(linear)
            if number < len(HIDDEN):
                layers.extend([nn.ReLU(), DrawnDropout(DROPPED, seed, number)])
        return layers

    @property
    def noise_width(self) -> int:
        """Numbers that a sample draws at once."""
        return sum(part.noise_width for part in self.parts.values())

    @property
    def needs_classes(self) -> bool:
        """Whether the run has a class loss."""
        return self._delta_class > 0

    def begin_epoch(self, epoch: int) -> None:
        """Say which epoch the steps to come belong to."""
        self.crossing = epoch >= self.pretrain_epochs
        for part in self.parts.values():
            part.begin_epoch(epoch)
        for dropout in self._dropouts:
            dropout.epoch = epoch

    @property
    def _dropouts(self) -> list[DrawnDropout]:
        return [layer for layer in self.classifier if isinstance(layer, DrawnDropout)]

    def draw_noise(self, epoch: int, rows: range) -> dict[str, Tensor]:
        """Draw what each modality needs for some samples of an epoch."""
        return {
            f"{number} {name}": values
            for number, part in enumerate(self.parts.values())
            for name, values in part.draw_noise(epoch, rows).items()
        }

    def training_losses(
        self, x: Tensor, noise: Mapping[str, Tensor], weight: float | Tensor
    ) -> Losses:
        """Losses of a batch in training mode, (1,) each; of its samples, noise has the classes."""
        passed = []
        for number, part in enumerate(self.parts.values()):
            prefix = f"{number} "
            own = {n.removeprefix(prefix): v for n, v in noise.items() if n.startswith(prefix)}
            passed.append(part.passed(x[:, self.columns[number]], own))
        first = int(noise[f"0 {ROWS}"][0])
        latents = torch.stack([one.latents for one in passed])
        self.seen = latents.detach(), range(first, first + len(x))
        if not self.crossing:
            return self._losses(passed, weight, latents.new_zeros(()))
        crossed = self._crossed(passed)
        if self.class_means is not None:
            found = self.class_means.trained(latents, noise[CLASSES])
            crossed = crossed + self._delta_class * found
        return self._losses(passed, weight, crossed)

    def _crossed(self, passed: Sequence[Passed]) -> Tensor:
        """What brings modalities together, summed over the samples."""
        return self._gamma * self._told_apart(passed) + self._delta * _apart(passed)

    def _losses(self, passed: Sequence[Passed], weight: float | Tensor, crossed: Tensor) -> Losses:
        """Losses of a batch, summed over its samples, beside what modalities have in common."""
        error = torch.stack([one.errors.sum() for one in passed]).sum()[None]
        vae = torch.stack([one.latent_loss for one in passed]).sum(0)
        total = crossed
        for one, columns in zip(passed, self.columns, strict=True):
            total = total + one.errors.sum() / len(columns) + weight * one.weighted
        return Losses(error, vae, total)

    def _told_apart(self, passed: Sequence[Passed]) -> Tensor:
        """Divergence of what the classifier says from even odds, a mean over the modalities."""
        self.classifier.eval()
        odds = self.classifier(torch.stack([one.latents for one in passed])).log_softmax(-1)
        return (-odds.mean(-1) - np.log(len(passed))).sum() / len(passed)

    def classification_loss(self) -> Tensor:
        """Cross-entropy of the classifier on the latents of the batch before, their mean."""
        assert self.seen is not None
        latents, rows = self.seen
        count = len(latents)
        self.classifier.train()
        for dropout in self._dropouts:
            dropout.rows = range(rows.start * count, rows.stop * count)
        labels = torch.arange(count, device=self.device).repeat_interleave(len(rows))
        return nn.functional.cross_entropy(self.classifier(latents.flatten(0, 1)), labels)

    @torch.no_grad()
    def evaluate(
        self, x: Tensor, weight: float | Tensor, classes: Tensor | None = None
    ) -> tuple[Tensor, Losses, Tensor]:
        """Evaluate a batch by the latent means of its modalities, whose mean is the latent.

        What is decoded is a modality's own mean. The loss is the whole one, in epochs of
        pretraining too.

        Parameters
        ----------
        x, weight
            As of a run alone.
        classes
            (samples,) of a run with a class loss.
        """
        parts = zip(self.parts.values(), self.columns, strict=True)
        passed = [part.passed(x[:, columns], None) for part, columns in parts]
        squared = x.new_zeros(len(x))
        for part, one, columns in zip(self.parts.values(), passed, self.columns, strict=True):
            squared += (part.decoded(one.latents) - x[:, columns]).square().sum(1)
        latents, crossed = torch.stack([one.latents for one in passed]), self._crossed(passed)
        if self.class_means is not None:
            assert classes is not None
            crossed = crossed + self._delta_class * self.class_means.apart(latents, classes)
        return latents.mean(0)[None], self._losses(passed, weight, crossed), squared[None]

    @torch.no_grad()
    def alignment(self, values: Tensor, rows: Mapping[str, Tensor]) -> dict[str, float]:
        """How well modalities are translated, and how far they share their latents, on valid.

        Parameters
        ----------
        values
            (samples, features) of the task.
        rows
            Positions of the samples of each split.

        Returns
        -------
        dict
            ``reconstruction_r2_<b>_valid``, R2 of a modality from itself as that of a run;
            ``translation_r2_<a>_to_<b>_valid``, the same from the latents of another;
            ``foscttm_valid``, the share of other samples that lie nearer than a sample's own self
            in the other modality, .5 by chance (Liu et al. 2019), a mean over both ways and all
            pairs; ``modality_accuracy_valid`` of a logistic regression fitted to the train
            latents, by which modalities are told apart: one in their number by chance.
        """
        split = {part: values[rows[part]] for part in ("train", "valid")}
        means = {part: self._means(x) for part, x in split.items()}
        found: dict[str, float] = {}
        for b, (target, part) in enumerate(self.parts.items()):
            x = split["valid"][:, self.columns[b]]
            for a, source in enumerate(self.parts):
                squared = (part.decoded(means["valid"][a]) - x).square().sum(1)
                name = f"translation_r2_{source}_to_{target}_valid"
                name = f"reconstruction_r2_{target}_valid" if a == b else name
                found[name] = float(r2_of_samples(squared, spread_of_samples(x)).mean())
        found["foscttm_valid"] = foscttm(means["valid"])
        found["modality_accuracy_valid"] = modality_accuracy(means["train"], means["valid"])
        return found

    def _means(self, x: Tensor) -> Tensor:
        """(modalities, samples, latents) latent means."""
        parts = zip(self.parts.values(), self.columns, strict=True)
        return torch.stack([part.passed(x[:, columns], None).latents for part, columns in parts])

    def cut_gradients(self) -> None:
        """Every weight exists."""

    def project(self) -> None:
        """Every weight may be what it is."""


class CrossedOptimiser(SoloOptimiser):
    """The update of all modalities by their common loss, and of the classifier after it.

    Parameters
    ----------
    network, rate, rule
        As of a :class:`~aehpo_gpu.training.solo.SoloOptimiser`; the rate is the classifier's too.
    """

    def __init__(self, network: CrossedNetwork, rate: float, rule: UpdateRule):
        super().__init__(network, rate, rule)
        self._network = network
        self._judge = torch.optim.AdamW(network.classifier.parameters(), lr=rate)

    def state_dict(self) -> dict[str, Any]:
        """Return the state; the classifier, its own optimiser and the means of classes included."""
        judge = (self._network.classifier.state_dict(), self._judge.state_dict())
        state = super().state_dict() | dict(zip(("classifier", "judge"), judge, strict=True))
        means = self._network.class_means
        return state if means is None else state | {"class_means": means.state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        super().load_state_dict(state)
        self._network.classifier.load_state_dict(state["classifier"])
        self._judge.load_state_dict(state["judge"])
        if self._network.class_means is not None:
            self._network.class_means.restore(state["class_means"])

    def scale_rates(self, multipliers: Sequence[float]) -> None:
        """Set what the learning rates are multiplied by from now on."""
        super().scale_rates(multipliers)
        for group in self._judge.param_groups:
            group["lr"] = self._rate * multipliers[0]

    def step(self) -> None:
        """Update the modalities, and then the classifier, unless a gradient was not finite.

        In epochs of pretraining the classifier waits.
        """
        super().step()
        # What the loss of the modalities left there is theirs alone.
        self._judge.zero_grad()
        if bool(self.alive) and self._network.crossing:
            self._network.classification_loss().backward()
            self._judge.step()


def check_crossed(network: CrossedNetwork, epochs: int) -> None:
    """Refuse a run that its task, or its length, cannot give what it is trained by.

    Parameters
    ----------
    network
        The run.
    epochs
        How many it is trained.

    Raises
    ------
    InputError
        If it has a class loss and there are no classes, or it is pretrained to its end.
    """
    if network.needs_classes and network.class_means is None:
        raise InputError(
            "delta_class weighs a class loss, and no label is named for it",
            key="class_loss",
            remedy="Add class_loss: {label: COLUMN} to the study.",
        )
    if network.pretrain_epochs >= epochs:
        raise InputError(
            f"{network.architecture.name} has {epochs} epochs, of which {network.pretrain_epochs} "
            "are pretraining: its modalities are never brought together",
            key="space.pretrain_epochs",
            remedy=f"Set it below {epochs}, or train longer.",
        )


def _apart(passed: Sequence[Passed]) -> Tensor:
    """Mean distance a latent of a sample in two modalities, summed over the samples."""
    pairs = list(itertools.combinations([one.latents for one in passed], 2))
    return torch.stack([(a - b).abs().mean(1).sum() for a, b in pairs]).mean()
