"""Lengths of trainings: steps of an epoch, epochs of so many steps, where the last tenth begins.

The first two depend on the batch size, as it cuts the samples of a task.
"""

from __future__ import annotations


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Batches of an epoch; the last may be short, but a single sample joins the batch before."""
    full, rest = divmod(samples, batch_size)
    return max(1, full + (rest > 1))


def epochs_of_steps(steps: int, samples: int, batch_size: int) -> int:
    """Return the fewest whole epochs with so many optimiser steps."""
    return -(-steps // steps_per_epoch(samples, batch_size))


def last_tenth(length: int) -> tuple[int, ...]:
    """Return the fidelity before the last tenth of a training, none if it has but one.

    Parameters
    ----------
    length
        Epochs, or steps.
    """
    before = length - -(-length // 10)
    return (before,) if before else ()
