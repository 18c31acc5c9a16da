"""Stackix by hand: evaluation-mode means, standardised on train, and the whole way back.

The defects of Autoencodix 0.2.5 that are looked for here: its second stage is trained on latents
that are sampled in training mode, its test latents come from another pass than its train latents,
and samples that a modality lacks are decoded from zeros.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from plain_training import make_runs
from sklearn.metrics import r2_score

from aehpo_assets.errors import InputError
from aehpo_gpu.export.module import Autoencoder, module_of_run
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.rungs import train_rungs
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.stacked import StackedTraining
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.work import TERMS

SETTINGS = TrainingSettings(epochs=8, device="cpu", precision="float64")
COST = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))
MODALITIES = np.array(["rna", "cna"] * 16 + ["rna"] * 16)
DIFFERENT = {
    "k_filter": [48, 20],
    "latent_dim_fixed": [4, 2],
    "enc_factor": [1.5, 2.0],
    "drop_p": [0.4, 0.0],
}


@pytest.fixture
def joint(task: TrainingTask) -> TrainingTask:
    return replace(task, task="toy_rna+cna", modalities=MODALITIES)


def trained(joint: TrainingTask, runs: pd.DataFrame) -> StackedTraining:
    training = StackedTraining("stackix", runs, ResidentMatrix(joint, SETTINGS), SETTINGS)
    training.advance(training.epochs)
    return training


@pytest.fixture
def two(joint: TrainingTask) -> StackedTraining:
    return trained(joint, make_runs(2, **DIFFERENT))


def by_hand(
    training: StackedTraining, joint: TrainingTask, run: int
) -> tuple[list[Autoencoder], Autoencoder, list[np.ndarray]]:
    """The networks of a run as plain modules, and the columns that each of the first has."""
    k = (48, 20)[run]
    columns = [np.flatnonzero(MODALITIES[:k] == name) for name in ("rna", "cna")]
    first = [module_of_run(one.network, run, 0.0) for one in training.first]
    return first, module_of_run(training.second.network, run, 0.0), columns


@pytest.mark.parametrize("run", [0, 1])
@torch.no_grad()
def test_the_second_stage_sees_standardised_means_and_decodes_all_the_way(
    two: StackedTraining, joint: TrainingTask, run: int
) -> None:
    first, second, columns = by_hand(two, joint, run)
    x = torch.from_numpy(joint.matrix.astype(np.float64))
    means = [one.encode(x[:, own])["mean"] for one, own in zip(first, columns, strict=True)]
    joined = torch.cat(means, dim=1).numpy()
    train = joint.split == "train"
    mean, deviation = joined[train].mean(0), joined[train].std(0)
    standard = torch.from_numpy((joined - mean) / deviation)
    given = two.joined.values[:, run]
    np.testing.assert_allclose(given[:, : standard.shape[1]], standard, atol=1e-9)
    assert (given[:, standard.shape[1] :] == 0).all()

    dim = (4, 2)[run]
    latents = second.encode(standard)["mean"]
    np.testing.assert_allclose(two.latents[run, :, :dim], latents, atol=1e-9)
    assert (two.latents[run, :, dim:] == 0).all()

    back = torch.from_numpy(second(standard).numpy() * deviation + mean)
    decoded = np.zeros((len(x), (48, 20)[run]))
    for one, own, share in zip(first, columns, back.chunk(2, dim=1), strict=True):
        decoded[:, own] = one.decoder(share).numpy()
    for part in ("train", "valid", "test"):
        rows = joint.split == part
        true, found = joint.matrix[rows][:, : decoded.shape[1]].astype(np.float64), decoded[rows]
        r2 = np.mean([r2_score(*pair) for pair in zip(true, found, strict=True)])
        assert two.metrics[f"{part}_r2"][run].item() == pytest.approx(r2)
        error = ((true - found) ** 2).sum(1).mean()
        assert two.metrics[f"{part}_recon_loss"][run].item() == pytest.approx(error)


def test_what_other_samples_say_moves_nothing_of_train(joint: TrainingTask) -> None:
    matrix = joint.matrix.copy()
    matrix[joint.split == "test"] += 3
    one, other = (
        trained(data, make_runs(1, drop_p=0.3)) for data in (joint, replace(joint, matrix=matrix))
    )
    same = joint.split != "test"
    torch.testing.assert_close(one.latents[:, same], other.latents[:, same])
    assert not torch.allclose(one.latents[:, ~same], other.latents[:, ~same])
    # No sample is left out, and none is decoded from nothing.
    assert torch.isfinite(one.latents).all()
    assert (one.latents[0].square().sum(1) > 0).all()


def test_a_run_in_a_fleet_is_what_it_is_alone(two: StackedTraining, joint: TrainingTask) -> None:
    runs = make_runs(2, **DIFFERENT)
    for run in (0, 1):
        alone = trained(joint, runs.iloc[[run]])
        dim = runs["latent_dim_fixed"][run]
        torch.testing.assert_close(two.latents[run, :, :dim], alone.latents[0, :, :dim])
        for name, values in alone.metrics.items():
            assert two.metrics[name][run].item() == pytest.approx(values.item()), name


def test_modalities_and_stages_draw_for_themselves(two: StackedTraining) -> None:
    seeds = {one.network.seed for one in two._trainings}
    assert len(seeds) == 3


@pytest.mark.slow
def test_it_is_trained_scored_and_stopped_like_any_other(joint: TrainingTask) -> None:
    settings = TrainingSettings(epochs=30, fidelities=(10,), device="cpu", influence=True)
    runs = make_runs(3, beta=0.01, n_layers=1, lr_fixed=[5e-3, 1e-2, 2e-2])
    shard = train_shard(joint, "stackix", runs, [[0, 1, 2]], settings, COST)
    assert shard.runs["status"].tolist() == ["ok"] * 3
    assert (shard.runs["test_r2"] > 0.2).all()
    assert (shard.runs["auc_sex_test"] > 0.7).all()
    assert shard.curves.groupby("config_id")["epoch"].agg(list).tolist() == [[10, 30]] * 3
    assert shard.influence is not None
    assert shard.influence.shape == (60, 3)
    # Two networks of 32 and 16 features, and one of their 2 x 4 latents.
    narrow = make_runs(1, n_layers=1)
    (row,) = train_shard(joint, "stackix", narrow, [[0]], SETTINGS, COST).runs.to_dict("records")
    assert row["weights_and_biases"] == sum(2 * d * 4 + d + 4 for d in (32, 16, 8))

    def decide(rung: int, rows: pd.DataFrame) -> list[bool]:
        return [True, False, True]

    whole = shard.runs.set_index("config_id")["test_r2"]
    stopped = train_rungs(joint, "stackix", runs, [[0, 1, 2]], settings, COST, decide)
    assert stopped["epoch"].tolist() == [10, 10, 10, 30, 30]
    ends = stopped[stopped["epoch"] == 30].set_index("config_id")["test_r2"]
    assert ends.to_dict() == pytest.approx(whole[["0", "2"]].to_dict(), rel=1e-3)


def test_what_diverges_in_the_first_stage_has_diverged(joint: TrainingTask) -> None:
    runs = make_runs(2, lr_fixed=[1e-3, 1e30], n_layers=2)
    rows = train_shard(joint, "stackix", runs, [[0, 1]], SETTINGS, COST).runs
    assert rows["status"].tolist() == ["ok", "diverged"]


def test_a_single_modality_is_a_stack_of_two(task: TrainingTask) -> None:
    rows = train_shard(task, "stackix", make_runs(1), [[0]], SETTINGS, COST).runs
    assert rows["status"].tolist() == ["ok"]


def test_what_cannot_be_is_refused(joint: TrainingTask) -> None:
    with pytest.raises(InputError, match=r"k_filter 1 leaves a modality without a feature"):
        trained(joint, make_runs(1, k_filter=1, latent_dim_fixed=1))
