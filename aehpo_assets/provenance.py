"""What every artefact carries with it: where it came from, and what its content is.

Here belong the provenance record, the hashes of content and of code, and the facts about the
present environment. Reading and writing artefacts belongs to ``store``.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

import aehpo_assets

LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "torch", "xgboost", "syne-tune")
"""Distributions whose versions can move a number, and are therefore recorded."""


class CheckResult(BaseModel):
    """Outcome of one data-quality check on one artefact."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    passed: bool
    blocking: bool
    description: str = ""
    values: dict[str, Any] = Field(default_factory=dict)


class Provenance(BaseModel):
    """The record kept beside every artefact.

    ``inputs`` maps the name of each artefact or file read (``preprocessed_matrix/tcga_rna``) to
    its data version; ``settings`` holds the part of the study that this artefact hangs on.
    Together with ``code_version`` they say whether it is still up to date.
    """

    model_config = ConfigDict(extra="forbid")

    artefact: str
    data_version: str
    code_version: str
    settings: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, str] = Field(default_factory=dict)
    checks: list[CheckResult] = Field(default_factory=list)
    libraries: dict[str, str] = Field(default_factory=dict)
    python: str = Field(default_factory=platform.python_version)
    aehpo: str = aehpo_assets.__version__
    device: str = "cpu"
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def failed_checks(self) -> list[CheckResult]:
        """The blocking checks that did not pass."""
        return [check for check in self.checks if check.blocking and not check.passed]


@cache
def library_versions() -> dict[str, str]:
    """Installed versions of :data:`LIBRARIES`, without importing them."""
    versions = {}
    for library in LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def text_hash(text: str) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def settings_hash(settings: Any) -> str:
    """Hash of anything JSON can express, independent of the order of keys."""
    return text_hash(json.dumps(settings, sort_keys=True, default=str))


def file_hash(path: Path) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def folder_hash(path: Path) -> str:
    """Hash over the names and bytes of all files below a folder."""
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.name != "provenance.json")
    return settings_hash({str(p.relative_to(path)): file_hash(p) for p in files})


def content_hash(frame: pd.DataFrame, without: tuple[str, ...] = ()) -> str:
    """Hash of what a table says: labels, types and values, whatever file it came from.

    Parameters
    ----------
    frame
        The table; its ``attrs`` count as content.
    without
        Columns that do not count, such as measured seconds.

    Returns
    -------
    str
        16 hexadecimal digits. Equal content gives equal digits across processes.
    """
    frame = frame[[column for column in frame.columns if column not in without]]
    digest = hashlib.sha256()
    digest.update(json.dumps([str(c) for c in frame.columns]).encode())
    digest.update(json.dumps(frame.attrs, sort_keys=True, default=str).encode())
    index = frame.index.to_numpy()
    digest.update(pd.util.hash_array(index.astype(object), categorize=False).tobytes())
    dtypes = set(frame.dtypes)
    if (
        len(dtypes) == 1
        and isinstance(dtype := next(iter(dtypes)), np.dtype)
        and dtype.kind in "fiub"
    ):
        digest.update(str(dtype).encode())
        digest.update(np.ascontiguousarray(frame.to_numpy()).tobytes())
        return digest.hexdigest()[:16]
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(object)
        values = column.to_numpy()
        if values.dtype.kind in "fiub":
            digest.update(str(values.dtype).encode() + np.ascontiguousarray(values).tobytes())
        else:
            text = [None if pd.isna(v) else str(v) for v in values]
            digest.update(json.dumps(text).encode())
    return digest.hexdigest()[:16]


def source_version(*modules: Path) -> str:
    """Hash of the source of some files and folders: the code version of what they compute.

    Artefacts go stale when the code that makes them changes, and only then; a commit that
    touches something else leaves them alone.
    """
    files: list[Path] = []
    for module in modules:
        files += sorted(module.rglob("*.py")) if module.is_dir() else [module]
    return settings_hash({path.name: file_hash(path) for path in files})
