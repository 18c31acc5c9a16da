"""What the engine knows to be wrong before a study starts; joins through ``aehpo.preflight``.

Each such entry point is called with the study and its file, and raises what it finds. Torch stays
out unless another package has brought it in already.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from aehpo_assets.errors import InputError
from aehpo_assets.space import ARCHITECTURE_SPACES
from aehpo_assets.study import Study


def check_architectures(study: Study, file: Path) -> None:
    """Refuse an architecture of another package whose space and loss do not fit together.

    Those of this project are compared by a test. :func:`check_errors` is asked as well.

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
    check_errors(study, file)
    check_baselines(study, file)


def check_errors(study: Study, file: Path) -> None:
    """Refuse a study that trains by the cross-entropy what its scaler spreads beyond 0 and 1.

    What other scalers make of a task is seen when it is trained.

    Raises
    ------
    InputError
        If it does.
    """
    scaler = study.preprocessing.scaler
    if scaler not in ("standard", "robust"):
        return
    for name in study.architectures:
        space = ARCHITECTURE_SPACES[name]
        if "reconstruction" not in space.known:
            continue
        default = space.defaults.get("reconstruction")
        if "bce" in study.space.get("reconstruction", [default]):
            raise InputError(
                f"{name} is trained by bce, which takes values from 0 to 1, and the scaler "
                f"{scaler} makes others",
                file=file,
                key="space.reconstruction",
                remedy="Set preprocessing.scaler: minmax, or train by another error.",
            )


def check_baselines(study: Study, file: Path) -> None:
    """Refuse baselines that no task of the study can have.

    Raises
    ------
    InputError
        If ``nmf`` is asked for where the scaler makes negative values, several modalities are
        wanted and none are joined, or mofapy2 is not installed.
    """
    methods, scaler = study.baselines.methods, study.preprocessing.scaler
    if "nmf" in methods and scaler in ("standard", "robust"):
        raise InputError(
            f"nmf takes values from 0 up, and the scaler {scaler} makes others",
            file=file,
            key="baselines.methods",
            remedy="Set preprocessing.scaler: minmax, or leave nmf out.",
        )
    joining = [one for one in ("block_pca", "pca_per_modality", "pls", "cca") if one in methods]
    if joining and not study.fusion:
        raise InputError(
            f"{joining[0]} takes several modalities, and the study joins none",
            file=file,
            key="baselines.methods",
            remedy=f"Join some by fusion, or leave {joining[0]} out.",
        )
    if "mofa" in methods and find_spec("mofapy2") is None:
        raise InputError(
            "mofa needs mofapy2, which is not installed",
            file=file,
            key="baselines.methods",
            remedy="Install what it needs: pip install 'aehpo[reference]'.",
        )


def difference(name: str) -> str | None:
    """Say how a search space and the architecture of its name differ, or None if they fit."""
    from aehpo_gpu.architectures import ARCHITECTURES
    from aehpo_gpu.training.defaults import training_defaults

    if name not in ARCHITECTURES:
        return f"{name} has a search space, but no Architecture of that name"
    of_name, own = ARCHITECTURE_SPACES[name], ARCHITECTURES[name]
    space = of_name.known
    read = (*own.weights, *own.group_by, *own.sizes)
    unknown = [weight for weight in read if weight not in space]
    if unknown:
        return f"the loss of {name} reads {', '.join(unknown)}, which its search space lacks"
    if own.overcomplete != of_name.overcomplete:
        return f"{name} is overcomplete in one of its search space and its Architecture only"
    if (own.decoder is not None, own.crossed) != (of_name.ontology, of_name.joint):
        return f"{name} needs something else of a task in its search space than where it is trained"
    trained = training_defaults(ARCHITECTURES[name])
    for hyperparameter, default in of_name.defaults.items():
        if trained.get(hyperparameter, default) != default:
            return (
                f"{hyperparameter} of {name} is {default} in its search space, and "
                f"{trained[hyperparameter]} where it is trained"
            )
    return None
