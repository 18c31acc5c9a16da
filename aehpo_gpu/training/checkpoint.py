"""Fleets under way, kept on disk: a kill costs minutes, however long a fleet is trained.

A checkpoint holds all that the training goes on with, bit for bit, and what the runs reached
before. Its name is made of the keys of the runs, so that it is only ever found by the same fleet.
When one is written belongs here, what is in it to ``fleets``.
"""

from __future__ import annotations

import hashlib
import io
import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aehpo_assets.errors import AehpoError
from aehpo_assets.store.files import atomic_file
from aehpo_assets.store.hashes import settings_hash

logger = logging.getLogger(__name__)

SECONDS_BETWEEN = 60.0
"""At least; a fleet that takes no longer is never written."""

SHARE_OF_TIME = 0.02
"""Of a training that writing may take."""

MOST_BYTES = 1 << 33
"""A larger fleet is not kept."""

_DIGEST = hashlib.sha256().digest_size


class Checkpoint:
    """The checkpoint of one fleet.

    Parameters
    ----------
    path
        Its file, which need not exist.
    """

    def __init__(self, path: Path):
        self._path = path
        self._began = time.monotonic()
        self._due = self._began + SECONDS_BETWEEN

    def is_due(self) -> bool:
        """Whether it is time to write again."""
        return time.monotonic() >= self._due

    def is_worth_it(self) -> bool:
        """Whether the fleet took long enough that nobody should train it again."""
        return time.monotonic() >= self._began + SECONDS_BETWEEN or self._path.exists()

    def remove(self) -> None:
        """Remove the file, if there is one."""
        self._path.unlink(missing_ok=True)

    def write(self, state: Mapping[str, Any]) -> None:
        """Write, atomically; a training goes on without if that fails.

        Parameters
        ----------
        state
            Tensors, numbers, strings, None, and lists and dictionaries of them.
        """
        started = time.monotonic()
        stream = io.BytesIO()
        torch.save(dict(state), stream)
        content = stream.getbuffer()
        if len(content) > MOST_BYTES:
            logger.info("a fleet of %.1f GB is not kept while it is trained", len(content) / 1e9)
            self._due = float("inf")
            return
        try:
            with atomic_file(self._path) as temporary, temporary.open("wb") as file:
                file.write(hashlib.sha256(content).digest())
                file.write(content)
        except (OSError, AehpoError) as error:
            logger.warning("a fleet under way could not be kept: %s", error)
        took = time.monotonic() - started
        self._due = time.monotonic() + max(SECONDS_BETWEEN, took / SHARE_OF_TIME)

    def read(self, device: torch.device) -> dict[str, Any] | None:
        """Return what was written, on a device; None if nothing was, or it is damaged."""
        if not self._path.exists():
            return None
        content = self._path.read_bytes()
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            logger.warning("%s is damaged; its fleet begins again", self._path)
            return None
        state: dict[str, Any] = torch.load(
            io.BytesIO(content[_DIGEST:]), map_location=device, weights_only=True
        )
        return state


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of the fleets of one architecture and task.

    Attributes
    ----------
    folder
        Where they lie; it need not exist.
    keys
        Position of a run to its key, see :func:`aehpo_assets.store.run_archive.run_keys`.
    """

    folder: Path
    keys: Mapping[int, str]

    def of(self, rows: Sequence[int]) -> Checkpoint:
        """The checkpoint of the fleet of some runs."""
        name = settings_hash([self.keys[int(row)] for row in rows])
        return Checkpoint(self.folder / f"{name}.pt")

    def clear(self) -> None:
        """Remove all there are, those of fleets that nobody will ask for again included."""
        shutil.rmtree(self.folder, ignore_errors=True)
