"""The store: what is written comes back, with its record, or not at all."""

from __future__ import annotations

import errno
import functools
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aehpo_assets.errors import StaleInputError
from aehpo_assets.store.files import (
    atomic_file,
    atomic_folder,
    present_folder,
    recover_folder,
    remove_unfinished,
)
from aehpo_assets.store.hashes import content_hash, settings_hash
from aehpo_assets.store.provenance import CheckResult, git_state
from aehpo_assets.store.store import Record, Store


def frame() -> pd.DataFrame:
    table = pd.DataFrame(
        {"gene": [1.5, 2.5], "label": ["a", None]}, index=pd.Index(["s1", "s2"], name="sample_id")
    )
    table.attrs = {"objective": {"sex": ["SEX"]}}
    return table


def test_a_table_comes_back_with_its_index_attrs_and_record(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = Record("code", {"epochs": 3}, {"omics_matrix/tcga_rna": "abc"})
    written = store.write_table("run_results", ("varix", "tcga_rna"), frame(), record)
    path = tmp_path / "run_results" / "varix" / "tcga_rna.parquet"
    assert path.exists()
    back = store.read_table("run_results", ("varix", "tcga_rna"))
    pd.testing.assert_frame_equal(back, frame())
    assert back.attrs == frame().attrs
    assert store.provenance("run_results", ("varix", "tcga_rna")) == written
    assert written.inputs == {"omics_matrix/tcga_rna": "abc"}
    assert store.partitions("run_results") == [("varix", "tcga_rna")]


def test_the_data_version_is_that_of_the_content(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.write_table("a", ("x",), frame(), Record("1"))
    again = store.write_table("a", ("y",), frame(), Record("2"))
    other = store.write_table("a", ("z",), frame().assign(gene=[1.5, 2.6]), Record("1"))
    assert first.data_version == again.data_version != other.data_version


def test_measured_seconds_do_not_enter_the_data_version(tmp_path: Path) -> None:
    store = Store(tmp_path)
    versions = {
        store.write_table(
            "a", ("x",), frame().assign(seconds=s), Record("1"), measured=("seconds",)
        ).data_version
        for s in (1.0, 2.0)
    }
    assert len(versions) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.rename(index={"s1": "s3"}),
        lambda t: t.rename(columns={"gene": "other"}),
        lambda t: t.iloc[::-1],
        lambda t: t.astype({"gene": "float32"}),
        lambda t: t.assign(label=["a", "b"]),
        lambda t: t.assign(label=["a", ""]),
    ],
)
def test_every_change_of_content_changes_the_hash(change) -> None:
    assert content_hash(frame()) != content_hash(change(frame()))


def test_the_hash_covers_attrs_and_survives_a_round_trip(tmp_path: Path) -> None:
    table = frame()
    table.attrs = {}
    assert content_hash(table) != content_hash(frame())
    store = Store(tmp_path)
    written = store.write_table("a", ("x",), frame(), Record("1"))
    assert content_hash(store.read_table("a", ("x",))) == written.data_version


def test_a_failed_blocking_check_keeps_an_artefact_from_being_used(tmp_path: Path) -> None:
    store = Store(tmp_path)
    checks = [
        CheckResult(name="warns", passed=False, blocking=False),
        CheckResult(name="finite", passed=False, blocking=True, description="3 values are NaN"),
    ]
    store.write_table("a", ("x",), frame(), Record("1", checks=checks[:1]))
    assert store.checked("a", ("x",)).checks == checks[:1]
    store.write_table("a", ("x",), frame(), Record("1", checks=checks))
    with pytest.raises(StaleInputError, match="3 values are NaN"):
        store.checked("a", ("x",))


