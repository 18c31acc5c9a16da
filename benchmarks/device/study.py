"""Hours of the whole reference study on the device, in each precision that a study can ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aehpo_gpu.training.task import TrainingSettings
from benchmarks import estimate_study
from benchmarks.device.check import Check, device

SECONDS = {"float32": 40.0, "tf32": 25.0}
"""Precision to the seconds of measuring; planning and the kernels' compilation come on top."""


def checks(smoke: bool) -> Iterator[Check]:
    """Estimate the study; the smoke form estimates one of a few small runs."""
    for precision, seconds in SECONDS.items():
        if precision == "float32" or device().type == "cuda":
            yield precision, lambda p=precision, s=seconds: _hours(p, 0 if smoke else s, smoke)


def _hours(precision: str, seconds: float, smoke: bool) -> dict[str, Any]:
    settings = TrainingSettings(epochs=estimate_study.EPOCHS, precision=precision)  # type: ignore[arg-type]
    size = estimate_study.SMALL if smoke else estimate_study.REFERENCE
    found = estimate_study.estimate(settings, seconds, size)
    hours = {f"{name}_hours": getattr(found, name) for name in ("total", "training", "scores")}
    return hours | {
        "standard_error_in_hours": found.error,
        "fleets": found.fleets,
        "sampled": found.sampled,
    }
