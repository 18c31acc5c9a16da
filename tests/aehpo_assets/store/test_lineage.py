"""Lineage: the chain down to the raw files, and where it is broken."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from aehpo_assets.cli.trace import print_trace
from aehpo_assets.errors import InputError, StaleInputError
from aehpo_assets.store.hashes import file_hash
from aehpo_assets.store.home import Home
from aehpo_assets.store.lineage import Artefact, breaks, find_artefact, trace, walk
from aehpo_assets.store.store import Record

RUNS = ("varix", "toy_rna")


def table(*scores: float) -> pd.DataFrame:
    return pd.DataFrame({"config_id": [str(i) for i in range(len(scores))], "score": scores})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A raw file, a matrix of it, run results of that, and recommendations of these."""
    home = Home(tmp_path / "home")
    raw = tmp_path / "rna.csv"
    raw.write_text("1,2\n")
    store = home.store
    inputs = {f"file:{raw}": file_hash(raw)}
    matrix = store.write_table("omics_matrix", ("toy_rna",), table(1.0), Record("m", {}, inputs))
    inputs = {"omics_matrix/toy_rna": matrix.data_version}
    settings = {"epochs": 300, "seeds": [7]}
    runs = store.write_table(
        "run_results", RUNS, table(0.5, 0.75), Record("t", settings, inputs, device="H100")
    )
    inputs = inputs | {"run_results/varix/toy_rna": runs.data_version}
    store.write_table("recommendations", RUNS, table(0.8), Record("r", {}, inputs))
    return home


def rewrite_runs(home: Home, *scores: float) -> None:
    record = home.store.provenance("run_results", RUNS)
    assert record is not None
    home.store.write_table(
        "run_results", RUNS, table(*scores), Record("t", record.settings, record.inputs)
    )


def printed(home: Home, name: str, *, full: bool = False) -> tuple[bool, str]:
    stream = io.StringIO()
    return print_trace(home, name, Console(file=stream, width=200), full=full), stream.getvalue()


def test_a_chain_reaches_the_raw_file(home: Home) -> None:
    first = trace(home.store, Artefact("recommendations", RUNS))
    names = [link.name for link in walk(first)]
    assert names[:3] == [
        "recommendations/varix/toy_rna",
        "omics_matrix/toy_rna",
        "run_results/varix/toy_rna",
    ]
    assert len(names) == 4, "what two artefacts depend on stands there once"
    assert names[3].endswith("rna.csv")
    assert breaks(first) == []


def test_the_tree_names_hashes_code_device_and_settings(home: Home, tmp_path: Path) -> None:
    whole, text = printed(home, "recommendations/varix/toy_rna", full=True)
    assert whole
    for word in ("code t", "H100", "epochs 300", "seeds [7]", file_hash(tmp_path / "rna.csv")):
        assert word in text
    assert text.count("see above") == 1
    assert "whole" in text


def test_the_short_form_names_what_lies_between_and_the_raw_files(
    home: Home, tmp_path: Path
) -> None:
    whole, text = printed(home, "recommendations/varix/toy_rna")
    assert whole
    assert "from omics_matrix/toy_rna, run_results/varix/toy_rna" in text
    assert file_hash(tmp_path / "rna.csv") in text
    assert "epochs 300" not in text


def test_a_run_is_shown_with_its_numbers(home: Home) -> None:
    whole, text = printed(home, "run_results/varix/toy_rna/1")
    assert whole
    assert "score 0.75" in text
    with pytest.raises(InputError, match="no configuration '2'"):
        find_artefact(home.store, "run_results/varix/toy_rna/2")


@pytest.mark.parametrize(
    "name", ["recommendations/varix/other", "nothing", "..", "", "recommendations"]
)
def test_an_unknown_artefact_is_refused_with_those_that_there_are(home: Home, name: str) -> None:
    with pytest.raises(InputError, match=r"There are: .*recommendations"):
        find_artefact(home.store, name)


def test_a_changed_raw_file_breaks_the_chain(home: Home, tmp_path: Path) -> None:
    (tmp_path / "rna.csv").write_text("1,3\n")
    whole, text = printed(home, "recommendations/varix/toy_rna")
    assert not whole
    assert "rna.csv: today the file is" in text
    (tmp_path / "rna.csv").unlink()
    assert "rna.csv: the file is gone" in printed(home, "recommendations/varix/toy_rna")[1]


def test_an_artefact_made_again_since_breaks_the_chain(home: Home) -> None:
    rewrite_runs(home, 0.5, 0.9)
    found = breaks(trace(home.store, Artefact("recommendations", RUNS)))
    assert len(found) == 1
    assert found[0].startswith("run_results/varix/toy_rna: today it is")
    assert breaks(trace(home.store, Artefact("run_results", RUNS))) == []


def test_a_missing_and_a_damaged_artefact_break_the_chain(home: Home) -> None:
    path = home.store.table_path("omics_matrix", ("toy_rna",))
    content = bytearray(path.read_bytes())
    content[8] ^= 1
    path.write_bytes(content)
    found = breaks(trace(home.store, Artefact("recommendations", RUNS)))
    assert len(found) == 1
    assert found[0].startswith("omics_matrix/toy_rna: ")
    assert path.exists(), "tracing changes nothing"
    runs = home.store.table_path("run_results", RUNS)
    whole = runs.read_bytes()
    runs.write_bytes(whole[:-1])
    with pytest.raises(StaleInputError, match="run_results/varix/toy_rna: damaged"):
        printed(home, "run_results/varix/toy_rna/1")
    assert runs.exists()
    runs.write_bytes(whole)
    path.unlink()
    found = breaks(trace(home.store, Artefact("recommendations", RUNS)))
    assert found == ["omics_matrix/toy_rna: it is gone, and with it what it was made from"]
