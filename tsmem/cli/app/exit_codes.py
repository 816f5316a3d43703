"""The exit codes that scripts rely on, and the errors that lead to them. Commands declare which codes they have."""

from __future__ import annotations

from tsmem.errors import Conflict, Denied, InvalidInput, NotFound, PartialFailure, TsmemError, Unavailable

DONE, FAILED, USAGE, NOT_FOUND, CONFLICT, DENIED, UNAVAILABLE, PARTLY_DONE = range(8)
HUNG_UP, INTERRUPTED, PIPE_CLOSED, TERMINATED = 129, 130, 141, 143  # 128 + the signal's number, as in shells

EVERY_COMMAND = (DONE, FAILED, USAGE, HUNG_UP, INTERRUPTED, PIPE_CLOSED, TERMINATED)
OPENS_STORE = (NOT_FOUND, CONFLICT, DENIED, UNAVAILABLE)
"""Further codes of a command that opens a store, where tables can be missing or have another key."""

CODES: tuple[tuple[int, str, type[TsmemError] | None], ...] = (
    (DONE, "done", None),
    (USAGE, "wrong use", InvalidInput),
    (NOT_FOUND, "not found", NotFound),
    (CONFLICT, "conflict", Conflict),
    (DENIED, "denied", Denied),
    (UNAVAILABLE, "unavailable", Unavailable),
    (PARTLY_DONE, "partly done", PartialFailure),
    (FAILED, "failed", TsmemError),
    (HUNG_UP, "terminal closed", None),
    (INTERRUPTED, "interrupted", None),
    (PIPE_CLOSED, "output pipe closed", None),
    (TERMINATED, "terminated", None),
)
"""Each code with its meaning, as --help shows it, and its class of errors. An error has the first code that fits."""
MEANINGS = dict(sorted((code, meaning) for code, meaning, _ in CODES))


def exit_code(error: TsmemError) -> int:
    return next(code for code, _, kind in CODES if kind is not None and isinstance(error, kind))
