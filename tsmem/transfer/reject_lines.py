"""The lines of a file of rejects, which can be imported again once the cause is gone.

A row that was refused is its own line with the reason in `rejected`, which reading ignores. A line that could not be
read is kept letter for letter as the `text` of a line of the kind `rejected`, and is read again out of it.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from tsmem.errors import InvalidInput
from tsmem.store.documents import brief, dumps, item_from_document, loads
from tsmem.store.model import Message, Session
from tsmem.transfer.formats import ImportFormat
from tsmem.transfer.input.json_values import Place


class BadLine(NamedTuple):
    """A line that could not be read."""

    line: Place
    raw: bytes
    error: InvalidInput
    format: ImportFormat


def rejected_line(bad: BadLine) -> bytes:
    """Return the line that keeps a line that could not be read. One that was rejected before is not wrapped again."""
    before = None
    try:
        text: object = bad.raw.decode()
        before = loads(str(text))
    except UnicodeDecodeError:
        text = {"$bytes": base64.b64encode(bad.raw).decode()}
    except InvalidInput:
        pass
    if isinstance(before, dict) and before.get("kind") == "rejected" and {"format", "text"} <= before.keys():
        held = {"format": before["format"], "text": before["text"]}
    else:
        held = {"format": bad.format, "text": text}
    return f"{dumps({'kind': 'rejected', 'line': bad.line, 'reason': bad.error.message, **held})}\n".encode()


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
