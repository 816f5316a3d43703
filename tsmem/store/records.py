"""Reading what is to be imported: lines to items, each with the place it came from, in constant memory.

One rule: what is wrong is named with its line, and what was cut short is refused. Where somebody keeps the lines that
cannot be read, reading goes on behind them; what was cut short is refused all the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

from tsmem.errors import InvalidInput
from tsmem.store.documents import brief, dumps, item_from_document, loads
from tsmem.store.model import Message, Session
from tsmem.store.openai import Converter, Draft, Rules
from tsmem.store.rejects import BadLine, ImportFormat, refused_row, unwrapped
from tsmem.store.shapes import other_format
from tsmem.store.stored_times import StoredTimes
from tsmem.store.tally import Tally

MAX_LINE_BYTES = 256 * 1024 * 1024
"""A line past this is no record: a bound on memory."""
MAX_MESSAGES_AHEAD = 5_000
"""Messages of the conversations whose times are looked up at once."""
VERSION = 1
"""Of the export format."""


class Record(NamedTuple):
    """An item and the line that it came from; None where it came from no input."""

    line: int | None
    item: Session | Message


class Source(NamedTuple):
    """What to read, and how."""

    stream: BinaryIO
    format: ImportFormat = "tsmem"
    rules: Rules | None = None
    """Of the openai format."""
    bad: Callable[[BadLine], None] | None = None
    """Takes lines that cannot be read; without it the first one is an error."""

    def refuse(self, number: int, raw: bytes, error: InvalidInput) -> None:
        """A line that cannot be read. Raises InvalidInput, with the line, where nobody keeps it."""
        where = f"line {number}: "
        message = error.message.removeprefix(where)
        if self.bad is not None and not isinstance(error, _Cut):
            self.bad(BadLine(number, raw, InvalidInput(message, hint=error.hint), self.format))
            return
        if not raw.endswith(b"\n") and message.startswith("not valid JSON"):
            message += "; the input ends in this line, perhaps in the middle of it"
        raise InvalidInput(where + message, hint=error.hint) from error


class _Cut(InvalidInput):
    """The parts of the input do not fit together: something is missing, or too much."""


def read(source: Source) -> Iterator[Record]:
    """The records of a source. Raises InvalidInput with the line's number, in the middle too."""
    if source.format == "openai":
        if source.rules is None:
            raise InvalidInput("the openai format needs a user and a start time")
        return _read_openai(source, source.rules)
    return _read_tsmem(source)


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, numbered from 1."""
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            raise InvalidInput(f"line {number}: longer than {MAX_LINE_BYTES // 2**20} MB")
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if raw and not raw.isspace():
            yield number, raw


def _text(number: int, raw: bytes) -> str:
    try:
        return raw.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"line {number}: not valid UTF-8 at byte {error.start + 1}") from error


# The tool's own format


class _Section:
    """The part of a file between a header and its end."""

    def __init__(self) -> None:
        self.open = False
        self.read = Tally()
        self.bad = 0
        """Lines that could not be read."""

    def begin(self, document: dict[str, object]) -> None:
        if self.open:
            raise _Cut("an export begins here, before the one above has ended: it was cut short")
        if document != {"kind": "tsmem", "version": VERSION}:
            raise _Cut(f"made by another version: {brief(repr(document.get('version')))}; this one reads {VERSION}")
        self.open, self.read, self.bad = True, Tally(), 0

    def end(self, document: dict[str, object]) -> None:
        if not self.open:
            raise _Cut("an export ends here that did not begin")
        if not self._fits(document):
            raise _Cut(
                f"the export says it holds {document.get('sessions')} sessions and {document.get('messages')} "
                f"messages, and {self.read.sessions} and {self.read.messages} were read"
            )
        self.open = False

    def _fits(self, document: dict[str, object]) -> bool:
        """Whether the end names what was read; lines that could not be read are some of it."""
        match document:
            case {"kind": "end", "sessions": int(sessions), "messages": int(messages), **rest} if not rest:
                left = (sessions - self.read.sessions, messages - self.read.messages)
                return min(left) >= 0 and sum(left) == self.bad
        return False


def _read_tsmem(source: Source) -> Iterator[Record]:
    section = _Section()
    number = 0
    for number, raw in _lines(source.stream):
        try:
            item = _item(section, loads(_text(number, raw), first_line=number))
        except InvalidInput as error:
            section.bad += 1
            source.refuse(number, raw, error)
            continue
        if item is not None:
            yield Record(number, item)
    if section.open:
        raise InvalidInput(
            f"line {number}: the file ends in the middle of an export: it was cut short",
            hint="export again, or remove its first line to import what is there",
        )


def _item(section: _Section, document: object) -> Session | Message | None:
    """What a line holds; None for one that begins or ends an export."""
    document = unwrapped(document, "tsmem")
    if not isinstance(document, dict):
        raise other_format(document) or InvalidInput("a record is a JSON object")
    kind = document.get("kind")
    if kind == "tsmem":
        section.begin(document)
        return None
    if kind == "end":
        section.end(document)
        return None
    try:
        item = item_from_document(document)
    except InvalidInput as error:
        raise other_format(document) or error from None
    section.read.count(item)
    return item


# The OpenAI chat format


class _Conversation(NamedTuple):
    line: int
    document: object
    raw: bytes
    element: int | None = None
    """Its place in the array that it stands in."""


class _Drafted(NamedTuple):
    conversation: _Conversation
    draft: Draft | None
    """None for a row that was rejected."""
    items: Sequence[Session | Message] = ()


def _read_openai(source: Source, rules: Rules) -> Iterator[Record]:
    for drafted in _ahead(_drafts(source, Converter(rules)), rules.stored):
        items, conversation = drafted.items, drafted.conversation
        if drafted.draft is not None:
            try:
                items = [*drafted.draft.items()]
            except InvalidInput as error:
                _refuse(source, conversation, error)
                continue
        for item in items:
            yield Record(conversation.line, item)


def _drafts(source: Source, converter: Converter) -> Iterator[_Drafted]:
    for conversation in _conversations(source):
        try:
            if row := refused_row(conversation.document):
                yield _Drafted(conversation, None, (row,))
                continue
            document = unwrapped(conversation.document, "openai")
            draft = converter.convert(document, element=conversation.element)
        except InvalidInput as error:
            _refuse(source, conversation, error)
            continue
        yield _Drafted(conversation, draft)


def _refuse(source: Source, conversation: _Conversation, error: InvalidInput) -> None:
    raw = conversation.raw or dumps(conversation.document).encode() + b"\n"
    source.refuse(conversation.line, raw, error)


def _ahead(drafts: Iterator[_Drafted], stored: StoredTimes | None) -> Iterator[_Drafted]:
    """Give out drafts some behind the one that was begun last, so that the times of several are looked up at once. No
    more are held when they have MAX_MESSAGES_AHEAD messages together."""
    waiting: deque[_Drafted] = deque()
    held = 0
    try:
        for drafted in drafts:
            waiting.append(drafted)
            held += 0 if drafted.draft is None else drafted.draft.size
            width = 1 if stored is None else stored.width
            while len(waiting) >= width or (waiting and held > MAX_MESSAGES_AHEAD):
                first = waiting.popleft()
                held -= 0 if first.draft is None else first.draft.size
                yield first
    except InvalidInput:
        yield from waiting
        raise
    yield from waiting


def _whole(number: int, raw: bytes, lines: Iterator[tuple[int, bytes]]) -> str:
    """One JSON text of several lines, blank ones in their places, so that an error names its line."""
    parts = [_text(number, raw)]
    for following, line in lines:
        parts += ["\n"] * (following - number) + [_text(following, line)]
        number = following
    return "".join(parts)


def _conversations(source: Source) -> Iterator[_Conversation]:
    """JSONL of conversations; or one JSON array: of messages, which is one conversation, or of conversations."""
    lines = _lines(source.stream)
    for place, (number, raw) in enumerate(lines):
        if place == 0 and raw.lstrip().startswith(b"["):
            yield from _array(number, loads(_whole(number, raw, lines), first_line=number))
            return
        try:
            document = loads(_text(number, raw), first_line=number)
        except InvalidInput as error:
            source.refuse(number, raw, error)
            continue
        yield _Conversation(number, document, raw)


def _array(number: int, document: object) -> Iterator[_Conversation]:
    """The conversations of an array; one, where none of its elements has messages. Of an empty array there is none."""
    parts = document if isinstance(document, list) else []
    if any(isinstance(each, dict) and "messages" in each for each in parts):
        yield from (_Conversation(number, each, b"", place) for place, each in enumerate(parts))
    elif parts:
        yield _Conversation(number, {"messages": document}, b"")
