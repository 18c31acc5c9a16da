"""Fixtures that tests of every package share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data sets beside the checkout; the test is skipped where it is absent."""
    folder = Path(
        os.environ.get("AEHPO_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")
    )
    if not folder.is_dir():
        pytest.skip(f"the real data sets are not at {folder}")
    return folder
