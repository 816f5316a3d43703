"""Exit codes: the one table from errors to numbers that scripts rely on."""

from __future__ import annotations

from tsmem.errors import Conflict, Denied, InvalidInput, NotFound, PartialFailure, TsmemError, Unavailable

DONE, FAILED, USAGE, NOT_FOUND, CONFLICT, DENIED, UNAVAILABLE, PARTLY_DONE = range(8)
HUNG_UP, INTERRUPTED, PIPE_CLOSED, TERMINATED = 129, 130, 141, 143
STOPPED = (HUNG_UP, INTERRUPTED, TERMINATED)

MEANINGS: dict[int, str] = {
    DONE: "done (an empty list is done)",
    FAILED: "something failed that has no number of its own; a bug",
    USAGE: "wrong use, bad input, bad profile",
    NOT_FOUND: "not found: session, message, table",
    CONFLICT: "conflict: exists already, condition failed, `init-tables --check` found a difference",
    DENIED: "denied: credentials, permission",
    UNAVAILABLE: "unavailable: no connection, timeout, throttled, after retries; an answer that breaks the rules",
    PARTLY_DONE: "partly done: some rows of a bulk command failed (they are listed)",
    HUNG_UP: "stopped by SIGHUP: the terminal was closed",
    INTERRUPTED: "interrupted",
    PIPE_CLOSED: "the reader of a pipe went away",
    TERMINATED: "terminated by SIGTERM",
}

_CODES: tuple[tuple[type[TsmemError], int], ...] = (
    (InvalidInput, USAGE),
    (NotFound, NOT_FOUND),
    (Conflict, CONFLICT),
    (Denied, DENIED),
    (Unavailable, UNAVAILABLE),
    (PartialFailure, PARTLY_DONE),
)


def stopped_by(signal_number: int) -> int:
    """The exit code of a run that a signal stopped, as shells have it."""
    return 128 + signal_number


def exit_code(error: TsmemError) -> int:
    """The exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)
