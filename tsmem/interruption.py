"""Interrupt SQLite statements that take too long.

`interrupted_by` sets a check for the current thread. The engine wraps with `callback` what SQLite calls while a
statement runs: its progress handler, and SQL functions written in Python. Each call runs the check first, and a check
that raises ends the statement. The engine then gets the exception from `take_raised`.

Signals arrive the same way. Python handles them only between its own instructions, and during a long statement only
these callbacks run Python.
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
def interrupted_by(check: Check | None) -> Iterator[None]:
    """Let `check` interrupt the statements of this thread during the block. With None, only signals interrupt them."""
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
    """Wrap a function that SQLite calls, so that it runs the check first. An exception is kept for `take_raised`,
    because SQLite replaces it with an error of its own."""

    def call(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            check()
            return function(*arguments, **options)
        except BaseException as error:
            _here.raised = error
            raise

    return call


def take_raised() -> BaseException | None:
    """Return the exception that a callback of this thread raised, and forget it."""
    raised, _here.raised = _here.raised, None
    return raised
