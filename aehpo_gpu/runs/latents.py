"""The latents of recommended configurations: what people take away to draw and to cluster.

Which configurations are recommended is read from the validated recommendations; how a run is
trained belongs to ``training``. A run is trained again, alone in no other way than in its fleet,
so that its latents are those that were scored.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from aehpo_assets.analysis.names import RECOMMENDED
from aehpo_assets.space.widths import run_widths
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.training.decoders import latent_names, with_decoder
from aehpo_gpu.training.fleets import Fleets
from aehpo_gpu.training.plan import plan_fleets
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

Latents = dict[str, pd.DataFrame]
"""``config_id`` to (samples, latent dimensions), indexed by ``sample_id``."""


def recommended_runs(validated: pd.DataFrame, hyperparameters: list[str]) -> pd.DataFrame:
    """One run of each recommended configuration that did not diverge, best first.

    Parameters
    ----------
    validated
        Validated recommendations of one architecture and task.
    hyperparameters
        Names of the columns a run is trained from.

    Returns
    -------
    pandas.DataFrame
        ``config_id``, the hyperparameters and ``seed``: the first with which it ended well.
    """
    recommended = validated[(validated["origin"] == RECOMMENDED) & (validated["status"] == "ok")]
    first = recommended.sort_values(["rank", "seed"]).drop_duplicates("config_id")
    return first[["config_id", *hyperparameters, "seed"]].reset_index(drop=True)


def train_latents(
    data: TrainingTask,
    architecture: str,
    runs: pd.DataFrame,
    settings: TrainingSettings,
    sample_ids: pd.Index,
) -> Latents:
    """Train runs and return the latent means of every sample.

    Parameters
    ----------
    data
        The task.
    architecture
        Name of the architecture.
    runs
        One row a run: ``config_id``, the hyperparameters and ``seed``.
    settings
        The study's.
    sample_ids
        (samples,) names of the rows of ``data.matrix``.

    Returns
    -------
    dict
        In the order of the runs; columns as of :func:`~aehpo_gpu.training.decoders.latent_names`,
        float32.
    """
    if runs.empty:
        return {}
    own = ARCHITECTURES[architecture]
    runs = with_decoder(own, runs, data.ontology)
    plan = plan_fleets(architecture, runs, data.n_features, data.n_train, settings)
    rows = [fleet.rows for fleet in plan]
    fleets = Fleets(architecture, runs, rows, ResidentMatrix(data, settings), settings)
    of_run: dict[int, np.ndarray] = {}
    for reached in fleets.advance([settings.length]):
        if reached.latents is not None:
            of_run |= zip(reached.rows.tolist(), reached.latents.float().cpu().numpy(), strict=True)
    latents = {}
    widths_of = run_widths(runs, data.n_features)
    for position, run in enumerate(runs.to_dict("records")):
        columns = latent_names(own, run, widths_of[position][-1], data.ontology)
        values = of_run[position][:, : len(columns)]
        latents[str(run["config_id"])] = pd.DataFrame(values, index=sample_ids, columns=columns)
    return latents


def latents_table(latents: Latents, splits: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Put the latents of all configurations below each other.

    Parameters
    ----------
    latents
        Those of each configuration.
    splits
        ``config_id`` to the split that it was trained on.

    Returns
    -------
    pandas.DataFrame
        ``config_id``, ``sample_id``, ``split`` and ``latent_1`` and on, or ``latent_`` and the node
        of an ontology; a configuration of fewer dimensions than another has missing values in the
        rest.
    """
    parts = []
    for config_id, frame in latents.items():
        part = frame.rename_axis("sample_id").reset_index()
        part.insert(0, "config_id", config_id)
        part.insert(2, "split", splits[config_id].reindex(frame.index).to_numpy())
        parts.append(part)
    if not parts:
        return pd.DataFrame({"config_id": [], "sample_id": [], "split": []})
    return pd.concat(parts, ignore_index=True)


def write_h5ad(
    path: Path,
    latents: Latents,
    runs: pd.DataFrame,
    labels: pd.DataFrame,
    splits: Mapping[str, pd.Series],
) -> None:
    """Write the latents as an AnnData file that scanpy draws at once.

    Parameters
    ----------
    path
        File to write.
    latents
        At least one configuration.
    runs
        One row a run; kept in ``.uns["runs"]``.
    labels
        (samples, labels), kept in ``.obs`` beside the split.
    splits
        ``config_id`` to the split that it was trained on. If all have the same, it is
        ``.obs["split"]``, else there is ``.obs["split_<config_id>"]`` for each.

    Notes
    -----
    ``.obsm["X_<config_id>"]`` holds the latents of a configuration, ready for
    ``scanpy.pp.neighbors(adata, use_rep=...)``; ``.uns["latents"]`` names its columns, ``.X`` is
    empty.
    """
    import anndata

    samples = next(iter(latents.values())).index
    first, *others = splits.values()
    same = all(split.equals(first) for split in others)
    named = {"split": first} if same else {f"split_{name}": own for name, own in splits.items()}
    observed = labels.reindex(samples).assign(
        **{name: split.reindex(samples) for name, split in named.items()}
    )
    configurations = _plain_columns(runs.drop(columns="config_id"))
    # anndata 0.12 cannot write pandas 3's own text type, and the option for the old one warns.
    quiet = warnings.catch_warnings(action="ignore")
    with quiet, pd.option_context("future.infer_string", False):
        data = anndata.AnnData(
            obs=pd.DataFrame(_plain_columns(observed), index=_plain_index(samples)),
            obsm={f"X_{config_id}": frame.to_numpy() for config_id, frame in latents.items()},
            uns={
                "runs": pd.DataFrame(configurations, index=_plain_index(runs["config_id"])),
                "latents": {name: frame.columns.to_numpy(str) for name, frame in latents.items()},
            },
        )
        data.write_h5ad(path)


def _plain_columns(table: pd.DataFrame) -> dict[str, Any]:
    """Columns as NumPy's numbers, or as categories of Python's own strings."""
    return {
        str(name): values.to_numpy()
        if is_numeric_dtype(values)
        else pd.Categorical(values.astype(object))
        for name, values in table.items()
    }


def _plain_index(names: Iterable[str]) -> pd.Index:
    """Names as Python's own strings."""
    return pd.Index(list(names), dtype=object)
