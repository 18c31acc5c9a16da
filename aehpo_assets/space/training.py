"""Hyperparameters of training that a study may name: how a network is built, stepped and judged.

Every run has a value of each. As long as a study's ``space`` does not name them, it is the default
here, which is what the engine does without them; no table has a column for it then, and no run is
another run for it. What each value means is said in ``aehpo_gpu.training``.
"""

from __future__ import annotations

from aehpo_assets.space.distributions import Choice
from aehpo_assets.space.hyperparameter import Hyperparameter, word

OPTIMIZERS = ("adamw", "adam", "sgd", "rmsprop")
LR_SCHEDULES = ("constant", "step", "exponential", "cosine")
ACTIVATIONS = (
    "relu",
    "leaky_relu",
    "gelu",
    "tanh",
    "sigmoid",
    "silu",
    "mish",
    "elu",
    "linear",
)
INITIALISATIONS = (
    "xavier_uniform",
    "xavier_normal",
    "kaiming_uniform",
    "normal",
    "uniform",
    "torch_default",
)
RECONSTRUCTIONS = ("mse", "bce", "logcosh", "huber", "mae", "quantile")
LOSS_REDUCTIONS = ("sum", "mean", "mean_mn")
ANNEALING = (
    "logistic-mid",
    "logistic-early",
    "logistic-late",
    "3phase-linear",
    "3phase-log",
    "5phase-constant",
    "linear-warmup",
    "no-annealing",
)


def _number(
    name: str, default: float, lower: float, upper: float, none: float | None = None
) -> Hyperparameter:
    return Hyperparameter(name, Choice((default,)), default, (lower, upper), none=none)


def _whole(name: str, default: int, lower: int) -> Hyperparameter:
    return Hyperparameter(name, Choice((default,)), default, (lower, float("inf")), "whole")


TRAINING = (
    word("optimizer", OPTIMIZERS),
    _number("momentum", 0.0, 0, 1 - 1e-9),
    _number("weight_decay", 1e-3, 0, float("inf")),
    word("lr_schedule", LR_SCHEDULES),
    _number("lr_gamma", 0.95, 1e-9, 1),
    _whole("lr_period", 10, 1),
    _number("lr_floor", 0.0, 0, 1),
    _whole("warmup_epochs", 0, 0),
    # A bound of 0 could move nothing; it says that there is none.
    _number("clip_norm", 5.0, 0, float("inf"), none=0.0),
    word("activation", ACTIVATIONS),
    Hyperparameter("batch_norm", Choice((1,)), 1, (0, 1), "switch"),
    word("init", INITIALISATIONS),
    word("init_scope", ("all", "hidden")),
    word("bias_init", ("constant", "zeros", "torch")),
    word("reconstruction", RECONSTRUCTIONS),
    _number("logcosh_scale", 10.0, 1e-6, 1e6),
    _number("huber_delta", 1.0, 1e-6, 1e6),
    _number("quantile", 0.5, 1e-6, 1 - 1e-6),
    word("loss_reduction", LOSS_REDUCTIONS),
)
"""Those of every architecture."""

ANNEALED = (
    *TRAINING,
    word("annealing", ANNEALING),
    _number("kappa", 1.0, 0, float("inf")),
    _number("mn_weight", 0.0083, 1e-12, float("inf")),
)
"""Those of architectures with a loss beside the error of the reconstruction.

The default of ``annealing`` is the study's own ``annealing``.
"""
