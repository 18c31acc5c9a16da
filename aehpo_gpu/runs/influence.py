"""What each test sample adds to the test scores of candidates, laid out beside each other.

How the influence of a sample on one run is measured belongs to ``aehpo_gpu.evaluation.influence``,
what follows for the difference of two candidates to ``aehpo_assets.analysis.new_patients``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from aehpo_assets.datasets.cut import unit_names
from aehpo_assets.hpo.columns import INFLUENCE, PATIENT
from aehpo_assets.store.run_archive import RUN_KEY


def test_samples(split: pd.DataFrame) -> pd.Series:
    """Return the patient of each test sample, in the order of the task.

    Parameters
    ----------
    split
        ``data_split`` of the task: ``split`` and, where the study splits by groups and has several
        replicates, ``group``.

    Returns
    -------
    pandas.Series
        Indexed by ``sample_id``; without groups, or where a sample has none, the sample's own id.
    """
    rows = split[split["split"] == "test"]
    named = rows.index.astype(str)
    if "group" in rows:
        named = unit_names(rows["group"], rows.index, own_group=True)
    return pd.Series(named, index=rows.index, name=PATIENT)


def candidate_influence(
    samples: pd.Series, runs: pd.DataFrame, of_runs: pd.DataFrame, baselines: pd.DataFrame
) -> pd.DataFrame:
    """Average over the replicates of each candidate: all have the same test samples.

    Parameters
    ----------
    samples
        Output of :func:`test_samples`.
    runs
        One row a validated run: ``config_id`` and ``run_key``.
    of_runs
        (test samples, runs), a column a run key; those that are missing were not kept.
    baselines
        One row a baseline: ``method`` and ``test_influence``; may be empty.

    Returns
    -------
    pandas.DataFrame
        One row a test sample: ``sample_id``, ``patient``, and a column a candidate, named by its
        ``config_id`` or its method. A candidate of which a run was not kept is left out.
    """
    means: dict[str, np.ndarray] = {}
    for config_id, own in runs.groupby("config_id", sort=False):
        if own[RUN_KEY].isin(of_runs.columns).all():
            means[str(config_id)] = of_runs[own[RUN_KEY].tolist()].mean(axis=1).to_numpy()
    if INFLUENCE in baselines:
        for method, values in baselines.groupby("method", sort=False)[INFLUENCE]:
            means[str(method)] = np.mean(np.stack(values.to_list()), axis=0)
    return _table(samples, means)


def _table(samples: pd.Series, means: Mapping[str, np.ndarray]) -> pd.DataFrame:
    table = pd.DataFrame(dict(means), index=samples.index)
    table.insert(0, PATIENT, samples)
    return table.rename_axis("sample_id").reset_index()
