"""For a terminal that is not in UTF-8: every result in ASCII, other characters by their numbers.

Bytes of UTF-8 would be taken one by one there. They would show other text, and those from 0x80 to 0x9f are control
characters, so that a stored 雛 could colour or move. What people read is spelled out before it is laid out, so that it
still fits; JSON is spelled out in JSON's own way, and stays the same document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from typing import Any

from tsmem.render.options import Options
from tsmem.render.result import (
    Advices,
    Conversation,
    Dashboard,
    Facts,
    Listing,
    LiveTail,
    Part,
    Plot,
    Report,
    Section,
    Shown,
    SingleItem,
)
from tsmem.render.text import escaped
from tsmem.store.documents import dumps
from tsmem.store.metadata import Metadata
from tsmem.store.model import Item

_OTHER = re.compile(r"[^\x00-\x7f]")


def ascii_chunks(
    result: Shown, options: Options, formatted: Callable[[Shown, Options], Iterator[bytes]]
) -> Iterator[bytes]:
    """What a format makes of the result, in ASCII."""
    if options.format in ("json", "jsonl"):
        return _changed(formatted(result, options), lambda text: json_in_ascii(text).encode())
    return _changed(formatted(_spelled(result), options), lambda text: text.encode("ascii", "backslashreplace"))


def ascii_document(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """JSON lines, or text that is ASCII already, in ASCII; each chunk is made of whole characters."""
    return _changed(iter(chunks), lambda text: json_in_ascii(text).encode())


def _changed(chunks: Iterator[bytes], change: Callable[[str], bytes]) -> Iterator[bytes]:
    """Every chunk changed; who interrupts it interrupts what is behind it, which may have an end to write."""
    try:
        for chunk in chunks:
            yield change(chunk.decode())
    except KeyboardInterrupt as interrupt:
        if (throw := getattr(chunks, "throw", None)) is None:
            raise
        yield change(throw(interrupt).decode())
        yield from (change(chunk.decode()) for chunk in chunks)


def json_in_ascii(document: str) -> str:
    """The same document: what is not ASCII stands in its texts, where numbers may stand for it."""
    return _OTHER.sub(lambda match: _units(match.group()), document)


def _units(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def ascii_text(text: str) -> str:
    """The text with the number of each character that is not ASCII in its place."""
    return _OTHER.sub(lambda match: escaped(match.group()), text)


def _spelled(result: Shown) -> Shown:
    match result:
        case SingleItem(item):
            return SingleItem(_item(item))
        case Listing():
            return result._replace(items=map(_item, result.items), marks=result.marks and ascii_text(result.marks))
        case Conversation(session, messages):
            known = None if session is None else _item(session)
            return result._replace(session=known, messages=[_item(message) for message in messages])
        case LiveTail():
            return result._replace(session_id=ascii_text(result.session_id), messages=map(_item, result.messages))
        case Dashboard():
            return result._replace(parts=[_part(part) for part in result.parts])
        case Report():
            document = {ascii_text(key): _value(value) for key, value in result.document.items()}
            rows = [[_value(value) for value in row] for row in result.rows]
            return result._replace(document=document, columns=[*map(ascii_text, result.columns)], rows=rows)


def _part(part: Part) -> Part:
    match part:
        case Facts(rows):
            return Facts([(ascii_text(name), _text(value)) for name, value in rows])
        case Section(title, columns, rows):
            return Section(ascii_text(title), [*map(ascii_text, columns)], [[*map(_text, row)] for row in rows])
        case Plot():
            return part._replace(title=ascii_text(part.title))
        case Advices(items):
            return Advices([item._replace(sentence=ascii_text(item.sentence)) for item in items])


def _text(value: object) -> object:
    return ascii_text(value) if isinstance(value, str) else value


def _value(value: object) -> object:
    if isinstance(value, str):
        return ascii_text(value)
    return value if value is None or isinstance(value, int | float | bool) else json_in_ascii(dumps(value))


def _item(item: Item) -> Item:
    texts: dict[str, Any] = {}
    for field in fields(item):
        value = getattr(item, field.name)
        if isinstance(value, str):
            texts[field.name] = ascii_text(value)
    known = {ascii_text(key): ascii_text(v) if isinstance(v, str) else v for key, v in item.metadata.items()}
    return replace(item, metadata=Metadata(known), **texts)
