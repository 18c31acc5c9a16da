"""What a data set may try: pickles under any name, links out of HDF5, objects in YAML.

Nothing in a data root is ever executed; each attempt is refused as the broken file that it is.
"""

from __future__ import annotations

import contextlib
import pickle
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.read_labels import read_labels
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.errors import InputError


class Trap:
    """Unpickling it leaves a file behind."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.fixture
def trap(tmp_path: Path) -> tuple[bytes, Path]:
    """A pickle, and the file that is there once it was loaded."""
    trace = tmp_path / "executed"
    payload = pickle.dumps(Trap(trace))
    pickle.loads(payload)
    assert trace.exists(), "the trap works"
    trace.unlink()
    return payload, trace


@pytest.mark.parametrize(
    "name",
    ["x.parquet", "x.csv", "x.tsv", "x.csv.gz", "x.h5ad", "x.h5mu", "x.h5", "x.npy", "x.pkl"],
)
def test_a_pickle_under_any_name_is_refused_and_never_loaded(
    make_dataset: Any, trap: tuple[bytes, Path], name: str
) -> None:
    payload, trace = trap
    folder = make_dataset(modality={"file": name}, labels={"file": name})
    (folder / name).write_bytes(payload)
    dataset = read_dataset(folder)
    with pytest.raises(InputError, match=name):
        read_matrix(dataset, "rna")
    with pytest.raises(InputError, match=name):
        read_labels(dataset, pd.Index(["s0"]))
    assert not trace.exists()


def test_an_array_of_objects_in_npy_is_no_format_of_a_matrix(
    make_dataset: Any, trap: tuple[bytes, Path]
) -> None:
    _, trace = trap
    folder = make_dataset(modality={"file": "x.npy"})
    np.save(folder / "x.npy", np.array([[Trap(trace)]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="unknown ending"):
        read_matrix(read_dataset(folder), "rna")
    assert not trace.exists()


def test_a_pickled_type_in_parquet_is_never_loaded(
    make_dataset: Any, trap: tuple[bytes, Path]
) -> None:
    """Arrow's own extension types in Python were once pickles in the schema."""
    payload, trace = trap
    folder = make_dataset(modality={"file": "x.parquet"})
    field = pa.field(
        "g0",
        pa.float32(),
        metadata={
            "ARROW:extension:name": "arrow.py_extension_type",
            "ARROW:extension:metadata": payload,
        },
    )
    ids = pa.field("sample_id", pa.string())
    columns = [pa.array(["s0", "s1"]), pa.array([1.0, 2.0], pa.float32())]
    pq.write_table(pa.table(columns, schema=pa.schema([ids, field])), folder / "x.parquet")
    with contextlib.suppress(InputError):
        read_matrix(read_dataset(folder), "rna")
    assert not trace.exists()


def test_pickled_objects_inside_hdf5_are_never_loaded(
    make_dataset: Any, trap: tuple[bytes, Path]
) -> None:
    """As PyTables keeps objects: bytes of a pickle, and an attribute that says so."""
    payload, trace = trap
    folder = make_dataset(modality={"file": "x.h5ad"}, labels={"file": "x.h5ad"})
    matrix = pd.read_csv(folder / "rna.csv", index_col=0)
    obs = (
        pd.read_csv(folder / "clinical.csv", index_col=0).loc[matrix.index].astype({"kind": object})
    )
    obs.index = obs.index.astype(object)
    data = anndata.AnnData(matrix.to_numpy(dtype="float32"), obs=obs)
    data.var_names = pd.Index(matrix.columns, dtype=object)
    data.uns["object"] = np.frombuffer(payload, dtype="uint8")
    data.write_h5ad(folder / "x.h5ad")
    with h5py.File(folder / "x.h5ad", "a") as file:
        file["uns/object"].attrs["PSEUDOATOM"] = "object"
        file["uns/object"].attrs["FLAVOR"] = "pickle"
        file["obs"].attrs["pickled"] = np.void(payload)
    dataset = read_dataset(folder)
    read = read_matrix(dataset, "rna")
    read_labels(dataset, read.index)
    assert not trace.exists()


@pytest.mark.parametrize("place", ["X", "obs/kind", "obsm/deep"])
def test_no_part_of_an_hdf5_file_may_come_from_another(
    make_dataset: Any, tmp_path: Path, place: str
) -> None:
    """Deep in a group, and by a virtual data set as well as by a link."""
    folder = make_dataset(modality={"file": "x.h5ad"}, labels={"file": "x.h5ad"})
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["v"] = np.ones((4, 3))
    for virtual in (False, True):
        with h5py.File(folder / "x.h5ad", "w") as file:
            if place != "X":
                file["X"] = np.ones((4, 3))
            if virtual:
                layout = h5py.VirtualLayout(shape=(4, 3), dtype="f8")
                layout[:] = h5py.VirtualSource(str(secret), "v", shape=(4, 3))
                file.create_virtual_dataset(place, layout)
            else:
                file[place] = h5py.ExternalLink(str(secret), "/v")
        dataset = read_dataset(folder)
        with pytest.raises(InputError, match="another file"):
            read_matrix(dataset, "rna")
        with pytest.raises(InputError, match="another file"):
            read_labels(dataset, pd.Index(["s0"]))


def test_yaml_of_a_data_set_makes_no_objects(make_dataset: Any, tmp_path: Path) -> None:
    folder = make_dataset()
    trace = tmp_path / "executed"
    file = folder / "dataset.yaml"
    call = (
        f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{trace}']]"
    )
    file.write_text(f"title: {call}\n{file.read_text()}")
    with pytest.raises(InputError, match="no valid YAML"):
        read_dataset(folder)
    assert not trace.exists()
