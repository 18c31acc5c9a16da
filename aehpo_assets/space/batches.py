"""What a batch size means for a task: how many batches, and so optimiser steps, an epoch has."""

from __future__ import annotations


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Batches of an epoch; the last may be short, but a single sample joins the batch before."""
    full, rest = divmod(samples, batch_size)
    return max(1, full + (rest > 1))


def epochs_of_steps(steps: int, samples: int, batch_size: int) -> int:
    """Return the fewest whole epochs with so many optimiser steps."""
    return -(-steps // steps_per_epoch(samples, batch_size))
