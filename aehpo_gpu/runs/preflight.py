"""What the engine knows to be wrong before a study starts; joins through ``aehpo.preflight``.

Each such entry point is called with the study and its file, and raises what it finds. Torch stays
out unless another package has brought it in already.
"""

from __future__ import annotations

from pathlib import Path

from aehpo_assets.errors import InputError
from aehpo_assets.space import ARCHITECTURE_SPACES
from aehpo_assets.study import Study


def check_architectures(study: Study, file: Path) -> None:
    """Refuse an architecture of another package whose space and loss do not fit together.

    Those of this project are compared by a test.

    Raises
    ------
    InputError
        At the first.
    """
    for name in study.architectures:
        problem = None
        if not ARCHITECTURE_SPACES.module_of(name).startswith("aehpo_assets."):
            problem = difference(name)
        if problem is not None:
            raise InputError(
                problem,
                file=file,
                key="architectures",
                remedy="Repair or uninstall the package that brings it.",
            )


def difference(name: str) -> str | None:
    """Say how a search space and the architecture of its name differ, or None if they fit."""
    from aehpo_gpu.architectures import ARCHITECTURES

    if name not in ARCHITECTURES:
        return f"{name} has a search space, but no Architecture of that name"
    space = {hyperparameter.name for hyperparameter in ARCHITECTURE_SPACES[name].hyperparameters}
    unknown = [weight for weight in ARCHITECTURES[name].weights if weight not in space]
    if unknown:
        return f"the loss of {name} reads {', '.join(unknown)}, which its search space lacks"
    return None
