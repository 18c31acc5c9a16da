"""What tables of text and ids look like in the wild: read right, or one sentence that fits."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import anndata
import h5py
import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.read_labels import read_label_table, read_labels
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.datasets.reading.formats import open_matrix, read_table
from aehpo_assets.errors import InputError


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a matrix in the format that the ending says."""
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix in (".h5ad", ".h5mu"):
        # anndata 0.12 cannot write pandas 3's own text type.
        with pd.option_context("future.infer_string", False):
            obs, var = (pd.DataFrame(index=pd.Index(list(n), dtype=object)) for n in frame.axes)
            data = anndata.AnnData(frame.to_numpy(np.float32).copy(), obs=obs, var=var)
            (data if path.suffix == ".h5ad" else mudata.MuData({"rna": data})).write(path)
    elif path.suffix == ".h5":
        write_10x(frame, path)
    else:
        frame.to_csv(path, sep="\t" if ".tsv" in path.name else ",")


def write_10x(frame: pd.DataFrame, path: Path) -> None:
    """A feature-barcode matrix as Cell Ranger 3 writes it, if with values that it never has."""
    values = sparse.csc_matrix(frame.to_numpy(np.float32).T)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = [name.encode() for name in frame.index]
        group["data"], group["indices"] = values.data, values.indices
        group["indptr"], group["shape"] = values.indptr, np.array(values.shape, dtype=np.int32)
        features = group.create_group("features")
        for key in ("id", "name"):
            features[key] = [name.encode() for name in frame.columns]
        features["genome"] = [b"GRCh38"] * frame.shape[1]
        features["feature_type"] = [b"Gene Expression"] * frame.shape[1]


ROWS = [f"s{i},{i}.5,{i}.25" for i in range(4)]
TABLE = "\n".join(["id,a,b", *ROWS]) + "\n"
VALUES = [[i + 0.5, i + 0.25] for i in range(4)]


def zipped(text: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("rna.csv", text)
    return target.getvalue()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("x.csv", TABLE.replace(",", "\t").encode()),
        ("x.csv", TABLE.replace(",", ";").encode()),
        ("x.tsv", TABLE.encode()),
        ("x.csv", gzip.compress(TABLE.encode(), mtime=0)),
        ("x.csv.gz", TABLE.encode()),
        ("x.csv", zipped(TABLE)),
        ("x.csv", TABLE.encode("utf-16")),
        ("x.csv", TABLE.replace("\n", "\r\n").encode("utf-8-sig")),
        ("x.csv", TABLE.replace("\n", "\r").encode()),
        ("x.csv", ("#STRING,NUMBER,NUMBER\n#1,1,1\n" + TABLE).encode()),
        ("x.csv", ("# made by a program\n#" + TABLE).encode()),
        ("x.csv", ("#1.2\n4\t2\n" + TABLE.replace(",", "\t")).encode()),
        ("x.csv", TABLE.replace("\n", ",,\n").encode()),
        ("x.csv", (TABLE + "\n\n").encode()),
        ("x.csv", TABLE.removeprefix("id,").encode()),
        ("x.csv", ("sep=;\n" + TABLE.replace(",", ";")).encode()),
        ("x.tsv", f'!Series_title\t"A"\n{TABLE}!series_matrix_table_end\n'.encode()),
    ],
    ids=[
        "tabs in csv", "semicolons", "commas in tsv", "gzip as csv", "text as gz", "zip as csv",
        "utf-16", "windows", "old mac", "cbioportal", "otu table", "gct", "empty end",
        "blank lines", "header of R", "separator of excel", "series of geo",
    ],
)  # fmt: skip
def test_a_table_is_read_by_its_content(tmp_path: Path, file: str, content: bytes) -> None:
    (tmp_path / file).write_bytes(content)
    stored = open_matrix(tmp_path / file, "rna")
    assert stored.rows.tolist() == ["s0", "s1", "s2", "s3"]
    assert stored.columns.tolist() == ["a", "b"]
    assert stored.load().tolist() == VALUES
    table = read_table(tmp_path / file)
    assert table.index.tolist() == ["s0", "s1", "s2", "s3"]
    assert table["b"].tolist() == ["0.25", "1.25", "2.25", "3.25"]


