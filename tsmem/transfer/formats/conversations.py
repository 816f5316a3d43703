"""Turn conversations into sessions and messages, with their ids, times and metadata.

The reader of a format returns each conversation in the OpenAI shape. A `Conversion` makes a draft of it, which has
everything but the final times, and looks up times in the store while later conversations are read; then it makes the
session and messages of the draft. No key with a value is dropped: the manual's page on moving memory says where each
goes.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from tsmem import limits
from tsmem.errors import InvalidInput
from tsmem.rows import Value
from tsmem.store.bulk.bulk import Bulk, ImportedItem
from tsmem.store.concurrency import Pending
from tsmem.store.documents import brief
from tsmem.store.layout import DEFAULT
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session
from tsmem.transfer.formats import message_times
from tsmem.transfer.input.json_values import MAX_VALUE_BYTES, MAX_VALUE_PARTS, JsonValue
from tsmem.transfer.rejects import refused_row, unwrapped
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.transfer.importing import ImportSource

MAX_WAITING_CHARS = 8 * 2**20
JSON_COLUMN = "_json"
"""Metadata column with the names of the columns that hold JSON text, separated by commas."""
OTHER_COLUMN = "_other"
"""Metadata column with the keys and values that cannot have a column of their own."""
_SESSION_RESERVED = DEFAULT.session.reserved_names | {JSON_COLUMN, OTHER_COLUMN}
_MESSAGE_RESERVED = DEFAULT.message.reserved_names | {JSON_COLUMN, OTHER_COLUMN}
_NOTES = {
    "unread": ("message", "with a time that cannot be read: it is kept as metadata"),
    "known": ("message", "without a time: already in the store with a time, which is kept"),
    "followed": ("message", "without a time: put a microsecond from the one before or after"),
    "moved": ("message", "with the time of another: moved to a later microsecond"),
    "backwards": ("message", "earlier than the one before: stored in the order of time"),
    "zoneless": ("time", "without a zone: taken as UTC"),
    "unnamed": ("conversation", "without an id: imported again with more messages, it becomes another session"),
}
"""The notes of `import` about times and ids: a noun for the count, and the rest of the sentence. The names `message`
and `empty conversation` count those that got their time from the start time."""

ConversationReader = Callable[[object], dict[str, Any]]
"""Returns a JSON value as a conversation, an object with a list of `messages`. Raises InvalidInput for any other."""


def note_lines(notes: Counter[str], dated_from: str) -> Iterator[str]:
    """Yield a sentence for each name that was counted. `dated_from` says where the start time comes from."""
    lines = {name: f"{quantity(notes[name], noun)} {text}" for name, (noun, text) in _NOTES.items() if notes[name]}
    if "unread" in lines:
        yield lines.pop("unread")
    undated = [quantity(notes[noun], noun) for noun in ("message", "empty conversation") if notes[noun]]
    if undated:
        yield f"{' and '.join(undated)} without a time: dated from {dated_from}"
    yield from lines.values()


class _MessageDraft(NamedTuple):
    message_id: str
    given: message_times.ReadTime | None
    has_unreadable_time: bool
    texts: dict[str, str | None]
    metadata: Metadata


class _ConversationDraft(NamedTuple):
    session: Session
    messages: Sequence[_MessageDraft]
    given: Sequence[int | None]
    """The times of the messages in the input."""
    start: int
    """Time of the first message if neither the input nor the store has a time for any message of the conversation."""
    lookup: Pending[dict[str, list[int]]] | None
    """The times of messages in the store; None if they are not needed."""


_Draft = _ConversationDraft | Session | Message
"""The draft of a conversation, or a finished row that was read from a file of rejects."""


def read_conversations(
    source: ImportSource, conversion: Conversion, read: ConversationReader
) -> Iterator[ImportedItem]:
    """Yield the session and the messages of each conversation. Cost: that of looking up stored times."""
    for value, content in _drafts(source, conversion, read):
        try:
            items = [*conversion.rows(content)] if isinstance(content, _ConversationDraft) else [content]
        except InvalidInput as error:
            source.report_bad_value(value, error)
            continue
        for item in items:
            yield ImportedItem(value.place, item)


def _drafts(
    source: ImportSource, conversion: Conversion, read: ConversationReader
) -> Iterator[tuple[JsonValue, _Draft]]:
    """Yield each value with its draft. Several drafts are made before the first is yielded, so that their times are
    looked up concurrently. They wait in memory, so MAX_WAITING_CHARS limits the length of their values."""
    width = 1 if conversion.stored is None else conversion.stored.lookup_width
    waiting: deque[tuple[JsonValue, _Draft]] = deque()
    try:
        for value in _conversations(source.values()):
            try:
                content: _Draft | None = refused_row(value.document)
                if content is None:
                    document = unwrapped(value.document, source.format)
                    content = conversion.draft(read(document))
            except InvalidInput as error:
                source.report_bad_value(value, error)
                continue
            waiting.append((value, content))
            while waiting and (len(waiting) >= width or sum(len(each.text) for each, _ in waiting) > MAX_WAITING_CHARS):
                yield waiting.popleft()
    except InvalidInput:  # import what was read before the error
        yield from waiting
        raise
    yield from waiting


def _conversations(values: Iterator[JsonValue]) -> Iterator[JsonValue]:
    """Yield a value for each conversation. If an element of an array has `messages`, each element is a conversation;
    otherwise the array is one, and its elements are the messages."""
    for array, elements in groupby(values, key=lambda value: value.array):
        if array is None:
            yield from elements
            continue
        messages: list[JsonValue] = []
        size = parts = 0
        is_one = True
        for value in elements:
            if is_one and isinstance(value.document, dict) and "messages" in value.document:
                is_one = False
                yield from messages
            if not is_one:
                yield value
                continue
            size += len(value.text)
            parts += 2 + value.text.count(",")
            if size > MAX_VALUE_BYTES or parts > MAX_VALUE_PARTS:
                raise InvalidInput(
                    f"line {array[1]}: this array of messages counts as one conversation, and has more than "
                    f"{MAX_VALUE_BYTES // 2**20} MB or {MAX_VALUE_PARTS:,} values"
                )
            messages.append(value._replace(text=""))
        if is_one:
            yield JsonValue(array[1], {"messages": [each.document for each in messages]}, text="")


class Conversion:
    """Converts the conversations of an input. Each reading of the input needs a new one."""

    def __init__(
        self, user_id: str | None, start_time: int, stored: Bulk | None = None, notes: Counter[str] | None = None
    ) -> None:
        """`user_id` owns all sessions; None takes the user that each conversation names. Conversations without times
        are dated from `start_time`, a microsecond a message. `stored` looks up times that the input lacks. `notes`
        counts what happened, by the names of `_NOTES`."""
        self.stored = stored
        self._user_id = user_id
        self._notes: Counter[str] = Counter() if notes is None else notes
        self._start = start_time
        """Time of the next message, if its conversation has no times."""
        self._given_ids: set[int] = set()
        """Hashes of the session ids in the input. They take half the memory of the ids."""
        self._repeats: Counter[int] = Counter()

    def draft(self, conversation: dict[str, Any]) -> _ConversationDraft:
        """Convert everything but the times, and start to look up those that the store may have."""
        rest = dict(conversation)
        messages: list[dict[str, object]] = rest.pop("messages")
        user = rest.pop("user_id", None) if self._user_id is None else self._user_id
        if not isinstance(user, str) or (not user and self._user_id is None):
            raise InvalidInput("the conversation has no user_id", hint="say whose sessions these are: --user USER")
        given_id = _take_id(rest, ("session_id", "conversation_id", "id"))
        if given_id is not None:
            if hash(given_id) in self._given_ids:
                raise InvalidInput(
                    f"the session id '{brief(given_id)}' was used by an earlier conversation",
                    hint="merge conversations that have the same id, or give them different ids",
                )
            self._given_ids.add(hash(given_id))
        session_id = given_id or self._derived_id(user, conversation)
        drafts = [_message_draft(number, message) for number, message in enumerate(messages)]
        given = [None if each.given is None else each.given.time for each in drafts]
        own = rest.get("metadata")
        if isinstance(own, dict) and not any(key in rest for key in own):
            del rest["metadata"]
            rest |= own
        _, metadata = _columns(rest, _SESSION_RESERVED)
        lookup = None
        if self.stored is not None and message_times.depends_on_others(given):
            lookup = self.stored.message_times(session_id, [each.message_id for each in drafts])
        draft = _ConversationDraft(Session(user, session_id, None, None, metadata), drafts, given, self._start, lookup)
        self._start += len(drafts)
        self._notes["unnamed"] += given_id is None
        return draft

    def rows(self, draft: _ConversationDraft) -> Iterator[Session | Message]:
        """Yield the session and the messages of a draft. Raises InvalidInput if two messages would become one row."""
        session, given, notes = draft.session, draft.given, self._notes
        ids = [each.message_id for each in draft.messages]
        stored = message_times.known_times(ids, given, {} if draft.lookup is None else draft.lookup.result())
        times = message_times.settled_times(given, stored, draft.start)
        _check_distinct([n if time is None else (ids[n], time) for n, time in enumerate(given)])
        _check_distinct([*zip(ids, times, strict=True)])
        if times:
            update_time = max(times)
        else:
            known = None if self.stored is None else self.stored.session_time(session.user_id, session.session_id)
            update_time = draft.start if known is None else known
            notes["empty conversation"] += known is None
        yield replace(session, update_time=update_time)
        any_given = given.count(None) < len(given)
        before: int | None = None
        for each, known, time in zip(draft.messages, stored, times, strict=True):
            yield Message(session.session_id, each.message_id, time, **each.texts, metadata=each.metadata)
            if each.given is None:
                notes["unread"] += each.has_unreadable_time
                notes["known" if known is not None else "followed" if any_given else "message"] += 1
            else:
                notes["zoneless"] += not each.given.has_zone
                notes["moved"] += time != each.given.time
                notes["backwards"] += before is not None and each.given.time < before
                before = each.given.time

    def _derived_id(self, user: str, conversation: dict[str, object]) -> str:
        """Return an id that depends only on the user, the content, and the number of equal conversations before."""
        import uuid

        content = json.dumps(conversation, sort_keys=True)
        key = hash((user, content))
        repeats = self._repeats[key]
        self._repeats[key] += 1
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"[{json.dumps(user)}, {repeats}, {content}]"))


def _message_draft(number: int, message: dict[str, object]) -> _MessageDraft:
    rest = dict(message)
    given = message_times.take_time(rest)
    has_unreadable_time = given is None and any(message.get(key) is not None for key in message_times.TIME_KEYS)
    message_id = _take_id(rest, ("message_id", "id")) or f"{number:06d}"
    columns = _columns(rest, _MESSAGE_RESERVED, ("role", "content", "search_content"))
    return _MessageDraft(message_id, given, has_unreadable_time, *columns)


def _columns(
    values: dict[str, object], reserved: frozenset[str], text_fields: Sequence[str] = ()
) -> tuple[dict[str, str | None], Metadata]:
    """Return the text fields and the metadata of an object. A number or boolean in a text field becomes metadata."""
    texts: dict[str, str | None] = dict.fromkeys(text_fields)
    metadata: dict[str, Value] = {}
    as_json: list[str] = []
    other: dict[str, object] = {}
    for name, value in ({each: values.get(each) for each in text_fields} | values).items():
        if value is None:
            continue
        if isinstance(value, int):
            is_scalar = limits.MIN_INTEGER <= value <= limits.MAX_INTEGER
        else:
            is_scalar = isinstance(value, str | float)
        if name in texts:
            if is_scalar and not isinstance(value, str):
                metadata[name] = value  # type: ignore[assignment]
            else:
                texts[name] = value if isinstance(value, str) else _compact(value)
        elif name in reserved or not limits.is_column_name(name) or ("," in name and not is_scalar):
            other[name] = value
            continue
        else:
            metadata[name] = value if is_scalar else _compact(value)  # type: ignore[assignment]
        if not is_scalar:
            as_json.append(name)
    if other:
        metadata[OTHER_COLUMN] = _compact(other)
        as_json.append(OTHER_COLUMN)
    if as_json:
        metadata[JSON_COLUMN] = ",".join(as_json)
    return texts, Metadata(metadata)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _take_id(rest: dict[str, object], keys: Sequence[str]) -> str | None:
    """Return the first usable id. A text is removed from `rest`; an integer stays, so that its type is kept."""
    for key in keys:
        value = rest.get(key)
        if isinstance(value, str) and value:
            del rest[key]
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def _check_distinct(keys: Sequence[object]) -> None:
    first: dict[object, int] = {}
    for number, key in enumerate(keys):
        if first.setdefault(key, number) != number:
            raise InvalidInput(f"messages {first[key]} and {number} have the same id and the same time")
