"""The VAE (Kingma & Welling 2014) and the beta-VAE (Higgins et al. 2017) by the field's names.

``vae`` is varix with a weight of 1 from the first epoch on, ``beta_vae`` with a weight that is
searched and does not grow. Both have the KL divergence whatever the study's ``vae_loss``, and both
sum error and divergence over all entries of the batch. PyTorch-VAE averages the error over the
features and weights the divergence by the share of the batch in the samples: ``loss_reduction:
mean_mn`` is that, and a weight of ``mn_weight * features`` in our units.
"""

from __future__ import annotations

import torch

from aehpo_gpu.architectures.architecture import Architecture, LatentBatch
from aehpo_gpu.architectures.varix import kl_divergence, sample

HEADS = ("mean", "log_variance")
FROM_THE_START = {"annealing": "no-annealing"}


def divergence(batch: LatentBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """KL divergence, as it is."""
    value = kl_divergence(batch.heads)
    return value, value


def weighted_divergence(batch: LatentBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """KL divergence, and the same weighted by beta."""
    value = kl_divergence(batch.heads)
    return value, batch.hyperparameters["beta"] * value


VAE = Architecture("vae", HEADS, sample, divergence, training=FROM_THE_START)
BETA_VAE = Architecture(
    "beta_vae", HEADS, sample, weighted_divergence, ("beta",), training=FROM_THE_START
)
