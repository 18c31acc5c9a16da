"""Functions of tensors that are one kernel on a GPU and plain torch on the CPU.

Element by element, a chain of operations reads and writes the memory of a GPU once for each of
them. Compiled, it passes over it once. On the CPU a function runs as it is written.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import torch

logger = logging.getLogger(__name__)

Function = TypeVar("Function", bound=Callable[..., Any])


def fused_on_cuda(function: Function) -> Function:
    """Compile a function for float32 on a GPU, once for all shapes.

    Parameters
    ----------
    function
        Takes tensors, the first of which says the device, and returns tensors; what it changes in
        place must not share memory with anything else that it is given.

    Returns
    -------
    callable
        Where nothing can be compiled, the function as it is: the same numbers, only later.
    """
    on_cuda = functools.cache(lambda: _compile(function))

    @functools.wraps(function)
    def call(first: torch.Tensor, *others: Any) -> Any:
        # The compiler keeps sizes in float32, which float64, here for comparisons, would show.
        fused = first.is_cuda and first.dtype == torch.float32
        return (on_cuda() if fused else function)(first, *others)

    return call  # type: ignore[return-value]


def _compile(function: Callable[..., Any]) -> Callable[..., Any]:
    if not _compiler_works():
        return function
    from torch.fx.experimental import _config as shapes

    compiled = torch.compile(function, dynamic=True)

    @functools.wraps(function)
    def call(*tensors: Any) -> Any:
        # Otherwise two sizes that are equal by chance at first are taken to be so for good, and
        # every fleet with other sizes is compiled for again.
        with shapes.patch(use_duck_shape=False):  # type: ignore[attr-defined]
            return compiled(*tensors)

    return call


@functools.cache
def _compiler_works() -> bool:
    """Whether torch can compile for the GPU here: it needs Triton and a C compiler."""
    logger.info("compiling the kernels of a training step, up to half a minute, once a process")
    try:
        torch.compile(lambda x: x + 1)(torch.zeros(2, device="cuda"))
    except Exception as error:
        logger.warning(
            "torch.compile does not work here (%s): training on this GPU takes up to three "
            "times as long; install a C compiler, and Triton as it comes with torch",
            str(error).splitlines()[0],
        )
        return False
    return True
