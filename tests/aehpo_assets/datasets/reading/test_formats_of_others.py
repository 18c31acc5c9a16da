"""A format of another package, installed beside this one: read as any other, or refused."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from aehpo_assets import limits
from aehpo_assets.datasets.catalogue import available_tasks, dataset_settings
from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.read_labels import read_labels
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.datasets.reading.formats import OF_OTHERS
from aehpo_assets.errors import InputError
from aehpo_assets.quality.matrix import check_matrix
from aehpo_assets.running.preflight import check_datasets
from aehpo_assets.store import code_version
from aehpo_assets.store.store import Store

PLUGIN = '''
"""The laboratory's own format: a line of names, a line of ids, float32 values in order."""

import json

import numpy as np
import pandas as pd

from aehpo_assets.datasets.reading.stored import Format, StoredMatrix

MAGIC = b"LABM1\\n"


def _head(path):
    with path.open("rb") as stream:
        stream.read(len(MAGIC))
        head = json.loads(stream.readline())
        return head["rows"], head["columns"], stream.tell()


def open_matrix(path, asked):
    rows, columns, start = _head(path)

    def load():
        return np.fromfile(path, np.float32, offset=start).reshape(len(rows), len(columns))

    return StoredMatrix(pd.Index(rows), pd.Index(columns), load)


def read_table(path, ids):
    rows, columns, start = _head(path)
    values = np.fromfile(path, np.float32, offset=start).reshape(len(rows), len(columns))
    words = np.where(values > 0, "high", "low")
    return pd.DataFrame(words, index=pd.Index(rows), columns=columns)


