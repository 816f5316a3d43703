"""The file of `import --rejects`: what could not be brought in, line by line, each written before the import goes on
behind it. An import that is resumed adds to the file and repeats nothing. A file that nothing is written to is not left
behind."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from tsmem.cli.call import cannot_read, cannot_write
from tsmem.cli.files import check_link
from tsmem.errors import InvalidInput, RowFailure, TsmemError
from tsmem.store.model import Session
from tsmem.store.rejects import BadLine, rejected_line, rejected_row

if TYPE_CHECKING:
    from tsmem.store.records import Record
    from tsmem.store.tally import Tally

_KEYS = {"session": ("user_id", "session_id"), "message": ("session_id", "create_time", "message_id")}


class Known(NamedTuple):
    """What an earlier run kept."""

    lines: frozenset[object] = frozenset()
    """Of the input, those that could not be read."""
    rows: dict[tuple[object, ...], str] = {}  # noqa: RUF012 - nobody changes it
    """Rows that were refused, by the line that they came from and their key, with the reason."""
    bytes: int = 0
    """Of whole lines; what follows was cut off while it was written."""

    def reason(self, record: Record) -> str | None:
        """Why a record was refused; None where it was not."""
        return self.rows.get(_row(record))

    def holds(self, record: Record) -> bool:
        """Whether a record was refused."""
        return _row(record) in self.rows


class Rejects:
    """Where rejects go; `with` it."""

    def __init__(self, name: str, source: BinaryIO, tally: Tally, known: Known | None) -> None:
        """`known` is what is in the file that an import is resumed with; None begins a new one. Raises InvalidInput
        where it cannot be written, or is the input."""
        if _is_file_of(name, source):
            raise InvalidInput(f"{name} is what is imported", hint="rejects go into a file of their own")
        self._name = name
        self._tally = tally
        self._known = Known() if known is None else known
        check_link(name)
        mode = os.O_APPEND if known is not None else os.O_TRUNC
        try:
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | mode, 0o600)
        except (OSError, ValueError) as error:
            raise cannot_write(name, error if isinstance(error, OSError) else OSError(0, str(error))) from error
        self._file = open(descriptor, "wb", buffering=0)  # noqa: PTH123, SIM115
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
            os.fchmod(descriptor, 0o600)  # one that was there may have been for everyone
        if known is not None and Path(name).is_file():
            os.ftruncate(descriptor, known.bytes)

    def __enter__(self) -> Rejects:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        empty = os.fstat(self._file.fileno()).st_size == 0 and Path(self._name).is_file()
        self._file.close()
        if empty:
            Path(self._name).unlink(missing_ok=True)

    def before(self, record: Record) -> None:
        """A record of the earlier run: one that it kept is still not there."""
        reason = self._known.reason(record)
        if reason is not None:
            self._tally.fail(RowFailure(_row(record)[1:], InvalidInput(reason)))

    def line(self, bad: BadLine) -> None:
        """A line that could not be read."""
        self._tally.fail(RowFailure((f"line {bad.line}",), bad.error))
        self._tally.unread += 1
        if bad.line not in self._known.lines:
            self._write(rejected_line(bad))

    def row(self, record: Record, error: TsmemError) -> None:
        """A row that was refused."""
        if self._known.reason(record) is None:
            self._write(rejected_row(record.item, record.line, error))

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise cannot_write(self._name, error) from error


def _is_file_of(name: str, stream: BinaryIO) -> bool:
    try:
        status = os.fstat(stream.fileno())
        return stat.S_ISREG(status.st_mode) and os.path.samestat(status, os.stat(name))  # noqa: PTH116
    except (OSError, ValueError):
        return False


def _row(record: Record) -> tuple[object, ...]:
    item = record.item
    kind = "session" if isinstance(item, Session) else "message"
    return record.line, *(getattr(item, name) for name in _KEYS[kind])


def known(name: str) -> Known:
    """What is in a file of rejects. Raises InvalidInput where it is another one."""
    lines, rows, size = set(), {}, 0
    try:
        with open(name, "rb") as stream:  # noqa: PTH123
            for raw in stream:
                if not raw.endswith(b"\n"):
                    break
                size += len(raw)
                document = json.loads(raw)
                if document["kind"] == "rejected":
                    lines.add(document["line"])
                else:
                    key = (document[name] for name in _KEYS[document["kind"]])
                    rows[(document["rejected"]["line"], *key)] = str(document["rejected"]["reason"])
    except FileNotFoundError:
        return Known()
    except OSError as error:
        raise cannot_read(name, error) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{name} is no file of rejects", hint="rejects go into a file of their own") from error
    return Known(frozenset(lines), rows, size)
