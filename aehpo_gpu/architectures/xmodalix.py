"""X-Modalix: a varix a modality, whose latents are brought together (Yang et al. 2021).

What is minimised, a sample: of each modality the error per feature and ``beta`` times the KL
divergence; ``gamma`` times how far a classifier of modalities is from knowing nothing of them, the
divergence of what it says from even odds; ``delta_pair`` times the mean distance of the latents
that a sample has in each two modalities; and, where a study names a label for it, ``delta_class``
times the distance of its latents from the mean of its class. The classifier is trained beside it,
on latents through which it has no gradient. Autoencodix instead swaps labels at random, which asks
for the same on average. In the first ``pretrain_epochs`` each modality has its own loss alone.

How they are trained together belongs to ``aehpo_gpu.training.crossed``.
"""

from __future__ import annotations

from aehpo_gpu.architectures.architecture import Architecture
from aehpo_gpu.architectures.varix import VARIX

XMODALIX = Architecture(
    name="xmodalix",
    heads=VARIX.heads,
    sample=VARIX.sample,
    loss=VARIX.loss,
    weights=("beta", "gamma", "delta_pair"),
    training={"delta_class": 0.0, "pretrain_epochs": 0},
    crossed=True,
)
