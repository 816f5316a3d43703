"""Ending work that takes too long, from inside the work.

Whoever waits for a call sets a check for the thread that works on it (`ending_by`). SQLite calls the check now and then
while a statement runs, and so does every SQL function of ours: see `callback`. A check that raises ends the statement.

A signal takes the same way. The interpreter handles signals only between its own instructions, so a long statement
hears of one only because SQLite calls some of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

Check = Callable[[], None]
P = ParamSpec("P")
T = TypeVar("T")


class _Here(threading.local):
    """What is known of the running thread."""

    check: Check | None = None
    raised: BaseException | None = None


_here = _Here()


@contextmanager
def ending_by(check: Check | None) -> Iterator[None]:
    """Let `check` end what this thread does in the block; with None, let nothing end it but signals."""
    before, _here.check = _here.check, check
    try:
        yield
    finally:
        _here.check = before


def check() -> None:
    """Raise what the thread's check raises, if there is one."""
    if _here.check is not None:
        _here.check()


def callback(function: Callable[P, T]) -> Callable[P, T]:
    """Wrap a function that SQLite calls: it checks first. What it raises is kept for `take_raised`, because SQLite
    turns every exception into an error of its own."""

    def call(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            check()
            return function(*arguments, **options)
        except BaseException as error:
            _here.raised = error
            raise

    return call


def take_raised() -> BaseException | None:
    """Return what the last callback raised in this thread, once."""
    raised, _here.raised = _here.raised, None
    return raised
