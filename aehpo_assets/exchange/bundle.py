"""A study as an RO-Crate: what others need to read, cite and check it, in one folder.

What a crate is says https://www.researchobject.org/ro-crate/specification/1.1/. The raw data are
not in it, but the hashes of their files are; nor are samples named, unless that is asked for.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aehpo_assets
from aehpo_assets.errors import InputError
from aehpo_assets.exchange.folders import export_study
from aehpo_assets.report.data_sets import Origin, licence_text, origins
from aehpo_assets.report.found import records
from aehpo_assets.report.without_ids import sample_ids, without_ids
from aehpo_assets.report.write import write_study_page
from aehpo_assets.store.files import atomic_folder, check_writable
from aehpo_assets.store.home import Home, keep_study
from aehpo_assets.store.home_schema import CRATE_METADATA
from aehpo_assets.store.provenance import Provenance
from aehpo_assets.store.store import FILE

VERSION = "https://w3id.org/ro/crate/1.1"

OF_SAMPLES = ("data_split", "recommended_latents")
"""Artefacts that name samples: they are in a crate if that is asked for."""


def write_bundle(home: Home, folder: Path, *, with_sample_ids: bool = False) -> list[Path]:
    """Write a study as an RO-Crate.

    Parameters
    ----------
    home
        A home in which something was validated.
    folder
        A folder that is not there yet.
    with_sample_ids
        Whether splits and latents, which name samples, are in it, and checks may name some.

    Returns
    -------
    list of pathlib.Path
        ``report/``, the page; ``results/``, as ``aehpo export`` writes them; ``records.json``, the
        record of every artefact; ``study.yaml``, with ``configurations.parquet`` if it takes
        them from a file, which runs where the data are; ``samples/`` if asked for; and
        ``ro-crate-metadata.json``, which lists all of them with their SHA-256, the raw files with
        the 16 digits that records keep and the licence of their data set, and the version of the
        code.

    Raises
    ------
    InputError
        If the folder is there or cannot be made, or nothing was validated yet.
    """
    if folder.exists():
        raise InputError("is there already", file=folder, key="--out", remedy="Name another.")
    check_writable(folder, "--out")
    made = records(home.store)
    with atomic_folder(folder) as target:
        (target / "report").mkdir()
        write_study_page(home, target / "report")
        export_study(home, target / "results")
        keep_study(home.study(), target)
        ids = set() if with_sample_ids else sample_ids(home)
        kept = [_record(record, ids) for record in made]
        (target / "records.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        if with_sample_ids:
            for asset in OF_SAMPLES:
                if (source := home.store.root / asset).is_dir():
                    shutil.copytree(source, target / "samples" / asset)
        content = _metadata(home, target, made)
        (target / CRATE_METADATA).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _record(record: Provenance, ids: set[str]) -> dict[str, Any]:
    """Return a record without the places of files on this machine, and without samples."""
    content = record.model_dump(mode="json")
    content["inputs"] = {_plain(name): version for name, version in record.inputs.items()}
    for check in content["checks"]:
        if ids:
            check["description"] = without_ids(check["description"], ids)
            check.pop("values")
    return content


def _plain(name: str) -> str:
    """Name of an input; of a file the last part alone."""
    return f"{FILE}{Path(name).name}" if name.startswith(FILE) else name


def _by_name(raw: tuple[tuple[str, str], Origin | None]) -> tuple[str, str]:
    return raw[0]


def _metadata(home: Home, folder: Path, made: Sequence[Provenance]) -> dict[str, Any]:
    newest = max(made, key=lambda record: record.created)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    of_task = origins(home)
    raw = {
        (Path(name).name, version): of_task.get(record.artefact.rpartition("/")[2])
        for record in made
        for name, version in record.inputs.items()
        if name.startswith(FILE)
    }
    parts = [
        {
            "@id": path.relative_to(folder).as_posix(),
            "@type": "File",
            "contentSize": str(path.stat().st_size),
            "encodingFormat": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in files
    ]
    inputs = [
        {
            "@id": f"#raw-{number}",
            "@type": "DigitalDocument",
            "name": name,
            "identifier": f"sha256, first 16 digits: {version}",
            **({} if of is None else {"license": of.licence, "isBasedOn": of.source}),
        }
        for number, ((name, version), of) in enumerate(sorted(raw.items(), key=_by_name), 1)
    ]
    study = home.study()
    code = {
        "@id": "#aehpo",
        "@type": "SoftwareApplication",
        "name": "aehpo",
        "softwareVersion": newest.aehpo or aehpo_assets.__version__,
        "version": newest.commit or "code outside a git checkout",
        "softwareRequirements": [f"{name} {v}" for name, v in sorted(newest.libraries.items())],
    }
    action = {
        "@id": "#study",
        "@type": "CreateAction",
        "name": f"aehpo run, study {study.name}",
        "instrument": {"@id": "#aehpo"},
        "object": [{"@id": one["@id"]} for one in inputs],
        "result": {"@id": "./"},
        "endTime": newest.created,
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Study {study.name}",
        "description": "Hyperparameters of autoencoders on omics data: what is recommended, what "
        "it scores, and what that rests on.",
        "datePublished": newest.created,
        "license": licence_text(home),
        "hasPart": [{"@id": one["@id"]} for one in parts],
        "mentions": [{"@id": "#study"}],
    }
    about = {
        "@id": CRATE_METADATA,
        "@type": "CreativeWork",
        "conformsTo": {"@id": VERSION},
        "about": {"@id": "./"},
    }
    return {
        "@context": f"{VERSION}/context",
        "@graph": [about, root, action, code, *inputs, *parts],
    }
