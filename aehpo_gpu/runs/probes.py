"""The tuned probes of recommended runs, for studies that ask for them.

How a probe is tuned belongs to ``aehpo_gpu.evaluation.tuned_probe``, where latents come from to
``latents``.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from aehpo_assets.study import Study
from aehpo_gpu.evaluation.tuned_probe import tuned_probe
from aehpo_gpu.runs.latents import Latents
from aehpo_gpu.training.task import TrainingTask


def probes_of(latents: Latents, data: TrainingTask, study: Study) -> pd.DataFrame:
    """Tune the probe of some runs as a study asks for it.

    Parameters
    ----------
    latents
        Those of each configuration, in the order of the data.
    data
        The replicate that the runs were trained on.
    study
        With ``probe``; test samples are scored only where its ``test`` is open.

    Returns
    -------
    pandas.DataFrame
        ``config_id`` and the columns of
        :func:`aehpo_gpu.evaluation.tuned_probe.tuned_probe`, a row a configuration and label.

    Raises
    ------
    ValueError
        If the study has no ``probe``.
    """
    if study.probe is None:
        raise ValueError("the study asks for no tuned probe")
    asked, parts = study.probe, ("valid", "test") if study.test == "open" else ("valid",)
    tables = []
    for config_id, frame in latents.items():
        found = tuned_probe(frame.to_numpy(), data.split, data.targets, asked.C, asked.folds, parts)
        found.insert(0, "config_id", config_id)
        tables.append(found)
    return pd.concat(tables, ignore_index=True)


def in_order(probes: pd.DataFrame, config_ids: Sequence[str]) -> pd.DataFrame:
    """Return tuned probes in the order of the configurations."""
    places = {config_id: place for place, config_id in enumerate(config_ids)}
    order = probes["config_id"].map(places).argsort(kind="stable")
    return probes.iloc[order].reset_index(drop=True)
