"""Training autoencoders in fleets: many configurations as one stacked model on one device.

What an architecture adds (its latent and its loss) lives in ``aehpo_gpu.architectures``; scoring
latents in ``aehpo_gpu.evaluation``.
"""
