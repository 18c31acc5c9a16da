"""The class loss of X-Modalix, and its pretraining, beside a plain loop over samples.

The defects of Autoencodix 0.2.5 that are looked for here: valid samples are held against means of
valid samples, which every evaluation moves; a sample without a label is a KeyError; and after
pretraining, the optimiser of a modality holds the parameters of a network that was replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from crossed_training import MODALITIES, SETTINGS, network_of, stopped_and_not, training_of
from plain_training import make_runs

from aehpo_assets.errors import InputError
from aehpo_gpu.training.class_means import ClassMeans
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.crossed import CLASSES
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.timing import time_step
from aehpo_gpu.training.work import TERMS

COST = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))


@pytest.fixture
def joint(task: TrainingTask) -> TrainingTask:
    """Classes by chance, of which some samples have none, and the last is of valid alone."""
    classes = np.random.default_rng(2).integers(-1, 3, len(task.split))
    classes[np.flatnonzero(task.split == "valid")[:2]] = 3
    return replace(task, task="toy_rna+cna", modalities=MODALITIES, classes=classes)


def runs_of(**changes: Any) -> pd.DataFrame:
    own = {"gamma": 2.0, "delta_pair": 3.0, "delta_class": 4.0, "n_layers": 2}
    return make_runs(1, **(own | changes))


def means_of(training: FleetTraining) -> ClassMeans:
    means = network_of(training).class_means
    assert means is not None
    return means


class ByHand:
    """The loss as Autoencodix has it, sample by sample, of samples that have a label."""

    def __init__(self) -> None:
        self.means: dict[int, torch.Tensor] = {}

    def loss(self, latents: Sequence[torch.Tensor], labels: list[int]) -> float:
        batch = {
            label: torch.stack(
                [own[i] for own in latents for i, other in enumerate(labels) if other == label]
            ).mean(0)
            for label in sorted(set(labels) - {-1})
        }
        self.means = batch | self.means
        found = self.apart(latents, labels)
        self.means |= {one: 0.75 * self.means[one] + 0.25 * mean for one, mean in batch.items()}
        return found

    def apart(self, latents: Sequence[torch.Tensor], labels: list[int]) -> float:
        distances = [
            float((own[i] - self.means[label]).square().sum().sqrt())
            for own in latents
            for i, label in enumerate(labels)
            if label in self.means
        ]
        return sum(distances) / len(latents)


def test_the_loss_is_that_of_a_loop_over_samples() -> None:
    source = torch.Generator().manual_seed(0)
    means, plain = ClassMeans(4, 3, torch.device("cpu"), torch.float64), ByHand()
    # A class that comes late, one that goes, samples without one, and a batch of those alone.
    for labels in ([0, 1, 1, -1, 0], [1, 1, 2, 2, -1], [-1, -1, -1], [2, 0, 1, 1]):
        latents = torch.randn(2, len(labels), 3, generator=source, dtype=torch.float64)
        codes = torch.tensor(labels)
        found = means.trained(latents, codes)
        assert float(found) == pytest.approx(plain.loss(list(latents), labels))
    for label, mean in plain.means.items():
        torch.testing.assert_close(means.means[label], mean)
    assert means.known.tolist() == [True, True, True, False]
    latents = torch.randn(2, 3, 3, generator=source, dtype=torch.float64)
    found = means.apart(latents, torch.tensor([3, 2, -1]))
    assert float(found) == pytest.approx(plain.apart(list(latents), [3, 2, -1]))


def test_a_latent_is_drawn_to_the_mean_of_its_class_and_to_nothing_else() -> None:
    means = ClassMeans(2, 2, torch.device("cpu"), torch.float64)
    means.trained(torch.tensor([[[1.0, 2.0], [5.0, 5.0]]], dtype=torch.float64), torch.arange(2))
    latents = torch.tensor([[[4.0, 6.0], [5.0, 5.0], [9.0, 9.0]]], dtype=torch.float64)
    latents.requires_grad_()
    means.apart(latents, torch.tensor([0, 1, -1])).backward()
    assert latents.grad is not None
    # Of length one, and zero at the mean itself, where the distance has no slope.
    assert latents.grad[0].tolist() == pytest.approx(np.array([[0.6, 0.8], [0, 0], [0, 0]]))


def test_a_batch_is_trained_by_it(joint: TrainingTask) -> None:
    training = training_of(joint, runs_of(drop_p=0.3))
    training.train(1)
    network, means = network_of(training), means_of(training)
    plain = ByHand()
    plain.means = {c: means.means[c].clone() for c in range(4) if means.known[c]}
    network.begin_epoch(1)
    noise = network.draw_noise(1, range(12))
    x, codes = torch.from_numpy(joint.matrix[:12].astype(np.float64)), torch.arange(12) % 4 - 1
    whole = network.training_losses(x, {**noise, CLASSES: codes}, 0.5)
    assert network.seen is not None
    expected = plain.loss(list(network.seen[0]), codes.tolist())
    network.class_means = None
    without = network.training_losses(x, noise, 0.5)
    assert (whole.total - without.total).item() == pytest.approx(4.0 * expected)
    assert torch.equal(whole.reconstruction, without.reconstruction)


def test_what_is_told_is_held_against_the_means_of_train_and_moves_none(
    joint: TrainingTask,
) -> None:
    training = training_of(joint, runs_of())
    training.train(3)
    means = means_of(training)
    before = means.means.clone()
    # No train sample is of the fourth class.
    assert means.known.tolist() == [True, True, True, False]
    first, again = training.measure(), training.measure()
    assert torch.equal(means.means, before)
    assert first.metrics["valid_total_loss"].item() == again.metrics["valid_total_loss"].item()

    network, valid = network_of(training), joint.split == "valid"
    x = torch.from_numpy(joint.matrix[valid].astype(np.float64))
    with torch.no_grad():
        latents = [
            part.module.eval().encode(x[:, name == MODALITIES])["mean"]
            for name, part in network.parts.items()
        ]
    plain = ByHand()
    plain.means = dict(enumerate(before[:3]))
    assert joint.classes is not None
    expected = plain.apart(latents, joint.classes[valid].tolist()) / valid.sum()
    network.class_means = None
    without = training.measure().metrics["valid_total_loss"]
    found = first.metrics["valid_total_loss"] - without
    assert found.item() == pytest.approx(4.0 * expected)


def test_a_weight_of_zero_is_a_run_without_it(joint: TrainingTask) -> None:
    runs = [runs_of(delta_class=0.0), runs_of(delta_class=0.0).drop(columns="delta_class")]
    unlabelled = replace(joint, classes=None)
    pairs = ((joint, runs[0]), (unlabelled, runs[1]))
    found = [train_shard(one, "xmodalix", run, [[0]], SETTINGS, COST).runs for one, run in pairs]
    told = [c for c in found[1] if c not in ("fleet_runtime", "evaluation_runtime")]
    pd.testing.assert_frame_equal(found[0][told], found[1][told])


@pytest.mark.slow
def test_classes_come_together(joint: TrainingTask) -> None:
    settings = TrainingSettings(epochs=30, device="cpu")
    own = {"gamma": 0.0, "delta_pair": 0.0, "lr_fixed": 5e-3, "beta": 1e-3, "n_layers": 1}
    codes = joint.targets.classification[0].codes
    data = replace(joint, classes=codes)

    def spread(weight: float) -> float:
        training = training_of(data, runs_of(delta_class=weight, **own), settings)
        training.advance(30)
        latents, valid = training.latents[0].numpy(), joint.split != "train"
        each = [latents[valid & (codes == code)] for code in range(3)]
        within = np.mean([one.var(0).sum() for one in each])
        between = np.var([one.mean(0) for one in each], axis=0).sum()
        return float(within / between)

    assert spread(10.0) < 0.5 * spread(0.0)


def test_a_killed_training_goes_on_with_its_means(joint: TrainingTask, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=4)
    runs = runs_of(drop_p=0.3, pretrain_epochs=1)
    resumed, whole = stopped_and_not(joint, runs, settings, tmp_path)
    assert torch.equal(resumed.latents, whole.latents)
    assert torch.equal(means_of(resumed).means, means_of(whole).means)
    assert all(torch.equal(resumed.metrics[name], v) for name, v in whole.metrics.items())


def test_pretraining_is_each_modality_by_itself_and_all_train_on_after_it(
    joint: TrainingTask,
) -> None:
    training = training_of(joint, runs_of(pretrain_epochs=2, weight_decay=0.0))
    apart = {"gamma": 0.0, "delta_pair": 0.0, "delta_class": 0.0}
    alone = training_of(joint, runs_of(weight_decay=0.0, **apart))
    network = network_of(training)
    judge = [p for layer in network.classifier for p in layer.parameters()]
    begun = [p.detach().clone() for p in judge]
    training.train(2)
    alone.train(2)
    pairs = zip(network.module.parameters(), network_of(alone).module.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert all(torch.equal(one, old) for one, old in zip(judge, begun, strict=True))
    assert not means_of(training).known.any()
    # What is told is the whole loss all the same, so that epochs can be compared.
    told, plain = training.measure().metrics, alone.measure().metrics
    assert told["valid_total_loss"].item() > plain["valid_total_loss"].item()

    modules = [part.module for part in network.parts.values()]
    weights = [w for m in modules for w in (m.encoder[0].weight, m.decoder[-1].weight)]
    before = [one.detach().clone() for one in (*weights, *judge)]
    training.train(3)
    assert all((one != old).any() for one, old in zip([*weights, *judge], before, strict=True))
    assert means_of(training).known[:3].all()


def test_what_cannot_be_trained_is_refused(joint: TrainingTask) -> None:
    with pytest.raises(InputError, match=r"class_loss: .*no label is named.*label: COLUMN"):
        training_of(replace(joint, classes=None), runs_of())
    with pytest.raises(InputError, match=r"class_loss: .*no label is named"):
        training_of(replace(joint, classes=np.full(len(joint.split), -1)), runs_of())
    with pytest.raises(InputError, match="has 3 epochs, of which 3 are pretraining"):
        training_of(joint, runs_of(pretrain_epochs=3))
    # Prices are of sizes, whatever a run is trained by.
    assert time_step("xmodalix", runs_of(), 48, SETTINGS) > 0
