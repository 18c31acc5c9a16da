"""A study as an RO-Crate: everything in it is listed, hashed, and names no sample."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.exchange.bundle import write_bundle
from aehpo_assets.report.without_ids import sample_ids
from aehpo_assets.store.home import Home
from aehpo_assets.store.home_schema import CRATE_METADATA

pytestmark = pytest.mark.slow

TEXT = {".csv", ".json", ".yaml", ".html", ".txt"}


def test_a_crate_lists_what_is_in_it_and_names_no_sample(
    finished_tiny: Path, tmp_path: Path
) -> None:
    home, crate = Home(finished_tiny / "home"), tmp_path / "crate"
    files = write_bundle(home, crate)
    graph = {one["@id"]: one for one in json.loads((crate / CRATE_METADATA).read_text())["@graph"]}
    listed = {part["@id"] for part in graph["./"]["hasPart"]}
    assert listed == {path.relative_to(crate).as_posix() for path in files} - {CRATE_METADATA}
    assert {"report/index.html", "records.json", "study.yaml"} <= listed
    for name in listed:
        assert graph[name]["sha256"] == hashlib.sha256((crate / name).read_bytes()).hexdigest()
    read = [graph[one["@id"]] for one in graph["#study"]["object"]]
    assert {one["name"] for one in read} == {"rna.parquet", "clinical.csv"}
    assert {(one["license"], one["isBasedOn"]) for one in read} == {("CC0-1.0", "made up")}
    assert graph["./"]["license"].endswith("toy: CC0-1.0.")
    assert "CC0-1.0" in (crate / "report" / "tables" / "data-sets.csv").read_text()
    ids, place = sample_ids(home), str(finished_tiny)
    for path in files:
        if path.suffix in TEXT:
            text = re.sub(r'src="data:[^"]*"', "", path.read_text())
            assert not [one for one in ids if re.search(rf"\b{one}\b", text)], path
            assert place not in text, path
    assert not (crate / "samples").exists()
    with pytest.raises(InputError, match="is there already"):
        write_bundle(home, crate)
    with pytest.raises(InputError, match="is a bundle of a study, not its home"):
        Home(crate)


def test_samples_are_in_it_if_asked_for(finished_tiny: Path, tmp_path: Path) -> None:
    files = write_bundle(Home(finished_tiny / "home"), tmp_path / "crate", with_sample_ids=True)
    names = {path.relative_to(tmp_path / "crate").as_posix() for path in files}
    assert "samples/data_split/toy_rna.parquet" in names
    assert "samples/recommended_latents/vanillix/toy_rna/latents.h5ad" in names
