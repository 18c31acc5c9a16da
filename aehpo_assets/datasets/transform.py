"""What is done to a matrix right after reading: missing values, then the transform.

Nothing here is fitted to the samples, except the one constant of ``normalize_log1p``; what is
fitted belongs to ``preprocess``, where only the train samples are seen. Sparse stays sparse.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from aehpo_assets.datasets.dataset import Modality
from aehpo_assets.datasets.reading.stored import Values
from aehpo_assets.errors import InputError

_BLOCK = 512
"""Features that are converted at a time, so that no float64 copy of a whole matrix exists."""


def refuse_infinite(values: Values, features: pd.Index, path: Path) -> None:
    """Refuse infinite values: no treatment of missing values is meant for them."""
    feature = _first_feature(values, np.isinf, features)
    if feature is not None:
        raise InputError(
            "holds infinite values", file=path, key=feature, remedy="Leave them empty instead."
        )


def treat_missing(
    values: Values,
    samples: pd.Index,
    features: pd.Index,
    settings: Modality,
    path: Path,
    modality: str,
) -> tuple[Values, pd.Index, pd.Index]:
    """Refuse or drop missing values as ``dataset.yaml`` says.

    Returns
    -------
    tuple
        The values, samples and features that are left.
    """
    stored = values.data if sparse.issparse(values) else values
    if not np.isnan(stored).any():
        return values, samples, features
    if sparse.issparse(values):
        values = values.toarray()
    if settings.missing == "impute_median":
        return values, samples, features
    missing = np.isnan(values)
    key = f"modalities.{modality}.missing"
    if settings.missing == "refuse":
        raise InputError(
            f"{int(missing.sum())} values are missing, the first in the feature "
            f"{features[missing.any(axis=0)][0]}",
            file=path,
            key=key,
            remedy="Say in dataset.yaml how to treat them: "
            "missing: drop_features, drop_samples or impute_median.",
        )
    if settings.missing == "drop_features":
        kept = ~missing.any(axis=0)
        values, features = values[:, kept], features[kept]
    else:
        kept = ~missing.any(axis=1)
        values, samples = values[kept], samples[kept]
    if not kept.any():
        raise InputError(
            f"{settings.missing} leaves nothing",
            file=path,
            key=key,
            remedy="Choose another treatment of missing values.",
        )
    return values, samples, features


def transform(
    values: Values, features: pd.Index, settings: Modality, path: Path, modality: str
) -> Values:
    """Apply the transform of ``dataset.yaml``, in place.

    ``normalize_log1p`` scales every sample to the median depth of all samples, then takes
    ``log(1 + x)``, as ``scanpy.pp.normalize_total`` and ``scanpy.pp.log1p`` do. The median depth
    is one constant of the whole file and says nothing of a single sample.
    """
    if settings.transform == "none":
        return values
    _refuse_untransformable(values, features, settings, path, modality)
    scale = np.ones((values.shape[0], 1))
    if settings.transform == "normalize_log1p":
        depth = _depth(values)
        if (depth > 0).any():
            median = np.median(depth[depth > 0])
            scale = median / np.where(depth > 0, depth, median)
    if sparse.issparse(values):
        rows = np.repeat(scale[:, 0], np.diff(values.indptr))
        values.data = np.log1p(values.data * rows).astype(np.float32)
        return values
    for start in range(0, values.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        values[:, block] = np.log1p(values[:, block] * scale)
    return values


def _depth(values: Values) -> np.ndarray:
    """(samples, 1) sum of what is known of each sample."""
    if sparse.issparse(values):
        return np.asarray(values.sum(axis=1, dtype=np.float64)).reshape(-1, 1)
    depth = np.zeros((len(values), 1))
    for start in range(0, values.shape[1], _BLOCK):
        block = values[:, start : start + _BLOCK]
        depth += np.nansum(block, axis=1, keepdims=True, dtype=np.float64)
    return depth


def _refuse_untransformable(
    values: Values, features: pd.Index, settings: Modality, path: Path, modality: str
) -> None:
    """A logarithm needs zero and above; what says to be counts has to be counts before it."""
    feature = _first_feature(values, lambda x: x < 0, features)
    if feature is not None:
        raise InputError(
            f"{settings.transform} needs values of zero and above, {feature} has negative ones",
            file=path,
            key=f"modalities.{modality}.transform",
            remedy="Set transform: none if the values are transformed already.",
        )
    if settings.kind == "continuous":
        return
    feature = _first_feature(values, lambda x: x != np.floor(x), features)
    if feature is not None:
        raise InputError(
            f"says kind: {settings.kind}, but {feature} holds fractions",
            file=path,
            key=f"modalities.{modality}.kind",
            remedy="Set kind: continuous; and transform: none if they are transformed already.",
        )


def _first_feature(
    values: Values, is_wrong: Callable[[np.ndarray], np.ndarray], features: pd.Index
) -> str | None:
    """Name of the first feature with a known value that is wrong."""
    if sparse.issparse(values):
        wrong = is_wrong(values.data) & ~np.isnan(values.data)
        return str(features[values.indices[wrong].min()]) if wrong.any() else None
    for start in range(0, values.shape[1], _BLOCK):
        block = values[:, start : start + _BLOCK]
        columns = (is_wrong(block) & ~np.isnan(block)).any(axis=0)
        if columns.any():
            return str(features[start + int(columns.argmax())])
    return None
