"""Exports and imports for programs that use the library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tsmem.store import MemoryStore
from tsmem.store.bulk.result import BulkResult
from tsmem.transfer.export import export_lines
from tsmem.transfer.files.inputs import open_input
from tsmem.transfer.files.outputs import Output
from tsmem.transfer.importing import Import, ImportOptions


class LibraryCaller:
    """A program that uses the library, as `Caller` and `Extent`."""

    def __init__(self, store: MemoryStore, say: Callable[[str], None], resume_folder: Path | None = None) -> None:
        self.store = store
        self.say = say
        self.resume_folder = resume_folder
        self.result = BulkResult()
        self.next_step: str | None = None
        self.whole_file: str | None = None
        self.total: int | None = None
        self.before = 0

    def protected_files(self) -> Iterator[tuple[str, str]]:
        """Yield none: a store is known by what stands in it."""
        return iter(())


def _silent(_: str) -> None:
    pass


def export_file(
    store: MemoryStore,
    name: str,
    *,
    user_id: str | None = None,
    session_id: str | None = None,
    say: Callable[[str], None] = _silent,
) -> BulkResult:
    """Write everything, one user's, or one session's memory to a file, whole or not at all; `.gz` is compressed.

    Return how much that was. `say` is told what people should know. Raises InvalidInput, StorageFailure. Cost: that of
    `store.bulk.items`."""
    caller = LibraryCaller(store, say)
    with Output(caller, name) as output:
        output.write_whole(export_lines(store.bulk.items(user_id=user_id, session_id=session_id), caller.result))
    return caller.result


def import_file(
    store: MemoryStore,
    name: str,
    options: ImportOptions | None = None,
    *,
    resume_folder: Path | None = None,
    say: Callable[[str], None] = _silent,
) -> BulkResult:
    """Read sessions and messages from a file and write them. Importing a file again changes nothing.

    The file is checked wholly before its first row is written. Return how much was written. How far it is, is noted in
    `resume_folder`, for `options.resume`. `say` is told what people should know. Raises InvalidInput, with the line;
    PartialFailure where rows were refused, or it failed when some were written. Cost: ceil(n / 200) requests for n
    rows."""
    caller = LibraryCaller(store, say, resume_folder)
    with open_input(name) as source:
        return Import(caller, source, ImportOptions() if options is None else options).run(caller)
