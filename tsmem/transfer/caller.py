"""What an export or import needs from its caller: the command line's `Context`, or a `LibraryCaller` for a program."""

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
    """A hint for the user, shown if the export or import fails or is stopped."""
    unfinished_output: str | None
    """Name of the output file, while stopping the export would leave the old file unchanged."""

    @property
    def result(self) -> BulkResult: ...
    @property
    def store(self) -> MemoryStore: ...
    @property
    def resume_folder(self) -> Path | None: ...
    def say(self, text: str, /) -> None: ...
    def protected_files(self) -> Iterable[tuple[str, str]]:
        """Return the paths of files that must not be written to, each with a description for the error."""
        ...


@dataclass
class LibraryCaller:
    store: MemoryStore
    say: Callable[[str], None]
    resume_folder: Path | None = None
    result: BulkResult = field(default_factory=BulkResult)
    next_step: str | None = None
    unfinished_output: str | None = None

    def protected_files(self) -> Iterable[tuple[str, str]]:
        return ()  # `ForbiddenFiles` recognises the files of a store without being told
