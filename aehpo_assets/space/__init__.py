"""Search spaces: which hyperparameters an architecture has, and how configurations are drawn.

What an architecture does with its hyperparameters belongs to ``aehpo_gpu.architectures``; how a
searcher walks through a space belongs to ``aehpo_assets.hpo``.
"""

from aehpo_assets.space.defaults import default_configuration
from aehpo_assets.space.distributions import Choice, Distribution, LogUniform, Uniform
from aehpo_assets.space.identity import config_id_of
from aehpo_assets.space.sample import read_configurations, sample_configurations
from aehpo_assets.space.search_space import (
    ARCHITECTURE_SPACES,
    SearchSpace,
    filter_sizes,
    latent_dimensions,
    search_space,
)
from aehpo_assets.space.study_configurations import configurations_of

__all__ = [
    "ARCHITECTURE_SPACES",
    "Choice",
    "Distribution",
    "LogUniform",
    "SearchSpace",
    "Uniform",
    "config_id_of",
    "configurations_of",
    "default_configuration",
    "filter_sizes",
    "latent_dimensions",
    "read_configurations",
    "sample_configurations",
    "search_space",
]
