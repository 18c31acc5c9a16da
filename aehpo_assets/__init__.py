"""aehpo's first code location: data, search spaces, hyperparameter optimisation and analysis.

Importing the package stays light. Nothing below it imports torch or ``aehpo_gpu``; heavy
libraries (Great Expectations, Syne Tune, xgboost, umap, scanpy) are imported where they are used.

A finished study is read by ``aehpo_assets.open(home)``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

__all__ = ["__version__", "open"]


def open(home: str | Path) -> Any:
    """Open the study of a home to read it: an ``aehpo_assets.report.opened.OpenedStudy``.

    Parameters
    ----------
    home
        Folder of the home, which may be read-only.

    Raises
    ------
    InputError
        If it holds no study.
    """
    # By its name, so that importing the package imports nothing else.
    return importlib.import_module("aehpo_assets.report.opened").OpenedStudy(home)
