"""Items 3 and 4: what autoencoders make of tables whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.datasets.labels import DownstreamTargets
from aehpo_assets.datasets.logic import and_gate
from aehpo_assets.store.provenance import named_seed
from aehpo_gpu.training.task import TrainingTask
from benchmarks.findings.cohorts import Given
from benchmarks.findings.trainings import grid
from benchmarks.findings.verdict import Finding, paired

SEEDS, ROWS = 4, 600

PLAIN: dict[str, Any] = {
    "batch_size": 50,
    "drop_p": 0.0,
    "batch_norm": 0,
    "weight_decay": 0.0,
    "clip_norm": 0.0,
    "latent_l1": 0.0,
}
"""Without BatchNorm and without a penalty, as in the class."""

PRECISION = 1e-4

NOTHING = 1e-8
"""Errors a value below this are rounding, and count as it."""


def logic_table(seed: int) -> pd.DataFrame:
    """Return three random bits and three that follow from them, (rows, 6)."""
    bits = np.random.default_rng(named_seed(seed, "logic table")).integers(0, 2, (ROWS, 3))
    one, two, three = bits.T
    columns = [one, two, three, one & two, two | three, one ^ three]
    return pd.DataFrame(np.column_stack(columns), columns=[f"x{at}" for at in range(1, 7)])


@dataclass(frozen=True)
class Table:
    """A generated table as a cohort.

    Attributes
    ----------
    name
        ``and`` or ``logic``.
    """

    name: str

    @property
    def facts(self) -> dict[str, Any]:
        """What its data depend on."""
        return {"table": self.name, "rows": ROWS}

    def data(self, seed: int) -> TrainingTask:
        """Return the table of a seed; nearly all of it is train."""
        table = and_gate(seed) if self.name == "and" else logic_table(seed)
        split = np.repeat(["train", "valid", "test"], [ROWS - 100, 50, 50])
        matrix = table.to_numpy(dtype=np.float32)
        return TrainingTask(self.name, matrix, split, DownstreamTargets((), (), {}))


def principal_error(data: TrainingTask, components: int) -> float:
    """Return the mean squared error a value of principal components on the train samples."""
    train = data.matrix[data.split == "train"].astype(np.float64)
    singular = np.linalg.svd(train - train.mean(0), compute_uv=False)
    return float((singular[components:] ** 2).sum() / train.size)


def findings(given: Given) -> list[Finding]:
    """Train networks on both tables and hold items 3 and 4 against them."""
    return [*_gate(given), *_jumps(given)]


def _gate(given: Given) -> list[Finding]:
    table = Table("and")
    configurations = pd.concat(
        [
            grid(
                PLAIN | {"k_filter": 3, "enc_factor": 0.25},
                n_layers=[layers],
                activation=[activation],
                latent_dim_fixed=[1, 2],
                lr_fixed=[0.03, 0.01, 0.003],
            )
            for layers, activation in ((1, "linear"), (2, "tanh"))
        ]
    )
    configurations["config_id"] = [f"{at:04d}" for at in range(len(configurations))]
    runs = given.trainer.runs("gate", table, "sparsix", configurations, range(SEEDS), 300)
    runs["mse"] = runs["train_recon_loss"] / 3
    best = runs.groupby(["activation", "latent_dim_fixed", "seed"])["mse"].min()
    exact = {d: np.array([principal_error(table.data(s), d) for s in range(SEEDS)]) for d in (1, 2)}
    return [
        Finding(
            "3",
            "a linear autoencoder of an AND gate is PCA; a deep one needs no error",
            "001",
            f"3-2-3 and 3-1-3 linear, 3-12-2-12-3 tanh: best of 3 learning rates, {SEEDS} seeds, "
            "300 epochs; error a value on train",
            (
                paired(
                    "linear less PCA, 2 latents", best["linear", 2] - exact[2], _within(PRECISION)
                ),
                paired(
                    "linear less PCA, 1 latent", best["linear", 1] - exact[1], _within(PRECISION)
                ),
                paired("tanh, 2 latents", best["tanh", 2], (-np.inf, PRECISION)),
                paired("PCA, 2 components", exact[2], None),
            ),
            "with distinct eigenvalues, whoever reaches PCA's error spans its subspace",
        )
    ]


def _jumps(given: Given) -> list[Finding]:
    found = []
    for letter, name, features, inner in (("a", "and", 3, 2), ("b", "logic", 6, 3)):
        latents = list(range(1, inner + 2))
        table = grid(
            PLAIN | {"k_filter": features, "n_layers": 3, "enc_factor": features / 12},
            latent_dim_fixed=latents,
            activation=["tanh"],
            lr_fixed=[0.01, 0.003],
        )
        runs = given.trainer.runs("jump", Table(name), "sparsix", table, range(SEEDS), 300)
        mse = runs["train_recon_loss"] / features
        best = mse.groupby([runs["latent_dim_fixed"], runs["seed"]]).min().clip(lower=NOTHING)
        fall = np.log10(best[inner - 1] / best[inner])
        numbers = [paired(f"powers of ten, {inner - 1} to {inner}", fall, (3, np.inf))]
        numbers += [paired(f"log10 of the error, {d}", np.log10(best[d]), None) for d in latents]
        found.append(
            Finding(
                f"4{letter}",
                "the error falls by orders of magnitude at the intrinsic dimension "
                f"({inner} bits, {features} columns)",
                "001",
                f"tanh networks of depth 3, 1 to {inner + 1} latents: best of 2 learning rates, "
                f"{SEEDS} seeds, 300 epochs",
                tuple(numbers),
                "the table of 001 with its four orders is not published",
            )
        )
    return found


def _within(precision: float) -> tuple[float, float]:
    return -precision, precision
