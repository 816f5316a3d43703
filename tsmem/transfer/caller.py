"""The interface between an export or import and the program that runs it: the command line's `Context`, or a
`LibraryCaller`, which `export_file` and `import_file` make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tsmem.store.bulk.result import BulkResult

if TYPE_CHECKING:
    from tsmem.store import MemoryStore


class Caller(Protocol):
    next_step: str | None
    """The hint for the user if this fails or is stopped."""
    whole_file: str | None
    """The file that is written whole or not at all, until the new one takes its place."""

    @property
    def result(self) -> BulkResult: ...
    @property
    def store(self) -> MemoryStore: ...
    @property
    def resume_folder(self) -> Path | None: ...
    def say(self, text: str, /) -> None: ...
    def protected_files(self) -> Iterable[tuple[str, str]]:
        """Return paths that must not be written, each with a description."""
        ...


@dataclass
class LibraryCaller:
    store: MemoryStore
    say: Callable[[str], None]
    resume_folder: Path | None = None
    result: BulkResult = field(default_factory=BulkResult)
    next_step: str | None = None
    whole_file: str | None = None

    def protected_files(self) -> Iterable[tuple[str, str]]:
        return ()  # a store's file is recognised by its content
