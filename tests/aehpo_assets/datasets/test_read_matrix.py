"""Reading matrices: formats, orientation, ids, missing values, transforms, and every mistake."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import h5py
import mudata
import numpy as np
import pandas as pd
import pytest
import scanpy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.read_matrix import read_feature_metadata, read_matrix, read_sample_ids
from aehpo_assets.datasets.reading.formats import open_matrix
from aehpo_assets.datasets.reading.stored import MISSING_WORDS
from aehpo_assets.errors import InputError


def as_anndata(frame: pd.DataFrame, *, csr: bool = False) -> anndata.AnnData:
    values = frame.to_numpy(dtype=np.float32).copy()
    # anndata 0.12 cannot write pandas 3's own text type.
    with pd.option_context("future.infer_string", False):
        obs, var = (pd.DataFrame(index=pd.Index(list(n), dtype=object)) for n in frame.axes)
        var["chromosome"] = "X"
        return anndata.AnnData(sparse.csr_matrix(values) if csr else values, obs=obs, var=var)


def write_h5ad(frame: pd.DataFrame, path: Path, *, csr: bool = False) -> None:
    with pd.option_context("future.infer_string", False):
        as_anndata(frame, csr=csr).write_h5ad(path)


def write_h5mu(frame: pd.DataFrame, path: Path) -> None:
    other = frame.iloc[:, :2].add_prefix("protein ")
    with pd.option_context("future.infer_string", False):
        mudata.MuData({"rna": as_anndata(frame), "protein": as_anndata(other)}).write(path)


def write_10x(frame: pd.DataFrame, path: Path, kinds: list[str] | None = None) -> None:
    """A feature-barcode matrix as Cell Ranger 3 writes it."""
    values = sparse.csc_matrix(frame.to_numpy(dtype=np.int32).T)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = [name.encode() for name in frame.index]
        group["data"], group["indices"] = values.data, values.indices
        group["indptr"], group["shape"] = values.indptr, np.array(values.shape, dtype=np.int32)
        features = group.create_group("features")
        features["id"] = [f"ENSG{i}".encode() for i in range(frame.shape[1])]
        features["name"] = [name.encode() for name in frame.columns]
        features["genome"] = [b"GRCh38"] * frame.shape[1]
        types = kinds or ["Gene Expression"] * frame.shape[1]
        features["feature_type"] = [kind.encode() for kind in types]


WRITERS: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    "rna.csv": lambda frame, path: frame.to_csv(path),
    "rna.tsv": lambda frame, path: frame.to_csv(path, sep="\t"),
    "rna.csv.gz": lambda frame, path: frame.to_csv(path),
    "rna.tsv.gz": lambda frame, path: frame.to_csv(path, sep="\t"),
    "rna.parquet": lambda frame, path: frame.to_parquet(path),
    "column.parquet": lambda frame, path: frame.reset_index().to_parquet(path),
    "last.parquet": lambda frame, path: frame.assign(sample=frame.index).to_parquet(
        path, index=False
    ),
    "rna.h5ad": write_h5ad,
    "sparse.h5ad": lambda frame, path: write_h5ad(frame, path, csr=True),
    "rna.h5mu": write_h5mu,
}


@pytest.mark.parametrize("file", WRITERS)
@pytest.mark.parametrize("orientation", ["samples_by_features", "features_by_samples"])
def test_every_format_gives_the_same_matrix(
    make_dataset: Any, tiny_matrix: pd.DataFrame, file: str, orientation: str
) -> None:
    folder = make_dataset(
        modality={"file": file, "orientation": orientation}, files={file: "to be replaced"}
    )
    turned = tiny_matrix if orientation == "samples_by_features" else tiny_matrix.T
    WRITERS[file](turned, folder / file)
    dataset = read_dataset(folder)
    found = read_matrix(dataset, "rna")
    assert found.index.name == "sample_id"
    assert found.index.tolist() == tiny_matrix.index.tolist()
    assert found.columns.tolist() == tiny_matrix.columns.tolist()
    assert (found.dtypes == np.float32).all()
    assert np.array_equal(found.to_numpy(), tiny_matrix.to_numpy(dtype=np.float32))
    assert read_sample_ids(dataset) == sorted(tiny_matrix.index)


def test_a_10x_file_keeps_ids_symbols_and_metadata(make_dataset: Any) -> None:
    counts = pd.DataFrame([[1, 0, 3], [0, 5, 6]], index=["AAC-1", "TTG-1"], columns=["A", "A", "B"])
    folder = make_dataset(modality={"file": "rna.h5", "kind": "counts"}, files={"rna.h5": ""})
    write_10x(counts, folder / "rna.h5")
    dataset = read_dataset(folder)
    found = read_matrix(dataset, "rna")
    assert found.index.tolist() == ["AAC-1", "TTG-1"]
    assert found.columns.tolist() == ["A", "A-1", "B"]
    assert np.array_equal(found.to_numpy(), counts.to_numpy())
    metadata = read_feature_metadata(dataset, "rna")
    assert metadata["gene_ids"].tolist() == ["ENSG0", "ENSG1", "ENSG2"]
    assert metadata.index.tolist() == found.columns.tolist()


def test_a_10x_file_of_several_feature_types_needs_to_be_told_which(make_dataset: Any) -> None:
    counts = pd.DataFrame([[1, 2, 3]], index=["AAC-1"], columns=["A", "B", "CD3"])
    kinds = ["Gene Expression", "Gene Expression", "Antibody Capture"]
    folder = make_dataset(modality={"file": "rna.h5"}, files={"rna.h5": ""})
    write_10x(counts, folder / "rna.h5", kinds)
    with pytest.raises(InputError, match="2 types") as caught:
        read_matrix(read_dataset(folder), "rna")
    assert caught.value.key == "modalities.rna.feature_type"
    for kind, names in (("Gene Expression", ["A", "B"]), ("Antibody Capture", ["CD3"])):
        make_dataset(modality={"file": "rna.h5", "feature_type": kind})
        assert read_matrix(read_dataset(folder), "rna").columns.tolist() == names
    make_dataset(modality={"file": "rna.h5", "feature_type": "Peaks"})
    with pytest.raises(InputError, match="no features of the type 'Peaks'"):
        read_matrix(read_dataset(folder), "rna")


def test_feature_metadata_of_anndata_is_kept(make_dataset: Any, tiny_matrix: pd.DataFrame) -> None:
    folder = make_dataset(modality={"file": "rna.h5ad"}, files={"rna.h5ad": ""})
    write_h5ad(tiny_matrix, folder / "rna.h5ad")
    metadata = read_feature_metadata(read_dataset(folder), "rna")
    assert metadata["chromosome"].eq("X").all()
    assert metadata.index.tolist() == tiny_matrix.columns.tolist()


def test_a_csv_has_no_feature_metadata_but_names(
    make_dataset: Any, tiny_matrix: pd.DataFrame
) -> None:
    metadata = read_feature_metadata(read_dataset(make_dataset()), "rna")
    assert metadata.shape == (tiny_matrix.shape[1], 0)


@pytest.mark.parametrize(
    ("text", "samples", "features", "values"),
    [
        ("id,a\n001,1\n002,3\n", ["001", "002"], ["a"], [[1], [3]]),
        ("a,b\ns1,1,2\ns2,3,4\n", ["s1", "s2"], ["a", "b"], [[1, 2], [3, 4]]),
        ('"","a"\n"s1",1e3\n"s2",-2\n', ["s1", "s2"], ["a"], [[1000], [-2]]),
        ("\ufeffid,a\ns1,1\n", ["s1"], ["a"], [[1]]),
    ],
    ids=["leading zeros", "header of R", "quoted", "byte order mark"],
)
def test_names_are_kept_as_they_stand_in_the_file(
    make_dataset: Any, text: str, samples: list[str], features: list[str], values: list[list[float]]
) -> None:
    found = read_matrix(read_dataset(make_dataset(files={"rna.csv": text})), "rna")
    assert found.index.tolist() == samples
    assert found.columns.tolist() == features
    assert found.to_numpy().tolist() == values


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("id,a,b\ns1,1,2\ns1,3,4\n", "s1", "the sample s1 occurs more than once"),
        ("id,a,a\ns1,1,2\ns2,3,4\n", "a", "the feature a occurs more than once"),
        ("id,a,b\ns1,1,x\ns2,3,4\n", "b", "'x' (row s1) is no number"),
        ("id,a,b\ns1,1,2\n,3,4\n", None, "its row 2 has no name"),
        ("id,a,b\ns1,1,2\ns2,3", None, "the last line has 2 of 3 fields"),
        ("id,a,b\ns1,1\ns2,3\n", None, "header has 3 fields"),
        ("id,a,b\ns1,1,2,7\ns2,3,4,8\nx,1,2,3,4\n", None, "the last line has 5 of 4 fields"),
        ("id\ns1\n", None, "single column"),
        ("id,a,\ns1,1,2\n", None, "its column 2 has no name"),
        ("id,a,b\n", None, "there is a header and no row"),
        ("", None, "is empty"),
        ("id,a\ns1,inf\ns2,1\n", "a", "infinite"),
        ("id,a\ns1,\ns2,1\n", "modalities.rna.missing", "1 values are missing"),
        ("id,a\ns1,n/a\ns2,1\n", "modalities.rna.missing", "1 values are missing"),
    ],
)
def test_a_broken_text_file_is_named(
    make_dataset: Any, text: str, key: str | None, words: str
) -> None:
    folder = make_dataset(files={"rna.csv": text})
    with pytest.raises(InputError) as caught:
        read_matrix(read_dataset(folder), "rna")
    assert caught.value.file == folder / "rna.csv"
    assert caught.value.key == key
    assert words in str(caught.value)
    assert caught.value.remedy


def test_repeated_features_hint_at_the_orientation(make_dataset: Any) -> None:
    folder = make_dataset(files={"rna.csv": "id,a,a\ns1,1,2\n"})
    with pytest.raises(InputError, match="orientation: features_by_samples"):
        read_matrix(read_dataset(folder), "rna")


def test_the_column_of_the_file_is_named_when_features_are_rows(make_dataset: Any) -> None:
    folder = make_dataset(
        modality={"orientation": "features_by_samples"},
        files={"rna.csv": "gene,symbol,s1\ng1,TP53,1\ng2,MYC,2\n"},
    )
    with pytest.raises(InputError, match="'TP53'") as caught:
        read_matrix(read_dataset(folder), "rna")
    assert caught.value.key == "symbol"


@pytest.mark.parametrize("file", [f for f in WRITERS if not f.endswith((".csv", ".tsv"))])
def test_a_truncated_file_is_named(make_dataset: Any, tiny_matrix: pd.DataFrame, file: str) -> None:
    folder = make_dataset(modality={"file": file}, files={file: ""})
    WRITERS[file](tiny_matrix, folder / file)
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cannot be read") as caught:
        read_matrix(read_dataset(folder), "rna")
    assert caught.value.file == folder / file


def test_an_anndata_file_without_x_is_named(make_dataset: Any, tiny_matrix: pd.DataFrame) -> None:
    folder = make_dataset(modality={"file": "rna.h5ad"}, files={"rna.h5ad": ""})
    data = as_anndata(tiny_matrix)
    data.layers["counts"], data.X = data.X, None
    with pd.option_context("future.infer_string", False):
        data.write_h5ad(folder / "rna.h5ad")
    with pytest.raises(InputError, match="holds no X"):
        read_matrix(read_dataset(folder), "rna")


def test_an_unknown_ending_is_named(make_dataset: Any) -> None:
    folder = make_dataset(modality={"file": "rna.xlsx"}, files={"rna.xlsx": ""})
    with pytest.raises(InputError, match="unknown ending"):
        read_matrix(read_dataset(folder), "rna")


def test_an_h5mu_file_without_the_modality_says_what_it_has(
    make_dataset: Any, tiny_matrix: pd.DataFrame
) -> None:
    modalities = {"meth": {"file": "all.h5mu"}}
    folder = make_dataset(settings={"modalities": modalities}, files={"all.h5mu": ""})
    write_h5mu(tiny_matrix, folder / "all.h5mu")
    with pytest.raises(InputError, match="It has: protein, rna"):
        read_matrix(read_dataset(folder), "meth")


@pytest.mark.parametrize(
    ("missing", "samples", "features"),
    [
        ("drop_features", ["s1", "s2", "s3"], ["b"]),
        ("drop_samples", ["s1"], ["a", "b"]),
        ("impute_median", ["s1", "s2", "s3"], ["a", "b"]),
    ],
)
def test_missing_values_are_treated_as_the_dataset_says(
    make_dataset: Any, missing: str, samples: list[str], features: list[str]
) -> None:
    text = "id,a,b\ns1,1,2\ns2,NA,4\ns3,,6\n"
    folder = make_dataset(modality={"missing": missing}, files={"rna.csv": text})
    found = read_matrix(read_dataset(folder), "rna")
    assert found.index.tolist() == samples
    assert found.columns.tolist() == features
    assert found.isna().to_numpy().any() == (missing == "impute_median")


def test_dropping_everything_is_refused(make_dataset: Any) -> None:
    folder = make_dataset(
        modality={"missing": "drop_samples"}, files={"rna.csv": "id,a,b\ns1,,2\ns2,1,\n"}
    )
    with pytest.raises(InputError, match="drop_samples leaves nothing"):
        read_matrix(read_dataset(folder), "rna")


def counts(samples: int = 30, features: int = 600) -> pd.DataFrame:
    values = np.random.default_rng(1).poisson(1.5, (samples, features))
    values[3] = 0
    index = pd.Index([f"s{i}" for i in range(samples)], name="id")
    return pd.DataFrame(values, index=index, columns=[f"g{i}" for i in range(features)])


@pytest.mark.parametrize("file", ["rna.csv", "sparse.h5ad"])
@pytest.mark.parametrize("transform", ["log1p", "normalize_log1p"])
def test_transforms_are_those_of_scanpy(make_dataset: Any, file: str, transform: str) -> None:
    folder = make_dataset(
        modality={"file": file, "kind": "counts", "transform": transform}, files={file: ""}
    )
    WRITERS[file](counts(), folder / file)
    found = read_matrix(read_dataset(folder), "rna").to_numpy()
    expected = as_anndata(counts())
    if transform == "normalize_log1p":
        scanpy.pp.normalize_total(expected)
    scanpy.pp.log1p(expected)
    np.testing.assert_allclose(found, expected.X, rtol=1e-6)


def test_missing_values_pass_through_a_transform(make_dataset: Any) -> None:
    folder = make_dataset(
        modality={"transform": "normalize_log1p", "missing": "impute_median", "kind": "counts"},
        files={"rna.csv": "id,a,b\ns1,1,3\ns2,,4\ns3,2,2\n"},
    )
    found = read_matrix(read_dataset(folder), "rna")
    assert np.isnan(found.loc["s2", "a"])
    assert found.loc["s2", "b"] == pytest.approx(np.log1p(4.0))
    assert int(found.isna().to_numpy().sum()) == 1


@pytest.mark.parametrize("file", ["rna.csv", "sparse.h5ad"])
@pytest.mark.parametrize(
    ("value", "key", "words"),
    [(-1.0, "modalities.rna.transform", "g7 has negative"), (0.5, "modalities.rna.kind", "g7")],
)
def test_a_transform_that_does_not_fit_the_values_is_refused(
    make_dataset: Any, file: str, value: float, key: str, words: str
) -> None:
    frame = counts().astype(float)
    frame.iloc[2, 7] = value
    folder = make_dataset(
        modality={"file": file, "kind": "counts", "transform": "log1p"}, files={file: ""}
    )
    WRITERS[file](frame, folder / file)
    with pytest.raises(InputError, match=words) as caught:
        read_matrix(read_dataset(folder), "rna")
    assert caught.value.key == key


def test_a_feature_whose_name_begins_another_is_read_by_its_own(make_dataset: Any) -> None:
    folder = make_dataset(modality={"file": "rna.parquet"}, files={"rna.parquet": ""})
    frame = pd.DataFrame({"HLA.A": [1.0, 2.0], "HLA": [3.0, 4.0]}, index=["s1", "s2"])
    frame.to_parquet(folder / "rna.parquet")
    found = read_matrix(read_dataset(folder), "rna")
    assert found.columns.tolist() == ["HLA.A", "HLA"]
    assert found.to_numpy().tolist() == [[1, 3], [2, 4]]


names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8).filter(
    lambda name: name.strip().lower() not in (*MISSING_WORDS, "-nan", "#na", "#n/a")
)
numbers = st.floats(-1e6, 1e6, width=32)


@given(
    st.lists(names, min_size=1, max_size=4, unique=True),
    st.lists(names, min_size=1, max_size=4, unique=True),
    st.data(),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_any_names_and_numbers_survive_a_text_file(
    ending: str, samples: list[str], features: list[str], data: st.DataObject
) -> None:
    rows = [[data.draw(numbers) for _ in features] for _ in samples]
    frame = pd.DataFrame(rows, index=pd.Index(samples, name="id"), columns=features)
    separator = "," if ending == "csv" else "\t"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rna.{ending}"
        frame.to_csv(path, sep=separator)
        stored = open_matrix(path, "rna")
        assert stored.rows.tolist() == samples
        assert stored.columns.tolist() == features
        assert np.array_equal(stored.load(), frame.to_numpy(dtype=np.float32))
