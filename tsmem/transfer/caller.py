"""What an export or an import needs of whoever runs it: a command, or a program that uses the library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tsmem.store import MemoryStore
from tsmem.store.bulk.result import BulkResult


class Caller(Protocol):
    """Who runs an export or import."""

    next_step: str | None
    """What to do next when this fails or is stopped, where that is known."""
    whole_file: str | None
    """The file that is written whole or not at all, until the new one takes its place."""

    @property
    def result(self) -> BulkResult:
        """What was done so far."""
        ...

    @property
    def store(self) -> MemoryStore:
        """The store that is exported, or imported into."""
        ...

    @property
    def resume_folder(self) -> Path | None:
        """Where imports note how far they are; None where they cannot."""
        ...

    def say(self, text: str) -> None:
        """Tell people what they should know."""
        ...

    def protected_files(self) -> Iterator[tuple[str, str]]:
        """Yield paths that must not be written, with what they are."""
        ...
