"""What every artefact carries with it: where it came from, and what its content is.

Here belong the provenance record, the hashes of content, and the facts about the
present environment. Reading and writing artefacts belongs to ``store``.
"""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

import aehpo_assets
from aehpo_assets.store.hashes import text_hash

LIBRARIES = (
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "anndata",
    "mudata",
    "scanpy",
    "scikit-learn",
    "umap-learn",
    "torch",
    "xgboost",
    "syne-tune",
)
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
    its data version; ``settings`` holds the part of the study that this artefact depends on.
    Together with ``code_version`` they say whether it is still up to date. ``measured`` names the
    columns that hold what a clock said: they do not enter ``data_version``. ``content``
    is the hash of a whole table, with those columns. ``prices`` names the price lists of a device
    that its seconds, or those of its inputs, were read from.
    ``taken`` maps the name of an artefact to the data versions
    whose content was taken over for good: the artefact may have been made again since, and that
    makes nothing stale. ``files`` maps each file of a folder to its bytes' hash.
    ``opening`` is the number of the opening by which it shows test scores (``openings``); None
    where it shows none.
    ``commit`` is that of the code's git checkout, and ``dirty`` says whether the code differed from
    it; None where the code lies in no checkout. ``processor`` names the processor and the settings
    of its matrix libraries; None in a record that was written before they were kept.
    """

    model_config = ConfigDict(extra="forbid")

    artefact: str
    data_version: str
    code_version: str
    settings: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, str] = Field(default_factory=dict)
    taken: dict[str, list[str]] = Field(default_factory=dict)
    checks: list[CheckResult] = Field(default_factory=list)
    measured: tuple[str, ...] = ()
    content: str | None = None
    prices: tuple[str, ...] = ()
    files: dict[str, str] = Field(default_factory=dict)
    opening: int | None = None
    commit: str | None = None
    dirty: bool | None = None
    libraries: dict[str, str] = Field(default_factory=dict)
    python: str = Field(default_factory=platform.python_version)
    aehpo: str = aehpo_assets.__version__
    device: str = "cpu"
    processor: str | None = None
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def failed_checks(self) -> list[CheckResult]:
        """The blocking checks that did not pass."""
        return [check for check in self.checks if check.blocking and not check.passed]

    @property
    def seeds(self) -> dict[str, Any]:
        """The seeds among the settings, by dotted key: ``split.seed``, ``seeds``."""
        return dict(_seeds(self.settings))


def _seeds(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _seeds(value, f"{prefix}{key}.")
        elif key.rpartition(".")[2] in ("seed", "seeds"):
            yield f"{prefix}{key}", value


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


@cache
def git_state() -> tuple[str | None, bool | None]:
    """Commit of the checkout that this code runs from, and whether the code differs from it.

    Read once in a process: the code of a process is that of its start. Both are None where the
    packages lie in no checkout, or git is not installed.
    """
    package = Path(aehpo_assets.__file__).resolve().parent

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(package.parent), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    try:
        # An installed package may lie below a checkout that does not know it.
        git("ls-files", "--error-unmatch", f"{package.name}/__init__.py")
        changed = git("status", "--porcelain", "--", package.name, "aehpo_gpu")
        return git("rev-parse", "HEAD"), bool(changed)
    except (OSError, subprocess.CalledProcessError):
        return None, None


def named_seed(*parts: object) -> int:
    """Return a seed in ``[0, 2**31)`` that depends on the given words and on nothing else.

    ``named_seed(0, "tcga_rna", "cqr", 2)`` is the same number in every process and version, and
    every random draw can be traced to the words that named it.
    """
    return int(text_hash("\x1f".join(map(str, parts))), 16) % 2**31
