"""Trainings that end their own process, as a kill or a lack of memory would."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aehpo_gpu.training.plan import Shard
from aehpo_gpu.training.progress import Progress


@dataclass(frozen=True)
class DyingOnce:
    """A training whose process is killed once, and that leaves a note of who did which shard.

    Attributes
    ----------
    train
        What really trains.
    shard_id
        Shard that the process dies of, in the middle.
    folder
        Where the notes lie: a file a shard and try, with the number of the process.
    """

    train: Callable[[Shard, Callable[[Progress], None]], None]
    shard_id: int
    folder: Path

    def __call__(self, shard: Shard, listen: Callable[[Progress], None]) -> None:
        """Train a shard, or die."""
        earlier = len(list(self.folder.glob(f"{shard.shard_id}-*")))
        (self.folder / f"{shard.shard_id}-{earlier}").write_text(str(os.getpid()))

        def dying(progress: Progress) -> None:
            listen(progress)
            if shard.shard_id == self.shard_id and not earlier:
                os.kill(os.getpid(), signal.SIGKILL)

        self.train(shard, dying)
