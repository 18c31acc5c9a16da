"""Bringing back a run of a study as a model: its inputs from the store, and a training.

The writing itself belongs to ``export``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.space import ARCHITECTURE_SPACES, search_space
from aehpo_assets.store.home import Home
from aehpo_gpu.export.export import export_model
from aehpo_gpu.runs.table import study_replicates, training_settings
from aehpo_gpu.training.task import (
    ONTOLOGY,
    REPLICATE_INPUTS,
    TRAINING_INPUTS,
    training_task,
)

_TABLES = ("run_results", "validated_recommendations")


def export_stored_run(
    home: Home, task: str, architecture: str, config_id: str, seed: int | None, folder: Path
) -> None:
    """Train a run of a study again and write it as a plain PyTorch model.

    Parameters
    ----------
    home
        The home of the study.
    task, architecture, config_id
        Which run.
    seed
        Its seed; the first one that the study trained it with by default.
    folder
        Where to.

    Raises
    ------
    InputError
        If the study has no such run.
    StaleInputError
        If the matrix is missing or did not pass its checks.
    """
    study, store = home.study(), home.store
    run = _stored_run(home, task, architecture, config_id, seed)
    for asset in TRAINING_INPUTS:
        store.checked(asset, (task,))
    tables = {asset: store.read_table(asset, (task,)) for asset in REPLICATE_INPUTS}
    ontology = None
    if ARCHITECTURE_SPACES[architecture].ontology:
        store.checked(ONTOLOGY, (task,))
        ontology = store.read_table(ONTOLOGY, (task,))
    replicates = study_replicates(task, study, tables, ontology=ontology)
    replicate = int(run["seed"].iloc[0]) if study.replicates > 1 else 0
    matrix, split, labels = (tables[asset] for asset in TRAINING_INPUTS)
    data = (
        replicates.data(replicate)
        if replicate
        else training_task(task, matrix, split, labels, ontology)
    )
    fitted = replicates.fitted(replicate)
    names = search_space(architecture, study.space).names
    export_model(
        folder,
        data,
        architecture,
        run[["config_id", *names, "seed"]],
        training_settings(study),
        fitted,
        _transform(home, task),
    )


_MODALITY = "dataset.modality"


def _transform(home: Home, task: str) -> str:
    """What was done to the values of a task as they were read, to each modality of a joint one."""
    record = home.store.checked("omics_matrix", (task,))
    done = {
        name.removeprefix(_MODALITY).removeprefix("."): str(settings["transform"])
        for name, settings in record.settings.items()
        if name == _MODALITY or name.startswith(f"{_MODALITY}.")
        if isinstance(settings, dict)
    }
    if len(set(done.values())) == 1:
        return next(iter(done.values()))
    return ", ".join(f"{transform} ({modality})" for modality, transform in done.items())


def _stored_run(
    home: Home, task: str, architecture: str, config_id: str, seed: int | None
) -> pd.DataFrame:
    """The row of a run, from the runs of the study or the validated recommendations."""
    for asset in _TABLES:
        if home.store.provenance(asset, (architecture, task)) is None:
            continue
        table = home.store.read_table(asset, (architecture, task))
        rows = table[table["config_id"] == config_id]
        if seed is not None:
            rows = rows[rows["seed"] == seed]
        if len(rows):
            return rows.head(1).reset_index(drop=True)
    with_seed = "" if seed is None else f" with seed {seed}"
    raise InputError(
        f"the study has no run of the configuration {config_id!r}{with_seed} "
        f"on {task} with {architecture}",
        file=home.root,
        remedy="Look up config_id and seed in run_results or validated_recommendations.",
    )