LABM = Format(
    "laboratory matrix",
    (ENDING,),
    lambda path: path.read_bytes().startswith(MAGIC),
    open_matrix,
    READ_TABLE,
)
'''

SAMPLES = [f"P{i}" for i in range(8)]
FEATURES = ["TP53", "KRAS", "APC"]
VALUES = np.random.default_rng(3).normal(size=(8, 3)).astype(np.float32)


def install(folder: Path, *, ending: str = ".labm", read_table: str = "read_table") -> Path:
    """Put a package with an entry point into a folder, as pip would; returns its module."""
    folder.mkdir(exist_ok=True)
    module = folder / "labm.py"
    text = PLUGIN.replace("ENDING", repr(ending)).replace("READ_TABLE", read_table)
    module.write_text(text)
    information = folder / "labm-1.0.dist-info"
    information.mkdir(exist_ok=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: labm\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[aehpo.formats]\nlabm = labm\n")
    return module


def write_labm(path: Path) -> None:
    head = json.dumps({"rows": SAMPLES, "columns": FEATURES}).encode()
    path.write_bytes(b"LABM1\n" + head + b"\n" + VALUES.tobytes())


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    folder = tmp_path / "cohort"
    folder.mkdir()
    write_labm(folder / "rna.labm")
    rows = "\n".join(f"{sample},{'fm'[i % 2]}" for i, sample in enumerate(SAMPLES))
    (folder / "clinical.csv").write_text(f"sample_id,sex\n{rows}\n")
    content = {
        "name": "cohort",
        "modalities": {"rna": {"file": "rna.labm"}},
        "labels": {"file": "clinical.csv", "objective": {"sex": ["sex"]}},
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages; none is remembered from test to test."""
    folder = tmp_path / "site"
    monkeypatch.syspath_prepend(folder)
    forget()
    yield folder
    forget()


def forget() -> None:
    vars(OF_OTHERS).pop("_found", None)
    sys.modules.pop("labm", None)
    importlib.invalidate_caches()
    # The code of a process is that of its start.
    code_version.version_of_modules.cache_clear()
    code_version._installed.cache_clear()


def read(cohort: Path) -> pd.DataFrame:
    return read_matrix(read_dataset(cohort), "rna")


def settings(cohort: Path, section: str) -> dict[str, Any]:
    return dataset_settings(available_tasks([cohort])["cohort_rna"], section)


def test_a_format_of_another_package_is_read_through_dataset_yaml(cohort: Path, site: Path) -> None:
    module = install(site)
    dataset = read_dataset(cohort)
    matrix = read_matrix(dataset, "rna")
    assert list(matrix.index) == SAMPLES
    assert list(matrix.columns) == FEATURES
    assert set(matrix.dtypes) == {np.dtype(np.float32)}
    np.testing.assert_array_equal(matrix.to_numpy(), VALUES)
    assert not [c.name for c in check_matrix(matrix, dataset.modalities["rna"]) if not c.passed]
    check_datasets(available_tasks([cohort]), Store(cohort / "store"))
    # Its code is part of what the matrix depends on, and of nothing that it does not read.
    code = settings(cohort, "modality")["dataset.modality.format"]
    assert code.startswith("laboratory matrix ")
    assert set(settings(cohort, "labels")) == {"dataset.labels"}
    module.write_text(module.read_text() + "\nCHANGED = 1\n")
    forget()
    assert settings(cohort, "modality")["dataset.modality.format"] != code


def test_without_the_package_its_ending_is_unknown(cohort: Path, site: Path) -> None:
    with pytest.raises(InputError, match=r"rna\.labm: has an unknown ending; expected \.parquet"):
        read(cohort)


def test_the_endings_of_other_packages_are_named_among_those_that_are_read(
    cohort: Path, site: Path
) -> None:
    install(site)
    (cohort / "rna.labm").rename(cohort / "rna.xyz")
    file = cohort / "dataset.yaml"
    file.write_text(file.read_text().replace("rna.labm", "rna.xyz"))
    named = re.escape(".h5mu, .labm (laboratory matrix) or .h5 (10x Genomics)")
    with pytest.raises(InputError, match=named):
        read(cohort)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"sample_id,TP53\nP0,1\n", "is not what its ending says: it is no laboratory matrix file"),
        (b"LABM1\n", "cannot be read ("),
        (b'LABM1\n{"rows": [], "columns": []}\n', "holds no values"),
        (b'LABM1\n{"rows": ["a", ""], "columns": ["g"]}\n12345678', "its row 2 has no name"),
        (b'LABM1\n{"rows": ["a", "b"], "columns": ["g"]}\n1234', "cannot be read ("),
    ],
)
def test_a_broken_file_is_refused_by_name(
    cohort: Path, site: Path, content: bytes, problem: str
) -> None:
    install(site)
    (cohort / "rna.labm").write_bytes(content)
    with pytest.raises(InputError, match=re.escape("rna.labm: " + problem)):
        read(cohort)


def test_a_matrix_that_does_not_fit_into_memory_is_refused_before_its_values_are_read(
    cohort: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = install(site)
    module.write_text(module.read_text().replace("np.fromfile(", "never(", 1))
    monkeypatch.setattr(limits, "free_memory", lambda: 100)
    with pytest.raises(InputError, match=r"rna\.labm: its 8 x 3 values take about 384 B of memory"):
        read(cohort)


def test_labels_are_read_too_where_the_format_has_them(cohort: Path, site: Path) -> None:
    write_labm(cohort / "labels.labm")
    file = cohort / "dataset.yaml"
    content = yaml.safe_load(file.read_text())
    content["labels"] = {"file": "labels.labm", "objective": {"gene": ["TP53"]}}
    file.write_text(yaml.safe_dump(content))
    install(site)
    labels = read_labels(read_dataset(cohort), pd.Index(SAMPLES))
    assert labels["TP53"].tolist() == ["high" if value > 0 else "low" for value in VALUES[:, 0]]
    assert "dataset.labels.format" in settings(cohort, "labels")
    install(site, read_table="None")
    forget()
    with pytest.raises(
        InputError, match=r"labels\.labm: a file of the format laboratory matrix holds no labels"
    ):
        read_labels(read_dataset(cohort), pd.Index(SAMPLES))


@pytest.mark.parametrize(("ending", "problem"), [(".csv", "text has already"), ("labm", "a dot")])
def test_an_ending_that_is_taken_or_none_is_refused(
    cohort: Path, site: Path, ending: str, problem: str
) -> None:
    install(site, ending=ending)
    with pytest.raises(InputError, match=rf"^aehpo\.formats: .* module labm .*{problem}"):
        read(cohort)