def test_a_missing_artefact_says_what_to_do(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.provenance("a", ("x",)) is None
    with pytest.raises(StaleInputError, match="a/x is not there"):
        store.read_table("a", ("x",))


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    big = pd.DataFrame({"value": np.random.default_rng(0).normal(size=20_000)})
    store.write_table("a", ("x",), big, Record("1"))
    path = store.table_path("a", ("x",))
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(StaleInputError, match="damaged"):
        store.read_table("a", ("x",))


def test_a_truncated_table_is_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_table("a", ("x",), frame(), Record("1"))
    path = store.table_path("a", ("x",))
    path.write_bytes(path.read_bytes()[:-20])
    assert store.provenance("a", ("x",)) is None
    with pytest.raises(StaleInputError, match="damaged"):
        store.read_table("a", ("x",))


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 0x01
    path.write_bytes(content)


def test_what_is_damaged_is_set_aside_and_made_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_table("a", ("x",), frame(), Record("1"))
    path = store.table_path("a", ("x",))
    path.write_bytes(path.read_bytes()[:-20])
    assert store.damage("a", ("x",))
    assert path.exists(), "asking alone changes nothing"
    with pytest.raises(StaleInputError, match=r"x\.parquet: damaged.*makes a/x again"):
        store.read_table("a", ("x",))
    assert store.provenance("a", ("x",)) is None
    assert store.partitions("a") == []
    assert store.damage("a", ("x",)) == "it was damaged, and is set aside"
    store.write_table("a", ("x",), frame(), Record("1"))
    assert store.damage("a", ("x",)) is None
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x.parquet"]


def test_no_flipped_bit_goes_unnoticed_and_alters_a_number(tmp_path: Path) -> None:
    """Footer included: what comes back is what was written, or nothing does."""
    store = Store(tmp_path)
    store.write_table("a", ("x",), frame(), Record("1"))
    path = store.table_path("a", ("x",))
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole)
        flip(path, position)
        try:
            back = store.read_table("a", ("x",))
        except StaleInputError:
            assert not path.exists()
        else:
            pd.testing.assert_frame_equal(back, frame())
            assert back.attrs == frame().attrs


def test_a_table_swapped_under_its_record_is_noticed(tmp_path: Path) -> None:
    """Sound Parquet, but not the numbers that were recorded."""
    store = Store(tmp_path)
    store.write_table("a", ("x",), frame(), Record("1"))
    path = store.table_path("a", ("x",))
    table = pq.read_table(path)
    gene = pa.array([1.5, 2.6])
    pq.write_table(table.set_column(table.column_names.index("gene"), "gene", gene), path)
    with pytest.raises(StaleInputError, match="its record says"):
        store.read_table("a", ("x",))


def test_measured_columns_may_hold_anything_that_a_clock_says(tmp_path: Path) -> None:
    store = Store(tmp_path)
    table = frame().assign(seconds=[1.0, 2.0])
    written = store.write_table("a", ("x",), table, Record("1"), measured=("seconds",))
    assert written.measured == ("seconds",)
    pd.testing.assert_frame_equal(store.read_table("a", ("x",)), table)


VALUES = {
    "float": st.floats(width=64),
    "text": st.one_of(st.none(), st.text()),
    "whole": st.integers(-(2**62), 2**62),
    "yes": st.booleans(),
    "perhaps": st.one_of(st.none(), st.booleans()),
}


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.fixed_dictionaries(VALUES), min_size=0, max_size=6),
    st.sets(st.sampled_from(sorted(VALUES)), min_size=1),
    st.booleans(),
)
def test_whatever_is_written_is_never_taken_for_damaged(
    rows: list[dict[str, object]], columns: set[str], categorical: bool
) -> None:
    table = pd.DataFrame(rows, columns=sorted(columns))
    if categorical and "text" in table:
        table["text"] = table["text"].astype("category")
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        store.write_table("a", ("x",), table, Record("1"))
        assert store.damage("a", ("x",)) is None


def test_every_nan_is_the_same(tmp_path: Path) -> None:
    strange = np.array([0x7FF8000000000001, 0xFFF8000000000000], dtype=np.uint64).view(np.float64)
    table, plain = (pd.DataFrame({"a": v}) for v in (strange, [np.nan, np.nan]))
    assert content_hash(table) == content_hash(plain)
    store = Store(tmp_path)
    store.write_table("a", ("x",), table, Record("1"))
    assert store.damage("a", ("x",)) is None


