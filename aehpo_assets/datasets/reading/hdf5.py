"""The HDF5 formats: h5ad and h5mu of scverse, and the feature-barcode matrices of 10x Genomics.

All read through anndata, mudata and scanpy. A file that would have another file read in its place
is refused: a data set may not read outside its folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.datasets.reading.ids import Columns, as_ids, find_ids, is_text
from aehpo_assets.datasets.reading.stored import StoredMatrix, Values
from aehpo_assets.errors import InputError


def layout(path: Path) -> str:
    """Which of the HDF5 formats a file is: ``h5ad``, ``h5mu`` or ``10x``.

    Raises
    ------
    InputError
        If it is none of them.
    """
    import h5py

    with h5py.File(path, "r") as file:
        present = set(file)
        # Cell Ranger 2 wrote a group for each genome.
        genomes = any(
            "barcodes" in group for group in file.values() if isinstance(group, h5py.Group)
        )
    if "mod" in present:
        return "h5mu"
    if "matrix" in present:
        return "10x"
    if present & {"X", "obs", "var"} or path.suffix.lower() == ".h5ad":
        return "h5ad"
    if genomes:
        return "10x"
    raise InputError(
        "is an HDF5 file of no known layout",
        file=path,
        remedy="Known are AnnData (.h5ad), MuData (.h5mu) and 10x Genomics (.h5).",
    )


def open_h5ad(path: Path, setting: str, ids: str | None) -> StoredMatrix:
    """Open ``X`` of an AnnData file; it is read when asked for."""
    import anndata
    import h5py

    _refuse_external_links(path)
    with h5py.File(path, "r") as file:
        if "X" not in file:
            raise InputError(
                "holds no X", file=path, remedy="Store the matrix as X; layers are not read."
            )
    data = anndata.read_h5ad(path, backed="r")
    data.file.close()

    def load() -> Values:
        opened = anndata.read_h5ad(path, backed="r")
        try:
            stored = opened.X
            return _float32(stored.to_memory() if hasattr(stored, "to_memory") else stored[...])
        finally:
            opened.file.close()

    rows, counts_rows = _names(data.obs, path, setting, ids)
    return StoredMatrix(rows, data.var_names, load, data.var, counts_rows)


def open_h5mu(path: Path, modality: str, setting: str, ids: str | None) -> StoredMatrix:
    """Open ``X`` of one modality of a MuData file; the others are not read."""
    import h5py
    import mudata

    _refuse_external_links(path)
    with h5py.File(path, "r") as file:
        present = sorted(file["mod"])
    if modality not in present:
        raise InputError(
            f"has no modality {modality!r}",
            file=path,
            remedy=f"It has: {', '.join(present)}. Name the modality in dataset.yaml like one.",
        )
    data = mudata.read_h5ad(path, modality)
    rows, counts_rows = _names(data.obs, path, setting, ids)
    return StoredMatrix(rows, data.var_names, lambda: _float32(data.X), data.var, counts_rows)


def open_10x(path: Path, modality: str, feature_type: str | None, ids: str | None) -> StoredMatrix:
    """Read a feature-barcode matrix of 10x Genomics; the features of one type."""
    import scanpy

    if ids is not None:
        raise InputError(
            "names its cells by their barcodes, and has no other column",
            file=path,
            key=f"modalities.{modality}.ids",
            remedy="Remove the setting.",
        )
    _refuse_external_links(path)
    data = scanpy.read_10x_h5(path, gex_only=False)
    _refuse_broken(data.X)
    # Symbols repeat in every 10x reference; scanpy's own way is to number the repeats.
    data.var_names_make_unique()
    kinds = list(data.var["feature_types"].unique()) if "feature_types" in data.var else []
    if feature_type is None and len(kinds) > 1:
        raise InputError(
            f"holds features of {len(kinds)} types ({', '.join(kinds)})",
            file=path,
            key=f"modalities.{modality}.feature_type",
            remedy="Say in dataset.yaml which of them this modality is.",
        )
    if feature_type is not None:
        if feature_type not in kinds:
            raise InputError(
                f"holds no features of the type {feature_type!r}",
                file=path,
                key=f"modalities.{modality}.feature_type",
                remedy=f"It has: {', '.join(kinds)}.",
            )
        data = data[:, (data.var["feature_types"] == feature_type).to_numpy()]
    return StoredMatrix(data.obs_names, data.var_names, lambda: _float32(data.X), data.var)


def _float32(values: Values) -> Values:
    _refuse_broken(values)
    return (
        values.tocsr().astype(np.float32)
        if hasattr(values, "tocsr")
        else np.asarray(values, dtype=np.float32)
    )


def _refuse_broken(values: Values) -> None:
    """Refuse a sparse matrix whose indices lead out of it: what uses them reads foreign memory.

    Raises
    ------
    ValueError
        If they do; the message is scipy's.
    """
    if hasattr(values, "check_format"):
        values.check_format(full_check=True)


def _refuse_external_links(path: Path) -> None:
    """Refuse an HDF5 file that would have another file read in its place."""
    import h5py

    def visit(group: Any) -> None:
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise InputError(
                    f"links to another file ({link.filename})",
                    file=path,
                    key=f"{group.name.rstrip('/')}/{name}",
                    remedy="Store the data in the file itself.",
                )
            if isinstance(link, h5py.SoftLink):
                continue
            child = group[name]
            if isinstance(child, h5py.Group):
                visit(child)
            elif child.external or child.is_virtual:
                raise InputError(
                    "is stored in another file",
                    file=path,
                    key=child.name,
                    remedy="Store the data in the file itself.",
                )

    with h5py.File(path, "r") as file:
        visit(file)


def h5ad_table(path: Path, setting: str, ids: str | None) -> pd.DataFrame:
    """Read ``obs`` of an AnnData file."""
    import anndata

    _refuse_external_links(path)
    data = anndata.read_h5ad(path, backed="r")
    data.file.close()
    return _table(data.obs, path, setting, ids)


def h5mu_table(path: Path, setting: str, ids: str | None) -> pd.DataFrame:
    """Read ``obs`` of a MuData file."""
    import mudata

    _refuse_external_links(path)
    return _table(mudata.read_h5mu(path).obs, path, setting, ids)


def _table(obs: pd.DataFrame, path: Path, setting: str, ids: str | None) -> pd.DataFrame:
    rows, counts_rows = _names(obs, path, setting, ids)
    table = _plain_columns(obs).set_axis(rows.rename(None))
    table.attrs["counts_rows"] = counts_rows
    return table


def _names(obs: pd.DataFrame, path: Path, setting: str, ids: str | None) -> tuple[pd.Index, bool]:
    """Ids of the rows, and whether they only count them.

    They are ``obs_names``, unless those are row numbers, as AnnData makes them where none are
    given, and a column of ``obs`` may hold the ids.
    """
    columns = Columns(
        [str(obs.index.name or "index"), *map(str, obs.columns)],
        lambda i: i > 0 and is_text(obs.iloc[:, i - 1]),
        lambda i: pd.Series(obs.index if i == 0 else obs.iloc[:, i - 1].to_numpy()),
        0,
    )
    found = find_ids(columns, path, setting, ids)
    if found.position == 0:
        return obs.index, found.counts_rows
    if ids is None:
        name = columns.names[found.position]
        raise InputError(
            f"its obs_names count the rows, and the column {name!r} may hold the ids",
            file=path,
            key=setting,
            remedy=f"Name it in dataset.yaml ({setting}: {name}).",
        )
    return as_ids(columns.values(found.position)), False


def no_table(path: Path) -> pd.DataFrame:
    """Refuse a 10x file as a label table."""
    raise InputError(
        "a 10x file holds no labels", file=path, remedy="Give the labels as a table of their own."
    )


def _plain_columns(obs: pd.DataFrame) -> pd.DataFrame:
    return obs.astype({c: object for c in obs if isinstance(obs[c].dtype, pd.CategoricalDtype)})
