"""The file of `import --rejects`: what could not be brought in, line by line, each written before the import goes on
behind it.

- Rejects are added behind those of earlier imports. A file that holds anything else is refused before anything is
  imported.
- A reject that the file holds already is not repeated, so that an import can be resumed, or run again.
- A file that was there stays as it is where nothing is rejected; one that was made for nothing is removed.
- One import at a time writes a file. A line is written whole or not at all.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from tsmem.errors import InvalidInput, RowFailure, TsmemError
from tsmem.store.model import Session
from tsmem.transfer.files.file_errors import cannot_write, explained
from tsmem.transfer.files.outputs import Output, is_compressed
from tsmem.transfer.files.waiting_file import WaitingFile
from tsmem.transfer.reject_lines import BadLine, rejected_line, rejected_row

if TYPE_CHECKING:
    from tsmem.store.bulk.loading import ImportedItem
    from tsmem.transfer.caller import Caller

_KEYS = {"session": ("user_id", "session_id"), "message": ("session_id", "create_time", "message_id")}


_BEGINNING = b'{"kind": "'
"""Of every line of rejects."""


class KnownRejects(NamedTuple):
    """What a file holds already."""

    digests: set[bytes]
    """Of what each line holds, whatever the reason: a file may have the rejects of several inputs."""
    rows: dict[tuple[object, ...], str]
    """Rows that were refused, by the line that they came from and their key, with the reason."""
    size: int = 0
    """Bytes of whole lines; what follows was cut off while it was written."""
    ends_in_line: bool = False
    """Whether the last line has no end."""

    def has(self, line: bytes) -> bool:
        """Whether a line of rejects is there."""
        return bool(self.digests) and _digest(line) in self.digests

    def reason(self, record: ImportedItem) -> str | None:
        """Why a record was refused; None where it was not."""
        return self.rows.get(_row(record))

    def holds(self, record: ImportedItem) -> bool:
        """Whether a record was refused."""
        return _row(record) in self.rows


class Rejects:
    """Where rejects go; `with` it."""

    def __init__(self, caller: Caller, name: str, source: BinaryIO, *, resume: bool) -> None:
        """A line that was cut off at the end is repeated by the import that is resumed, and refused otherwise. Raises
        InvalidInput where it cannot be written, is the input, or holds something else."""
        if name == "-" or is_compressed(name):
            what = "a compressed file" if name != "-" else "standard output"
            raise InvalidInput(f"--rejects does not write {what}: {name}", hint="name a file, such as rejects.jsonl")
        self._name = name
        self._tally = caller.result
        self.known = KnownRejects(set(), {})
        self._unsynced = self._ends_in_line = False
        with ExitStack() as stack, explained(name):
            self._output = stack.enter_context(Output(caller, name, source))
            self._descriptor = self._output.to_append()
            self._file = WaitingFile(self._descriptor, "wb", closefd=False)
            if self.lasts:
                self._begin(resume)
            stack.pop_all()

    @property
    def lasts(self) -> bool:
        """Whether they can be imported from there: not from a device, a pipe, or what was open already."""
        return self._output.is_file

    def _begin(self, resume: bool) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInput(f"another import is writing {self._name}", hint="write to another file") from None
        except OSError:
            pass  # a network file system without locks
        self.known = _known(self._name, self._descriptor)
        if os.fstat(self._descriptor).st_size > self.known.size:
            if not resume:
                raise InvalidInput(
                    f"{self._name} ends in a line that was cut off",
                    hint="--resume goes on with the import that was stopped; or write to another file",
                )
            os.ftruncate(self._descriptor, self.known.size)
        self._ends_in_line = self.known.ends_in_line

    def __enter__(self) -> Rejects:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.sync()
        finally:
            self._output.close()

    def before(self, record: ImportedItem) -> None:
        """A record of the earlier run: one that it kept is still not there."""
        reason = self.known.reason(record)
        if reason is not None:
            self._tally.fail(RowFailure(_row(record)[1:], InvalidInput(reason)))

    def line(self, bad: BadLine) -> None:
        """A line that could not be read."""
        self._tally.fail(RowFailure((f"line {bad.line}",), bad.error))
        self._tally.unread += 1
        self._add(rejected_line(bad))

    def row(self, record: ImportedItem, error: TsmemError) -> None:
        """A row that was refused."""
        self._add(rejected_row(record.item, record.line, error))

    def sync(self) -> None:
        """Put what was written on the disk. Raises InvalidInput and StorageFailure."""
        if self._unsynced:
            self._unsynced = False
            with explained(self._name):
                os.fsync(self._descriptor)
                self._output.sync_name()

    def _add(self, line: bytes) -> None:
        if self.known.has(line):
            return
        try:
            if self.lasts:
                self._append(b"\n" + line if self._ends_in_line else line)
                self._ends_in_line = False
            else:
                self._file.write(line)
        except OSError as error:
            raise cannot_write(self._name, error) from error

    def _append(self, line: bytes) -> None:
        size = os.fstat(self._descriptor).st_size
        self._unsynced = True
        with suppress(PermissionError):  # one that was there may have been for everyone
            os.fchmod(self._descriptor, 0o600)
        try:
            self._file.write(line)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(self._descriptor, size)
            raise


def _row(record: ImportedItem) -> tuple[object, ...]:
    item = record.item
    kind = "session" if isinstance(item, Session) else "message"
    return record.line, *(getattr(item, name) for name in _KEYS[kind])


def _digest(line: bytes) -> bytes:
    """What a line of rejects holds, whatever the reason."""
    document = json.loads(line)
    document.pop("reason", None)
    if isinstance(document.get("rejected"), dict):
        del document["rejected"]["reason"]
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()


def _known(name: str, descriptor: int) -> KnownRejects:
    """What is in a file of rejects. Raises InvalidInput for another one."""
    known, size, raw = KnownRejects(set(), {}), 0, b""
    with open(descriptor, "rb", closefd=False) as stream:
        for raw in stream:
            try:
                _note(known, raw)
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                if not raw.endswith(b"\n") and raw[: len(_BEGINNING)] == _BEGINNING[: len(raw)]:
                    return known._replace(size=size)
                hint = "rejects go into a file of their own"
                raise InvalidInput(f"{name} is not a file of rejects", hint=hint) from error
            size += len(raw)
    return known._replace(size=size, ends_in_line=bool(raw) and not raw.endswith(b"\n"))


def _note(known: KnownRejects, line: bytes) -> None:
    document: dict[str, Any] = json.loads(line)
    if document["kind"] == "rejected":
        _ = document["line"], document["format"], document["text"]
    else:
        key = (document[name] for name in _KEYS[document["kind"]])
        known.rows[(document["rejected"]["line"], *key)] = str(document["rejected"]["reason"])
    known.digests.add(_digest(line))
