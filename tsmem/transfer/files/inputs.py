"""Files and streams that are imported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from tsmem.errors import InvalidInput
from tsmem.transfer.files.file_errors import cannot_read

if TYPE_CHECKING:
    from tsmem.store.bulk.loading import ImportedItem


class Input(NamedTuple):
    """What is read."""

    name: str
    raw: BinaryIO
    """Its bytes, compressed or not."""
    path: str | None = None
    """Of a file; None for a stream that was open."""

    def modified_us(self) -> int | None:
        """Return when the file was changed last, in microseconds; None for a stream."""
        return None if self.path is None else os.fstat(self.raw.fileno()).st_mtime_ns // 1000

    def records(self, records: Iterator[ImportedItem]) -> Iterator[ImportedItem]:
        """Records that are read from it. Raises InvalidInput where it cannot be read."""
        try:
            yield from records
        except OSError as error:
            raise cannot_read(self.name, error) from error


@contextmanager
def open_input(name: str) -> Iterator[Input]:
    """Open a file to read. Raises InvalidInput; what is wrong in a line is said to be wrong in a line of that file."""
    try:
        raw = open(name, "rb")  # noqa: PTH123, SIM115
    except (OSError, ValueError) as error:
        raise cannot_read(name, error) from error
    with raw:
        try:
            yield Input(name, raw, name)
        except InvalidInput as error:
            if error.message.startswith("line "):
                error.message = f"{name}: {error.message}"
            raise
