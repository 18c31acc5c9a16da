"""Losses of the zoo beside their definitions, and beside what the reference code makes of them.

Each known defect of PyTorch-VAE (a6896b9, and of the benchmark that took it over) is shown on a
toy, with the formula as it stands there; ours does not have it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from aehpo_gpu.architectures import ARCHITECTURES, LatentBatch
from aehpo_gpu.architectures.dipvae import covariance
from aehpo_gpu.architectures.infovae import KERNELS, discrepancy
from aehpo_gpu.training.errors import ERRORS

DOUBLE = torch.float64


def batch_of(
    mean: Tensor,
    log_variance: Tensor | None = None,
    *,
    latents: Tensor | None = None,
    draws: Tensor | None = None,
    mask: Tensor | None = None,
    words: Mapping[str, str] | None = None,
    **hyperparameters: float,
) -> LatentBatch:
    """A batch of (runs, samples, latents), all runs with the same hyperparameters."""
    runs = len(mean)
    spread = torch.zeros_like(mean) if log_variance is None else log_variance
    everyone = torch.ones(runs, dtype=torch.bool)
    return LatentBatch(
        heads={"mean": mean, "log_variance": spread, "latent": mean},
        latents=mean if latents is None else latents,
        mask=mean.new_ones(runs, 1, mean.shape[2]) if mask is None else mask,
        draws=torch.zeros_like(mean[0]) if draws is None else draws,
        hyperparameters={n: mean.new_full((runs,), v) for n, v in hyperparameters.items()},
        train_samples=100,
        vae_loss="kl",
        words={name: {word: everyone} for name, word in (words or {}).items()},
    )


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def loss_of(name: str, batch: LatentBatch) -> tuple[Tensor, Tensor]:
    loss = ARCHITECTURES[name].loss
    assert loss is not None
    return loss(batch)


# ---- VAE and beta-VAE ----------------------------------------------------------------------------


def test_the_vae_has_torchs_divergence_and_beta_vae_weights_it() -> None:
    mean, log_variance = normal(0, 2, 5, 3), normal(1, 2, 5, 3)
    ours = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    expected = torch.distributions.kl_divergence(ours, torch.distributions.Normal(0.0, 1.0))
    batch = batch_of(mean, log_variance, beta=4.0)
    for name, weight in (("vae", 1), ("beta_vae", 4), ("logcosh_vae", 4)):
        value, weighted = loss_of(name, batch)
        torch.testing.assert_close(value, expected.sum((1, 2)))
        torch.testing.assert_close(weighted, weight * value)


# ---- log-cosh ------------------------------------------------------------------------------------


def test_log_cosh_of_pytorch_vae_overflows_and_ours_does_not() -> None:
    a, t = 10.0, torch.tensor([-5.0, -0.1, 0.0, 3.0])
    theirs = a * t + torch.log(1.0 + torch.exp(-2 * a * t)) - math.log(2.0)
    assert torch.isinf(theirs[0])
    kind, scale = ERRORS["logcosh"], torch.tensor(a)
    output = t.clone().requires_grad_()
    ours = kind.value(output, torch.zeros(4), scale)
    expected = torch.log(torch.cosh(a * t.double())) / a
    torch.testing.assert_close(ours.double(), expected, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(ours[1:], theirs[1:] / a, rtol=1e-5, atol=1e-6)
    ours.sum().backward()
    torch.testing.assert_close(output.grad, torch.tanh(a * t))
    torch.testing.assert_close(kind.slope(t, torch.zeros(4), scale), torch.tanh(a * t))


# ---- InfoVAE -------------------------------------------------------------------------------------


def kernel_of_pytorch_vae(x: Tensor, y: Tensor) -> Tensor:
    """``compute_inv_mult_quad`` of infovae.py: one number, whose diagonal is always taken away."""
    scale = 2 * x.shape[1] * 2.0
    distances = (x[:, None] - y[None]).square().sum(2)
    kernel = scale / (1e-7 + scale + distances)
    return kernel.sum() - kernel.diag().sum()


def mmd_of_pytorch_vae(z: Tensor, prior: Tensor) -> Tensor:
    parts = (kernel_of_pytorch_vae(*pair) for pair in ((prior, prior), (z, z), (prior, z)))
    pp, zz, pz = (part.mean() for part in parts)
    samples = len(z)
    return (pp + zz - 2 * pz) / (samples * (samples - 1))


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_discrepancy_is_the_unbiased_estimate(kernel: str) -> None:
    z, prior = normal(0, 2, 6, 3) * 2, normal(1, 6, 3)
    batch = batch_of(z, draws=prior, words={"kernel": kernel})
    for run in range(2):
        across = (z[run][:, None] - prior[None]).square().sum(2)
        median = across.flatten().median()

        def k(x: Tensor, y: Tensor, median: Tensor = median) -> Tensor:
            d = (x - y).square().sum()
            if kernel == "imq":
                return 6 / (6 + d)
            return torch.exp(-d / 9) if kernel == "rbf_tutorial" else torch.exp(-d / (2 * median))

        def mean_of(x: Tensor, y: Tensor, *, apart: bool) -> Tensor:
            pairs = [
                k(a, b) for i, a in enumerate(x) for j, b in enumerate(y) if not (apart and i == j)
            ]
            return torch.stack(pairs).mean()

        expected = mean_of(z[run], z[run], apart=True) + mean_of(prior, prior, apart=True)
        expected = expected - 2 * mean_of(z[run], prior, apart=False)
        torch.testing.assert_close(discrepancy(batch)[run], 6 * expected)


def test_the_discrepancy_of_pytorch_vae_leaves_out_pairs_that_it_has_to_count() -> None:
    """Where every draw of the prior stands where a latent does, half the truth is the diagonal."""
    z = 3 * normal(0, 8, 2)
    both = batch_of(z[None], draws=z, words={"kernel": "imq"})
    # Theirs finds no difference at all, since it does not compare a latent with its own draw.
    assert float(mmd_of_pytorch_vae(z, z)) == pytest.approx(0, abs=1e-12)
    # The unbiased estimate knows that such a match is too good to be two independent samples.
    assert float(discrepancy(both)[0]) < -0.1
    # Over many independent samples of one distribution, ours is 0 on average.
    imq = {"kernel": "imq"}
    pairs = [(normal(2 * i, 1, 8, 2), normal(2 * i + 1, 8, 2)) for i in range(2000)]
    found = [float(discrepancy(batch_of(x, draws=y, words=imq))) for x, y in pairs]
    error = torch.tensor(found).std() / math.sqrt(len(found))
    assert abs(sum(found) / len(found)) < 3 * float(error)


def test_infovae_weighs_by_alpha_and_lambda_and_has_no_loss_of_a_lone_sample_but_the_kl() -> None:
    z = normal(0, 3, 5, 2)
    batch = batch_of(
        z, draws=normal(1, 5, 2), words={"kernel": "imq"}, info_alpha=0.5, info_lambda=20.0
    )
    kl, _ = loss_of("vae", batch)
    value, weighted = loss_of("infovae", batch)
    torch.testing.assert_close(value, kl + discrepancy(batch))
    torch.testing.assert_close(weighted, 0.5 * kl + 19.5 * discrepancy(batch))
    alone = batch_of(
        z[:, :1], draws=z[0, :1], words={"kernel": "imq"}, info_alpha=1.0, info_lambda=9.0
    )
    assert torch.equal(loss_of("infovae", alone)[1], torch.zeros(3, dtype=DOUBLE))


def test_each_run_has_the_kernel_that_it_names() -> None:
    z, prior = normal(0, 3, 6, 3), normal(1, 6, 3)
    batch = batch_of(z, draws=prior)
    chosen = {name: torch.arange(3) == i for i, name in enumerate(KERNELS)}
    mixed = LatentBatch(**(vars(batch) | {"words": {"kernel": chosen}}))
    for i, name in enumerate(KERNELS):
        alone = batch_of(z, draws=prior, words={"kernel": name})
        torch.testing.assert_close(discrepancy(mixed)[i], discrepancy(alone)[i])


# ---- DIP-VAE -------------------------------------------------------------------------------------


def covariance_of_pytorch_vae(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Of dip_vae.py, ``loss_function``."""
    centred = mean - mean.mean(dim=1, keepdim=True)
    cov_mu = centred.t().matmul(centred).squeeze()
    return cov_mu + torch.mean(torch.diagonal((2.0 * log_variance).exp(), dim1=0), dim=0)