def test_a_record_that_was_altered_counts_as_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_table("a", ("x",), frame(), Record("1", settings={"epochs": 300}))
    path = store.table_path("a", ("x",))
    table = pq.read_table(path)
    altered = {k: v.replace(b"300", b"400") for k, v in table.schema.metadata.items()}
    pq.write_table(table.replace_schema_metadata(altered), path)
    assert store.provenance("a", ("x",)) is None
    with pytest.raises(StaleInputError, match="its record is not as it was written"):
        store.read_table("a", ("x",))


@pytest.mark.parametrize("harm", ["flip", "remove", "record", "deep"])
def test_a_damaged_folder_is_set_aside(tmp_path: Path, harm: str) -> None:
    store = Store(tmp_path)
    store.write_folder("surrogate", ("varix",), lambda f: (f / "model").write_text("1"), Record(""))
    folder = store.existing_folder("surrogate", ("varix",))
    if harm == "flip":
        flip(folder / "model", 0)
    elif harm == "remove":
        (folder / "model").unlink()
    else:
        (folder / "provenance.json").write_text("{" if harm == "record" else "[" * 100_000)
    with pytest.raises(StaleInputError, match="surrogate/varix again"):
        store.existing_folder("surrogate", ("varix",))
    assert store.provenance("surrogate", ("varix",)) is None
    assert store.partitions("surrogate") == []
    store.write_folder("surrogate", ("varix",), lambda f: (f / "model").write_text("1"), Record(""))
    assert [p.name for p in (tmp_path / "surrogate").iterdir()] == ["varix"]


def test_a_machine_that_fails_to_read_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.write_table("a", ("x",), frame(), Record("1"))

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("aehpo_assets.store.store.pq.read_table", fail)
    with pytest.raises(OSError, match="Input/output"):
        store.read_table("a", ("x",))
    assert store.table_path("a", ("x",)).exists()


