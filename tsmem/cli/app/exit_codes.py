"""Exit codes: the only table from errors to the numbers that scripts rely on. `failure.py` looks errors up in it, and
commands declare which codes they can end with.
"""

from __future__ import annotations

from tsmem.errors import Conflict, Denied, InvalidInput, NotFound, PartialFailure, TsmemError, Unavailable

DONE, FAILED, USAGE, NOT_FOUND, CONFLICT, DENIED, UNAVAILABLE, PARTLY_DONE = range(8)
HUNG_UP, INTERRUPTED, PIPE_CLOSED, TERMINATED = 129, 130, 141, 143  # 128 + the signal's number, as in shells
STOPPED = (HUNG_UP, INTERRUPTED, TERMINATED)

EVERY_COMMAND = (DONE, FAILED, USAGE, HUNG_UP, INTERRUPTED, PIPE_CLOSED, TERMINATED)
"""Codes that every command can end with: any can be used wrongly, fail unexpectedly, be stopped, or lose its reader."""
OPENS_STORE = (NOT_FOUND, CONFLICT, DENIED, UNAVAILABLE)
"""Further codes of a command that opens a store: tables might be missing or have another key, and the store might
refuse or not answer."""

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
"""Each code with its meaning, as the help of a command shows it, and with its errors. An error has the first code whose
class fits. `tsmem help exit-codes` says more."""
MEANINGS = dict(sorted((code, meaning) for code, meaning, _ in CODES))


def exit_code(error: TsmemError) -> int:
    return next(code for code, _, kind in CODES if kind is not None and isinstance(error, kind))
