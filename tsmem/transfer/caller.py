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
    next_step: str | None
    """The hint for the user if this fails or is stopped; None for none."""
    whole_file: str | None
    """The file that is written whole or not at all, until the new one takes its place."""

    @property
    def result(self) -> BulkResult: ...

    @property
    def store(self) -> MemoryStore: ...

    @property
    def resume_folder(self) -> Path | None:
        """The folder of resume points; None to keep none."""
        ...

    def say(self, text: str) -> None: ...

    def protected_files(self) -> Iterator[tuple[str, str]]:
        """Yield paths that must not be written, each with a description."""
        ...


class LibraryCaller:
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
