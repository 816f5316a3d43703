"""Interrupt SQLite statements that take too long.

The caller sets a check for its thread (`ending_by`). SQLite calls the check now and then while a statement runs, and so
does each SQL function written in Python (`callback`). A check that raises ends the statement.

Signals arrive the same way: the interpreter handles them only between its own instructions, and a long statement runs
none but those callbacks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

Check = Callable[[], None]
P = ParamSpec("P")
T = TypeVar("T")


class _ThreadState(threading.local):
    check: Check | None = None
    raised: BaseException | None = None


_here = _ThreadState()


@contextmanager
def ending_by(check: Check | None) -> Iterator[None]:
    """Let `check` interrupt this thread's statements within the block; with None, only signals do."""
    before, _here.check = _here.check, check
    try:
        yield
    finally:
        _here.check = before


def check() -> None:
    """Call the thread's check, if there is one."""
    if _here.check is not None:
        _here.check()


def callback(function: Callable[P, T]) -> Callable[P, T]:
    """Wrap a function that SQLite calls, so that it checks first. An exception is kept for `take_raised`, because
    SQLite replaces it by an error of its own."""

    def call(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            check()
            return function(*arguments, **options)
        except BaseException as error:
            _here.raised = error
            raise

    return call


def take_raised() -> BaseException | None:
    """Return the exception of this thread's last callback, and forget it."""
    raised, _here.raised = _here.raised, None
    return raised
