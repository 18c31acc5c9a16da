"""Trains configurations by the public API of Autoencodix; runs in an environment of its own.

``python autoencodix_worker.py MATRIX.npz CONFIGURATIONS.json EPOCHS THREADS``. For every line on
standard input it trains all configurations, and answers with a line of JSON: the seconds that each
took, the quicker of two tries, for its threads stall where other programs want the cores as well.
Nothing of aehpo is imported here.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import autoencodix as acx  # type: ignore[import-not-found]
import numpy as np
import torch
from autoencodix.configs.varix_config import VarixConfig  # type: ignore[import-not-found]
from autoencodix.data import DatasetContainer, NumericDataset  # type: ignore[import-not-found]


def main() -> None:
    """Answer lines until standard input ends."""
    matrix_file, configurations_file, epochs, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    warnings.simplefilter("ignore")
    data = dict(np.load(matrix_file))
    configurations = json.loads(Path(configurations_file).read_text(encoding="utf-8"))
    train_seconds(configurations[0], data, 1)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        tries = [
            [train_seconds(values, data, int(epochs)) for values in configurations]
            for _ in range(2)
        ]
        seconds = [min(pair) for pair in zip(*tries, strict=True)]
        sys.stdout.write(json.dumps(seconds) + "\n")
        sys.stdout.flush()


def train_seconds(values: dict[str, Any], data: dict[str, np.ndarray], epochs: int) -> float:
    """Wall clock of ``fit`` and ``predict``; the data sets are made before the clock starts."""
    config = VarixConfig(
        # The study counts the latent layer, Autoencodix does not.
        n_layers=int(values["n_layers"]) - 1,
        enc_factor=values["enc_factor"],
        latent_dim=int(values["latent_dim_fixed"]),
        drop_p=values["drop_p"],
        learning_rate=values["lr_fixed"],
        batch_size=int(values["batch_size"]),
        beta=values["beta"],
        weight_decay=1e-3,
        epochs=epochs,
        checkpoint_interval=max(10, epochs),
        skip_preprocessing=True,
        save_memory=True,
        device="cpu",
    )
    features = int(values["k_filter"])
    names = [str(feature) for feature in range(features)]
    parts = {}
    for part in ("train", "valid", "test"):
        matrix = np.ascontiguousarray(data[part][:, :features])
        samples = [f"{part} {row}" for row in range(len(matrix))]
        parts[part] = NumericDataset(matrix, config, sample_ids=samples, feature_ids=names)
    with contextlib.redirect_stdout(io.StringIO()):
        pipeline = acx.Varix(data=DatasetContainer(**parts), config=config)
        pipeline.preprocess()
        started = time.perf_counter()
        pipeline.fit()
        pipeline.predict()
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
