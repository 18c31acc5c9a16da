"""What one training step of a fleet consists of, in countable things.

A cost model gives each of them a price; the planner counts them for fleets it only considers.
Nothing here knows seconds.
"""

from __future__ import annotations

import numpy as np

TERMS = (
    "steps",
    "layers",
    "layers of all runs",
    "operations",
    "parameters",
    "parameters outside the cache",
    "activations",
    "noise",
    "pairs of samples",
)
"""What is counted in a step, in the order of the columns of :func:`step_work`.

``steps`` is 1; ``layers`` are launched once for a fleet, ``layers of all runs`` once for each of
its runs; ``operations`` are floating-point operations of the matrix products; ``parameters`` pass
the optimiser, and cost more where a fleet's exceed :data:`CACHED_PARAMETERS`; ``activations`` are
outputs of layers; ``noise`` is what dropout draws, once for a fleet; ``pairs of samples`` count
for losses that compare the latents of all samples of a batch.
"""

CACHED_PARAMETERS = 1 << 20
"""Parameters that, with gradient and two moments in float32, fill 16 MiB."""


def step_work(
    widths: np.ndarray, runs: np.ndarray | int, heads: int, batch_size: float | np.ndarray
) -> np.ndarray:
    """Count the work of one step for one or more fleets of equal depth.

    Parameters
    ----------
    widths
        (fleets, n_layers + 1) widths of the stacked encoder, from the features to the latents.
    runs
        (fleets,) runs of each.
    heads
        Linear layers between the last hidden layer and the latents.
    batch_size
        Samples of a step, the average where batches differ.

    Returns
    -------
    np.ndarray
        (fleets, len(TERMS)).
    """
    widths = np.asarray(widths, dtype=np.float64)
    fleets = len(widths)
    runs = np.broadcast_to(np.asarray(runs, dtype=np.float64), (fleets,))
    batch = np.broadcast_to(np.asarray(batch_size, dtype=np.float64), (fleets,))
    hidden, latent = widths[:, 1:-1], widths[:, -1]
    weights = 2 * (widths[:, :-1] * widths[:, 1:]).sum(1) + (heads - 1) * widths[:, -2] * latent
    outputs = 2 * hidden.sum(1) + widths[:, 0] + heads * latent
    layers = np.full(fleets, 2 * (widths.shape[1] - 1) + heads - 1, dtype=np.float64)
    parameters = runs * weights
    # A weight is multiplied and added once forward, and twice backward, except in the first
    # layer, whose input needs no gradient.
    products = 6 * weights - 2 * widths[:, 0] * widths[:, 1]
    return np.stack(
        [
            np.ones(fleets),
            layers,
            runs * layers,
            runs * batch * products,
            parameters,
            np.maximum(parameters - CACHED_PARAMETERS, 0),
            runs * batch * outputs,
            batch * 2 * hidden.sum(1),
            runs * batch**2 * latent,
        ],
        axis=1,
    )


def work_bytes(work: np.ndarray, itemsize: int) -> np.ndarray:
    """Memory that fleets need at their peak.

    Parameters, their gradient, two moments and one product on its way into the gradient; a handful
    of buffers for every activation.

    Parameters
    ----------
    work
        (fleets, terms) from :func:`step_work`.
    itemsize
        Bytes of a number.

    Returns
    -------
    np.ndarray
        (fleets,) bytes.
    """
    parameters = work[:, TERMS.index("parameters")]
    activations = work[:, TERMS.index("activations")]
    return itemsize * (5 * parameters + 6 * activations)


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Batches of an epoch; the last may be short, but a single sample joins the batch before."""
    full, rest = divmod(samples, batch_size)
    return max(1, full + (rest > 1))
