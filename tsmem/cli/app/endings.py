"""Which exit codes each command can end with, as its help says. A test of every run of the tests holds them true.

Any command can be used wrongly, fail in a way that has no number, be stopped, or lose its reader.
"""

from __future__ import annotations

from tsmem.cli.app.exit_codes import (
    CONFLICT,
    DENIED,
    DONE,
    FAILED,
    HUNG_UP,
    INTERRUPTED,
    NOT_FOUND,
    PARTLY_DONE,
    PIPE_CLOSED,
    TERMINATED,
    UNAVAILABLE,
    USAGE,
)

BRIEFLY = {
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
_ANY = (DONE, FAILED, USAGE, HUNG_UP, INTERRUPTED, PIPE_CLOSED, TERMINATED)
_STORE = (NOT_FOUND, CONFLICT, DENIED, UNAVAILABLE)
"""Of what opens a store: its tables may be missing or have another key, and it may refuse or not answer."""

_MORE: dict[str, tuple[int, ...]] = {
    "init-tables": (CONFLICT, DENIED, UNAVAILABLE),
    "drop-tables": (CONFLICT, DENIED, UNAVAILABLE),
    "session put": _STORE,
    "session get": _STORE,
    "session update": _STORE,
    "session delete": (*_STORE, PARTLY_DONE),
    "session purge": (*_STORE, PARTLY_DONE),
    "session list": _STORE,
    "session recent": _STORE,
    "session search": _STORE,
    "message put": (*_STORE, PARTLY_DONE),
    "message get": _STORE,
    "message update": _STORE,
    "message delete": _STORE,
    "message purge": (*_STORE, PARTLY_DONE),
    "message list": _STORE,
    "message search": _STORE,
    "message tail": _STORE,
    "show": _STORE,
    "export": _STORE,
    "import": (*_STORE, PARTLY_DONE),
    "copy": (*_STORE, PARTLY_DONE),
    "stats": _STORE,
    "doctor": (CONFLICT, DENIED, UNAVAILABLE),
    "profile set": (UNAVAILABLE,),
    "profile use": (UNAVAILABLE,),
    "profile delete": (UNAVAILABLE,),
}
"""Beside those of any command; what is not named here opens no store and waits for no file."""


def endings(command: str) -> list[int]:
    """The exit codes of a command, by its name: `session put`."""
    return sorted((*_ANY, *_MORE.get(command, ())))


def sentence(command: str, width: int) -> list[str]:
    """The same in words, in lines of so many characters; a code and its word stay together."""
    import textwrap

    words = ", ".join(f"{code}\xa0{BRIEFLY[code].replace(' ', chr(0xA0))}" for code in endings(command))
    return [line.replace("\xa0", " ") for line in textwrap.wrap(words, width)]
