"""The interface between an export or import and the program that runs it: a command, or a user of the library.

The command line passes its `Context`; `export_file` and `import_file` make a `LibraryCaller`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tsmem.store.bulk.result import BulkResult

if TYPE_CHECKING:
    from tsmem.store import MemoryStore


class Caller(Protocol):
    """The program that runs an export or import."""

    next_step: str | None
    """The hint for the user if this fails or is stopped; None for none."""
    whole_file: str | None
    """The file that is written whole or not at all, until the new one takes its place."""

    @property
    def result(self) -> BulkResult:
        """The counts, kept up to date."""
        ...

    @property
    def store(self) -> MemoryStore:
        """The store that is exported, or imported into."""
        ...

    @property
    def resume_folder(self) -> Path | None:
        """The folder of resume points; None to keep none."""
        ...

    def say(self, text: str) -> None:
        """Show a line to the user."""
        ...

    def protected_files(self) -> Iterator[tuple[str, str]]:
        """Yield paths that must not be written, each with a description."""
        ...


class LibraryCaller:
    """A program that uses the library, as a `Caller`."""

    def __init__(self, store: MemoryStore, say: Callable[[str], None] | None, resume_folder: Path | None) -> None:
        self.store = store
        self.resume_folder = resume_folder
        self.result = BulkResult()
        self.next_step: str | None = None
        self.whole_file: str | None = None
        self._say = say

    def say(self, text: str) -> None:
        if self._say is not None:
            self._say(text)

    def protected_files(self) -> Iterator[tuple[str, str]]:
        return iter(())  # a store's file is recognised by its content
