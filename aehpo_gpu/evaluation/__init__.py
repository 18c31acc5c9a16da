"""Scores of trained autoencoders: what their latents tell about labels, and what they reconstruct.

Here belongs what turns latents and reconstructions into numbers of the run results; training
belongs to ``aehpo_gpu.training``, which labels are scored to ``aehpo_assets.datasets.labels``.
"""