def test_a_table_without_a_seal_is_damage_and_the_sentence_says_why(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_table("a", ("x",), frame(), Record("1"))
    path = store.table_path("a", ("x",))
    stored = pq.read_table(path)
    metadata = dict(stored.schema.metadata)
    del metadata[b"aehpo.seal"]
    pq.write_table(stored.replace_schema_metadata(metadata), path)
    assert store.provenance("a", ("x",)) is None
    with pytest.raises(StaleInputError, match=r"no seal: an older aehpo wrote it.*set aside"):
        store.read_table("a", ("x",))
    assert (tmp_path / "a" / ".x.parquet.damaged").exists(), "what may be valid is not lost"


def test_a_table_of_before_the_whole_was_hashed_is_still_read(tmp_path: Path) -> None:
    """Sealed, but its only hash is that without the measured columns."""
    store = Store(tmp_path)
    table = frame().assign(seconds=[1.0, 2.0])
    store.write_table("a", ("x",), table, Record("1"), measured=("seconds",))
    path = store.table_path("a", ("x",))
    stored = pq.read_table(path)
    metadata = dict(stored.schema.metadata)
    record = json.loads(metadata[b"aehpo.provenance"])
    for late in ("content", "prices"):
        del record[late]
    metadata[b"aehpo.provenance"] = json.dumps(record).encode()
    said = {k.hex(): v.hex() for k, v in metadata.items()}
    said = {
        k: v for k, v in said.items() if bytes.fromhex(k) not in (b"aehpo.seal", b"ARROW:schema")
    }
    metadata[b"aehpo.seal"] = settings_hash(said).encode()
    pq.write_table(stored.replace_schema_metadata(metadata), path)
    pd.testing.assert_frame_equal(store.read_table("a", ("x",)), table)


def exchange(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def test_two_tables_exchanged_with_their_records_are_damage(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for task in ("x", "y"):
        store.write_table("matrix", (task,), frame().assign(task=task), Record("1"))
    exchange(store.table_path("matrix", ("x",)), store.table_path("matrix", ("y",)))
    assert store.provenance("matrix", ("x",)) is None
    assert store.damage("matrix", ("y",)) == "it is matrix/x, not matrix/y"
    with pytest.raises(StaleInputError, match=r"damaged \(it is matrix/y, not matrix/x\)"):
        store.checked("matrix", ("x",))
    with pytest.raises(StaleInputError, match="it is matrix/y, not matrix/x"):
        store.read_table("matrix", ("x",))


def test_two_folders_exchanged_with_their_records_are_damage(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in ("vanillix", "varix"):
        fill = functools.partial(write_model, name)
        store.write_folder("surrogate", (name,), fill, Record("1"))
    exchange(tmp_path / "surrogate" / "vanillix", tmp_path / "surrogate" / "varix")
    assert store.provenance("surrogate", ("varix",)) is None
    assert "it is surrogate/vanillix" in str(store.damage("surrogate", ("varix",)))
    with pytest.raises(StaleInputError, match="it is surrogate/varix, not surrogate/vanillix"):
        store.existing_folder("surrogate", ("vanillix",))


def write_model(content: str, folder: Path) -> None:
    (folder / "model").write_text(content)


@pytest.mark.parametrize("harm", ["alter", "unseal"])
def test_the_record_of_a_folder_is_sealed(tmp_path: Path, harm: str) -> None:
    store = Store(tmp_path)
    fill = functools.partial(write_model, "1")
    store.write_folder("surrogate", ("varix",), fill, Record("1", settings={"epochs": 300}))
    path = tmp_path / "surrogate" / "varix" / "provenance.json"
    record = json.loads(path.read_text())
    if harm == "alter":
        record["settings"]["epochs"] = 400
    else:
        del record["seal"]
    path.write_text(json.dumps(record))
    assert store.provenance("surrogate", ("varix",)) is None
    told = "not as it was written" if harm == "alter" else "no seal: an older aehpo wrote it"
    with pytest.raises(StaleInputError, match=f"{told}.*set aside"):
        store.existing_folder("surrogate", ("varix",))
    assert (tmp_path / "surrogate" / ".varix.damaged" / "model").exists()


def test_measured_seconds_are_held_against_the_record_all_the_same(tmp_path: Path) -> None:
    store = Store(tmp_path)
    table = frame().assign(seconds=[1.0, 2.0])
    store.write_table("a", ("x",), table, Record("1"), measured=("seconds",))
    path = store.table_path("a", ("x",))
    stored = pq.read_table(path)
    position = stored.column_names.index("seconds")
    pq.write_table(stored.set_column(position, "seconds", pa.array([1.0, 9.0])), path)
    with pytest.raises(StaleInputError, match="its record says"):
        store.read_table("a", ("x",))


def test_a_folder_of_equal_numbers_has_an_equal_version_whatever_the_clock_says(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)

    def version(runtime: float, score: float) -> str:
        def fill(folder: Path) -> None:
            long = pd.DataFrame(
                {"objective": ["training_runtime", "valid_r2"], "predicted": [runtime, score]}
            )
            long.to_parquet(folder / "out_of_fold.parquet")
            entries = long.to_dict("records")
            (folder / "metadata.json").write_text(json.dumps({"models": entries}))
            (folder / "toy.training_runtime.ubj").write_text(str(runtime))
            (folder / "toy.valid_r2.ubj").write_text(str(score))

        return store.write_folder("surrogate", ("varix",), fill, Record("1")).data_version

    assert version(1.0, 0.5) == version(2.0, 0.5)
    assert version(1.0, 0.5) != version(1.0, 0.6)


def test_a_table_that_can_be_made_again_is_missing_when_it_is_damaged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path)
    assert store.find_table("a", ("x",)) is None
    assert caplog.text == ""
    store.write_table("a", ("x",), frame(), Record("1"))
    pd.testing.assert_frame_equal(store.find_table("a", ("x",)), frame())
    path = store.table_path("a", ("x",))
    path.write_bytes(path.read_bytes()[:-20])
    assert store.find_table("a", ("x",)) is None
    assert "x.parquet: damaged" in caplog.text
    assert not path.exists()


def test_the_record_names_commit_libraries_seeds_and_device(tmp_path: Path) -> None:
    settings = {"split": {"train": 0.7, "seed": 3}, "seeds": [0, 1], "hpo.seed": 5, "epochs": 3}
    written = Store(tmp_path).write_table(
        "a", ("x",), frame(), Record("1", settings=settings, device="NVIDIA H100")
    )
    assert written.seeds == {"split.seed": 3, "seeds": [0, 1], "hpo.seed": 5}
    assert {"numpy", "torch", "pandas", "syne-tune"} <= written.libraries.keys()
    assert written.device == "NVIDIA H100"
    commit, dirty = git_state()
    assert (written.commit, written.dirty) == (commit, dirty)
    if commit is not None:
        assert re.fullmatch(r"[0-9a-f]{40,64}", commit)


def test_a_disk_that_is_full_while_parquet_is_written_leaves_the_old_table(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk, in a process of its own."""
    store = Store(tmp_path)
    store.write_table("a", ("x",), frame(), Record("1"))
    script = """
import resource, sys, numpy as np, pandas as pd
from pathlib import Path
from aehpo_assets.store.store import Record, Store
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
large = pd.DataFrame({"value": np.random.default_rng(0).normal(size=20_000)})
store = Store(Path(sys.argv[1]))
for write in (
    lambda: store.write_table("a", ("x",), large, Record("2")),
    lambda: store.write_folder("b", ("x",), lambda f: large.to_parquet(f / "t"), Record("2")),
):
    try:
        write()
    except OSError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("File too large") == 2, done.stdout
    pd.testing.assert_frame_equal(store.read_table("a", ("x",)), frame())
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x.parquet"]
    assert list((tmp_path / "b").iterdir()) == []


def test_the_old_table_survives_a_failed_write(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_table("a", ("x",), frame(), Record("1"))
    unwritable = frame().assign(gene=[object(), object()])
    with pytest.raises(Exception, match="object"):
        store.write_table("a", ("x",), unwritable, Record("1"))
    pd.testing.assert_frame_equal(store.read_table("a", ("x",)), frame())
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x.parquet"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("the system has no /dev/full to play a full disk")
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(OSError, match="No space left"), atomic_file(path):
        full.write_text("new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = ["store/a/x.parquet", "store/a/.x.parquet.damaged", "store/.a.old/f", "data/.toy.part/f"]
    left = ["store/a/.x.parquet.1234.part", "store/.blackbox.5678.part/file", ".study.yaml.9.part"]
    for name in (*kept, *left):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    remove_unfinished(tmp_path, without=tmp_path / "data")
    present = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert present == set(kept)


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_folder(
        "surrogate", ("varix",), lambda f: (f / "model").write_text("1"), Record("1")
    )
    store.write_folder(
        "surrogate", ("varix",), lambda f: (f / "other").write_text("2"), Record("1")
    )
    folder = store.existing_folder("surrogate", ("varix",))
    assert sorted(p.name for p in folder.iterdir()) == ["other", "provenance.json"]
    assert store.partitions("surrogate") == [("varix",)]


def test_a_folder_survives_a_failed_write_and_a_kill_between_the_two_moves(tmp_path: Path) -> None:
    path = tmp_path / "blackbox"
    with atomic_folder(path) as temporary:
        (temporary / "file").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(path) as temporary:
        raise RuntimeError
    assert (path / "file").read_text() == "old"
    path.rename(tmp_path / ".blackbox.old")
    assert present_folder(path) == tmp_path / ".blackbox.old"
    assert not path.exists(), "who looks moves nothing"
    recover_folder(path)
    assert present_folder(path) == path
    path.rename(tmp_path / ".blackbox.old")
    Store(tmp_path).recover()
    assert (path / "file").read_text() == "old"
    assert not (tmp_path / ".blackbox.old").exists()
    assert (path / "file").read_text() == "old"
