"""The errors that a person who runs a study is meant to read.

Here belong the exception types that cross package borders. Everything raised because of what a
user gave (a file, a study, a data set) is an :class:`InputError`; programming errors stay ordinary
Python exceptions and keep their tracebacks.
"""

from __future__ import annotations

from pathlib import Path

from aehpo_assets.foreign import visible
from aehpo_assets.limits import SHOWN_MESSAGE


class AehpoError(Exception):
    """Base of all errors that carry a message for the user rather than for the developer.

    Messages quote what others wrote: they are of one line, without control characters, and of
    bounded length.
    """

    def __init__(self, message: object):
        text = visible(message)
        if len(text) > SHOWN_MESSAGE:
            text = f"{text[: SHOWN_MESSAGE // 2]} … {text[-SHOWN_MESSAGE // 2 :]}"
        super().__init__(text)


class InputError(AehpoError):
    """Something the user gave is wrong.

    Parameters
    ----------
    problem
        What is wrong, in one sentence without the file's name.
    file
        The file that holds the mistake.
    key
        The key, column or field inside that file.
    remedy
        What to do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        key: str | None = None,
        remedy: str | None = None,
    ):
        self.problem, self.file, self.key, self.remedy = problem, file, key, remedy
        place = ": ".join(str(part) for part in (file, key) if part is not None)
        text = f"{place}: {problem}" if place else problem
        super().__init__(f"{text.rstrip('.')}. {remedy}" if remedy else text)


class NotAskedForError(InputError):
    """Something was selected that the study does not ask for: nothing is wrong with either."""


class StaleInputError(AehpoError):
    """An artefact cannot be used: it is missing, corrupted, or its checks did not pass."""


class ChecksFailedError(AehpoError):
    """An artefact was made, and did not pass its blocking checks: nothing is made from it."""


class HomeBusyError(AehpoError):
    """Another process is running a study in the same home."""


class InstanceError(AehpoError):
    """The Dagster instance of a home cannot be used; what is in the store is not touched by it."""
