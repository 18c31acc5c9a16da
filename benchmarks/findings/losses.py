"""Items 18, 19 and 31: what single losses do, and what is said of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.store.provenance import named_seed
from benchmarks.findings.cohorts import PUBLISHED, RECIPE, TWIN, Given
from benchmarks.findings.trainings import grid, mean_by
from benchmarks.findings.verdict import ABOVE, Finding, paired

SEEDS = 4
SCALE = 10.0
"""Scale of the log-cosh error, as published."""

EQUAL = (-0.01, 0.01)


def naive_log_cosh(error: np.ndarray) -> np.ndarray:
    """Return ``t + (log(1 + exp(-2 a t)) - log 2) / a`` in float32, as PyTorch-VAE writes it."""
    t = error.astype(np.float32)
    with np.errstate(over="ignore"):
        return t + (np.log1p(np.exp(np.float32(-2 * SCALE) * t)) - np.log(np.float32(2))) / SCALE


def log_cosh(given: Given) -> list[Finding]:
    """Item 18: whether a log-cosh VAE fails at high rates with few latents."""
    fixed = TWIN | RECIPE | PUBLISHED | {"init": "kaiming_uniform", "activation": "relu"}
    fixed |= {"beta": 1.0, "logcosh_scale": SCALE, "latent_dim_fixed": 10, "lr_fixed": 0.1}
    table = grid(
        {name: value for name, value in fixed.items() if name != "latent_dim_fixed"},
        latent_dim_fixed=[10, 200],
        optimizer=["adam", "sgd", "rmsprop"],
    )
    cohort = given.tcga
    runs = given.trainer.runs("logcosh", cohort, "logcosh_vae", table, range(SEEDS), 12)
    runs = runs.assign(failed=(runs["status"] != "ok").astype(float))
    shares: list[float] = []
    for seed in range(SEEDS):
        data = cohort.data(seed)
        train = data.matrix[data.split == "train", : TWIN["k_filter"]]
        order = np.random.default_rng(named_seed(seed, "findings", "batches")).permutation
        batches = np.array_split(order(len(train)), max(1, len(train) // TWIN["batch_size"]))
        # What a network that gives zeros, as one does to begin with, makes of a batch.
        bad = [not np.isfinite(naive_log_cosh(-train[batch]).sum()) for batch in batches]
        shares.append(float(np.mean(bad)))
    failed = {size: mean_by(runs, "failed", latent_dim_fixed=size) for size in (10, 200)}
    return [
        Finding(
            "18a",
            "configurations with few latents end as NaN at high learning rates",
            "002",
            "log-cosh VAE (stable form) at rate .1, 10 and 200 latents, three optimisers x "
            f"{SEEDS} seeds, tcga_rna, clipped at 10",
            (
                paired("share failed, 10 latents", failed[10], ABOVE),
                paired("10 less 200 latents", failed[10] - failed[200], ABOVE),
            ),
        ),
        Finding(
            "18b",
            "the published form of the log-cosh error overflows on such data",
            "reading of the published code",
            f"its value of the batches of an epoch before the first step, {SEEDS} seeds",
            (paired("share of batches with an infinite loss", shares, (0.5, 1)),),
        ),
    ]


def bounds(given: Given) -> list[Finding]:
    """Item 19: whether the bound of an IWAE rises with its draws, and its latents stay as good."""
    fixed = TWIN | RECIPE | {"init": "kaiming_uniform", "activation": "tanh", "optimizer": "adam"}
    fixed |= {"loss_reduction": "sum", "lr_fixed": 0.001}
    cohort = given.tcga
    vae = grid(fixed, latent_dim_fixed=[10, 50])
    plain = given.trainer.runs("iwae", cohort, "vae", vae, range(SEEDS), 12)
    drawn = grid(fixed | {"beta": 1.0}, latent_dim_fixed=[10, 50], importance_samples=[1, 5, 20])
    runs = given.trainer.runs("iwae", cohort, "iwae", drawn, range(SEEDS), 12)
    loss = {
        k: mean_by(runs, "valid_total_loss", importance_samples=k, status="ok") for k in (1, 5, 20)
    }
    auc = {k: mean_by(runs, importance_samples=k) for k in (1, 5, 20)}
    run = (
        f"VAE and IWAE (Burda's bound), 1, 5, 20 draws x 10, 50 latents x {SEEDS} seeds, 12 epochs"
    )
    return [
        Finding(
            "19a",
            "the bound is tighter with more draws",
            "Burda 2016",
            run,
            (
                paired("loss of 1 less 5 draws, a sample", loss[1] - loss[5], ABOVE),
                paired("5 less 20 draws", loss[5] - loss[20], ABOVE),
            ),
        ),
        Finding(
            "19b",
            "the latents of IWAE and VAE are comparable",
            "002, 003",
            run,
            tuple(
                paired(f"AUC, {k} draws less the VAE", auc[k] - mean_by(plain), EQUAL) for k in auc
            ),
            "the published weighting, where the worst draws count most, is not trained",
        ),
    ]


def tybalt(given: Given) -> list[Finding]:
    """Item 31: what Tybalt is without the divergence that its code leaves out."""
    fixed = TWIN | {"enc_factor": 5.12, "latent_dim_fixed": 100, "batch_size": 50}
    table = grid(fixed, kappa=[0.0, 1.0], lr_fixed=[0.0005, 0.001, 0.002])
    runs = given.trainer.runs("tybalt", given.scaled, "tybalt", table, range(SEEDS), 15)

    def less(of: str) -> pd.Series:
        return mean_by(runs, of, kappa=0.0) - mean_by(runs, of, kappa=1.0)

    return [
        Finding(
            "31",
            "Tybalt as published trains without its KL divergence, which changes what it learns",
            "reading of the published code",
            f"tybalt of depth 2, 100 latents, kappa 0 and 1 x 3 learning rates x {SEEDS} seeds, 15 "
            "epochs, minmax",
            (
                paired("R2 without less with the divergence", less("valid_r2"), ABOVE),
                paired("divergence a sample, without less with", less("valid_vae_loss"), ABOVE),
                paired("AUC without less with", less("auc"), None),
            ),
        )
    ]
