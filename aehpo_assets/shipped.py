"""What the package brings along beside its code, in a checkout and in a wheel alike.

``studies`` and ``workspace.yaml`` are links to those at the top of a checkout; a wheel holds
copies.
"""

from __future__ import annotations

from pathlib import Path

from aehpo_assets.errors import InputError

_PACKAGE = Path(__file__).resolve().parent

WORKSPACE_FILE = _PACKAGE / "workspace.yaml"
"""The code locations."""

INSTALLED = _PACKAGE.parent
"""The folder that the packages are imported from: the checkout, or that of installed packages."""

_STUDIES = _PACKAGE / "studies"


def data_of_checkout() -> list[Path]:
    """Return the data root that a checkout has; none where the package was installed."""
    return [INSTALLED / "data"] if (INSTALLED / "pyproject.toml").exists() else []


def study_file(given: Path) -> Path:
    """Return the study file that is meant: one that is there, or by its name one of the package.

    Parameters
    ----------
    given
        A file, or a name such as ``demo``.

    Raises
    ------
    InputError
        If it is a name of none of them.
    """
    if given.exists() or given.suffix or len(given.parts) != 1:
        return given
    shipped = {file.stem: file for file in sorted(_STUDIES.glob("*.yaml"))}
    if given.name not in shipped:
        raise InputError(
            "is no file, and no study of this name comes with aehpo",
            file=given,
            remedy=f"Give a study file, or one of: {', '.join(shipped)}.",
        )
    return shipped[given.name]
