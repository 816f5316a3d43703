"""Interrupt SQLite statements that take too long.

`interrupted_by` sets a check for the current thread. While a statement runs, SQLite calls functions that the engine has
wrapped with `callback`. They run the check first, and a check that raises ends the statement. The engine then gets the
exception from `take_raised`. Signals arrive the same way: during a long statement, only these functions run Python.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Check = Callable[[], None]
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
    if _here.check is not None:
        _here.check()


def callback(function: Callable[..., T]) -> Callable[..., T]:
    """Wrap a function that SQLite calls. Its exceptions are kept for `take_raised`, because SQLite replaces them."""

    def call(*arguments: object) -> T:
        try:
            check()
            return function(*arguments)
        except BaseException as error:
            _here.raised = error
            raise

    return call


def take_raised() -> BaseException | None:
    raised, _here.raised = _here.raised, None
    return raised
