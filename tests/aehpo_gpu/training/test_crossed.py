"""X-Modalix by hand: one loss, one gradient norm, and a classifier that only the latents feel.

The defects of Autoencodix 0.2.5 that are looked for here: after pretraining, the optimiser of a
modality holds the parameters of a network that was replaced, so that it never trains again; and the
gradient of each modality is clipped alone, though their loss is one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from crossed_training import MODALITIES, SETTINGS, network_of, stopped_and_not, training_of
from plain_training import make_runs
from sklearn.metrics import r2_score

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.columns import columns_of_test
from aehpo_gpu.evaluation.alignment import foscttm, modality_accuracy
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.plan import plan_fleets
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.timing import time_step
from aehpo_gpu.training.work import TERMS

COST = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))
COLUMNS = {name: np.flatnonzero(name == MODALITIES) for name in ("rna", "cna")}
SIZES = {"rna": 32, "cna": 16}
ALIGNED = [
    *(f"reconstruction_r2_{name}_valid" for name in SIZES),
    *("translation_r2_rna_to_cna_valid", "translation_r2_cna_to_rna_valid"),
    *("foscttm_valid", "modality_accuracy_valid"),
]


@pytest.fixture
def joint(task: TrainingTask) -> TrainingTask:
    return replace(task, task="toy_rna+cna", modalities=MODALITIES)


def runs_of(**changes: Any) -> pd.DataFrame:
    return make_runs(1, **({"gamma": 2.0, "delta_pair": 3.0, "n_layers": 2} | changes))


def test_what_is_told_is_what_the_plain_modules_say(joint: TrainingTask) -> None:
    training = training_of(joint, runs_of(drop_p=0.3), replace(SETTINGS, epochs=2))
    training.advance(2)
    network = network_of(training)
    network.module.requires_grad_(False)
    network.classifier.requires_grad_(False)
    valid = joint.split == "valid"
    x = torch.from_numpy(joint.matrix[valid].astype(np.float64))
    modules = {name: part.module.eval() for name, part in network.parts.items()}
    assert {name: module.widths[0] for name, module in modules.items()} == SIZES
    heads = {name: modules[name].encode(x[:, own]) for name, own in COLUMNS.items()}
    means = {name: own["mean"] for name, own in heads.items()}
    np.testing.assert_allclose(training.latents[0, valid], sum(means.values()) / 2, atol=1e-9)

    expected = dict.fromkeys(("recon_loss", "vae_loss", "total_loss"), 0.0)
    for name, own in COLUMNS.items():
        squared = (modules[name].decoder(means[name]) - x[:, own]).square().sum()
        mean, variance = means[name], heads[name]["log_variance"]
        kl = -0.5 * (1 + variance - mean.square() - variance.exp()).sum()
        expected["recon_loss"] += float(squared)
        expected["vae_loss"] += float(kl)
        # Half of beta: the last epoch of two is the middle of a logistic rise.
        expected["total_loss"] += float(squared / SIZES[name] + 0.05 * kl)
    odds = torch.stack([network.classifier.eval()(mean) for mean in means.values()]).softmax(-1)
    expected["total_loss"] += float(2.0 * (0.5 * (0.5 / odds).log()).sum() / 2)
    expected["total_loss"] += float(3.0 * (means["rna"] - means["cna"]).abs().mean(1).sum())
    told = {name: training.metrics[f"valid_{name}"].item() * valid.sum() for name in expected}
    assert told == pytest.approx(expected)

    for a, b in (("rna", "cna"), ("cna", "cna"), ("cna", "rna")):
        pairs = zip(x[:, COLUMNS[b]].numpy(), modules[b].decoder(means[a]).numpy(), strict=True)
        r2 = np.mean([r2_score(*pair) for pair in pairs])
        name = f"reconstruction_r2_{b}_valid" if a == b else f"translation_r2_{a}_to_{b}_valid"
        assert training.metrics[name].item() == pytest.approx(r2)


def test_all_modalities_and_the_classifier_train_to_the_end(joint: TrainingTask) -> None:
    training = training_of(joint, runs_of(weight_decay=0.0))
    network = network_of(training)
    (group,) = training.optimiser._optimiser.param_groups
    own = [one for part in network.parts.values() for one in part.module.parameters()]
    assert set(map(id, group["params"])) == set(map(id, own))
    weights = [
        *(part.module.encoder[0].weight for part in network.parts.values()),
        *(part.module.decoder[-1].weight for part in network.parts.values()),
        *(layer.weight for layer in network.classifier if isinstance(layer, torch.nn.Linear)),
    ]
    for epoch in (1, 2):
        before = [weight.detach().clone() for weight in weights]
        training.train(epoch)
        assert all((weight != old).any() for weight, old in zip(weights, before, strict=True))


def test_the_gradient_of_all_modalities_is_clipped_as_one(joint: TrainingTask) -> None:
    plain = {"optimizer": "sgd", "clip_norm": 1e-3, "weight_decay": 0.0, "batch_size": 210}
    training = training_of(joint, runs_of(lr_fixed=0.5, **plain))
    parts = [list(part.module.parameters()) for part in network_of(training).parts.values()]
    before = [[one.detach().clone() for one in own] for own in parts]
    training.train(1)
    moved = [
        torch.cat([(one - old).flatten() for one, old in zip(own, olds, strict=True)]).norm()
        for own, olds in zip(parts, before, strict=True)
    ]
    assert all(0 < norm < 0.5e-3 for norm in moved)
    # Clipped one by one, each would have gone as far as the bound lets it.
    assert torch.stack(moved).norm().item() == pytest.approx(0.5e-3, rel=1e-3)


def test_what_the_classifier_learns_leaves_the_modalities_alone(joint: TrainingTask) -> None:
    training = training_of(joint, runs_of())
    training.train(1)
    network = network_of(training)
    network.module.zero_grad()
    network.classification_loss().backward()
    assert all(one.grad is None for one in network.module.parameters())
    assert all(one.grad.abs().sum() > 0 for one in network.classifier.parameters())


@pytest.mark.slow
def test_pairs_bring_latents_together_and_modalities_into_each_other(joint: TrainingTask) -> None:
    settings = TrainingSettings(epochs=40, device="cpu")
    own = {"lr_fixed": 5e-3, "beta": 1e-3, "n_layers": 1}
    weights = ((0.0, 0.0), (0.1, 1.0))
    runs = [runs_of(gamma=gamma, delta_pair=pair, **own) for gamma, pair in weights]
    apart, together = (
        train_shard(joint, "xmodalix", one, [[0]], settings, COST).runs.iloc[0] for one in runs
    )
    assert together["status"] == "ok"
    assert together["foscttm_valid"] < 0.1
    assert apart["foscttm_valid"] > 0.25
    for way in ("rna_to_cna", "cna_to_rna"):
        name = f"translation_r2_{way}_valid"
        alone = f"reconstruction_r2_{way[-3:]}_valid"
        assert apart[name] < 0 < together[name] <= together[alone]
    assert together["auc_sex_test"] > 0.7


@pytest.mark.slow
def test_it_is_planned_and_scored_like_any_other_and_the_same_each_time(
    joint: TrainingTask,
) -> None:
    settings = TrainingSettings(epochs=3, fidelities=(1,), device="cpu")
    runs = make_runs(2, gamma=1.0, delta_pair=1.0, n_layers=2, k_filter=[48, 20], drop_p=0.2)
    fleets = [fleet.rows for fleet in plan_fleets("xmodalix", runs, 48, 210, settings)]
    assert fleets == [(0,), (1,)]
    found, again = (train_shard(joint, "xmodalix", runs, fleets, settings, COST) for _ in range(2))
    assert found.runs["status"].tolist() == ["ok"] * 2
    assert set(ALIGNED) <= set(found.runs)
    assert not set(ALIGNED) & set(columns_of_test(found.runs))
    assert found.curves.groupby("config_id")["epoch"].agg(list).tolist() == [[1, 3]] * 2
    pd.testing.assert_frame_equal(found.runs[ALIGNED], again.runs[ALIGNED])
    # 32 features into 16 units, 16 into 8, two heads each, and mirrored.
    of_one = [
        2 * (d * h + 2 * h) + h + d + 2 * (h * 4 + 4) + (4 * h + h) for d, h in ((32, 16), (16, 8))
    ]
    assert found.runs["trainable_parameters"][0] == sum(of_one)
    assert time_step("xmodalix", runs.iloc[:1], 48, settings) > 0


def test_matches_are_counted() -> None:
    a = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    assert foscttm(torch.stack([a, a])) == 0.0
    assert foscttm(torch.stack([a, a + 0.4])) == 0.0
    assert foscttm(torch.stack([a, a.flip(0)])) == pytest.approx((3 + 1 + 1 + 3) / 4 / 3)
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 2, 200, 3)))
    assert foscttm(noise[0]) == pytest.approx(0.5, abs=0.05)
    assert modality_accuracy(*noise) == pytest.approx(0.5, abs=0.1)
    shifted = noise + torch.tensor([0.0, 9.0])[:, None, None]
    assert modality_accuracy(*shifted) == 1.0


def test_what_cannot_be_is_refused(joint: TrainingTask, task: TrainingTask) -> None:
    with pytest.raises(InputError, match=r"between modalities, and the task has one.*tasks: \[\]"):
        training_of(task, runs_of())
    with pytest.raises(InputError, match=r"k_filter 1 leaves a modality without a feature"):
        training_of(joint, runs_of(k_filter=1, latent_dim_fixed=1))


def test_a_killed_training_goes_on_with_its_classifier(joint: TrainingTask, tmp_path: Path) -> None:
    settings, runs = replace(SETTINGS, epochs=4), runs_of(drop_p=0.3)
    resumed, whole = stopped_and_not(joint, runs, settings, tmp_path)
    assert torch.equal(resumed.latents, whole.latents)
    states = [network_of(one).classifier.state_dict() for one in (resumed, whole)]
    assert all(torch.equal(values, states[1][name]) for name, values in states[0].items())
