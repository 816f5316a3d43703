"""Rejects: what an import could not bring in, line by line in a file that can be imported again once the cause is gone.

A row that was refused is its own line with the reason in `rejected`, which reading ignores. A line that could not be
read is kept letter for letter as the `text` of a line of the kind `rejected`, and is read again out of it.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import json
import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from tsmem.errors import InvalidInput, RowFailure, TsmemError
from tsmem.store.bulk.bulk import key_of
from tsmem.store.documents import brief, dumps, item_document, item_from_document, loads
from tsmem.store.model import Message, Session
from tsmem.transfer.files import cannot_write, explained
from tsmem.transfer.files.descriptors import WaitingFile
from tsmem.transfer.files.outputs import Output, is_compressed
from tsmem.transfer.formats import ImportFormat

if TYPE_CHECKING:
    from tsmem.store.bulk.bulk import ImportedItem
    from tsmem.transfer.caller import Caller
    from tsmem.transfer.input.input_bytes import Input
    from tsmem.transfer.input.json_values import JsonValue

_KEY_FIELDS = {"session": ("user_id", "session_id"), "message": ("session_id", "create_time", "message_id")}
_BEGINNING = b'{"kind": "'


class Rejects:
    """The file of `import --rejects`. Each line is written, whole or not at all, before the import continues.

    - Rejects are added behind those of earlier imports, if the file holds nothing else. One that it holds already is
      not repeated, so that an import can be resumed, or run again.
    - A file that was made for nothing is removed. One import at a time writes a file."""

    def __init__(self, caller: Caller, name: str, source: Input, input_format: ImportFormat, *, resume: bool) -> None:
        """Open the file. A last line that was cut off is removed with `resume`, because the import repeats it, and
        refused otherwise. Raises InvalidInput for a file that cannot be written, is the input, or holds something
        else."""
        if name == "-" or is_compressed(name):
            what = "a compressed file" if name != "-" else "standard output"
            raise InvalidInput(f"--rejects does not write {what}: {name}", hint="name a file, such as rejects.jsonl")
        self._name = name
        self._format = input_format
        self._result = caller.result
        self._digests: set[bytes] = set()
        """Hashes of the file's lines without their reasons. They may come from several inputs."""
        self._reasons: dict[tuple[object, ...], str] = {}
        """The reasons of the rows in the file, by their line in the input and their key."""
        self._unsynced = self._ends_in_line = False
        with ExitStack() as stack, explained(name):
            self._output = stack.enter_context(Output(caller, name, source.raw))
            self._descriptor = self._output.to_append()
            self._file = WaitingFile(self._descriptor, "wb", closefd=False)
            if self.lasts:
                self._begin(resume)
            stack.pop_all()

    @property
    def lasts(self) -> bool:
        """True if the rejects can be imported from there: False for a device, a pipe, or an open descriptor."""
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
                    if raw.endswith(b"\n") or raw[: len(_BEGINNING)] != _BEGINNING[: len(raw)]:
                        hint = "choose another file for the rejects"
                        raise InvalidInput(f"{self._name} is not a file of rejects", hint=hint) from error
                    if not resume:
                        raise InvalidInput(
                            f"{self._name} ends in a line that was cut off",
                            hint="--resume goes on with the import that was stopped; or write to another file",
                        ) from error
                    os.ftruncate(self._descriptor, size)
                    return
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

    def value(self, value: JsonValue, error: InvalidInput) -> None:
        """Keep a value that could not be read. One that was rejected before is not wrapped again."""
        self._result.fail(RowFailure((f"line {value.place}",), error))
        self._result.unread += 1
        raw = value.raw or dumps(value.document).encode() + b"\n"
        held: dict[str, object] = {"format": self._format}
        try:
            held["text"] = raw.decode()
            before = loads(raw)
            if isinstance(before, dict) and before.get("kind") == "rejected" and {"format", "text"} <= before.keys():
                held = {"format": before["format"], "text": before["text"]}
        except UnicodeDecodeError:
            held["text"] = {"$bytes": base64.b64encode(raw).decode()}
        except InvalidInput:
            pass
        self._add({"kind": "rejected", "line": value.place, "reason": error.message, **held})

    def row(self, record: ImportedItem, error: TsmemError) -> None:
        kind = "session" if isinstance(record.item, Session) else "message"
        reason = {"line": record.line, "reason": error.message}
        self._add({"kind": kind, **item_document(record.item), "rejected": reason})

    def sync(self) -> None:
        """Put what was written on the disk. Raises InvalidInput and StorageFailure."""
        if self._unsynced:
            self._unsynced = False
            with explained(self._name):
                os.fsync(self._descriptor)
                self._output.sync_name()

    def _add(self, document: dict[str, Any]) -> None:
        line = f"{dumps(document)}\n".encode()
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


def refused_row(document: object) -> Session | Message | None:
    """Return the row that a line of rejects holds, whatever the format of its input; None for another line. Raises
    InvalidInput."""
    if isinstance(document, dict) and "rejected" in document and document.get("kind") in ("session", "message"):
        return item_from_document(document)
    return None


def unwrapped(document: object, format: ImportFormat) -> object:  # noqa: A002
    """Return the value that a line of the kind `rejected` holds; any other value as it is. Raises InvalidInput."""
    if not isinstance(document, dict) or document.get("kind") != "rejected":
        return document
    if format == "tsmem" != document.get("format"):  # the other way round, the format may have been the mistake
        raise InvalidInput(
            f"this was rejected as a line of --format {brief(str(document.get('format')))}: import it as one"
        )
    try:
        match document.get("text"):
            case str(text):
                return loads(text)
            case {"$bytes": str(encoded)}:
                return loads(base64.b64decode(encoded, validate=True))
    except binascii.Error as error:
        raise InvalidInput("the bytes of a rejected line are no base64") from error
    except InvalidInput as error:  # without its line in that text: the one that counts is where it stands now
        raise InvalidInput(error.message.partition(": ")[2]) from error
    raise InvalidInput("a rejected line has a text")
