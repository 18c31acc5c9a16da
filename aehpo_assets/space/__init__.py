"""Search spaces: which hyperparameters an architecture has, and how configurations are drawn.

What an architecture does with its hyperparameters belongs to ``aehpo_gpu.architectures``; how a
searcher walks through a space belongs to ``aehpo_assets.hpo``.
"""

from aehpo_assets.space.architectures import SHARED, STUDY_HYPERPARAMETERS, ArchitectureSpace
from aehpo_assets.space.defaults import default_configuration
from aehpo_assets.space.distributions import Choice, Distribution, LogUniform, Uniform
from aehpo_assets.space.hyperparameter import Hyperparameter, word
from aehpo_assets.space.sample import (
    config_id_of,
    configurations_of,
    read_configurations,
    sample_configurations,
)
from aehpo_assets.space.search_space import (
    ARCHITECTURE_SPACES,
    SearchSpace,
    refuse_unread,
    search_space,
    whole_values,
)
from aehpo_assets.space.training import ANNEALED, TRAINING

__all__ = [
    "ANNEALED",
    "ARCHITECTURE_SPACES",
    "SHARED",
    "STUDY_HYPERPARAMETERS",
    "TRAINING",
    "ArchitectureSpace",
    "Choice",
    "Distribution",
    "Hyperparameter",
    "LogUniform",
    "SearchSpace",
    "Uniform",
    "config_id_of",
    "configurations_of",
    "default_configuration",
    "read_configurations",
    "refuse_unread",
    "sample_configurations",
    "search_space",
    "whole_values",
    "word",
]
