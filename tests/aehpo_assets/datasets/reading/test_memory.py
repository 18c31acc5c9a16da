"""What does not fit into memory is refused from its header, before it is read."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import sparse
from typer.testing import CliRunner

from aehpo_assets import limits
from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.read_labels import read_label_table
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.datasets.reading import formats, parquet
from aehpo_assets.datasets.reading.memory import (
    HDF5_BYTES,
    PARQUET_BYTES,
    STORED_BYTES,
    TEXT_BYTES,
    WORD_BYTES,
)
from aehpo_assets.datasets.reading.memory import reading_need as need
from aehpo_assets.datasets.validate import validate_dataset
from aehpo_assets.errors import InputError
from aehpo_assets.running.preflight import check_datasets
from aehpo_assets.store.store import Store

ROWS, COLUMNS = 300, 40


def frame() -> pd.DataFrame:
    values = np.random.default_rng(0).poisson(0.3, size=(ROWS, COLUMNS)).astype("float32")
    ids = pd.Index([f"s{i}" for i in range(ROWS)], name="id", dtype=object)
    return pd.DataFrame(values, ids, pd.Index([f"g{i}" for i in range(COLUMNS)], dtype=object))


def test_the_need_is_told_from_the_header_of_every_format(tmp_path: Path) -> None:
    table, cells = frame(), ROWS * COLUMNS
    table.to_parquet(tmp_path / "a.parquet")
    assert need(tmp_path / "a.parquet", "rna").bytes == (cells + ROWS) * PARQUET_BYTES
    for name, separator in (("a.csv", ","), ("a.tsv", "\t"), ("a.tsv.gz", "\t")):
        table.to_csv(tmp_path / name, sep=separator)
        found = need(tmp_path / name, "rna")
        # The header's fields are counted with the values.
        assert found.bytes == (ROWS + 1) * (COLUMNS + 1) * TEXT_BYTES
        assert found.what == f"{ROWS + 1:,} lines of {(ROWS + 1) * (COLUMNS + 1):,} values"
    (tmp_path / "a.tsv.gz").rename(tmp_path / "b.tsv")
    assert need(tmp_path / "b.tsv", "rna").bytes == found.bytes, "packed, whatever its ending says"
    dense = anndata.AnnData(table)
    dense.write_h5ad(tmp_path / "dense.h5ad")
    names = (ROWS + COLUMNS) * WORD_BYTES
    assert need(tmp_path / "dense.h5ad", "rna").bytes == pytest.approx(
        cells * HDF5_BYTES + names, rel=0.01
    )
    stored = sparse.csr_matrix(table.to_numpy())
    data = anndata.AnnData(stored, obs=dense.obs, var=dense.var)
    data.layers["counts"] = stored.copy()
    data.write_h5ad(tmp_path / "sparse.h5ad")
    layer = stored.data.nbytes + stored.indices.nbytes + stored.indptr.nbytes
    assert need(tmp_path / "sparse.h5ad", "rna").bytes == pytest.approx(
        cells * HDF5_BYTES + stored.nnz * STORED_BYTES + names + layer, rel=0.01
    )
    with h5py.File(tmp_path / "mu.h5mu", "w") as file:
        for modality, width in (("rna", 5), ("protein", 500_000)):
            group = file.create_group(f"mod/{modality}")
            group.create_dataset("X", shape=(ROWS, width), dtype="f4", chunks=(1, 5))
    assert need(tmp_path / "mu.h5mu", "rna").bytes == ROWS * 5 * HDF5_BYTES
    with h5py.File(tmp_path / "ten.h5", "w") as file:
        group = file.create_group("matrix")
        group["shape"], group["data"] = [6, ROWS], np.ones(50)
        group["indices"], group["indptr"] = np.ones(50), np.ones(3)
        group["features/feature_type"] = ["Gene Expression"] * 4 + ["Antibody Capture"] * 2
    found = need(tmp_path / "ten.h5", "rna", "Antibody Capture")
    assert found.what == f"{ROWS} x 2 values"


def test_a_small_file_that_says_it_is_huge_is_refused_on_this_machine(make_dataset: Any) -> None:
    """A million by a million with ten values is an honest sparse matrix, and terabytes dense."""
    folder = make_dataset(modality={"file": "x.h5ad"})
    rows, columns = np.zeros(10, dtype=int), np.arange(10)
    values = sparse.csr_matrix((np.ones(10, "f4"), (rows, columns)), shape=(10**6, 10**6))
    with h5py.File(folder / "x.h5ad", "w") as file:
        group = file.create_group("X")
        group.attrs["encoding-type"], group.attrs["shape"] = "csr_matrix", values.shape
        group["data"], group["indices"] = values.data, values.indices
        group.create_dataset("indptr", data=values.indptr, compression="gzip")
    (problem, *_) = validate_dataset(folder)
    assert "x.h5ad: its 1,000,000 x 1,000,000 values take about" in str(problem)
    assert "TiB of memory to read, and" in str(problem)
    assert "are free. Use a machine with more memory" in str(problem)


@pytest.mark.parametrize("kind", ["csr", "csc", "10x"])
def test_indices_that_lead_out_of_the_matrix_are_refused(make_dataset: Any, kind: str) -> None:
    """Used as they are, they end the process that reads, and with it all that it looks after."""
    name = "x.h5" if kind == "10x" else "x.h5ad"
    folder = make_dataset(modality={"file": name})
    if kind == "10x":
        with h5py.File(folder / name, "w") as file:
            group = file.create_group("matrix")
            group["data"], group["indices"] = np.ones(3, "f4"), np.arange(3)
            group["indptr"], group["shape"] = np.array([0, *[3] * 80]), [80, 80]
            group["barcodes"] = [f"s{i}".encode() for i in range(80)]
            for key in ("id", "name", "feature_type", "genome"):
                group[f"features/{key}"] = [f"g{i}".encode() for i in range(80)]
    else:
        names = pd.DataFrame(index=pd.Index([f"s{i}" for i in range(80)], dtype=object))
        matrix = sparse.csr_matrix(np.eye(80, dtype="f4")).asformat(kind)
        anndata.AnnData(matrix, obs=names, var=names).write_h5ad(folder / name)
    with h5py.File(folder / name, "r+") as file:
        file["matrix/indices" if kind == "10x" else "X/indices"][2] = 10**9
    (problem, *_) = validate_dataset(folder)
    assert f"{name}: cannot be read (indices must be < 80)" in str(problem)


@pytest.mark.parametrize("nested", [False, True])
def test_parquet_that_repeats_one_value_is_counted_as_it_is_read(
    tmp_path: Path, nested: bool
) -> None:
    """A long word, or a list of zeros, of thousands of rows lies in a file of some kilobytes."""
    rows, length = 5000, 100_000
    word = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "i4")), pa.array(["x" * length]))
    lists = pa.array([[0.0] * length] * 100)
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": lists if nested else word}), file, compression="zstd")
    assert file.stat().st_size < 100_000
    assert need(file).bytes >= (100 * length * 8 if nested else rows * length)
    assert need(file, enough=1 << 20).bytes > 1 << 20


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a kilobyte be free, and nothing be read."""

    def never(*arguments: Any, **options: Any) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(limits, "free_memory", lambda: 1 << 10)
    monkeypatch.setattr(parquet, "_parquet_ids", never)
    monkeypatch.setattr(formats, "read_delimited", never)


