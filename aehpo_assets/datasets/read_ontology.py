"""Reading the ontology of a modality: a file of the data set that says what features belong to.

A table with the columns ``feature``, ``node`` and, of an ontology with two levels, ``parent``, one
row for each feature and node that it belongs to.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aehpo_assets.datasets.dataset import Dataset
from aehpo_assets.datasets.joint_names import OF, parts_of
from aehpo_assets.datasets.ontology import COLUMNS
from aehpo_assets.errors import InputError

LEAST_MATCHED = 0.1
"""Share of the features, of the matrix or of the ontology, whichever are fewer, that has to match:
below it names are of another kind (symbols beside Entrez numbers) and match by chance."""


def task_ontology(dataset: Dataset, modality: str, features: pd.Index) -> pd.DataFrame:
    """Read what is known of the features of a task.

    Parameters
    ----------
    dataset, modality
        The task.
    features
        Features of its matrix, of a joint task as ``joint.joined`` names them.

    Returns
    -------
    pandas.DataFrame
        ``feature``, ``node`` and ``parent`` as words: the edges of features that the matrix has,
        and a row without a node for each feature that has none. Empty if not every modality of the
        task has an ontology.

    Raises
    ------
    InputError
        If a file is no such table, or its features are not those of the matrix.
    """
    parts = parts_of(modality)
    nothing = pd.DataFrame({name: pd.Series(dtype="str") for name in COLUMNS})
    if any(dataset.modalities[part].ontology is None for part in parts):
        return nothing
    found = []
    for part in parts:
        prefix = f"{part}{OF}" if len(parts) > 1 else ""
        own = pd.Index([name.removeprefix(prefix) for name in features if name.startswith(prefix)])
        edges = read_ontology(dataset, part, own)
        found.append(edges.assign(feature=prefix + edges["feature"]))
    return pd.concat(found, ignore_index=True)


def read_ontology(dataset: Dataset, modality: str, features: pd.Index) -> pd.DataFrame:
    """Read the ontology of a modality that has one, for some features.

    Parameters
    ----------
    dataset, modality
        Which.
    features
        Those of the matrix.

    Returns
    -------
    pandas.DataFrame
        As of :func:`task_ontology`.

    Raises
    ------
    InputError
        As of :func:`task_ontology`.
    """
    path, key = dataset.ontology_path(modality), f"modalities.{modality}.ontology"
    edges = _edges(path, key)
    names = pd.Index(features.astype(str))
    known = edges[edges["feature"].isin(names)]
    matched, of_ontology = known["feature"].nunique(), edges["feature"].nunique()
    share = matched / max(1, min(len(names), of_ontology))
    if share < LEAST_MATCHED:
        raise InputError(
            f"{matched} of the {len(names)} features of {modality} are among the {of_ontology} of "
            f"the ontology ({share:.0%} of the fewer): the matrix has {names[0]!r}, the ontology "
            f"{edges['feature'].iloc[0]!r}",
            file=path,
            key=key,
            remedy="Give both the same names, or take the ontology out.",
        )
    uncovered = names[~names.isin(known["feature"])]
    without = pd.DataFrame({"feature": uncovered, "node": "", "parent": ""}, dtype="str")
    return pd.concat([known, without], ignore_index=True)


def _edges(path: Path, key: str) -> pd.DataFrame:
    """The table of a file, each row once."""
    try:
        table = pd.read_csv(path, sep="\t", dtype="str", keep_default_na=False, encoding="utf-8")
    except (ValueError, OSError) as error:
        problem = f"is no table of tab-separated values ({error})"
        raise InputError(problem, file=path, key=key) from None
    if not {"feature", "node"} <= set(table) <= set(COLUMNS):
        raise InputError(
            f"has the columns {', '.join(map(str, table.columns))}",
            file=path,
            key=key,
            remedy="An ontology has the columns feature, node and, with two levels, parent, "
            "separated by tabs.",
        )
    for name in table:
        if (empty := table[name].str.strip() == "").any():
            raise InputError(
                f"line {int(empty.to_numpy().argmax()) + 2} has no {name}",
                file=path,
                key=key,
                remedy=f"Name it, or take the line{' or the column' * (name == 'parent')} out.",
            )
    if table.empty:
        raise InputError("has no line", file=path, key=key, remedy="Take the ontology out.")
    if "parent" not in table:
        table = table.assign(parent=pd.Series("", index=table.index, dtype="str"))
    return table[list(COLUMNS)].drop_duplicates(ignore_index=True)
