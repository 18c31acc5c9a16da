"""Seeded synthetic data and configurations of the training cases."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.datasets.labels import DownstreamTargets
from aehpo_assets.space import sample_configurations, search_space
from aehpo_gpu.training.task import TrainingTask

SAMPLES = 2000


def synthetic_task(features: int, train_samples: int = SAMPLES, seed: int = 0) -> TrainingTask:
    """Latent programmes and noise; all samples but a handful are train, so that training counts."""
    source = np.random.default_rng(seed)
    others = 20
    samples = train_samples + 2 * others
    programmes = source.normal(size=(samples, 16)) @ source.normal(size=(16, features)) / 4
    matrix = (programmes + source.normal(size=(samples, features)) * 0.7).astype(np.float32)
    split = np.array(["train"] * train_samples + ["valid"] * others + ["test"] * others)
    return TrainingTask("bench", matrix, split, DownstreamTargets((), (), {}))


def small_runs(count: int = 64) -> pd.DataFrame:
    """Runs of 128 features, 2 layers, encoding factor 4, 2 latents, batches of 32."""
    source = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "config_id": [str(i) for i in range(count)],
            "k_filter": 128,
            "n_layers": 2,
            "enc_factor": 4.0,
            "latent_dim_fixed": 2,
            "lr_fixed": 10 ** source.uniform(-4, -2, count),
            "beta": 10 ** source.uniform(-3, 1, count),
            "batch_size": 32,
            "drop_p": source.uniform(0, 0.9, count),
            "seed": 0,
        }
    )


def study_runs(architecture: str, count: int = 192, largest: int = 1024) -> pd.DataFrame:
    """Runs of the reference study's space with at most ``largest`` features."""
    sizes = [size for size in (128, 256, 512, 1024, 2048, 4096) if size <= largest]
    space = search_space(architecture, {"k_filter": sizes})
    return sample_configurations(space, count, 42).assign(seed=0)
