"""A trained run as a folder that needs nothing of this project to be used.

``model.pt`` is the state dict of plain ``torch.nn`` layers (``torch.load(weights_only=True)``),
``config.json`` the widths and hyperparameters they were built from, ``preprocessing.json`` the
transform of the data set, the features in order, and what was fitted on the train samples to impute
and scale them. ``loaded`` reads all of it back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch

import aehpo_assets
from aehpo_assets.errors import InputError
from aehpo_assets.omics.preprocess import FittedPreprocessing
from aehpo_assets.store.files import atomic_folder
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.export.composed import (
    Composed,
    CrossedAutoencoder,
    StackedAutoencoder,
    build_composed,
    composition,
    crossed_module,
    stacked_module,
)
from aehpo_gpu.export.module import module_of_run, module_of_solo
from aehpo_gpu.training.crossed import CrossedNetwork
from aehpo_gpu.training.decoders import latent_names
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.module import PLAIN, Autoencoder, OwnNetwork
from aehpo_gpu.training.network import FleetNetwork
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.solo import SoloNetwork
from aehpo_gpu.training.solo_module import module_of
from aehpo_gpu.training.stacked import StackedTraining
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.workers import alone

FORMAT_VERSIONS = (1, 2, 3, 4)
"""The second says ``activation``, ``batch_norm`` and ``on_logits``, which the first cannot. The
third says how latents are made of the first head (``active_latents``, ``categories``), or from
which hyperparameters the architecture makes a network of its own (``network``); this one is built
by this project, and by nothing else. The fourth says of which autoencoders one is made (``parts``),
which features each reads, and which is on the latents of all (``joined``). A model is written in
the first that says all of it."""

Model = Autoencoder | OwnNetwork | Composed


MADE_OF = ("active_latents", "categories")
"""What only the third version says."""

REQUIRED = ("activation", "batch_norm", "on_logits")
"""What the second version says of every model, and the third of what is no network of its own."""


def train_module(
    data: TrainingTask, architecture: str, run: pd.DataFrame, settings: TrainingSettings
) -> Model:
    """Train one run alone and return it as a module, which is what it was in its fleet.

    Parameters
    ----------
    data
        The task.
    architecture
        Name of the architecture.
    run
        One row: ``config_id``, ``seed`` and the hyperparameters.
    settings
        The study's.

    Raises
    ------
    InputError
        If the run diverges: there is no model to be had; or if its architecture does not say how
        its latents are made.
    """
    return _trained(data, architecture, run, settings).module


class _Trained(NamedTuple):
    """A run that was trained.

    Attributes
    ----------
    module
        Its network.
    epochs
        After how many it ended.
    network
        Hyperparameters that a network of its own was made from; None for the usual one.
    """

    module: Model
    epochs: int
    network: dict[str, Any] | None


def _trained(
    data: TrainingTask, architecture: str, run: pd.DataFrame, settings: TrainingSettings
) -> _Trained:
    own = ARCHITECTURES[architecture]
    if own.code is not None and own.plain is None:
        raise InputError(
            f"{architecture} makes its latents in a way of its own, which no export holds",
            key="architecture",
            remedy=f"Its latents lie in recommended_latents/{architecture}.",
        )
    matrix = ResidentMatrix(data, settings)
    begin = StackedTraining if own.stacked else FleetTraining
    with alone(matrix.device):
        training = begin(architecture, run, matrix, settings)
        training.advance(training.epochs)
    if bool(training.measure().diverged[0]):
        raise InputError(
            f"the configuration {run['config_id'].iloc[0]} diverges on {data.task}; "
            "there is no model to export",
            remedy="Choose a run whose status is ok.",
        )
    drop_p = float(run["drop_p"].iloc[0])
    if isinstance(training, StackedTraining):
        return _Trained(stacked_module(training, drop_p), training.epoch, None)
    network = training.network
    if isinstance(network, CrossedNetwork):
        return _Trained(crossed_module(network), training.epoch, None)
    if isinstance(network, SoloNetwork):
        return _Trained(module_of_solo(network), training.epoch, network.run)
    assert isinstance(network, FleetNetwork)
    module = module_of_run(network, 0, drop_p)
    return _Trained(module, training.epoch, None)


def export_model(
    folder: Path,
    data: TrainingTask,
    architecture: str,
    run: pd.DataFrame,
    settings: TrainingSettings,
    preprocessing: FittedPreprocessing,
    transform: str = "none",
) -> Model:
    """Train one run and write it to a folder, atomically.

    Parameters
    ----------
    folder
        Where to; a folder that is there is replaced.
    data, architecture, run, settings
        As in :func:`train_module`.
    preprocessing
        What the matrix of the task was made with.
    transform
        What was done to the values of its file before: ``none``, ``log1p``, ``normalize_log1p``.

    Returns
    -------
    Autoencoder, OwnNetwork, StackedAutoencoder or CrossedAutoencoder
        What was written.

    Raises
    ------
    InputError
        As in :func:`train_module`.
    """
    module, epochs, network = _trained(data, architecture, run, settings)
    row = json.loads(run.to_json(orient="records", double_precision=15))[0]
    identity = {name: row.pop(name) for name in ("config_id", "seed")}
    own = ARCHITECTURES[architecture]
    named = latent_names(own, row, module.widths[-1], data.ontology)
    config = {
        "format_version": _version(module),
        "aehpo": aehpo_assets.__version__,
        "task": data.task,
        "architecture": architecture,
        **identity,
        "widths": module.widths,
        "heads": list(module.heads),
        "drop_p": float(row["drop_p"]),
        **_kinds_of(module),
        **({} if network is None else {"network": network}),
        **({} if own.decoder is None else {"latents": named}),
        "hyperparameters": row,
        "epochs": epochs,
        "annealing": settings.annealing,
        "vae_loss": settings.vae_loss,
        "precision": settings.precision,
    }
    with atomic_folder(folder) as target:
        torch.save(module.state_dict(), target / "model.pt")
        _write_json(target / "config.json", config)
        fitted = {"transform": transform} | _preprocessing_of(preprocessing, module.widths[0])
        _write_json(target / "preprocessing.json", fitted)
    return module


def _kinds_of(module: Model) -> dict[str, Any]:
    if isinstance(module, StackedAutoencoder | CrossedAutoencoder):
        return composition(module)
    if isinstance(module, OwnNetwork):
        return {"on_logits": module.on_logits}
    return {} if module.kinds == PLAIN else module.kinds


def _version(module: Model) -> int:
    if isinstance(module, StackedAutoencoder | CrossedAutoencoder):
        return 4
    if isinstance(module, OwnNetwork) or any(module.kinds[name] is not None for name in MADE_OF):
        return 3
    return 1 if module.kinds == PLAIN else 2


def build_module(config: Mapping[str, Any]) -> Model:
    """Build the module that the state dict of an export belongs to.

    Parameters
    ----------
    config
        Content of ``config.json``.

    Raises
    ------
    InputError
        If it is of another format version, lacks what the module is built from, or is of an
        architecture that is not installed.
    """
    version = config.get("format_version")
    if version not in FORMAT_VERSIONS:
        known = " and ".join(map(str, FORMAT_VERSIONS))
        raise InputError(
            f"is of format version {version}, this program reads {known}",
            key="format_version",
            remedy="Export the model again.",
        )
    try:
        if version > 3:
            return build_composed(config)
        if "network" in config:
            return _own_network(config)
        kinds: dict[str, Any] = dict(PLAIN)
        if version > 1:
            kinds |= {name: config[name] for name in REQUIRED}
            kinds |= {name: config[name] for name in PLAIN if name in config}
        return Autoencoder(config["widths"], config["heads"], config["drop_p"], **kinds)
    except KeyError as error:
        raise InputError("required, but missing", key=str(error.args[0])) from None
    except (TypeError, ValueError, IndexError) as error:
        raise InputError(f"describes no network ({error})", remedy="Export it again.") from None


def _own_network(config: Mapping[str, Any]) -> OwnNetwork:
    own = ARCHITECTURES.get(config["architecture"])
    if own is None or own.module is None:
        raise InputError(
            f"{config['architecture']} is no architecture here that makes its network itself",
            key="architecture",
            remedy="Install the package that it is of.",
        )
    made = module_of(own, config["network"], config["widths"])
    return OwnNetwork(made, config["widths"], bool(config["on_logits"]))


def load_model(folder: Path) -> Model:
    """Read an export back, in evaluation mode.

    Raises
    ------
    InputError
        If the folder holds no export.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        state = torch.load(folder / "model.pt", weights_only=True)
    except (OSError, ValueError) as error:
        raise InputError(f"holds no exported model ({error})", file=folder) from None
    # Before they are read: numbers in float64 would lose half of their digits on the way.
    module = build_module(config).to(next(iter(state.values())).dtype)
    try:
        module.load_state_dict(state)
    except RuntimeError:
        raise InputError(
            "its model.pt has other layers than its config.json says",
            file=folder,
            remedy="Export the model again.",
        ) from None
    return module.eval()


def _preprocessing_of(fitted: FittedPreprocessing, features: int) -> dict[str, Any]:
    """The part of the preprocessing that the first features of the matrix need."""
    return {
        "features": fitted.features[:features],
        "median": fitted.median[:features].tolist(),
        "center": fitted.center[:features].tolist(),
        "scale": fitted.scale[:features].tolist(),
        "clip": fitted.clip,
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
