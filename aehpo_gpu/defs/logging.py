"""How a training tells Dagster, and whoever listens in the terminal, how far it is."""

import time
from collections.abc import Callable

import dagster as dg

from aehpo_assets.running.progress import Step, report
from aehpo_gpu.training.progress import Progress

SECONDS_BETWEEN_LINES = 15.0


def training_log(context: dg.OpExecutionContext) -> Callable[[Progress], None]:
    """Return a listener that reports every step, and logs a line every quarter of a minute."""
    last = 0.0

    def listen(progress: Progress) -> None:
        nonlocal last
        remark = str(progress)
        report(Step(progress.fraction, 1.0, remark))
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            context.log.info(remark)

    return listen
