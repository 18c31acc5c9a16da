"""Vanillix: the plain autoencoder."""

from aehpo_gpu.architectures.architecture import Architecture

VANILLIX = Architecture(name="vanillix")