def test_nothing_reads_a_matrix_that_is_too_large(
    make_dataset: Any, little_memory: None, tmp_path: Path
) -> None:
    folder = make_dataset()
    dataset = read_dataset(folder)
    tasks = available_tasks([folder])
    attempts = (
        lambda: read_matrix(dataset, "rna"),
        lambda: read_label_table(dataset),
        lambda: check_datasets(tasks, Store(tmp_path / "store")),
    )
    for attempt in attempts:
        with pytest.raises(InputError, match=r"take about 2 KiB of memory to read, and 1 KiB are"):
            attempt()
    assert len(validate_dataset(folder)) == 2, "the matrix, and the labels"


def test_plan_and_check_say_so_at_once(
    make_dataset: Any, little_memory: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aehpo_assets.cli.datasets import dataset_app
    from aehpo_gpu.cli.main import app as gpu

    monkeypatch.delenv("AEHPO_DATA", raising=False)
    folder = make_dataset()
    checked = CliRunner().invoke(dataset_app, ["check", str(folder)])
    assert checked.exit_code == 1
    study = tmp_path / "study.yaml"
    study.write_text(
        "{name: t, tasks: [tiny_rna], architectures: [vanillix], configurations: {count: 2}, "
        "epochs: 2}"
    )
    with pytest.raises(InputError, match="of memory to read"):
        CliRunner().invoke(
            gpu,
            ["plan", str(study), "--data", str(folder), "--home", str(tmp_path / "home")],
            catch_exceptions=False,
        )


def test_packed_zeros_are_counted_no_further_than_they_are_too_much(tmp_path: Path) -> None:
    path = tmp_path / "zeros.tsv.gz"
    with gzip.open(path, "wb") as stream:
        stream.write((b"0\t" * 1000 + b"\n") * 10_000)
    assert path.stat().st_size < 100_000
    found = need(path, "rna", enough=1 << 20)
    assert 1 << 20 < found.bytes < 100 << 20
    assert found.what.startswith("more than")
    assert need(path, "rna").bytes == 10_010_000 * TEXT_BYTES


def test_a_line_without_end_is_refused(make_dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_dataset(modality={"file": "bomb.csv.gz"})
    with gzip.open(folder / "bomb.csv.gz", "wb") as stream:
        stream.write(b"id,g0\ns0,1\n" + b"0" * (5 << 20))
    monkeypatch.setattr(limits, "LINE_BYTES", 4 << 20)
    with pytest.raises(InputError, match=r"bomb\.csv\.gz: line 3 is longer than 4 MiB"):
        read_matrix(read_dataset(folder), "rna")


@pytest.mark.slow
def test_honest_zeros_that_compress_well_are_read(make_dataset: Any) -> None:
    folder = make_dataset(modality={"file": "zeros.tsv.gz"})
    table = pd.DataFrame(0, [f"s{i}" for i in range(2000)], [f"g{i}" for i in range(2000)])
    table.iloc[0, 0] = 1
    table.to_csv(folder / "zeros.tsv.gz", sep="\t")
    assert 200 * (folder / "zeros.tsv.gz").stat().st_size < 2000 * 2000 * 2
    assert read_matrix(read_dataset(folder), "rna").shape == (2000, 2000)


def test_what_cannot_be_told_is_left_to_the_reader(make_dataset: Any) -> None:
    folder = make_dataset(modality={"file": "x.parquet"})
    (folder / "x.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(InputError, match="cannot be read"):
        read_matrix(read_dataset(folder), "rna")
