"""Plans: every run once, only alike runs together, little padding, even shards, the same again."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aehpo_assets.space import sample_configurations, search_space
from aehpo_assets.space.widths import run_widths
from aehpo_gpu.training import plan
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.plan import MOST_SHARDS, padded_share, plan_fleets, plan_shards
from aehpo_gpu.training.prices import SHIPPED_CPU, SHIPPED_CUDA, SHIPPED_TF32
from aehpo_gpu.training.task import TrainingSettings
from aehpo_gpu.training.work import TERMS, step_work

SETTINGS = TrainingSettings(epochs=300, device="cpu")


def sampled(count: int, seed: int = 0) -> pd.DataFrame:
    return sample_configurations(search_space("varix"), count, seed).assign(seed=0)


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(1, 40),
    seed=st.integers(0, 1000),
    features=st.integers(64, 5000),
    shard_seconds=st.floats(0.1, 1e5),
)
def test_every_run_is_in_one_fleet_of_runs_that_can_be_stacked(
    count: int, seed: int, features: int, shard_seconds: float
) -> None:
    runs = sampled(count, seed)
    runs["seed"] = np.arange(count) % 2
    shards = plan_shards("varix", runs, features, 500, SETTINGS, shard_seconds=shard_seconds)
    fleets = [fleet for shard in shards for fleet in shard.fleets]
    assert sorted(row for fleet in fleets for row in fleet) == list(range(count))
    for fleet in fleets:
        assert (
            len(runs.iloc[list(fleet)][["n_layers", "batch_size", "seed"]].drop_duplicates()) == 1
        )
    assert len(shards) <= 1.5 * MOST_SHARDS


def test_three_thousand_configurations_are_planned_in_seconds_with_little_padding() -> None:
    started = time.perf_counter()
    fleets = plan_fleets("varix", sampled(3000, 42), 4096, 2000, SETTINGS)
    seconds = time.perf_counter() - started
    assert padded_share(fleets) < 0.1
    assert seconds < 30, "the design asks for 5 s; a slow machine is no defect"


def test_a_fleet_is_cut_no_worse_than_all_alone_or_all_together() -> None:
    runs = sampled(60).assign(n_layers=2, batch_size=64)
    planned = sum(f.estimated_seconds for f in plan_fleets("varix", runs, 1024, 640, SETTINGS))
    widths = np.array(run_widths(runs, 1024))
    steps = 10 * SETTINGS.epochs
    alone = SHIPPED_CPU.step_seconds(step_work(widths, 1, 2, 64)).sum() * steps
    together = SHIPPED_CPU.step_seconds(step_work(widths.max(0)[None], 60, 2, 64)).sum() * steps
    assert planned <= min(alone, together) * (1 + 1e-9)


def test_launches_make_fleets_large_and_arithmetic_makes_them_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def price(term: str) -> None:
        cost = CostModel("test", {name: 1e-9 * (name == term) for name in TERMS})
        monkeypatch.setattr(plan, "shipped_prices", lambda device, precision: cost)

    runs = sampled(50).assign(n_layers=2, batch_size=64)
    cuda_like = {"n_features": 4096, "n_train": 640, "settings": SETTINGS}
    price("steps")
    launched = plan_fleets("varix", runs, **cuda_like)
    price("operations")
    computed = plan_fleets("varix", runs, **cuda_like)
    assert len(launched) < len(computed)
    assert padded_share(computed) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_shards_are_of_even_length(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    shards = plan_shards("varix", sampled(300), 256, 500, SETTINGS, shard_seconds=120)
    seconds = np.array([shard.estimated_seconds for shard in shards])
    # The last shard takes what is left; fleets of 120 s leave gaps in the others.
    assert seconds[:-1].min() > 60
    assert seconds.max() < 240
    assert all(len(shard.fleets) >= threads for shard in shards[:-1])


class OnGpu(TrainingSettings):
    """Settings of a study that trains on a GPU, whether there is one or not."""

    def torch_device(self) -> torch.device:
        return torch.device("cuda")


def test_on_a_gpu_fleets_are_as_long_as_they_are_cheapest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "fleet_memory", lambda device: 48 << 30)
    runs, gpu = sampled(200), OnGpu(epochs=300)
    shards = plan_shards("varix", runs, 4096, 15_000, gpu, shard_seconds=60)
    cut = sorted(fleet for shard in shards for fleet in shard.fleets)
    uncut = plan_fleets("varix", runs, 4096, 15_000, gpu)
    assert cut == sorted(fleet.rows for fleet in uncut)
    assert max(fleet.estimated_seconds for fleet in uncut) > 60


def test_fleets_do_not_depend_on_the_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = []
    for threads in (1, 8):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        shards = plan_shards("varix", sampled(100), 512, 500, SETTINGS)
        plans.append(sorted(fleet for shard in shards for fleet in shard.fleets))
    assert plans[0] == plans[1]


@pytest.mark.parametrize(
    ("chosen", "prices"),
    [
        (SETTINGS, SHIPPED_CPU),
        (OnGpu(epochs=300), SHIPPED_CUDA),
        (OnGpu(epochs=300, precision="tf32"), SHIPPED_TF32),
    ],
    ids=["CPU", "GPU", "TF32"],
)
def test_what_was_measured_changes_estimates_and_never_the_fleets(
    chosen: TrainingSettings, prices: CostModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "fleet_memory", lambda device: 2 << 30)
    runs = sampled(200)
    slower = replace(prices, seconds={name: 7 * price for name, price in prices.seconds.items()})
    other = CostModel("all launches", dict.fromkeys(TERMS, 0.0) | {"layers": 1.0})
    shipped = plan_fleets("varix", runs, 1024, 500, chosen)
    measured = plan_fleets("varix", runs, 1024, 500, chosen, cost=slower)
    elsewhere = plan_fleets("varix", runs, 1024, 500, chosen, cost=other)
    rows = [fleet.rows for fleet in shipped]
    assert rows == [fleet.rows for fleet in measured] == [fleet.rows for fleet in elsewhere]
    assert measured[0].estimated_seconds == pytest.approx(7 * shipped[0].estimated_seconds)
    # It would have cut other fleets.
    monkeypatch.setattr(plan, "shipped_prices", lambda device, precision: other)
    assert rows != [fleet.rows for fleet in plan_fleets("varix", runs, 1024, 500, chosen)]


def test_nothing_to_train_is_no_shard() -> None:
    assert plan_shards("varix", sampled(3).head(0), 1024, 500, SETTINGS) == []


def test_what_is_missing_stays_in_the_fleets_that_it_was_in() -> None:
    runs = sample_configurations(search_space("varix"), 60, 1).assign(seed=0)
    settings = TrainingSettings(epochs=300, device="cpu")
    task = ("varix", runs, 1529, 2700, settings)
    fleets = {fleet for shard in plan_shards(*task) for fleet in shard.fleets}
    largest = max(fleets, key=len)
    assert len(largest) > 2
    # A fleet is finished, and of the largest one a run: what is left of it is planned anew.
    finished = {*next(fleet for fleet in sorted(fleets) if fleet != largest), largest[0]}
    missing = set(range(len(runs))) - finished
    again = [fleet for shard in plan_shards(*task, missing=missing) for fleet in shard.fleets]
    assert sorted(row for fleet in again for row in fleet) == sorted(missing)
    assert {fleet for fleet in fleets if missing.issuperset(fleet)} <= {*again}
    assert not plan_shards(*task, missing=set())
