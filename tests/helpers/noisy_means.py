"""Means with a known noise, for tests of surrogates."""

from __future__ import annotations

import numpy as np


def noisy(rows: int, columns: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Configurations (rows, columns), and the means and variances of their noise, (rows,)."""
    generator = np.random.default_rng(seed)
    X = generator.random((rows, columns))
    noise = generator.uniform(0.01, 0.4, rows)
    y = 5 + np.sin(4 * X[:, 0]) + X[:, -1] ** 2 + generator.normal(0, np.sqrt(noise))
    return X, y, noise
