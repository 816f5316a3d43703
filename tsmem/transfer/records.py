"""Reading what is to be imported: lines to items, each with the place it came from, in constant memory.

One rule: what is wrong is named with its line, and what was cut short is refused. Where somebody keeps the lines that
cannot be read, reading goes on behind them; what was cut short is refused all the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import BinaryIO, NamedTuple

from tsmem.errors import InvalidInput
from tsmem.store.bulk.loading import ImportedItem
from tsmem.store.bulk.result import BulkResult
from tsmem.store.bulk.stored_times import StoredTimes
from tsmem.store.documents import brief, dumps, item_from_document
from tsmem.store.model import Message, Session
from tsmem.transfer.export import VERSION
from tsmem.transfer.formats.openai import Converter, DraftConversation, Rules
from tsmem.transfer.formats.shapes import other_format
from tsmem.transfer.input.input_bytes import parts, text_advice
from tsmem.transfer.input.json_values import MAX_VALUE_BYTES, MAX_VALUE_PARTS, JsonValue, Place, values
from tsmem.transfer.reject_lines import BadLine, ImportFormat, refused_row, unwrapped

MAX_MESSAGES_AHEAD = 5_000
"""Messages of the conversations whose times are looked up at once."""
MAX_TEXT_AHEAD = 8 * 2**20
"""Characters of these conversations."""


class ImportSource(NamedTuple):
    """What to read, and how."""

    stream: BinaryIO
    """Bytes, compressed or not."""
    format: ImportFormat = "tsmem"
    rules: Rules | None = None
    """Of the openai format."""
    bad: Callable[[BadLine], None] | None = None
    """Takes lines that cannot be read; without it the first one is an error."""
    name: str = "the input"
    """What errors call the stream."""

    def refuse(self, place: Place, raw: bytes, error: InvalidInput) -> None:
        """Keep a value that cannot be read. Raises InvalidInput, with the place, if nobody keeps it."""
        if self.bad is None or isinstance(error, _Cut):
            raise InvalidInput(f"line {place}: {error.message}", hint=error.hint) from error
        self.bad(BadLine(place, raw, error, self.format))

    def values(self) -> Iterator[JsonValue]:
        """Give the values that can be read, and refuse the others. Raises InvalidInput."""
        first = True
        for part in parts(self.stream, self.name):
            for value in values(part.chunks, part.name):
                error, first = _advised(value) if first else value.error, False
                if error is None:
                    yield value
                else:
                    self.refuse(value.place, value.raw, error)
                del value


class _Cut(InvalidInput):
    """The parts of the input do not fit together: something is missing, or too much."""


def read_records(source: ImportSource) -> Iterator[ImportedItem]:
    """The records of a source. Raises InvalidInput with the line's number, in the middle too."""
    if source.format == "openai":
        if source.rules is None:
            raise InvalidInput("the openai format needs a user and a start time")
        return _read_openai(source, source.rules)
    return _read_tsmem(source)


def _advised(value: JsonValue) -> InvalidInput | None:
    """Return the error of a value that is the first of its input, with what the input looks like."""
    if value.error is None or value.text.startswith(("{", "[", '"')):
        return value.error
    return InvalidInput(value.error.message, hint=text_advice(value.text))


# The tool's own format


class _Section:
    """The part of a file between a header and its end."""

    def __init__(self) -> None:
        self.open = False
        self.read = BulkResult()
        self.bad = 0
        """Lines that could not be read."""

    def begin(self, document: dict[str, object]) -> None:
        if self.open:
            raise _Cut("an export begins here, before the one above has ended: it was cut short")
        if document != {"kind": "tsmem", "version": VERSION}:
            raise _Cut(f"made by another version: {brief(repr(document.get('version')))}; this one reads {VERSION}")
        self.open, self.read, self.bad = True, BulkResult(), 0

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


def _read_tsmem(source: ImportSource) -> Iterator[ImportedItem]:
    section = _Section()
    place: Place = 0

    def bad(line: BadLine) -> None:
        section.bad += 1
        assert source.bad is not None
        source.bad(line)

    counting = source if source.bad is None else source._replace(bad=bad)
    for value in counting.values():
        place = value.place
        try:
            item = _item(section, value)
        except InvalidInput as error:
            counting.refuse(place, value.raw, error)
            continue
        if item is not None:
            yield ImportedItem(place, item)
    if section.open:
        raise InvalidInput(
            f"line {place}: the file ends in the middle of an export: it was cut short",
            hint="export again, or remove its first line to import what is there",
        )


