"""The file of `import --rejects`: what could not be brought in, line by line, each written before the import goes on
behind it. A file that nothing is written to is not left behind."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tsmem.cli.call import cannot_read, cannot_write
from tsmem.errors import InvalidInput, RowFailure, TsmemError
from tsmem.store.rejects import BadLine, rejected_line, rejected_row

if TYPE_CHECKING:
    from tsmem.store.records import Record
    from tsmem.store.tally import Tally


class Rejects:
    """Where rejects go; `with` it."""

    def __init__(self, name: str, source: str, tally: Tally, *, resumed: bool) -> None:
        """An import that is resumed adds to the file, and does not repeat its lines. Raises InvalidInput where it
        cannot be written, or is the input."""
        if source != "-" and os.path.realpath(name) == os.path.realpath(source):
            raise InvalidInput(f"{name} is what is imported", hint="rejects go into a file of their own")
        self._name = name
        self._tally = tally
        self._known = _lines_in(name) if resumed else frozenset()
        mode = os.O_APPEND if resumed else os.O_TRUNC
        try:
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | mode, 0o600)
        except (OSError, ValueError) as error:
            raise cannot_write(name, error if isinstance(error, OSError) else OSError(0, str(error))) from error
        self._file = open(descriptor, "wb")  # noqa: PTH123, SIM115
        self.written = 0
        """Lines."""

    def __enter__(self) -> Rejects:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        empty = os.fstat(self._file.fileno()).st_size == 0 and Path(self._name).is_file()
        self._file.close()
        if empty:
            Path(self._name).unlink(missing_ok=True)

    def line(self, bad: BadLine) -> None:
        """A line that could not be read."""
        self._tally.fail(RowFailure((f"line {bad.line}",), bad.error))
        if bad.line not in self._known:
            self._write(rejected_line(bad))

    def row(self, record: Record, error: TsmemError) -> None:
        """A row that was refused."""
        self._write(rejected_row(record.item, record.line, error))

    def _write(self, line: bytes) -> None:
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise cannot_write(self._name, error) from error
        self.written += 1


def _lines_in(name: str) -> frozenset[int]:
    """The lines of the input that stand there as not readable."""
    found = set()
    try:
        with open(name, "rb") as stream:  # noqa: PTH123
            for raw in stream:
                document = json.loads(raw)
                if document.get("kind") == "rejected":
                    found.add(document.get("line"))
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise cannot_read(name, error) from error
    except (ValueError, AttributeError) as error:
        raise InvalidInput(f"{name} is no file of rejects", hint="rejects go into a file of their own") from error
    return frozenset(found)
