"""What a study was made of, and how: its file, its data, its code, and how to make it again."""

from __future__ import annotations

import pandas as pd

import aehpo_assets
from aehpo_assets.report.blocks import Section, Table, Text
from aehpo_assets.report.data_sets import Origin, origins
from aehpo_assets.store.home import Home
from aehpo_assets.store.provenance import Provenance

_FILE = "file:"


def origin_sections(home: Home, records: list[Provenance]) -> list[Section]:
    """Return the sections on data, code and lineage.

    Parameters
    ----------
    home
        A home.
    records
        Those of its artefacts.
    """
    last = max(records, key=lambda record: record.created)
    code = pd.DataFrame(
        [
            ("aehpo", last.aehpo),
            ("commit", f"{last.commit}{' with changes' if last.dirty else ''}")
            if last.commit
            else ("commit", "code outside a git checkout"),
            ("Python", last.python),
            *sorted(last.libraries.items()),
            ("processor", last.processor or "not recorded"),
            ("devices", ", ".join(sorted({record.device for record in records}))),
        ],
        columns=["what", "version"],
    )
    study = home.study_file.read_text(encoding="utf-8")
    return [
        Section("The data", "data", [_owners(home), _files(records), _samples(home)]),
        Section(
            "How it was made",
            "origin",
            [
                Text("The study file:"),
                Text(study, "code"),
                Table("versions", "Code and libraries, as the newest artefact records them.", code),
                Text(
                    f"{len(records)} artefacts, each with the hashes of what it was made from. To "
                    "follow one down to its files, and to make it again in a clean home and "
                    "compare:"
                ),
                Text(
                    "aehpo trace validated_recommendations/ARCHITECTURE/TASK\n"
                    "aehpo reproduce validated_recommendations/ARCHITECTURE/TASK",
                    "code",
                ),
                Text(
                    f"To cite: aehpo {aehpo_assets.__version__}, with the version above "
                    "(CITATION.cff in its sources)."
                ),
            ],
        ),
    ]


def _owners(home: Home) -> Table:
    """Whose the data are: one row a data set."""
    rows: dict[Origin, list[str]] = {}
    for task, origin in origins(home).items():
        rows.setdefault(origin, []).append(task)
    frame = pd.DataFrame(
        [
            (one.name, one.title, one.source, one.licence, ", ".join(tasks))
            for one, tasks in rows.items()
        ],
        columns=["data set", "what it is", "source", "licence", "tasks"],
    )
    return Table("data-sets", "Where the data come from, and what one may do with them.", frame)


def _files(records: list[Provenance]) -> Table:
    """Raw files by name alone: where they lay on somebody's machine is nobody's business."""
    files = {
        (record.artefact, name.removeprefix(_FILE).rpartition("/")[2], version)
        for record in records
        for name, version in record.inputs.items()
        if name.startswith(_FILE)
    }
    frame = pd.DataFrame(sorted(files), columns=["read by", "file", "SHA-256 (16 digits)"])
    return Table("files", "The raw files, with the hashes of their bytes.", frame)


def _samples(home: Home) -> Table:
    rows = []
    for (task,) in home.store.partitions("data_split"):
        if not home.store.is_usable("data_split", (task,)):
            continue
        counts = home.store.read_table("data_split", (task,))["split"].value_counts()
        rows.append({"task": task, **{name: int(counts.get(name, 0)) for name in _PARTS}})
    return Table("samples", "Samples of each part of a task.", pd.DataFrame(rows))


_PARTS = ("train", "valid", "test")
