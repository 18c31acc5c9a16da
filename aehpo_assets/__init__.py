"""aehpo's first code location: data, search spaces, hyperparameter optimisation and analysis.

Importing the package stays light. Nothing below it imports torch or ``aehpo_gpu``; heavy
libraries (Great Expectations, Syne Tune, xgboost, umap, scanpy) are imported where they are used.

A finished study is read by ``aehpo_assets.open(home)``, an exported model by
``aehpo_assets.load_model(folder)``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

__all__ = ["__version__", "load_model", "open"]


def open(home: str | Path | None = None) -> Any:
    """Open the study of a home to read it: an ``aehpo_assets.report.opened.OpenedStudy``.

    Parameters
    ----------
    home
        Folder of the home, which may be read-only; None for ``AEHPO_HOME``, or ``.aehpo``.

    Raises
    ------
    InputError
        If it holds no study.
    """
    # By its name, so that importing the package imports nothing else.
    return importlib.import_module("aehpo_assets.report.opened").OpenedStudy(home)


def load_model(folder: str | Path) -> Any:
    """Read what ``aehpo export-model`` wrote: an ``aehpo_gpu.export.loaded.LoadedModel``.

    Its ``encode`` takes AnnData or a data frame, and returns latents.

    Parameters
    ----------
    folder
        Folder of the export.

    Raises
    ------
    InputError
        If it holds no exported model.
    """
    return importlib.import_module("aehpo_gpu.export.loaded").LoadedModel(folder)