def _item(section: _Section, value: JsonValue) -> Session | Message | None:
    """What a value is; None for one that begins or ends an export."""
    document = unwrapped(value.document, "tsmem")
    in_array = value.element is not None
    if not isinstance(document, dict):
        raise other_format(document, in_array=in_array) or InvalidInput("a record is a JSON object")
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
        raise other_format(document, in_array=in_array) or error from None
    section.read.count(item)
    return item


# The OpenAI chat format


class _Conversation(NamedTuple):
    line: Place
    document: object
    size: int
    """Characters of its text."""
    raw: bytes | None = None
    """What stands in the input, if the conversation is a value of its own."""
    element: int | None = None
    """Its place in the array that it stands in."""


class _Drafted(NamedTuple):
    conversation: _Conversation
    draft: DraftConversation | None
    """None for a row that was rejected."""
    items: Sequence[Session | Message] = ()


def _read_openai(source: ImportSource, rules: Rules) -> Iterator[ImportedItem]:
    for drafted in _ahead(_drafts(source, Converter(rules)), rules.stored):
        items, conversation = drafted.items, drafted.conversation
        if drafted.draft is not None:
            try:
                items = [*drafted.draft.items()]
            except InvalidInput as error:
                _refuse(source, conversation, error)
                continue
        for item in items:
            yield ImportedItem(conversation.line, item)


def _drafts(source: ImportSource, converter: Converter) -> Iterator[_Drafted]:
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


def _refuse(source: ImportSource, conversation: _Conversation, error: InvalidInput) -> None:
    raw = conversation.raw
    if raw is None:
        raw = dumps(conversation.document).encode() + b"\n"
    source.refuse(conversation.line, raw, error)


def _ahead(drafts: Iterator[_Drafted], stored: StoredTimes | None) -> Iterator[_Drafted]:
    """Give out drafts some behind the one that was begun last, so that the times of several are looked up at once. No
    more are held when they have MAX_MESSAGES_AHEAD messages or MAX_TEXT_AHEAD together."""
    waiting: deque[_Drafted] = deque()
    held = held_text = 0
    try:
        for drafted in drafts:
            waiting.append(drafted)
            held += 0 if drafted.draft is None else drafted.draft.size
            held_text += drafted.conversation.size
            width = 1 if stored is None else stored.width
            while len(waiting) >= width or (waiting and (held > MAX_MESSAGES_AHEAD or held_text > MAX_TEXT_AHEAD)):
                first = waiting.popleft()
                held -= 0 if first.draft is None else first.draft.size
                held_text -= first.conversation.size
                yield first
    except InvalidInput:
        yield from waiting
        raise
    yield from waiting


def _conversations(source: ImportSource) -> Iterator[_Conversation]:
    """Give each value as a conversation, and those of the arrays."""
    for array, run in groupby(source.values(), key=lambda value: value.array):
        convert = _of_array if array is not None else _each
        yield from convert(run)


def _each(values: Iterable[JsonValue]) -> Iterator[_Conversation]:
    for value in values:
        yield _Conversation(value.place, value.document, len(value.text), value.raw or None, value.element)


def _of_array(elements: Iterator[JsonValue]) -> Iterator[_Conversation]:
    """Give the elements of an array as conversations, or all of them as the messages of one if none has messages. That
    one may have what one value may have. Raises InvalidInput."""
    messages: list[JsonValue] = []
    size = parts = 0
    for value in elements:
        if isinstance(value.document, dict) and "messages" in value.document:
            yield from _each(chain(messages, (value,), elements))
            return
        size += len(value.text)
        parts += 2 + value.text.count(",")
        if size > MAX_VALUE_BYTES or parts > MAX_VALUE_PARTS:
            raise InvalidInput(
                f"line {value.array_place}: an array of messages is one conversation, and this one has more than "
                f"{MAX_VALUE_BYTES // 2**20} MB or {MAX_VALUE_PARTS:,} values"
            )
        messages.append(value._replace(text=""))
    place = messages[0].array_place
    assert place is not None
    yield _Conversation(place, {"messages": [each.document for each in messages]}, size)
