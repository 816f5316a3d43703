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
"""Prepares the stage before a command is run."""
EXITS = {
    1: ("StorageFailure", "TsmemError"),
    2: ("InvalidInput", "LimitExceeded", "NoHome", "ProfileError"),
    3: ("NotFound", "TableNotFound"),
    4: ("AlreadyExists", "Ambiguous", "Conflict", "SchemaMismatch"),
    5: ("Denied",),
    6: ("InvalidReply", "Throttled", "Unavailable"),
    7: ("PartialFailure",),
    130: ("Interrupted",),
}
"""Exit codes, and the names in JSON of the errors that end with them."""


@dataclass(frozen=True)
class Case:
    """The cause of an error and what tsmem says about it. FOLDER stands for the test's folder, HOST for a server's
    address."""

    cause: str
    """One sentence for people."""
    argv: str
    """The command line, as a shell reads it."""
    sentence: str
    """The text after `error: `, without the place that it points into."""
    hint: str | None = None
    """The text after `hint: `. None: no hint is shown."""
    code: str = "InvalidInput"
    """The error's name in JSON."""
    given: tuple[Given, ...] = ()
    stdin: bytes = b""
    """Piped input; an interruption follows it if it ends in CTRL_C."""
    stdout: str | None = None
    """The device that is written to; None for what the test reads."""
    form: str | None = "json"
    """The machine's format that the command can say its errors in; None if its output is text alone."""
    out: str = ""
    """The text on stdout all the same: a report, or rows before the failure."""
    changes: bool = False
    """True if a part of it was done, or a file is left, as the sentence says."""

    @property
    def exit(self) -> int:
        return next(number for number, codes in EXITS.items() if self.code in codes)
