"""What is promised of a fleet holds on any processor: its tests pass under other arithmetic.

Matrix libraries can be told to work as on another processor. Two such settings are tried each time
with the shorter trainings, all settings and trainings with ``AEHPO_PROCESSORS=all``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SETTINGS = (
    "MKL_CBWR=COMPATIBLE",
    "MKL_ENABLE_INSTRUCTIONS=AVX2",
    "MKL_CBWR=AVX2,STRICT",
    "MKL_CBWR=AVX512,STRICT",
    "ATEN_CPU_CAPABILITY=avx2",
    "ATEN_CPU_CAPABILITY=default",
)
ALWAYS = 2
ALL = os.environ.get("AEHPO_PROCESSORS") == "all"

HERE = Path(__file__).parent
PROMISES = "first_step or rounding_does or (nobody_had_left and float32)"
SHORT = f"({PROMISES}) and not 12- and not disentanglix"
FILES = ("test_fleet.py", "test_rungs.py")


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_fleet_keeps_its_promises(setting: str) -> None:
    if setting in SETTINGS[ALWAYS:] and not ALL:
        pytest.skip("takes a minute; AEHPO_PROCESSORS=all runs it")
    name, _, value = setting.partition("=")
    chosen = PROMISES if ALL else SHORT
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen]
    done = subprocess.run(
        [*command, *(str(HERE / file) for file in FILES)],
        cwd=HERE.parents[2],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
