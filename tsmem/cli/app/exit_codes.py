"""Exit codes: the one table from errors to numbers that scripts rely on, and the sets that commands declare."""

from __future__ import annotations

from tsmem.errors import Conflict, Denied, InvalidInput, NotFound, PartialFailure, TsmemError, Unavailable

DONE, FAILED, USAGE, NOT_FOUND, CONFLICT, DENIED, UNAVAILABLE, PARTLY_DONE = range(8)
HUNG_UP, INTERRUPTED, PIPE_CLOSED, TERMINATED = 129, 130, 141, 143  # 128 + the signal, as shells have it
STOPPED = (HUNG_UP, INTERRUPTED, TERMINATED)

EVERY_COMMAND = (DONE, FAILED, USAGE, HUNG_UP, INTERRUPTED, PIPE_CLOSED, TERMINATED)
"""Codes of every command: each can be used wrongly, fail unexpectedly, be stopped, or lose its reader."""
OPENS_STORE = (NOT_FOUND, CONFLICT, DENIED, UNAVAILABLE)
"""Codes of a command that opens a store: tables may be missing or have another key, and the store may refuse or not
answer."""

MEANINGS: dict[int, str] = {
    DONE: "done",
    FAILED: "failed",
    USAGE: "wrong use",
    NOT_FOUND: "not found",
    CONFLICT: "conflict",
    DENIED: "denied",
    UNAVAILABLE: "unavailable",
    PARTLY_DONE: "partly done",
    HUNG_UP: "hung up",
    INTERRUPTED: "interrupted",
    PIPE_CLOSED: "reader gone",
    TERMINATED: "terminated",
}
"""Brief meanings, for the help of a command. The page `tsmem help exit-codes` and README say more."""

_CODES: tuple[tuple[type[TsmemError], int], ...] = (
    (InvalidInput, USAGE),
    (NotFound, NOT_FOUND),
    (Conflict, CONFLICT),
    (Denied, DENIED),
    (Unavailable, UNAVAILABLE),
    (PartialFailure, PARTLY_DONE),
)


def exit_code(error: TsmemError) -> int:
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)
