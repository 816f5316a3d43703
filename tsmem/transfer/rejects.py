"""The file of `import --rejects`: what could not be imported, line by line, each written before the import continues.

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
from typing import TYPE_CHECKING, Any, BinaryIO

from tsmem.errors import InvalidInput, RowFailure, TsmemError
from tsmem.store.bulk.bulk import key_of
from tsmem.store.documents import dumps, item_document
from tsmem.store.model import Session
from tsmem.transfer.files.descriptors import WaitingFile
from tsmem.transfer.files.file_errors import cannot_write, explained
from tsmem.transfer.files.outputs import Output, is_compressed
from tsmem.transfer.reject_lines import BadLine, rejected_line

if TYPE_CHECKING:
    from tsmem.store.bulk.bulk import ImportedItem
    from tsmem.transfer.caller import Caller

_KEY_FIELDS = {"session": ("user_id", "session_id"), "message": ("session_id", "create_time", "message_id")}
_BEGINNING = b'{"kind": "'
"""The beginning of every line of rejects."""


class Rejects:
    def __init__(self, caller: Caller, name: str, source: BinaryIO, *, resume: bool) -> None:
        """Open the file. A last line that was cut off is removed with `resume`, because the import repeats it, and
        refused otherwise. Raises InvalidInput for a file that cannot be written, is the input, or holds something
        else."""
        if name == "-" or is_compressed(name):
            what = "a compressed file" if name != "-" else "standard output"
            raise InvalidInput(f"--rejects does not write {what}: {name}", hint="name a file, such as rejects.jsonl")
        self._name = name
        self._result = caller.result
        self._digests: set[bytes] = set()
        """Hashes of the file's lines without their reasons. They may come from several inputs."""
        self._reasons: dict[tuple[object, ...], str] = {}
        """The reasons of the rows in the file, by their line in the input and their key."""
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
        """Return True if the rejects can be imported from there: False for a device, a pipe, or an open descriptor."""
        return self._output.is_file

    def _begin(self, resume: bool) -> None:
        """Lock the file and read what it holds."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInput(f"another import is writing {self._name}", hint="write to another file") from None
        except OSError:
            pass  # a network file system without locks
        size, raw = 0, b""
        with open(self._descriptor, "rb", closefd=False) as stream:
            for raw in stream:
                try:
                    self._read_line(raw)
                except (ValueError, KeyError, TypeError, RecursionError) as error:
                    if not raw.endswith(b"\n") and raw[: len(_BEGINNING)] == _BEGINNING[: len(raw)]:
                        if resume:
                            os.ftruncate(self._descriptor, size)
                            return
                        raise InvalidInput(
                            f"{self._name} ends in a line that was cut off",
                            hint="--resume goes on with the import that was stopped; or write to another file",
                        ) from error
                    hint = "rejects go into a file of their own"
                    raise InvalidInput(f"{self._name} is not a file of rejects", hint=hint) from error
                size += len(raw)
        self._ends_in_line = bool(raw) and not raw.endswith(b"\n")

    def _read_line(self, line: bytes) -> None:
        document: dict[str, Any] = json.loads(line)
        if document["kind"] == "rejected":
            _ = document["line"], document["format"], document["text"]
        else:
            key = (document[name] for name in _KEY_FIELDS[document["kind"]])
            self._reasons[(document["rejected"]["line"], *key)] = str(document["rejected"]["reason"])
        self._digests.add(_digest(line))

    def __enter__(self) -> Rejects:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.sync()
        finally:
            self._output.close()

    def holds(self, record: ImportedItem) -> bool:
        return (record.line, *key_of(record.item)) in self._reasons

    def count_again(self, record: ImportedItem) -> None:
        """Count a record that an earlier run settled as failed, if it was kept: it is still missing in the store."""
        key = key_of(record.item)
        reason = self._reasons.get((record.line, *key))
        if reason is not None:
            self._result.fail(RowFailure(key, InvalidInput(reason)))

    def line(self, bad: BadLine) -> None:
        self._result.fail(RowFailure((f"line {bad.line}",), bad.error))
        self._result.unread += 1
        self._add(rejected_line(bad))

    def row(self, record: ImportedItem, error: TsmemError) -> None:
        kind = "session" if isinstance(record.item, Session) else "message"
        reason = {"line": record.line, "reason": error.message}
        self._add(f"{dumps({'kind': kind, **item_document(record.item), 'rejected': reason})}\n".encode())

    def sync(self) -> None:
        """Put what was written on the disk. Raises InvalidInput and StorageFailure."""
        if self._unsynced:
            self._unsynced = False
            with explained(self._name):
                os.fsync(self._descriptor)
                self._output.sync_name()

    def _add(self, line: bytes) -> None:
        if self._digests and _digest(line) in self._digests:
            return
        try:
            if not self.lasts:
                self._file.write(line)
                return
            size = os.fstat(self._descriptor).st_size
            self._unsynced = True
            with suppress(PermissionError):  # one that was there may have been for everyone
                os.fchmod(self._descriptor, 0o600)
            try:
                self._file.write(b"\n" + line if self._ends_in_line else line)
            except BaseException:
                with suppress(OSError):
                    os.ftruncate(self._descriptor, size)
                raise
            self._ends_in_line = False
        except OSError as error:
            raise cannot_write(self._name, error) from error


def _digest(line: bytes) -> bytes:
    document = json.loads(line)
    document.pop("reason", None)
    if isinstance(document.get("rejected"), dict):
        del document["rejected"]["reason"]
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()