@pytest.mark.parametrize("ending", ["parquet", "h5ad", "h5mu"])
@pytest.mark.parametrize("called", ["x.csv", "x.h5ad", "x.parquet", "x.tsv.gz"])
def test_the_ending_of_a_binary_file_does_not_matter(
    tmp_path: Path, ending: str, called: str
) -> None:
    ids = pd.Index(["s0", "s1", "s2", "s3"], name="id")
    write(pd.DataFrame(VALUES, index=ids, columns=["a", "b"]), tmp_path / f"y.{ending}")
    (tmp_path / f"y.{ending}").rename(tmp_path / called)
    stored = open_matrix(tmp_path / called, "rna")
    assert stored.rows.tolist() == ids.tolist()
    assert stored.columns.tolist() == ["a", "b"]
    assert stored.load().tolist() == VALUES


@pytest.mark.parametrize(
    ("file", "content", "problem", "remedy"),
    [
        ("x.csv", b"id,a\n\xe9,1\ns,2\n", "line 2 is not UTF-8 (byte 0xE9)", "as UTF-8"),
        ("x.csv", b"id,a\ns,1\n\0,2\n", "line 3 holds a NUL byte", "UTF-8"),
        ("x.csv", b"<!DOCTYPE html><html>", "is a web page", "fetch the file again"),
        ("x.csv", b"\xd0\xcf\x11\xe0\xa1\xb1", "is an Excel file", "as CSV"),
        ("x.csv", b"version https://git-lfs.github.com/spec/v1", "Git LFS", "git lfs pull"),
        ("x.h5ad", zipped(TABLE), "is no HDF5 file", "fetch it again"),
        ("x.parquet", TABLE.encode(), "is no Parquet file", "called .csv"),
        ("x.csv", gzip.compress(b"PAR1" * 4, mtime=0), "is compressed (gzip)", "Unpack"),
        ("x.csv", b"id,a\ns1,1,5\ns2,2,6\n", "begins with the name of an id column", "separator"),
        ("x.csv", b"a,b\ns1,1,\ns2,2,\n", "the last one is always empty", "separator"),
        ("x.csv", b'id,a\ns1,"1\ns2,2\n', "on line 2 a quotation mark", "Remove it"),
        ("x.csv", b"id,a,b\ns1,1,2\ns2,1\ns3,1,2\n", "line 3 has 2 of 3 fields", "fetch it"),
        ("x.csv", b"Table 1\nid,a,b\ns1,1,2\n", "header has 1 fields", "begin with #"),
        ("x.tsv", b"id\ta\ns1\t2,5\n", "'2,5' (row s1) is no number; it stands on line 2",
         "decimal point"),
        ("x.tsv", b"id\ta\n\ns1\t1\n\ns2\t1,234.5\n", "stands on line 5", "thousands"),
        ("x.csv", b"id,a\ns1,x\ns2,y\n", "'x' (row s1) is no number", "annotation: [a]"),
        ("x.csv", b"GENE1,GENE2\n1.5,2.5\n2.5,3.5\n", "no column with ids", "rna.ids: COLUMN"),
        ("x.csv", b"#id,k\ns1,a\ns2,b\n", "which begins with #", "Remove the #"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_a_remedy_that_fits(
    tmp_path: Path, file: str, content: bytes, problem: str, remedy: str
) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError) as caught:
        open_matrix(tmp_path / file, "rna").load()
    assert problem in str(caught.value)
    assert remedy in str(caught.value.remedy)
    assert caught.value.file == tmp_path / file


NAMES = ["NA", "nan", "None", "null", "TRUE", "1E5", "001", "n/a"]


@pytest.mark.parametrize("file", ["x.csv", "x.tsv", "x.parquet", "x.h5ad", "x.h5mu"])
def test_words_for_missing_are_names_where_names_stand(tmp_path: Path, file: str) -> None:
    index = pd.Index(NAMES, name="id")
    values = np.arange(64.0).reshape(8, 8) + 0.5
    frame = pd.DataFrame(values, index=index, columns=list(NAMES))
    path = tmp_path / file
    write(frame, path)
    stored = open_matrix(path, "rna")
    assert stored.rows.tolist() == NAMES
    assert stored.columns.tolist() == NAMES
    assert np.array_equal(stored.load(), frame.to_numpy(dtype=np.float32))


def written(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path


ID_LAYOUTS: dict[str, tuple[dict[str, list[Any]], list[str] | None]] = {
    "text first": ({"x": ["p", "q", "r", "s"], "a": [1.5] * 4}, ["p", "q", "r", "s"]),
    "numbers that are called ids": ({"patient": [7, 3, 5, 1], "a": [1, 2, 3, 4]}, list("7351")),
    "different whole numbers before fractions": ({"q": [1, 2, 3, 4], "a": [1.5] * 4}, list("1234")),
    "a counter before the only texts": (
        {"Unnamed: 0": [0, 1, 2, 3], "x": list("pqrs"), "a": [1.5] * 4}, list("pqrs"),
    ),
    "sample_id anywhere": ({"a": [1.5] * 4, "sample_id": list("pqrs")}, list("pqrs")),
    "the only texts, last": ({"a": [1.5] * 4, "x": list("pqrs")}, list("pqrs")),
    "fractions only": ({"a": [1.5, 2.5, 3.5, 4.5], "b": [1.5] * 4}, None),
    "counts only": ({"a": [4, 5, 6, 9], "b": [1, 2, 3, 3]}, None),
}  # fmt: skip


@pytest.mark.parametrize("layout", ID_LAYOUTS)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_layout_has_the_same_ids_in_every_format_and_place(
    tmp_path: Path, ending: str, layout: str
) -> None:
    columns, ids = ID_LAYOUTS[layout]
    path = written(pd.DataFrame(columns), tmp_path / f"x.{ending}")
    if ids is None:
        with pytest.raises(InputError, match=r"rna\.ids: COLUMN"):
            open_matrix(path, "rna")
        with pytest.raises(InputError, match=r"labels\.ids: COLUMN"):
            read_table(path)
        return
    assert open_matrix(path, "rna").rows.tolist() == ids
    assert read_table(path).index.tolist() == ids


def test_the_row_names_of_r_give_way_to_ids_if_they_only_count(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text('"patient","k"\n"1","p","a"\n"2","q","b"\n"3","r","a"\n')
    table = read_table(tmp_path / "x.csv")
    assert table.index.tolist() == ["p", "q", "r"]
    assert table.columns.tolist() == ["k"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_column_of_ids_can_be_named(tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame({"a": [4.5, 5, 6], "who": [12, 11, 10]})
    path = written(frame, tmp_path / f"x.{ending}")
    assert open_matrix(path, "rna", ids="who").rows.tolist() == ["12", "11", "10"]
    assert read_table(path, "who").index.tolist() == ["12", "11", "10"]
    with pytest.raises(InputError, match=r"has no column 'whom'.*Did you mean who"):
        open_matrix(path, "rna", ids="whom")


def test_obs_names_that_count_rows_are_not_taken_for_ids(tmp_path: Path) -> None:
    path = tmp_path / "x.h5ad"
    obs = pd.DataFrame({"cell": ["p", "q", "r", "s"]}, index=list("0123"), dtype=object)
    obs.index = obs.index.astype(object)
    data = anndata.AnnData(np.ones((4, 2), np.float32), obs=obs)
    with pd.option_context("future.infer_string", False):
        data.var_names = pd.Index(["a", "b"], dtype=object)
        data.write_h5ad(path)
    with pytest.raises(InputError, match=r"count the rows.*rna\.ids: cell"):
        open_matrix(path, "rna")
    assert open_matrix(path, "rna", ids="cell").rows.tolist() == ["p", "q", "r", "s"]
    assert read_table(path, "cell").index.tolist() == ["p", "q", "r", "s"]


def test_row_numbers_are_not_joined_with_ids(make_dataset: Any) -> None:
    numbered = "".join(f"{i},{i}.5\n" for i in range(4))
    named = "".join(f"{i + 1},{'ab'[i % 2]},{i}\n" for i in range(4))
    folder = make_dataset(
        files={"rna.csv": ",g\n" + numbered, "clinical.csv": "patient,kind,age\n" + named}
    )
    with pytest.raises(InputError, match="its samples are row numbers"):
        read_matrix(read_dataset(folder), "rna")
    make_dataset(files={"rna.csv": "patient,g\n" + numbered, "clinical.csv": ",kind,age\n" + named})
    dataset = read_dataset(folder)
    with pytest.raises(InputError, match="its rows are numbered from 1"):
        read_labels(dataset, read_matrix(dataset, "rna").index)


@pytest.mark.parametrize("orientation", ["samples_by_features", "features_by_samples"])
def test_annotation_is_left_out_before_depth_is_counted(
    make_dataset: Any, orientation: str
) -> None:
    counts = pd.DataFrame(
        [[1, 2, 3], [4, 5, 7], [8, 1, 2]],
        index=pd.Index(["s0", "s1", "s2"], name="id"),
        columns=["a", "b", "c"],
    )
    wide = counts.assign(__no_feature=[90, 80, 5])
    noted = pd.concat([wide, pd.DataFrame([[9] * 4], index=["Length"], columns=wide.columns)])
    settings = {"orientation": orientation, "kind": "counts", "transform": "normalize_log1p"}
    turn = (lambda f: f) if orientation == "samples_by_features" else (lambda f: f.T)
    folder = make_dataset(
        modality=settings, files={"rna.csv": turn(counts).rename_axis("id").to_csv()}
    )
    expected = read_matrix(read_dataset(folder), "rna")
    noted_text = turn(noted).rename_axis("id").to_csv()
    make_dataset(modality=settings, files={"rna.csv": noted_text})
    with pytest.raises(InputError, match=r"Length is no sample.*annotation: \[Length\]"):
        read_matrix(read_dataset(folder), "rna")
    annotated = {**settings, "annotation": ["Length", "__no_feature"]}
    make_dataset(modality=annotated, files={"rna.csv": noted_text})
    pd.testing.assert_frame_equal(read_matrix(read_dataset(folder), "rna"), expected)
    make_dataset(modality={**annotated, "annotation": ["Lenght"]}, files={"rna.csv": noted_text})
    with pytest.raises(InputError, match="Did you mean Length"):
        read_matrix(read_dataset(folder), "rna")


FORMATS = ["rna.csv", "rna.tsv", "rna.csv.gz", "rna.parquet", "rna.h5ad", "rna.h5mu", "rna.h5"]


@pytest.mark.parametrize("file", FORMATS)
@pytest.mark.parametrize("orientation", ["samples_by_features", "features_by_samples"])
@pytest.mark.parametrize("transform", ["none", "log1p", "normalize_log1p"])
@pytest.mark.parametrize("missing", ["refuse", "drop_features", "drop_samples", "impute_median"])
def test_every_setting_gives_the_same_in_every_format(
    make_dataset: Any, file: str, orientation: str, transform: str, missing: str
) -> None:
    values = np.random.default_rng(3).poisson(3, (6, 5)).astype(float)
    index = pd.Index([f"s{i}" for i in range(6)], name="id")
    frame = pd.DataFrame(values, index=index, columns=[f"g{i}" for i in range(5)])
    if missing != "refuse":
        frame.iloc[2, 3] = np.nan
    expected = frame
    if missing == "drop_features":
        expected = frame.dropna(axis=1)
    elif missing == "drop_samples":
        expected = frame.dropna(axis=0)
    if transform == "normalize_log1p":
        depth = expected.sum(axis=1)
        expected = expected.mul(depth.median() / depth, axis=0)
    if transform != "none":
        expected = np.log1p(expected)
    settings = {"file": file, "orientation": orientation, "transform": transform}
    folder = make_dataset(
        modality={**settings, "missing": missing, "kind": "counts"}, files={file: ""}
    )
    turned = frame if orientation == "samples_by_features" else frame.T.rename_axis("id")
    write(turned, folder / file)
    found = read_matrix(read_dataset(folder), "rna")
    assert found.index.tolist() == expected.index.tolist()
    assert found.columns.tolist() == expected.columns.tolist()
    np.testing.assert_allclose(found.to_numpy(), expected.to_numpy(), rtol=1e-6)


@pytest.mark.parametrize("file", FORMATS)
def test_a_modality_may_name_its_own_words_and_codes_for_missing(
    make_dataset: Any, file: str
) -> None:
    index = pd.Index(["s0", "s1", "s2"], name="id")
    frame = pd.DataFrame({"a": [1.0, -999.0, 3.0], "b": [4.0, 5.0, 6.0]}, index=index)
    words = {"add": ["-999", "below LOD"]}
    settings = {"file": file, "missing": "impute_median", "missing_words": words}
    folder = make_dataset(modality=settings, files={file: ""})
    write(frame, folder / file)
    expected = [[1, 4], [np.nan, 5], [3, 6]]
    np.testing.assert_array_equal(read_matrix(read_dataset(folder), "rna"), expected)
    if file in ("rna.csv", "rna.tsv", "rna.parquet"):
        write(frame.astype(str).replace("-999.0", "Below LOD"), folder / file)
        np.testing.assert_array_equal(read_matrix(read_dataset(folder), "rna"), expected)


def test_zero_may_mean_missing_in_a_sparse_matrix(make_dataset: Any) -> None:
    settings = {"file": "rna.h5", "missing": "impute_median", "missing_words": {"add": ["0"]}}
    folder = make_dataset(modality=settings, files={"rna.h5": ""})
    frame = pd.DataFrame({"a": [1.0, 0.0], "b": [4.0, 5.0]}, index=["s0", "s1"])
    write(frame, folder / "rna.h5")
    found = read_matrix(read_dataset(folder), "rna")
    np.testing.assert_array_equal(found, [[1, 4], [np.nan, 5]])


def test_a_modality_keeps_no_word(make_dataset: Any) -> None:
    with pytest.raises(InputError, match=r"missing_words\.keep"):
        read_dataset(make_dataset(modality={"missing_words": {"keep": ["NA"]}}))


@pytest.mark.parametrize(
    "name", ["rn", "idx", "_1", "#", "Unnamed: 0.1", "...1", "X", "", "row.names"]
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_first_column_that_counts_gives_way_to_ids(
    tmp_path: Path, name: str, ending: str
) -> None:
    path = tmp_path / f"x.{ending}"
    frame = pd.DataFrame({name: [1, 2, 3], "who": ["s1", "s2", "s3"], "a": [0.5, 1.5, 2.5]})
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path, index=False)
    stored = open_matrix(path, "rna")
    assert (stored.rows.tolist(), stored.columns.tolist()) == (["s1", "s2", "s3"], ["a"])
    assert read_table(path).columns.tolist() == ["a"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_first_column_that_repeats_itself_is_not_taken_for_ids(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"x.{ending}"
    frame = pd.DataFrame({"kind": ["a", "b", "a"], "who": ["s1", "s2", "s3"], "age": [1, 2, 3]})
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path, index=False)
    with pytest.raises(InputError, match=r"'kind', occur more than once.*labels\.ids: who"):
        read_table(path)
    assert read_table(path, "who").index.tolist() == ["s1", "s2", "s3"]


def test_numbers_with_fractions_are_ids_where_the_column_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,a\n1.5,2.5\n2.10,3.5\n")
    assert open_matrix(tmp_path / "x.csv", "rna").rows.tolist() == ["1.5", "2.10"]


def test_a_named_index_of_numbers_is_ids_in_h5ad(tmp_path: Path) -> None:
    path = tmp_path / "x.h5ad"
    with pd.option_context("future.infer_string", False):
        names = pd.Index(["1", "2", "3"], dtype=object, name="patient_number")
        data = anndata.AnnData(np.ones((3, 1), np.float32), obs=pd.DataFrame(index=names))
        data.write_h5ad(path)
    assert not open_matrix(path, "rna").counts_rows


def test_an_hdf5_file_that_holds_no_matrix_of_10x_is_of_no_known_layout(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["data"] = np.ones((2, 2))
    with pytest.raises(InputError, match="no known layout"):
        open_matrix(tmp_path / "x.h5", "rna")


def test_dates_are_no_numbers(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [0.5, 1.5], "day": pd.Timestamp("2020-01-01")}, index=["s0", "s1"])
    frame.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(InputError, match=r"'2020-01-01.*is no number"):
        open_matrix(tmp_path / "x.parquet", "rna").load()


def test_semicolons_with_decimal_commas_are_told_so(make_dataset: Any) -> None:
    rows = "".join(f"s{i};{'ab'[i % 2]};{i},5\n" for i in range(12))
    folder = make_dataset(files={"clinical.csv": "id;kind;age\n" + rows})
    with pytest.raises(InputError, match=r"age: '0,5' is no number.*decimal point"):
        read_label_table(read_dataset(folder))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_row_of_text_can_be_annotation(make_dataset: Any, ending: str) -> None:
    file = f"rna.{ending}"
    table = pd.DataFrame({"s0": ["F", "1.5"], "s1": ["M", "2.5"]}, index=["sex", "g0"])
    settings = {"file": file, "orientation": "features_by_samples", "annotation": ["sex"]}
    folder = make_dataset(modality=settings, files={file: ""})
    write(table.rename_axis("id"), folder / file)
    found = read_matrix(read_dataset(folder), "rna")
    assert (found.columns.tolist(), found["g0"].tolist()) == (["g0"], [1.5, 2.5])


def test_a_sample_with_a_label_row_is_one_whatever_it_is_called(make_dataset: Any) -> None:
    folder = make_dataset(
        modality={"orientation": "features_by_samples"},
        files={
            "rna.csv": "id,Length,End\ng0,1.5,2.5\ng1,2.5,4.5\n",
            "clinical.csv": "id,kind,age\nLength,a,1\ns1,b,2\n",
        },
    )
    with pytest.raises(InputError, match="End is no sample"):
        read_matrix(read_dataset(folder), "rna")
    (folder / "clinical.csv").write_text("id,kind,age\nLength,a,1\nEnd,b,2\n")
    assert read_matrix(read_dataset(folder), "rna").index.tolist() == ["Length", "End"]
