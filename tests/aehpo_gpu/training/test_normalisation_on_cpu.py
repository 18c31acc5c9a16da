"""The loops of a processor say what torch says, and the same of a run in any fleet."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from aehpo_gpu.training import normalisation, normalisation_on_cpu

Inputs = dict[str, Any]
PARAMETERS = ("bias", "gamma", "beta", "running_mean", "running_variance")


def inputs(runs: int, samples: int, units: int, dtype: torch.dtype, thins: bool = True) -> Inputs:
    source = torch.Generator().manual_seed(runs * samples * units)
    # As in a stack: views whose runs lie apart.
    stack = torch.rand(runs, len(PARAMETERS) * units, generator=source, dtype=dtype)
    views = stack.unflatten(1, (len(PARAMETERS), 1, units)).unbind(1)
    return {
        "z": torch.randn(runs, samples, units, generator=source, dtype=dtype),
        **dict(zip(PARAMETERS, views, strict=True)),
        "draws": torch.rand(samples, units, generator=source, dtype=dtype) if thins else None,
        "dropout": torch.rand(runs, 1, 1, generator=source, dtype=dtype),
    }


def copied(given: Inputs) -> Inputs:
    return {name: None if one is None else one.clone() for name, one in given.items()}


def normalised(given: Inputs) -> tuple[torch.Tensor, ...]:
    arrays = {name: given[name].numpy() for name in (*PARAMETERS, "dropout")}
    return normalisation_on_cpu.normalised(**given | arrays)


def gradients(
    gradient: torch.Tensor, made: tuple[torch.Tensor, ...], gamma: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    centred, inverse, gain, y = made
    of_shift, of_scale = torch.empty_like(inverse), torch.empty_like(inverse)
    written = (gamma.numpy(), of_shift.numpy(), of_scale.numpy())
    dz = normalisation_on_cpu.normalised_gradients(gradient, y, centred, inverse, gain, *written)
    return dz, of_shift, of_scale


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("runs", "samples", "units", "thins"), [(1, 64, 48, True), (3, 37, 32, True), (2, 2, 16, False)]
)
def test_it_is_what_torch_makes_of_it(
    runs: int, samples: int, units: int, thins: bool, dtype: torch.dtype
) -> None:
    ours = inputs(runs, samples, units, dtype, thins)
    theirs = copied(ours)
    found = normalised(ours)
    expected = normalisation.normalised(*theirs.values())
    torch.testing.assert_close(found, expected)
    for name in PARAMETERS:
        torch.testing.assert_close(ours[name], theirs[name])

    centred, inverse, gain, y = expected
    gradient, gamma = torch.randn_like(y), theirs["gamma"]
    torch.testing.assert_close(
        gradients(gradient, expected, gamma),
        normalisation.normalised_gradients(gradient, y, centred, inverse, gain, gamma),
    )


def test_a_run_has_the_same_bits_in_any_stack() -> None:
    together = inputs(3, 40, 32, torch.float32)
    alone = {
        name: one if one is None or name == "draws" else one[1:2].clone()
        for name, one in together.items()
    }
    of_all = normalised(together)
    of_one = normalised(alone)
    gradient = torch.randn_like(of_all[-1])
    for whole, part in zip(of_all, of_one, strict=True):
        assert torch.equal(whole[1:2], part)
    for name in PARAMETERS:
        assert torch.equal(together[name][1:2], alone[name])
    whole_gradients = gradients(gradient, of_all, together["gamma"])
    own_gradients = gradients(gradient[1:2], of_one, alone["gamma"])
    for whole, part in zip(whole_gradients, own_gradients, strict=True):
        assert torch.equal(whole[1:2], part)


def test_what_is_not_a_number_stays_it() -> None:
    given = inputs(2, 8, 16, torch.float32)
    z = given["z"]
    z[0, 3, 5] = torch.nan
    *_, y = normalised(given)
    assert y[0, :, 5].isnan().all()
    assert y[1].isfinite().all()
