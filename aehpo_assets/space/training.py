"""Hyperparameters of training that a study may name: how a network is built, stepped and judged.

Every run has a value of each. As long as a study's ``space`` does not name them, it is the default
here, which is what the engine does without them; no table has a column for it then, and no run is
another run for it. What each value means is said in ``aehpo_gpu.training``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aehpo_assets.errors import InputError
from aehpo_assets.space.distributions import Choice
from aehpo_assets.space.hyperparameter import Hyperparameter, is_number, word

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
    "xavier_sigmoid",
)
RECONSTRUCTIONS = ("mse", "bce", "logcosh", "huber", "mae", "quantile")
LOSS_REDUCTIONS = ("sum", "mean", "mean_mn", "mean_samples")
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


LENGTHS = {"epoch": "max_epochs", "step": "max_steps"}
"""Unit that a study counts in to the hyperparameter that is the length of a run in it."""

PRETRAINED = "pretrain_epochs"
"""The hyperparameter that says how many epochs of a run are pretraining."""

OF_ONE_LENGTH = (*LENGTHS.values(), "patience", "min_delta", "min_epochs")
"""What gives a run a length of its own."""


def _number(
    name: str, default: float, lower: float, upper: float, none: float | None = None
) -> Hyperparameter:
    return Hyperparameter(name, Choice((default,)), default, (lower, upper), none=none)


def _whole(name: str, default: float, lower: int, none: float | None = None) -> Hyperparameter:
    limits = (lower, float("inf"))
    return Hyperparameter(name, Choice((default,)), default, limits, "whole", none=none)


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
    # The study's own length, which no run exceeds.
    *(_whole(name, float("inf"), 1) for name in LENGTHS.values()),
    # Without patience, which a null says and tables as 0, no run stops early.
    _whole("patience", 0, 0, none=0),
    _number("min_delta", 0.0, 0, float("inf")),
    _whole("min_epochs", 1, 1),
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


def refuse_lengths(
    space: Mapping[str, Any], unit: str, length: int, file: str | Path | None = None
) -> None:
    """Refuse a space whose runs would be longer than the study, or count in another unit.

    Pretraining, which counts in epochs, is shorter than a run.

    Parameters
    ----------
    space
        A study's ``space``.
    unit, length
        What the study counts in, and how far.
    file
        The study file, for the message.

    Raises
    ------
    InputError
        If it does.
    """
    for other, name in LENGTHS.items():
        if name not in space:
            continue
        if other != unit:
            raise InputError(
                f"the study counts in {unit}s, not in {other}s",
                file=file,
                key=f"space.{name}",
                remedy=f"Name {LENGTHS[unit]}, or give the study {other}s.",
            )
        values = space[name] if isinstance(space[name], list) else []
        longer = [one for one in values if isinstance(one, (int, float)) and one > length]
        if longer:
            raise InputError(
                f"allows {longer[0]}, and no run is longer than the study's {length} {unit}s",
                file=file,
                key=f"space.{name}",
                remedy=f"Raise {unit}s of the study, or leave {longer[0]} out.",
            )
    epochs = space.get(PRETRAINED)
    of_all = [one for one in epochs if is_number(one)] if isinstance(epochs, list) else []
    if unit == "epoch" and max(of_all, default=0) >= length:
        raise InputError(
            f"allows {max(of_all)}, which is no less than the study's {length} epochs",
            file=file,
            key=f"space.{PRETRAINED}",
            remedy="Lower it: after pretraining, modalities are brought together.",
        )
