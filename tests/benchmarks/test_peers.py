"""Other ways of stacking train what the plain loop trains: nobody is beaten by being wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from aehpo_gpu.training.module import Autoencoder
from benchmarks.data import small_runs
from benchmarks.peers import Forward, as_hfta, by_vmap, models_of, train_stacked
from benchmarks.plain import train_model


@pytest.mark.parametrize("way", [by_vmap, as_hfta])
def test_a_stack_is_trained_as_each_of_its_models_alone(
    way: Callable[[Sequence[Autoencoder]], tuple[list[Tensor], Forward]],
) -> None:
    data = torch.randn(40, 16, generator=torch.Generator().manual_seed(0))
    # A batch is all samples, so that their order does not matter.
    runs = small_runs(3).assign(k_filter=16, drop_p=0.0, batch_size=40)
    models = models_of(runs, 16, torch.device("cpu"))
    losses = train_stacked(*way(copy.deepcopy(models)), data, runs, 4)
    for model, run, loss in zip(models, runs.to_dict("records"), losses, strict=True):
        train_model(model, data, run, 3)
        assert (model(data) - data).square().sum().item() == pytest.approx(loss.item(), rel=1e-4)


@pytest.mark.parametrize("way", [by_vmap, as_hfta])
def test_each_model_of_a_stack_drops_its_own_share(
    way: Callable[[Sequence[Autoencoder]], tuple[list[Tensor], Forward]],
) -> None:
    runs = small_runs(2).assign(k_filter=16, drop_p=[0.0, 0.5])
    _, forward = way(models_of(runs, 16, torch.device("cpu")))
    data = torch.randn(40, 16, generator=torch.Generator().manual_seed(0))
    one, other = forward(data), forward(data)
    assert torch.equal(one[0], other[0])
    assert not torch.allclose(one[1], other[1])
