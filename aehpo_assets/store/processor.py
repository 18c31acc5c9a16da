"""Which processor this is, and what it was told of arithmetic: both can move the last digits.

Matrix libraries choose the order of their sums by the processor, and by settings of the
environment. On another one the same run is rounded otherwise, and training carries that on.
"""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

ARITHMETIC_SETTINGS = (
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_DEBUG_CPU_TYPE",
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
)
"""Variables of the environment by which matrix libraries choose their order of summation."""

_FACTS = ("model name", "cpu family", "model")


@cache
def processor_name() -> str:
    """Name of this processor, with the numbers that tell the members of a family."""
    name = platform.processor() or platform.machine()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return name
    lines = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    facts = {key.strip(): value.strip() for key, _, value in lines}
    known = [facts[fact] for fact in _FACTS if fact in facts]
    return f"{known[0]} ({'/'.join(known[1:])})" if len(known) == len(_FACTS) else name


def arithmetic() -> str:
    """The processor and what the environment tells its matrix libraries, for records."""
    told = [f"{name}={os.environ[name]}" for name in ARITHMETIC_SETTINGS if os.environ.get(name)]
    return ", ".join([processor_name(), *told])
