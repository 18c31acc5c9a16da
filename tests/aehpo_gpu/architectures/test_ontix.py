"""Ontix: weights that the ontology lacks never exist, none is negative, and latents are its nodes.

The defects of Autoencodix 0.2.5 that are looked for here: it masks and clamps before the step of
the optimiser, so that it is trained, and saved, with weights that the ontology lacks; and it cuts
the means of the latents at zero, which ends their gradient.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from plain_training import make_runs
from torch import nn

from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.labels import DownstreamTargets
from aehpo_assets.datasets.ontology import Ontology
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.datasets.read_ontology import task_ontology
from aehpo_assets.datasets.simulate import hidden_programmes, write_cohort
from aehpo_assets.datasets.split import draw_split, restrict_split
from aehpo_assets.errors import InputError
from aehpo_assets.omics.preprocess import preprocess
from aehpo_assets.study.data import Preprocessing, Split
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.export.module import module_of_run
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.decoders import with_decoder
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.plan import plan_fleets
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.timing import time_step
from aehpo_gpu.training.work import TERMS, run_work

SETTINGS = TrainingSettings(epochs=4, device="cpu", precision="float64")
COST = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))
FEATURES = tuple(f"g{number}" for number in range(48))

RULES = {
    "optimizer": ["adamw", "adam", "sgd", "rmsprop"],
    "weight_decay": [0.1, 0.1, 0.01, 0.01],
    "momentum": [0.0, 0.0, 0.9, 0.5],
    "lr_fixed": [1e-2, 1e-2, 1e-4, 1e-3],
    "k_filter": [48, 40, 48, 20],
}


def ontology(nodes: int = 6, uncovered: int = 4) -> Ontology:
    """Each feature in one or two nodes, and two parents; the last features in none."""
    rows = []
    for number, feature in enumerate(FEATURES):
        for node in {number % nodes, number // 7 % nodes}:
            known = number < len(FEATURES) - uncovered
            rows.append((feature, f"n{node}" * known, f"p{node % 2}" * known))
    table = pd.DataFrame(rows, columns=["feature", "node", "parent"]).drop_duplicates()
    return Ontology(table, FEATURES)


@pytest.fixture
def known(task: TrainingTask) -> TrainingTask:
    return replace(task, ontology=ontology())


def present(edges: Ontology) -> np.ndarray:
    """(nodes, features), by hand."""
    nodes = sorted(set(edges.table["node"]) - {""})
    joined = np.zeros((len(nodes), len(FEATURES)), dtype=bool)
    for row in edges.table.itertuples():
        if row.node:
            joined[nodes.index(row.node), FEATURES.index(row.feature)] = True
    return joined


def trained(
    data: TrainingTask, runs: pd.DataFrame, settings: TrainingSettings = SETTINGS, **how: bool
) -> FleetTraining:
    training = FleetTraining("ontix", runs, ResidentMatrix(data, settings), settings, **how)
    training.advance(training.epochs)
    return training


def decoder_of(training: FleetTraining, run: int) -> list[torch.Tensor]:
    module = module_of_run(training.network, run, 0.0)
    return [layer.weight.T for layer in module.decoder if isinstance(layer, nn.Linear)]


@pytest.mark.parametrize("levels", [1, 2])
def test_no_weight_that_the_ontology_lacks_and_none_below_zero(
    known: TrainingTask, levels: int
) -> None:
    training = trained(known, make_runs(4, ontology_levels=levels, **RULES))
    there = torch.from_numpy(present(known.ontology))
    for run, features in enumerate(RULES["k_filter"]):
        *top, last = decoder_of(training, run)
        assert last.shape == (6, features)
        assert (last[~there[:, :features]] == 0).all()
        assert (last >= 0).all()
        assert (last[there[:, :features]] > 0).any()
        assert len(top) == levels - 1
        for weight in top:
            of_parent = torch.arange(6) % 2 == torch.arange(2)[:, None]
            assert (weight[~of_parent] == 0).all()
            assert (weight >= 0).all()
    moments = [training.optimiser.first, training.optimiser.second]
    begin = sum(one.numel() for one in training.network.stack.layers[-1].weight[:1])
    for moment in moments:
        own = moment[:, -(begin + training.network.stack.layers[-1].bias.shape[2]) :]
        weights = own[:, :begin].view(4, *training.network.stack.layers[-1].weight.shape[1:])
        assert (weights[:, :6, :48][:, ~there] == 0).all()
        assert (weights != 0).any()


def test_every_forward_pass_is_on_the_weights_that_are_saved(
    known: TrainingTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = present(known.ontology)
    seen = []
    network = type(trained(known, make_runs(1)).network)
    losses = network.training_losses

    def watched(self: object, *given: object) -> object:
        weight = self.stack.layers[-1].weight[0, :6, :48]
        seen.append(bool((weight[torch.from_numpy(~there)] == 0).all() and (weight >= 0).all()))
        return losses(self, *given)

    monkeypatch.setattr(network, "training_losses", watched)
    trained(known, make_runs(1, lr_fixed=0.05))
    assert len(seen) > 20
    assert all(seen)

    # What masks and clamps before the step leaves weights behind: momentum goes on, and decay of
    # a clamped weight is none.
    weight = nn.Parameter(torch.from_numpy(there.astype(np.float64)))
    optimiser = torch.optim.AdamW([weight], lr=0.05)
    for _ in range(3):
        (weight.sum() ** 2).backward()
        with torch.no_grad():
            weight.mul_(torch.from_numpy(there)).clamp_(min=0)
        optimiser.step()
    assert (weight[torch.from_numpy(~there)] != 0).any()


KINDS = {
    "activation": ["relu", "tanh", "sigmoid"],
    "optimizer": ["adamw", "rmsprop", "sgd"],
    "reconstruction": ["mse", "huber", "mse"],
    "annealing": "no-annealing",
    "init_scope": ["all", "hidden", "all"],
    "bias_init": ["constant", "torch", "zeros"],
    "k_filter": [48, 32, 48],
}


@pytest.mark.parametrize(
    "shared",
    [
        {},
        {"ontology_levels": 2, "keep_uncovered": 1},
        {"keep_uncovered": 1, "nonnegative_latents": 1},
    ],
)
def test_a_fleet_is_what_plain_pytorch_makes_of_its_runs(
    known: TrainingTask, shared: dict[str, int]
) -> None:
    runs = make_runs(3, drop_p=0.2, **KINDS, **shared)
    fleet = trained(known, runs)
    for position in range(3):
        alone = trained(known, runs.iloc[[position]], solo=True)
        for name, values in alone.metrics.items():
            found = float(fleet.metrics[name][position])
            assert found == pytest.approx(float(values[0]), rel=1e-7, abs=1e-9), (position, name)
        latents = fleet.latents[position, :, : alone.latents.shape[2]]
        np.testing.assert_allclose(latents, alone.latents[0], rtol=1e-6, atol=1e-8)
        module = module_of_run(fleet.network, position, 0.0)
        x = torch.from_numpy(known.matrix[:, : module.widths[0]].astype(np.float64))
        found = next(iter(module.encode(x).values()))
        np.testing.assert_allclose(found.detach(), alone.latents[0], rtol=1e-6, atol=1e-8)
        if shared.get("nonnegative_latents"):
            assert (found > 0).all()


def test_runs_that_leave_change_nothing_of_the_others(known: TrainingTask) -> None:
    runs = make_runs(3, k_filter=[48, 20, 32], ontology_levels=2)
    matrix = ResidentMatrix(known, SETTINGS)
    training = FleetTraining("ontix", runs, matrix, SETTINGS)
    training.advance(2)
    training.keep(np.array([False, True, True]))
    training.advance(4)
    alone = trained(known, runs.iloc[[2]])
    np.testing.assert_allclose(training.latents[1, :, :2], alone.latents[0, :, :2], rtol=1e-7)


def test_rows_say_what_the_ontology_decides(known: TrainingTask) -> None:
    runs = make_runs(2, n_layers=2, keep_uncovered=[0, 1]).drop(columns="latent_dim_fixed")
    planned = with_decoder(ARCHITECTURES["ontix"], runs, known.ontology)
    fleets = [one.rows for one in plan_fleets("ontix", planned, 48, 210, SETTINGS)]
    assert sorted(fleets) == [(0,), (1,)]
    rows = train_shard(known, "ontix", runs, fleets, SETTINGS, COST).runs
    assert rows["status"].tolist() == ["ok"] * 2
    assert rows["latent_dim_fixed"].tolist() == [6, 7]
    # 24 units beside 48 features, two heads of 6 latents, and the edges.
    edges = int(present(known.ontology).sum())
    first = (48 + 1) * 24 + 2 * 24 + 2 * (24 + 1) * 6 + edges + 48
    assert rows["trainable_parameters"][0] == first
    # A node more, and the four features that it has.
    assert rows["trainable_parameters"][1] == first + 2 * (24 + 1) + 4
    assert rows["training_runtime"].gt(0).all()


def test_the_work_of_its_decoder_is_counted(known: TrainingTask) -> None:
    runs = make_runs(1, n_layers=2, ontology_levels=2)
    runs = with_decoder(ARCHITECTURES["ontix"], runs, known.ontology)
    work = dict(zip(TERMS, run_work("ontix", runs, 48, [32.0])[0], strict=True))
    weights = 48 * 24 + 2 * 24 * 2 + 2 * 6 + 6 * 48
    assert work["parameters"] == weights
    assert work["operations"] == 32 * (6 * weights - 2 * 48 * 24)
    assert work["layers"] == 2 + 1 + 2
    assert work["activations"] == 32 * (24 + 2 * 2 + 6 + 48)
    assert work["noise"] == 32 * 24
    assert time_step("ontix", make_runs(1), 48, TrainingSettings(epochs=1, device="cpu")) > 0


def test_a_task_without_what_is_asked_for_is_refused(task: TrainingTask) -> None:
    runs = make_runs(1)
    with pytest.raises(InputError, match=r"ontix needs an ontology, and the task has none.*yaml"):
        trained(task, runs)
    flat = ontology().table.assign(parent="")
    with pytest.raises(InputError, match=r"ontology_levels.*have no parents.*\[1\]"):
        trained(replace(task, ontology=Ontology(flat, FEATURES)), runs.assign(ontology_levels=2))


def cohort(folder: Path) -> tuple[TrainingTask, np.ndarray]:
    """RNA of the simulated cohort with its ontology, and the (samples, programmes) behind it."""
    write_cohort(folder)
    dataset = read_dataset(folder)
    matrix = read_matrix(dataset, "rna")
    split = restrict_split(draw_split(dataset, Split()), matrix.index)
    values = preprocess(matrix, split, Preprocessing())
    table = task_ontology(dataset, "rna", matrix.columns)
    data = TrainingTask(
        "cohort_rna",
        values.to_numpy(),
        split.to_numpy(dtype=str),
        DownstreamTargets((), (), {}),
        ontology=Ontology(table, tuple(values.columns)),
    )
    return data, hidden_programmes().loc[matrix.index].filter(like="programme").to_numpy()


@pytest.mark.slow
def test_it_recovers_the_programmes_of_the_cohort_and_a_wrong_ontology_does_not(
    tmp_path: Path,
) -> None:
    data, truth = cohort(tmp_path)
    assert data.ontology is not None
    wrong = data.ontology.table.copy()
    covered = wrong["node"] != ""
    shuffled = np.random.default_rng(0).permutation(wrong.loc[covered, "node"])
    wrong.loc[covered, "node"] = shuffled
    settings = TrainingSettings(epochs=60, device="cpu")
    runs = make_runs(1, k_filter=320, n_layers=2, enc_factor=4.0, lr_fixed=1e-2, batch_size=64)
    test = data.split == "test"
    correlations, explained = [], []
    for known in (data.ontology, Ontology(wrong, data.ontology.features)):
        training = trained(replace(data, ontology=known), runs, settings)
        latents = training.latents[0, :, :5].numpy()[test]
        pairs = zip(latents.T, truth[test].T, strict=True)
        correlations.append([abs(np.corrcoef(*pair)[0, 1]) for pair in pairs])
        explained.append(float(training.metrics["test_r2"][0]))
    assert min(correlations[0]) > 0.8
    assert min(correlations[1]) < 0.5
    assert np.mean(correlations[1]) < 0.7
    assert explained[0] > explained[1] + 0.05


def test_a_fleet_that_was_killed_goes_on_bit_for_bit(known: TrainingTask, tmp_path: Path) -> None:
    runs = make_runs(2, k_filter=[48, 20], ontology_levels=2)
    whole, resumed = (
        FleetTraining("ontix", runs, ResidentMatrix(known, SETTINGS), SETTINGS) for _ in range(2)
    )
    whole.train(2)
    torch.save(whole.state(), tmp_path / "state.pt")
    whole.advance(4)
    resumed.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    resumed.advance(4)
    assert torch.equal(resumed.latents, whole.latents)
    for mine, same in zip(decoder_of(resumed, 1), decoder_of(whole, 1), strict=True):
        assert torch.equal(mine, same)
