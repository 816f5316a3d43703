"""One row of the table of errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.errors.stage import Stage

CTRL_C = b"^C"
"""Stands for the key at the end of an input."""
Given = Callable[["Stage"], object]
"""What is made so before a command is run."""


@dataclass(frozen=True)
class Case:
    """A cause, and what is said of it. FOLDER stands for the test's own folder and HOST for a server's address."""

    cause: str
    """One sentence for people."""
    argv: str
    """The command line, as a shell reads it."""
    sentence: str
    """Behind `error: `, exactly. Of several lines where the sentence points into a text."""
    hint: str | None = None
    """Behind `hint: `, exactly; None where there is none."""
    exit: int = 2
    code: str = "InvalidInput"
    """The error's name in JSON."""
    given: tuple[Given, ...] = ()
    stdin: bytes = b""
    """What is piped in; the interpreter's own interruption comes in its place where it ends in CTRL_C."""
    stdout: str | None = None
    """The device that is written to; None for what the test reads."""
    form: str | None = "json"
    """The machine's format that the command can say its errors in; None where its output is text alone."""
    out: str = ""
    """What stdout holds all the same, as text: a report, or rows before the failure."""
    changes: bool = False
    """Whether a part of it was done, or a file is left, as the sentence says."""
