"""For a terminal that is not in UTF-8: every result in ASCII, other characters by their numbers.

Bytes of UTF-8 would be taken one by one there. They would show other text, and those from 0x80 to 0x9f are control
characters, so that a stored 雛 could colour or move. What people read is spelled out before it is laid out, so that it
still fits; JSON is spelled out in JSON's own way, and stays the same document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

from tsmem.render.documents import json_in_ascii
from tsmem.render.result import Document, Options, Report, Result
from tsmem.render.text import ascii_text
from tsmem.store.documents import dumps
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session


def ascii_chunks(
    result: Result, options: Options, chunks_of: Callable[[Result, Options], Iterator[bytes]]
) -> Iterator[bytes]:
    """Return the chunks that a result has in its format, in ASCII. A document is JSON lines, or text that is ASCII
    already; each chunk is made of whole characters."""
    if isinstance(result, Document) or options.format in ("json", "jsonl"):
        return _changed(chunks_of(result, options), lambda text: json_in_ascii(text).encode())
    return _changed(chunks_of(_spelled(result), options), lambda text: text.encode("ascii", "backslashreplace"))


def _changed(chunks: Iterator[bytes], change: Callable[[str], bytes]) -> Iterator[bytes]:
    """Change every chunk. A KeyboardInterrupt is thrown on into the chunks, which may have an end to write."""
    try:
        for chunk in chunks:
            yield change(chunk.decode())
    except KeyboardInterrupt as interrupt:
        if (throw := getattr(chunks, "throw", None)) is None:
            raise
        yield change(throw(interrupt).decode())
        yield from (change(chunk.decode()) for chunk in chunks)


def _spelled(value: Any) -> Any:
    """Return a result, or a value in one, with all its texts in ASCII."""
    match value:
        case str():
            return ascii_text(value)
        case Iterator():
            return map(_spelled, value)
        case Report():
            document = {ascii_text(key): _spelled_fact(fact) for key, fact in value.document.items()}
            rows = [[_spelled_fact(fact) for fact in row] for row in value.rows]
            columns, parts = _spelled(value.columns), _spelled(value.parts)
            return value._replace(document=document, columns=columns, rows=rows, parts=parts)
        case Session() | Message():
            return replace(value, **{field.name: _spelled(getattr(value, field.name)) for field in fields(value)})
        case Metadata():
            return Metadata({ascii_text(key): _spelled(part) for key, part in value.items()})
        case tuple() if hasattr(value, "_make"):
            return value._make(map(_spelled, value))
        case tuple() | list():
            return [_spelled(part) for part in value]
        case _:
            return value


def _spelled_fact(fact: object) -> object:
    """Return a value of a report in ASCII; an object or a list becomes its JSON."""
    return _spelled(fact) if fact is None or isinstance(fact, str | int | float) else json_in_ascii(dumps(fact))
