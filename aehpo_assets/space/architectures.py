"""The hyperparameters, with all that is known of each, and which of them each architecture has.

The layers and the loss behind an architecture's name live in ``aehpo_gpu.architectures``. A package
that brings an architecture has one module with an :class:`ArchitectureSpace` and, by the same name,
an ``aehpo_gpu.architectures.Architecture``; an entry point of the group ``aehpo.architectures``
names the module, and both registries find it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from aehpo_assets.space.distributions import Choice, LogUniform, Scalar, Uniform
from aehpo_assets.space.hyperparameter import Hyperparameter, word
from aehpo_assets.space.training import ANNEALED, OF_ONE_LENGTH, PRETRAINED, TRAINING


@dataclass(frozen=True)
class ArchitectureSpace:
    """The hyperparameters of one architecture, in the order of its columns.

    Attributes
    ----------
    name
        Name of the architecture.
    hyperparameters
        Those that are searched unless a study says otherwise.
    further
        Those that keep their default, and stand in no table, unless a study's ``space`` names them.
        One that is searched as well is searched.
    overcomplete
        Whether it may have more latents than features.
    ontology
        Whether the ontology of a task decides how many latents it has; it has no
        ``latent_dim_fixed`` then.
    joint
        Whether it is of joint tasks alone.

    Raises
    ------
    ValueError
        If one occurs twice, or one that every architecture has is missing.
    """

    name: str
    hyperparameters: tuple[Hyperparameter, ...]
    further: tuple[Hyperparameter, ...] = TRAINING
    overcomplete: bool = False
    ontology: bool = False
    joint: bool = False

    def __post_init__(self) -> None:
        names = [hyperparameter.name for hyperparameter in self.hyperparameters]
        needed = [one.name for one in SHARED if not (self.ontology and one.name == LATENTS)]
        for name in [*names, *needed]:
            if names.count(name) != 1:
                found = "lacks" if name not in names else "has twice"
                raise ValueError(f"the space of {self.name} {found} the hyperparameter {name}")

    @property
    def known(self) -> dict[str, Hyperparameter]:
        """Every hyperparameter that it reads, by name: those searched first."""
        both = (*self.further, *self.hyperparameters)
        by_name = {hyperparameter.name: hyperparameter for hyperparameter in both}
        searched = {one.name: one for one in self.hyperparameters}
        return searched | {n: one for n, one in by_name.items() if n not in searched}

    @property
    def defaults(self) -> dict[str, Scalar]:
        """What a run has of those that are not searched, where its row does not say otherwise."""
        searched = {one.name for one in self.hyperparameters}
        return {one.name: one.default for one in self.further if one.name not in searched}


def _choice(name: str, words: tuple[str, ...]) -> Hyperparameter:
    """A hyperparameter that is searched among all its words, the first of which is the default."""
    return Hyperparameter(name, Choice(words), words[0], kind="word", words=words)


# The defaults are those of Autoencodix 0.2.5 (autoencodix.configs.DefaultConfig and the classes
# that override it), by the names of this platform.
LATENTS = "latent_dim_fixed"
BETA = Hyperparameter("beta", LogUniform(1e-3, 10), default=0.1)
SHARED = (
    # Its k_filter is None, which keeps every feature.
    Hyperparameter(
        "k_filter", Choice((128, 256, 512, 1024, 2048, 4096)), math.inf, (1, math.inf), "whole"
    ),
    # It counts the layers without the latent one, and has three of them.
    Hyperparameter("n_layers", Choice((2, 3, 4)), 4, (1, math.inf), "whole"),
    Hyperparameter("enc_factor", Uniform(1, 4), 4.0, (1, math.inf)),
    Hyperparameter(LATENTS, Choice((2, 4, 8, 16, 32, 64)), 16, (1, math.inf), "whole"),
    Hyperparameter("lr_fixed", LogUniform(1e-5, 1e-1), 1e-3, (1e-12, math.inf)),
    Hyperparameter("batch_size", Choice((32, 64, 128, 256)), 32, (2, math.inf), "whole"),
    Hyperparameter("drop_p", Uniform(0, 0.9), 0.1, (0, 1 - 1e-9)),
)
"""What every architecture has: the shape of its network, and how it is trained."""

STUDY_HYPERPARAMETERS = (*SHARED[:5], BETA, *SHARED[5:])
"""The eight hyperparameters of the reference study, in the order in which they are drawn."""

DISENTANGLED = ("beta_mi", "beta_tc", "beta_dimKL")
"""Weights of the three terms of the KL divergence."""

_FURTHER = {one.name: one for one in ANNEALED}
_FROM_THE_START = (
    *(one for one in ANNEALED if one.name != "annealing"),
    word("annealing", _FURTHER["annealing"].words, "no-annealing"),
)
"""Those of architectures whose latent loss has its full weight unless a study says otherwise."""


def _with(known: tuple[Hyperparameter, ...], *own: Hyperparameter) -> tuple[Hyperparameter, ...]:
    """Some hyperparameters, those in the place of others that have the same name."""
    by_name = {one.name: one for one in own}
    return tuple(by_name.get(one.name, one) for one in known)


def _kept(
    known: tuple[Hyperparameter, ...], *left_out: str, **defaults: Scalar
) -> tuple[Hyperparameter, ...]:
    """Hyperparameters of training without some, and with other defaults."""
    return tuple(
        replace(one, default=defaults[one.name], distribution=Choice((defaults[one.name],)))
        if one.name in defaults
        else one
        for one in known
        if one.name not in left_out
    )


_WIDENING = _with(SHARED, replace(SHARED[2], limits=(0.1, math.inf)))
"""What every architecture has, with layers that may grow."""

VANILLIX = ArchitectureSpace("vanillix", SHARED)
VARIX = ArchitectureSpace("varix", STUDY_HYPERPARAMETERS, ANNEALED)
DISENTANGLIX = ArchitectureSpace(
    "disentanglix",
    (*SHARED, *(Hyperparameter(n, LogUniform(1e-3, 10), 1.0) for n in DISENTANGLED)),
    ANNEALED,
)
VAE = ArchitectureSpace("vae", SHARED, _FROM_THE_START)
BETA_VAE = ArchitectureSpace(
    "beta_vae", (*SHARED, Hyperparameter("beta", BETA.distribution, 4.0)), _FROM_THE_START
)
LOGCOSH_VAE = ArchitectureSpace(
    "logcosh_vae",
    (
        *SHARED,
        Hyperparameter("beta", BETA.distribution, 1.0),
        Hyperparameter("logcosh_scale", LogUniform(0.1, 100), 10.0, (1e-6, 1e6)),
    ),
    # Its error is what it is.
    tuple(one for one in ANNEALED if one.name not in ("reconstruction", "huber_delta", "quantile")),
)
INFOVAE = ArchitectureSpace(
    "infovae",
    (
        *SHARED,
        Hyperparameter("info_alpha", Choice((-9, 0, 0.5, 1)), 1, (-math.inf, 1)),
        Hyperparameter("info_lambda", LogUniform(10, 1000), 110.0),
        _choice("kernel", ("imq", "rbf_median", "rbf_tutorial")),
    ),
    _FROM_THE_START,
)
DIPVAE = ArchitectureSpace(
    "dipvae",
    (
        *SHARED,
        Hyperparameter("lambda_od", LogUniform(1e-2, 100), 0.1),
        Hyperparameter("lambda_d", LogUniform(1e-2, 100), 0.05),
        _choice("dip_variant", ("II", "I")),
    ),
    _FROM_THE_START,
)
SPARSIX = ArchitectureSpace(
    "sparsix",
    (*_WIDENING, Hyperparameter("latent_l1", LogUniform(1e-6, 1e-1), 1e-3)),
    _FROM_THE_START,
    overcomplete=True,
)
TOPK = ArchitectureSpace(
    "topk",
    (
        *_WIDENING,
        Hyperparameter("active_latents", Choice((4, 8, 16, 32)), 8, (1, math.inf), "whole"),
    ),
    overcomplete=True,
)
_CORRUPTED = (
    _choice("corruption", ("masking", "swap", "gaussian")),
    Hyperparameter("noise_p", Choice((0.0, 0.05, 0.1, 0.2, 0.5)), 0.1),
)
DENOISIX = ArchitectureSpace("denoisix", (*_WIDENING, *_CORRUPTED), overcomplete=True)
_ONE_LAYER = (
    *_with(
        SHARED,
        Hyperparameter("n_layers", Choice((1,)), 1, (1, 1), "whole"),
        # What lies between features and latents, where there is nothing.
        Hyperparameter("enc_factor", Choice((1.0,)), 1.0, (1, 1)),
        Hyperparameter("drop_p", Choice((0.0,)), 0.0, (0, 0)),
        Hyperparameter("lr_fixed", LogUniform(1e-4, 1.0), 0.01, (1e-12, math.inf)),
    ),
    *_CORRUPTED,
)
_OF_ADAGE = _kept(
    TRAINING,
    *("activation", "batch_norm"),
    optimizer="sgd",
    weight_decay=0.0,
    clip_norm=0.0,
    init="xavier_sigmoid",
    bias_init="zeros",
    reconstruction="bce",
    loss_reduction="mean_samples",
)
ADAGE = ArchitectureSpace("adage", _ONE_LAYER, _OF_ADAGE, overcomplete=True)
ADAGE_TAN = ArchitectureSpace("adage_tan", _ONE_LAYER, _OF_ADAGE, overcomplete=True)
TYBALT = ArchitectureSpace(
    "tybalt",
    (
        *_with(
            SHARED,
            Hyperparameter("n_layers", Choice((1, 2)), 1, (1, 2), "whole"),
            Hyperparameter("enc_factor", Uniform(1, 50), 16.66, (1, math.inf)),
            Hyperparameter("drop_p", Choice((0.0,)), 0.0, (0, 1 - 1e-9)),
        ),
        Hyperparameter("kappa", Choice((0.01, 0.05, 0.1, 1.0)), 1.0),
    ),
    _kept(
        ANNEALED,
        annealing="linear-warmup",
        optimizer="adam",
        weight_decay=0.0,
        clip_norm=0.0,
        bias_init="zeros",
        reconstruction="bce",
    ),
)
IWAE = ArchitectureSpace(
    "iwae",
    (
        *SHARED,
        Hyperparameter("beta", BETA.distribution, 1.0),
        Hyperparameter("importance_samples", Choice((1, 5, 10, 50)), 5, (1, 1000), "whole"),
    ),
    _FROM_THE_START,
)
CATEGORIX = ArchitectureSpace(
    "categorix",
    (
        *SHARED,
        Hyperparameter("beta", BETA.distribution, 1.0),
        Hyperparameter("categories", Choice((2, 5, 10, 20)), 10, (2, 1000), "whole"),
        Hyperparameter("tau_start", Choice((0.5, 1.0)), 1.0, (1e-3, 1e3)),
        Hyperparameter("tau_min", Choice((0.1, 0.5)), 0.5, (1e-3, 1e3)),
        Hyperparameter("tau_rate", Choice((1e-5, 3e-5, 1e-4)), 3e-5),
    ),
    _FROM_THE_START,
)
CONVOLIX = ArchitectureSpace(
    "convolix",
    (*SHARED, Hyperparameter("channels", Choice((4, 8, 16)), 8, (1, 512), "whole")),
)
ONTIX = ArchitectureSpace(
    "ontix",
    tuple(one for one in STUDY_HYPERPARAMETERS if one.name != LATENTS),
    (
        *ANNEALED,
        Hyperparameter("ontology_levels", Choice((1,)), 1, (1, 2), "whole"),
        *(
            Hyperparameter(name, Choice((0,)), 0, (0, 1), "switch")
            for name in ("keep_uncovered", "nonnegative_latents")
        ),
    ),
    overcomplete=True,
    ontology=True,
)
# Each of its stages has the hyperparameters of the run, and the length of the study.
STACKIX = ArchitectureSpace("stackix", STUDY_HYPERPARAMETERS, _kept(ANNEALED, *OF_ONE_LENGTH))
XMODALIX = ArchitectureSpace(
    "xmodalix",
    (
        *SHARED,
        Hyperparameter("beta", LogUniform(1e-4, 1), 0.1),
        Hyperparameter("gamma", LogUniform(0.1, 100), 10.0),
        Hyperparameter("delta_pair", LogUniform(0.1, 100), 5.0),
    ),
    # What its loss is a mean of is said by the architecture.
    (
        *_kept(ANNEALED, "loss_reduction", "mn_weight"),
        Hyperparameter("delta_class", Choice((0.0,)), 0.0),
        Hyperparameter(PRETRAINED, Choice((0,)), 0, kind="whole"),
    ),
    joint=True,
)
INTERMEDIATE_FUSION = ArchitectureSpace(
    "intermediate_fusion",
    (*STUDY_HYPERPARAMETERS, Hyperparameter("modality_balance", Uniform(0, 1), 0.0, (0, 1))),
    # Its error is the squared one, weighed by modality.
    tuple(one for one in ANNEALED if one.name not in ("reconstruction", "huber_delta", "quantile")),
)
