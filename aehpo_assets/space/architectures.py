"""The hyperparameters, with all that is known of each, and which of them each architecture has.

The layers and the loss behind an architecture's name live in ``aehpo_gpu.architectures``. A package
that brings an architecture has one module with an :class:`ArchitectureSpace` and, by the same name,
an ``aehpo_gpu.architectures.Architecture``; an entry point of the group ``aehpo.architectures``
names the module, and both registries find it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from aehpo_assets.space.distributions import Choice, Distribution, LogUniform, Uniform


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter.

    Attributes
    ----------
    name
        Its name in studies and tables.
    distribution
        What it is drawn from, unless a study says otherwise.
    default
        What somebody gets who leaves every setting as it is; infinity is the largest value.
    limits
        Lowest and highest value that a network can have.
    kind
        ``whole`` takes lists of whole numbers only.
    """

    name: str
    distribution: Distribution
    default: float
    limits: tuple[float, float] = (0, math.inf)
    kind: Literal["whole", "real"] = "real"


@dataclass(frozen=True)
class ArchitectureSpace:
    """The hyperparameters of one architecture, in the order of its columns.

    Raises
    ------
    ValueError
        If one occurs twice, or one that every architecture has is missing.
    """

    name: str
    hyperparameters: tuple[Hyperparameter, ...]

    def __post_init__(self) -> None:
        names = [hyperparameter.name for hyperparameter in self.hyperparameters]
        for name in [*names, *(shared.name for shared in SHARED)]:
            if names.count(name) != 1:
                found = "lacks" if name not in names else "has twice"
                raise ValueError(f"the space of {self.name} {found} the hyperparameter {name}")


# The defaults are those of Autoencodix 0.2.5 (autoencodix.configs.DefaultConfig and the classes
# that override it), by the names of this platform.
BETA = Hyperparameter("beta", LogUniform(1e-3, 10), default=0.1)
SHARED = (
    # Its k_filter is None, which keeps every feature.
    Hyperparameter(
        "k_filter", Choice((128, 256, 512, 1024, 2048, 4096)), math.inf, (1, math.inf), "whole"
    ),
    # It counts the layers without the latent one, and has three of them.
    Hyperparameter("n_layers", Choice((2, 3, 4)), 4, (1, math.inf), "whole"),
    Hyperparameter("enc_factor", Uniform(1, 4), 4.0, (1, math.inf)),
    Hyperparameter("latent_dim_fixed", Choice((2, 4, 8, 16, 32, 64)), 16, (1, math.inf), "whole"),
    Hyperparameter("lr_fixed", LogUniform(1e-5, 1e-1), 1e-3, (1e-12, math.inf)),
    Hyperparameter("batch_size", Choice((32, 64, 128, 256)), 32, (2, math.inf), "whole"),
    Hyperparameter("drop_p", Uniform(0, 0.9), 0.1, (0, 1 - 1e-9)),
)
"""What every architecture has: the shape of its network, and how it is trained."""

STUDY_HYPERPARAMETERS = (*SHARED[:5], BETA, *SHARED[5:])
"""The eight hyperparameters of the reference study, in the order in which they are drawn."""

_TERMS = ("beta_mi", "beta_tc", "beta_dimKL")

VANILLIX = ArchitectureSpace("vanillix", SHARED)
VARIX = ArchitectureSpace("varix", STUDY_HYPERPARAMETERS)
DISENTANGLIX = ArchitectureSpace(
    "disentanglix", (*SHARED, *(Hyperparameter(n, LogUniform(1e-3, 10), 1.0) for n in _TERMS))
)
