"""Reading what is to be imported: lines to items, each with the place it came from, in constant memory.

One rule: what is wrong is named with its line, and what was cut short is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Literal, NamedTuple

from tsmem.errors import InvalidInput
from tsmem.store.documents import item_from_document, loads
from tsmem.store.model import Message, Session
from tsmem.store.openai import Converter, Rules
from tsmem.store.tally import Tally

ImportFormat = Literal["tsmem", "openai"]
MAX_LINE_BYTES = 256 * 1024 * 1024
"""A line past this is no record: a bound on memory."""
VERSION = 1
"""Of the export format."""


class Record(NamedTuple):
    """An item and the line that it came from."""

    line: int
    item: Session | Message


class Source(NamedTuple):
    """What to read, and how."""

    stream: BinaryIO
    format: ImportFormat = "tsmem"
    rules: Rules | None = None
    """Of the openai format."""


def read(source: Source) -> Iterator[Record]:
    """The records of a source. Raises InvalidInput with the line's number, in the middle too."""
    if source.format == "openai":
        if source.rules is None:
            raise InvalidInput("the openai format needs a user and a start time")
        return _read_openai(source.stream, source.rules)
    return _read_tsmem(source.stream)


def _lines(stream: BinaryIO) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, numbered from 1, without their ends."""
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            raise InvalidInput(f"line {number}: longer than {MAX_LINE_BYTES // 2**20} MB")
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput(f"line {number}: not valid UTF-8 at byte {error.start + 1}") from error
        if text and not text.isspace():
            yield number, text.rstrip("\r\n")


# The tool's own format


class _Section:
    """The part of a file between a header and its end."""

    def __init__(self) -> None:
        self.open = False
        self.read = Tally()

    def begin(self, document: dict[str, object]) -> None:
        if self.open:
            raise InvalidInput("an export begins here, before the one above has ended: it was cut short")
        if document != {"kind": "tsmem", "version": VERSION}:
            raise InvalidInput(f"made by another version: {document.get('version')!r}; this one reads {VERSION}")
        self.open, self.read = True, Tally()

    def end(self, document: dict[str, object]) -> None:
        if not self.open:
            raise InvalidInput("an export ends here that did not begin")
        counted = {"kind": "end", "sessions": self.read.sessions, "messages": self.read.messages}
        if document != counted:
            raise InvalidInput(
                f"the export says it holds {document.get('sessions')} sessions and {document.get('messages')} "
                f"messages, and {self.read.sessions} and {self.read.messages} were read"
            )
        self.open = False


def _read_tsmem(stream: BinaryIO) -> Iterator[Record]:
    section = _Section()
    number = 0
    for number, text in _lines(stream):
        document = loads(text, first_line=number)
        try:
            if not isinstance(document, dict):
                raise InvalidInput("a record is a JSON object")
            kind = document.get("kind")
            if kind == "tsmem":
                section.begin(document)
            elif kind == "end":
                section.end(document)
            else:
                item = item_from_document(document)
                section.read.count(item)
                yield Record(number, item)
        except InvalidInput as error:
            raise InvalidInput(f"line {number}: {error.message}", hint=error.hint) from error
    if section.open:
        raise InvalidInput(
            f"line {number}: the file ends in the middle of an export: it was cut short",
            hint="export again, or remove its first line to import what is there",
        )


# The OpenAI chat format


def _read_openai(stream: BinaryIO, rules: Rules) -> Iterator[Record]:
    converter = Converter(rules)
    for number, conversation in _conversations(stream):
        try:
            for item in converter.convert(conversation):
                yield Record(number, item)
        except InvalidInput as error:
            raise InvalidInput(f"line {number}: {error.message}", hint=error.hint) from error


def _whole(number: int, text: str, lines: Iterator[tuple[int, str]]) -> str:
    """One JSON text of several lines, blank ones in their places, so that an error names its line."""
    parts = [text]
    for following, line in lines:
        parts += ["\n"] * (following - number) + [line]
        number = following
    return "".join(parts)


def _conversations(stream: BinaryIO) -> Iterator[tuple[int, object]]:
    """JSONL of conversations; or one JSON array: of messages, which is one conversation, or of conversations."""
    lines = _lines(stream)
    first = next(lines, None)
    if first is None:
        return
    number, text = first
    if text.lstrip().startswith("["):
        document = loads(_whole(number, text, lines), first_line=number)
        if isinstance(document, list) and document and all(isinstance(d, dict) and "messages" in d for d in document):
            yield from ((number, conversation) for conversation in document)
        else:
            yield number, {"messages": document}
        return
    yield number, loads(text, first_line=number)
    for number, text in lines:
        yield number, loads(text, first_line=number)
