"""Errors that a person can mend."""

from __future__ import annotations


class FalldError(Exception):
    """Something is wrong at a place that has a name, and there is something to do about it.

    Args:
        where: file and line, recording, topic or key.
        what: what is wrong there.
        remedy: what the reader can do.
    """

    def __init__(self, where: str, what: str, remedy: str) -> None:
        super().__init__(where, what, remedy)
        self.where = where
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.remedy}"


def words(fault: FalldError | None) -> str | None:
    """What a fault says, where there is one."""
    return None if fault is None else str(fault)


def first_of(error: BaseException) -> BaseException:
    """What ended a group of tasks, and the groups in it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
