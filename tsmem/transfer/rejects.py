"""The file of `import --rejects`: what an import could not read or write, one reject a line.

The file can itself be imported once the cause is fixed. A rejected row is a line as in an export, with the reason added
under `rejected`; reading ignores that key. A line that could not be read is kept unchanged as the `text` of a line of
the kind `rejected`. The readers in `formats/` call `refused_row` and `unwrapped` to read such a file.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import json
import os
from contextlib import ExitStack, suppress
from typing import Any

from tsmem.errors import InvalidInput, RowFailure, TsmemError
from tsmem.store.bulk.bulk import ImportedItem, key_of
from tsmem.store.documents import brief, decode_json, encode_json, item_document, item_from_document
from tsmem.store.model import Message, Session
from tsmem.transfer.files import cannot_write, explained
from tsmem.transfer.files.descriptors import WaitingFile
from tsmem.transfer.files.outputs import Caller, Output, is_compressed
from tsmem.transfer.formats import ImportFormat
from tsmem.transfer.input.input_bytes import Input
from tsmem.transfer.input.json_values import JsonValue

_KEY_FIELDS = {"session": ("user_id", "session_id"), "message": ("session_id", "create_time", "message_id")}
_LINE_START = b'{"kind": "'


class Rejects:
    """Appends rejects to those of earlier imports. Each is written, whole or not at all, before the import continues. A
    reject that the file has already is not written again, so that an import can be resumed or repeated."""

    def __init__(self, caller: Caller, name: str, source: Input, input_format: ImportFormat, *, resume: bool) -> None:
        """Open the file. With `resume`, remove an incomplete last line, because the import will write it again. Raises
        InvalidInput and StorageFailure."""
        if name == "-":
            raise InvalidInput("--rejects cannot write to standard output", hint="name a file, such as rejects.jsonl")
        if is_compressed(name):
            raise InvalidInput(f"--rejects cannot write compressed files: {name}", hint="choose a name without .gz")
        self._name = name
        self._format = input_format
        self._result = caller.result
        self._digests: set[bytes] = set()
        self._reasons: dict[tuple[object, ...], str] = {}
        """The reasons of the rejected rows in the file, by line number in the input and primary key."""
        self._needs_sync = self._needs_newline = False
        with ExitStack() as stack, explained(name):
            self._output = stack.enter_context(Output(caller, name, source.raw))
            self.is_importable = self._output.is_file
            """False for a device, a pipe, or a descriptor that was open before."""
            self._descriptor = self._output.open_to_append()
            self._file = WaitingFile(self._descriptor, "wb", closefd=False)
            if self.is_importable:
                self._lock_and_read(resume)
            stack.pop_all()

    def _lock_and_read(self, resume: bool) -> None:
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
                    if raw.endswith(b"\n") or raw[: len(_LINE_START)] != _LINE_START[: len(raw)]:
                        hint = "choose another file for the rejects"
                        raise InvalidInput(f"{self._name} is not a file of rejects", hint=hint) from error
                    if not resume:
                        raise InvalidInput(
                            f"{self._name} ends in a line that was cut off",
                            hint="continue the stopped import with --resume, or write to another file",
                        ) from error
                    os.ftruncate(self._descriptor, size)
                    return
                size += len(raw)
        self._needs_newline = bool(raw) and not raw.endswith(b"\n")

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
        """Count a record as failed if an earlier run rejected it, because it is still missing from the store."""
        key = key_of(record.item)
        reason = self._reasons.get((record.line, *key))
        if reason is not None:
            self._result.fail(RowFailure(key, InvalidInput(reason)))

    def add_value(self, value: JsonValue, error: InvalidInput) -> None:
        """Write a value that could not be read. If it is itself a line of rejects, its `format` and `text` are kept."""
        self._result.fail(RowFailure((f"line {value.place}",), error))
        self._result.unread += 1
        raw = value.raw or encode_json(value.document).encode() + b"\n"
        content: dict[str, object] = {"format": self._format}
        try:
            content["text"] = raw.decode()
            earlier = decode_json(raw)
            if isinstance(earlier, dict) and earlier.get("kind") == "rejected" and {"format", "text"} <= earlier.keys():
                content = {"format": earlier["format"], "text": earlier["text"]}
        except UnicodeDecodeError:
            content["text"] = {"$bytes": base64.b64encode(raw).decode()}
        except InvalidInput:
            pass
        self._add({"kind": "rejected", "line": value.place, "reason": error.message, **content})

    def add_row(self, record: ImportedItem, error: TsmemError) -> None:
        kind = "session" if isinstance(record.item, Session) else "message"
        reason = {"line": record.line, "reason": error.message}
        self._add({"kind": kind, **item_document(record.item), "rejected": reason})

    def sync(self) -> None:
        if self._needs_sync:
            self._needs_sync = False
            with explained(self._name):
                os.fsync(self._descriptor)
                self._output.sync_name()

    def _add(self, document: dict[str, Any]) -> None:
        line = f"{encode_json(document)}\n".encode()
        if self._digests and _digest(line) in self._digests:
            return
        try:
            if not self.is_importable:
                self._file.write(line)
                return
            size = os.fstat(self._descriptor).st_size
            self._needs_sync = True
            with suppress(PermissionError):  # others may have been able to read a file that existed before
                os.fchmod(self._descriptor, 0o600)
            try:
                self._file.write(b"\n" + line if self._needs_newline else line)
            except BaseException:
                with suppress(OSError):
                    os.ftruncate(self._descriptor, size)
                raise
            self._needs_newline = False
        except OSError as error:
            raise cannot_write(self._name, error) from error


def _digest(line: bytes) -> bytes:
    document = json.loads(line)
    document.pop("reason", None)
    if isinstance(document.get("rejected"), dict):
        del document["rejected"]["reason"]
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()


def refused_row(document: object) -> Session | Message | None:
    """Return the row of a rejected row's line; None for any other JSON value. Raises InvalidInput."""
    if isinstance(document, dict) and "rejected" in document and document.get("kind") in ("session", "message"):
        return item_from_document(document)
    return None


def unwrapped(document: object, format: ImportFormat) -> object:  # noqa: A002
    """Return the value that a line of the kind `rejected` holds, or any other value as it is. Raises InvalidInput."""
    if not isinstance(document, dict) or document.get("kind") != "rejected":
        return document
    if format == "tsmem" != document.get("format"):  # openai may read what tsmem rejected: a wrong --format can be why
        other = brief(str(document.get("format")))
        raise InvalidInput(f"this line was kept by an import with --format {other}; give that format again")
    try:
        match document.get("text"):
            case str(text):
                return decode_json(text)
            case {"$bytes": str(encoded)}:
                return decode_json(base64.b64decode(encoded, validate=True))
    except binascii.Error as error:
        raise InvalidInput(
            "this record of a rejects file has no copy of the rejected line: its base64 is not valid"
        ) from error
    raise InvalidInput("this record of a rejects file has no copy of the rejected line")
