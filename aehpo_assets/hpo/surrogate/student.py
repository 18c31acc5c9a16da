"""Means whose noise is itself estimated: they lie about the truth as Student's distribution says.

Of two replicates that agree by luck, the mean looks better known than it is. Where it lies far from
what its neighbours say, that is evidence that its noise is larger, and the best of many means is
such a one more often than not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_ROUNDS = 30
_SETTLED = 1e-3
"""Change, as a share of the largest variance, at which the rounds end."""


def noise_beside_neighbours(
    posterior: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    y: np.ndarray,
    noise: np.ndarray,
    degrees: np.ndarray,
) -> np.ndarray:
    """Return the noise of means by their replicates and by what a model says of them.

    A variance ``v`` with ``d`` degrees of freedom becomes ``(d v + e) / (d + 1)``, ``e`` the
    expected square by which the mean misses its truth; and the model is asked again, until nothing
    changes. That is variational inference with a Student-t likelihood (Tipping & Lawrence,
    Neurocomputing 69, 2005).

    Parameters
    ----------
    posterior
        What the model says of the true means, (rows,) and (rows,) mean and variance, given (rows,)
        variances of the noise.
    y, noise, degrees
        (rows,) means, variances of their noise, and the degrees of freedom that these are known
        with; with infinitely many, a variance stays as it is.

    Returns
    -------
    numpy.ndarray
        (rows,) variances.
    """
    own = 1 / (1 + 1 / degrees)
    settled = noise
    for _ in range(_ROUNDS):
        mean, variance = posterior(settled)
        before, settled = settled, own * noise + (1 - own) * ((y - mean) ** 2 + variance)
        if not (np.abs(settled - before) > _SETTLED * settled.max(initial=0.0)).any():
            break
    return settled
