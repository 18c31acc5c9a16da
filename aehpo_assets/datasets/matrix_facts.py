"""What was read of a matrix, counted in one pass; nothing is judged here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class MatrixFacts:
    """A matrix in a few figures.

    Attributes
    ----------
    samples, features
        Its size.
    first_samples, last_samples, first_features, last_features
        Names at both ends.
    lowest, highest
        Range of the values, after the transform; None if all are missing.
    missing_share, zero_share
        Shares of all values.
    memory_bytes
        What the values take in memory; the preprocessed matrix takes as much again at most.
    """

    samples: int
    features: int
    first_samples: list[str]
    last_samples: list[str]
    first_features: list[str]
    last_features: list[str]
    lowest: float | None
    highest: float | None
    missing_share: float
    zero_share: float
    memory_bytes: int


def describe_matrix(matrix: pd.DataFrame) -> MatrixFacts:
    """Count what was read.

    Parameters
    ----------
    matrix
        (samples, features) float32, missing values allowed.
    """
    values = matrix.to_numpy()
    # Along the memory, so that no strided copy is made.
    flat = values.T if values.flags.f_contiguous else values
    missing = zeros = 0
    lowest, highest = np.inf, -np.inf
    for start in range(0, len(flat), _ROWS_AT_ONCE):
        block = flat[start : start + _ROWS_AT_ONCE]
        missing += int(np.isnan(block).sum())
        zeros += int(np.count_nonzero(block == 0))
        lowest = min(lowest, float(np.fmin.reduce(block, axis=None)))
        highest = max(highest, float(np.fmax.reduce(block, axis=None)))
    known = missing < values.size
    samples, features = matrix.index.astype(str), matrix.columns.astype(str)
    return MatrixFacts(
        samples=len(samples),
        features=len(features),
        first_samples=samples[:2].tolist(),
        last_samples=samples[-1:].tolist(),
        first_features=features[:2].tolist(),
        last_features=features[-1:].tolist(),
        lowest=lowest if known else None,
        highest=highest if known else None,
        missing_share=missing / max(1, values.size),
        zero_share=zeros / max(1, values.size),
        memory_bytes=int(values.nbytes),
    )
