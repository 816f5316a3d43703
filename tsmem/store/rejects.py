"""What an import could not bring in, as lines that can be imported again once the cause is gone.

A row that was refused is its own line with the reason in `rejected`, which reading passes over. A line that could not
be read is kept letter for letter as the `text` of a line of the kind `rejected`, and is read again out of it.
"""

from __future__ import annotations

import base64
import binascii
from typing import Literal, NamedTuple

from tsmem.errors import InvalidInput, TsmemError
from tsmem.store.documents import dumps, item_document, loads
from tsmem.store.model import Message, Session

ImportFormat = Literal["tsmem", "openai"]


class BadLine(NamedTuple):
    """A line that could not be read."""

    line: int
    raw: bytes
    error: InvalidInput
    format: ImportFormat


def rejected_line(bad: BadLine) -> bytes:
    """A line that could not be read, with the reason."""
    text = _text(bad.raw)
    reason = {"line": bad.line, "reason": bad.error.message, "format": bad.format}
    return f"{dumps({'kind': 'rejected', **reason, 'text': text})}\n".encode()


def _text(raw: bytes) -> object:
    """What a line says, or of one that was rejected before what stood in it."""
    try:
        document = loads(raw)
    except InvalidInput:
        document = None
    if isinstance(document, dict) and document.get("kind") == "rejected" and "text" in document:
        return document["text"]
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"$bytes": base64.b64encode(raw).decode()}


def rejected_row(item: Session | Message, line: int, error: TsmemError) -> bytes:
    """A row that was refused, with the reason."""
    kind = "session" if isinstance(item, Session) else "message"
    reason = {"line": line, "reason": error.message}
    return f"{dumps({'kind': kind, **item_document(item), 'rejected': reason})}\n".encode()


def unwrapped(document: object, format: ImportFormat) -> object:  # noqa: A002
    """What a line holds: of one that was rejected, what stood in it. Raises InvalidInput."""
    if not isinstance(document, dict) or document.get("kind") != "rejected":
        return document
    if document.get("format") != format:
        raise InvalidInput(f"this was rejected as a line of --format {document.get('format')}: import it as one")
    match document.get("text"):
        case str(text):
            return _read_again(text)
        case {"$bytes": str(encoded)}:
            try:
                return _read_again(base64.b64decode(encoded, validate=True))
            except binascii.Error as error:
                raise InvalidInput("the bytes of a rejected line are no base64") from error
    raise InvalidInput("a rejected line has a text")


def _read_again(text: str | bytes) -> object:
    try:
        return loads(text)
    except InvalidInput as error:
        raise InvalidInput(error.message.partition(": ")[2]) from error
