"""The cost model: prices are recovered, kept, read again, and measured again when need be."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.space import sample_configurations, search_space
from aehpo_assets.space.batches import steps_per_epoch
from aehpo_assets.space.widths import run_widths
from aehpo_gpu.training import device_cost, timing
from aehpo_gpu.training.cost import (
    CostModel,
    fit_cost_model,
    load_cost_model,
    save_cost_model,
)
from aehpo_gpu.training.device_cost import cost_model
from aehpo_gpu.training.prices import SHIPPED_CPU, SHIPPED_CUDA
from aehpo_gpu.training.task import TrainingSettings
from aehpo_gpu.training.work import TERMS, step_work

OF = ("cpu of a server", "varix", "kl", "float32")
SETTINGS = TrainingSettings(epochs=1, device="cpu")


def sampled(count: int) -> pd.DataFrame:
    return sample_configurations(search_space("varix"), count, 0).assign(seed=0)


@pytest.mark.parametrize("true", [SHIPPED_CPU, SHIPPED_CUDA], ids=["sum", "maximum"])
def test_prices_are_recovered_from_exact_timings(true: CostModel) -> None:
    runs = sampled(80)
    work = np.concatenate(
        [
            step_work(np.array([w]), 1 + 15 * (row % 2), 2, b)
            for row, (w, b) in enumerate(
                zip(run_widths(runs, 4096), runs["batch_size"], strict=True)
            )
        ]
    )
    counts = np.where(np.arange(80) % 2, 16, 1)
    seconds = true.step_seconds(work)
    model = fit_cost_model("test", work, seconds, counts, overlapped=true.overlapped)
    assert model.solo_error < 1e-3
    assert model.fleet_error < 1e-3
    assert (model.solo_timings, model.fleet_timings) == (40, 40)
    np.testing.assert_allclose(model.step_seconds(work), seconds, rtol=1e-3)


def test_a_gpu_takes_the_longer_of_launches_and_of_what_they_do() -> None:
    work = np.array([[1.0, 4, 4, 0, 0, 0, 0, 0, 0], [1, 4, 4, 9, 2, 1, 3, 1, 1]])
    prices = dict.fromkeys(TERMS, 1.0)
    np.testing.assert_array_equal(CostModel("sum", prices).step_seconds(work), [9, 26])
    longer = CostModel("maximum", prices, overlapped=True)
    np.testing.assert_array_equal(longer.step_seconds(work), [9, 17])
    assert longer.version != CostModel("maximum", prices).version


def test_runtime_is_what_the_steps_of_a_run_alone_cost() -> None:
    runs = sampled(1).assign(k_filter=128, n_layers=2, enc_factor=4.0, latent_dim_fixed=2)
    runs["batch_size"] = 32
    per_step = CostModel("test", {name: float(name == "steps") for name in TERMS})
    assert per_step.training_runtime("varix", runs, 1000, 100, 7) == pytest.approx([7 * 4])
    # 97 samples: the last single sample joins the batch before.
    assert per_step.training_runtime("varix", runs, 1000, 97, 7) == pytest.approx([7 * 3])
    arithmetic = CostModel("test", {name: float(name == "operations") for name in TERMS})
    products = 6 * (2 * (128 * 32 + 32 * 2) + 32 * 2) - 2 * 128 * 32
    expected = 7 * 100 * products
    assert arithmetic.training_runtime("varix", runs, 1000, 100, 7) == pytest.approx([expected])


@pytest.mark.parametrize(
    ("samples", "size", "steps"), [(1, 32, 1), (32, 32, 1), (33, 32, 1), (34, 32, 2), (65, 32, 2)]
)
def test_steps_of_an_epoch(samples: int, size: int, steps: int) -> None:
    from aehpo_gpu.training.epoch import batch_bounds

    assert steps_per_epoch(samples, size) == steps == len(list(batch_bounds(samples, size)))


def test_a_model_is_kept_and_a_damaged_one_ignored(tmp_path: Path) -> None:
    path = tmp_path / "devices" / "cpu.json"
    assert load_cost_model(path, OF) is None
    model = replace(SHIPPED_CPU, solo_error=0.1, fleet_error=0.2)
    save_cost_model(model, path, OF)
    assert load_cost_model(path, OF) == model
    path.write_text("{")
    assert load_cost_model(path, OF) is None
    assert path.with_name(".cpu.json.damaged").exists()


def altered(path: Path) -> None:
    path.write_text(path.read_text().replace("1.5e-11", "1.5e-10"))


def without_seal(path: Path) -> None:
    content = json.loads(path.read_text())
    del content["seal"]
    path.write_text(json.dumps(content))


def of_another_processor(path: Path) -> None:
    save_cost_model(SHIPPED_CPU, path, ("cpu of a laptop", *OF[1:]))


@pytest.mark.parametrize("harm", [altered, without_seal, of_another_processor])
def test_prices_that_are_not_what_was_measured_here_are_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], None]
) -> None:
    path = tmp_path / "cpu.json"
    save_cost_model(SHIPPED_CPU, path, OF)
    harm(path)
    assert load_cost_model(path, OF) is None
    assert [p.name for p in tmp_path.iterdir()] == [".cpu.json.damaged"]
    assert "is no price list to go by" in caplog.text
    assert str(path) in caplog.text


def test_prices_are_kept_for_the_processor_that_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(*args: object) -> CostModel:
        measured.append(True)
        return replace(SHIPPED_CPU, solo_error=0.1, fleet_error=0.2, largest_step=1e30)

    measured: list[bool] = []
    monkeypatch.setattr(device_cost, "measure_cost_model", measure)
    here = cost_model(tmp_path, "varix", sampled(2), 64, SETTINGS)
    assert cost_model(tmp_path, "varix", sampled(2), 64, SETTINGS) == here
    assert len(measured) == 1
    monkeypatch.setattr(device_cost, "processor_name", lambda: "of another machine")
    cost_model(tmp_path, "varix", sampled(2), 64, SETTINGS)
    assert len(measured) == 2
    assert len(list(tmp_path.glob("*.json"))) == 2


def test_a_model_is_known_by_its_prices() -> None:
    assert SHIPPED_CPU.version == replace(SHIPPED_CPU).version
    assert SHIPPED_CPU.version != replace(SHIPPED_CPU, solo_error=0.1).version


@pytest.mark.slow
def test_the_device_is_measured_once_and_again_for_larger_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "SECONDS_OF_A_TIMING", 0.002)
    monkeypatch.setattr(timing, "SOLO_TIMINGS", 8)
    monkeypatch.setattr(timing, "FLEETS_OF_A_SIZE", 2)
    runs = sampled(12)
    first = cost_model(tmp_path, "varix", runs, 64, SETTINGS)
    assert first.solo_timings == 8
    assert (first.training_runtime("varix", runs, 64, 100, 2) > 0).all()
    assert cost_model(tmp_path, "varix", runs, 64, SETTINGS) == first
    larger = cost_model(tmp_path, "varix", runs, 512, SETTINGS)
    assert larger.largest_step > first.largest_step
    assert len(list(tmp_path.glob("*.json"))) == 1