def test_the_covariance_is_over_the_samples() -> None:
    mean, log_variance = normal(0, 2, 40, 3), normal(1, 2, 40, 3)
    for variant in ("I", "II"):
        found = covariance(batch_of(mean, log_variance, words={"dip_variant": variant}))
        for run in range(2):
            expected = torch.cov(mean[run].T, correction=0)
            if variant == "II":
                expected = expected + torch.diag(log_variance[run].exp().mean(0))
            torch.testing.assert_close(found[run], expected)


def test_what_is_right_is_penalised_by_pytorch_vae_and_not_by_ours() -> None:
    """Latents of unit variance that do not depend on each other: nothing is to be said of them."""
    corners = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=DOUBLE)
    mean = corners.repeat(4, 1)
    silent = torch.full_like(mean, -20.0)
    hyperparameters = {"lambda_od": 1.0, "lambda_d": 1.0}
    batch = batch_of(mean[None], silent[None], words={"dip_variant": "II"}, **hyperparameters)
    kl, _ = loss_of("vae", batch)
    _, weighted = loss_of("dipvae", batch)
    assert float(weighted - kl) == pytest.approx(0, abs=1e-9)
    theirs = covariance_of_pytorch_vae(mean, silent)
    assert float((theirs - torch.eye(3)).square().sum()) > 100
    # It grows with the batch, and what is the same for all samples changes it.
    more = covariance_of_pytorch_vae(mean.repeat(2, 1), silent.repeat(2, 1))
    torch.testing.assert_close(more, 2 * theirs, rtol=1e-3, atol=1e-3)
    shifted = covariance_of_pytorch_vae(mean + torch.tensor([5.0, 0, 0]), silent)
    assert not torch.allclose(theirs, shifted)
    moved = batch_of(mean[None] + torch.tensor([5.0, 0, 0]), words={"dip_variant": "I"})
    still = batch_of(mean[None], words={"dip_variant": "I"})
    torch.testing.assert_close(covariance(moved), covariance(still))


def test_a_latent_that_a_run_does_not_have_needs_no_variance() -> None:
    mean = normal(0, 1, 20, 3)
    words, weights = {"dip_variant": "II"}, {"lambda_od": 2.0, "lambda_d": 3.0}
    wide = torch.cat([mean, torch.zeros(1, 20, 5, dtype=DOUBLE)], 2)
    mask = torch.tensor([1, 1, 1, 0, 0, 0, 0, 0], dtype=DOUBLE)[None, None]
    _, alone = loss_of("dipvae", batch_of(mean, words=words, **weights))
    _, padded = loss_of("dipvae", batch_of(wide, mask=mask, words=words, **weights))
    torch.testing.assert_close(alone, padded)


# ---- sparse --------------------------------------------------------------------------------------


def test_sparsix_pays_for_the_size_of_its_latents() -> None:
    z = normal(0, 2, 5, 3)
    value, weighted = loss_of("sparsix", batch_of(z, latent_l1=0.1))
    torch.testing.assert_close(value, z.abs().sum((1, 2)))
    torch.testing.assert_close(weighted, 0.1 * value)
