"""Conversations in the OpenAI chat format to sessions and messages. Nothing is dropped.

A scalar that has no field of its own becomes metadata under its own key. What is not a scalar is kept as compact JSON
text under its own key, and the column `_json` names those keys, separated by commas. Keys that cannot name a column,
that are a field's, or that have a comma where `_json` would name them, go into one JSON object in the column `_other`.
null is absence. A conversation's own `metadata` object becomes metadata of the session, key by key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tsmem import limits
from tsmem.errors import InvalidInput
from tsmem.rows import Value
from tsmem.store.bulk.stored_times import StoredTimes
from tsmem.store.documents import brief
from tsmem.store.layout import MESSAGE_NAMES, SESSION_NAMES, message_table, session_table
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session
from tsmem.transfer.formats.message_times import (
    ReadTime,
    depends_on_others,
    has_unread_time,
    known_times,
    settled_times,
    take_time,
)
from tsmem.transfer.formats.shapes import checked_conversation

SESSION_ID_KEYS = ("session_id", "conversation_id", "id")
MESSAGE_ID_KEYS = ("message_id", "id")
JSON_COLUMN = "_json"
OTHER_COLUMN = "_other"
_SESSION_RESERVED = session_table(SESSION_NAMES).reserved
_MESSAGE_RESERVED = message_table(MESSAGE_NAMES).reserved
_MESSAGE_TEXT_FIELDS = ("role", "content", "search_content")


@dataclass
class ImportNotes:
    """How many messages and conversations did not say something, and what became of them."""

    dated: int = 0
    """Messages without a time, in conversations without any, that are dated from the start time."""
    dated_sessions: int = 0
    """Conversations without messages, whose time is the start time."""
    followed: int = 0
    """Messages without a time that are put beside another of their conversation."""
    kept: int = 0
    """Messages without a time that keep the one that the store has."""
    moved: int = 0
    """Messages that came at the time of another one, and are moved behind it."""
    backwards: int = 0
    """Messages that are earlier than the one before them."""
    zoneless: int = 0
    """Times without a zone."""
    unread: int = 0
    """Messages whose time cannot be read, so that they count as having none."""
    unnamed: int = 0
    """Conversations without an id."""


class Rules(NamedTuple):
    """What the input does not say itself."""

    user_id: str | None
    """Whose sessions they are; None takes each conversation's own `user_id`."""
    start_time: int
    """Microseconds. Messages of a conversation without any times get this plus their place in the whole input."""
    stored: StoredTimes | None = None
    """Knows the times of what was imported before; without it, nothing was."""
    notes: ImportNotes | None = None
    """Counts what is said of the input when it was read."""


class Converter:
    """Turns conversations into a session and its messages each, counting places over the whole input."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._notes = ImportNotes() if rules.notes is None else rules.notes
        self._messages = 0
        self._seen: set[int] = set()
        """Hashes of the session ids that the input gave: half the memory of the ids."""
        self._made: set[int] = set()
        """Hashes of the users and contents of conversations without an id."""
        self._repeats: dict[int, int] = {}
        """How often those came again that came more than once."""

    def convert(self, conversation: object, *, element: int | None = None) -> DraftConversation:
        """Convert one conversation. Raises InvalidInput for what is no conversation; `element` is its place in the
        array that it stands in."""
        whole = checked_conversation(conversation, element=element)
        rest = dict(whole)
        messages: list[dict[str, object]] = rest.pop("messages")
        user = self._user(rest)
        given_id = self._given_id(rest)
        session_id = given_id or self._made_id(user, whole)
        said = [_said(place, message) for place, message in enumerate(messages)]
        columns = MetadataColumns(_SESSION_RESERVED)
        columns.add_all(_spread(rest))
        session = Session(user, session_id, None, None, columns.metadata())
        draft = DraftConversation(
            session, said, self._rules.start_time + self._messages, self._rules.stored, self._notes
        )
        self._messages += len(messages)
        self._notes.unnamed += given_id is None
        return draft

    def _user(self, rest: dict[str, object]) -> str:
        if self._rules.user_id is not None:
            return self._rules.user_id
        user = rest.pop("user_id", None)
        if not isinstance(user, str) or not user:
            raise InvalidInput("the conversation names no user_id", hint="say whose sessions these are: --user USER")
        return user

    def _given_id(self, rest: dict[str, object]) -> str | None:
        session_id = _take_id(rest, SESSION_ID_KEYS)
        if session_id is not None:
            if hash(session_id) in self._seen:
                raise InvalidInput(
                    f"the session id '{brief(session_id)}' was used by an earlier conversation",
                    hint="give the parts of one conversation as one, or ids of their own",
                )
            self._seen.add(hash(session_id))
        return session_id

    def _made_id(self, user: str, conversation: dict[str, object]) -> str:
        """Make a UUID5 of the user, the content, and how many with the same were before: the same conversation has the
        same id again, wherever it stands in the input."""
        import uuid

        content = json.dumps(conversation, sort_keys=True)
        key, before = hash((user, content)), 0
        if key in self._made:
            before = self._repeats[key] = self._repeats.get(key, 0) + 1
        self._made.add(key)
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"[{json.dumps(user)}, {before}, {content}]"))


class _Said(NamedTuple):
    """A message that has no time yet."""

    message_id: str
    given: ReadTime | None
    """The time that the input gives."""
    unread: bool
    """True if it gives one that cannot be read."""
    texts: dict[str, str | None]
    metadata: Metadata


class DraftConversation:
    """A conversation whose messages get their times when the store has said which of them it knows."""

    def __init__(
        self, session: Session, said: list[_Said], start: int, stored: StoredTimes | None, notes: ImportNotes
    ) -> None:
        """Begin to look up times that may not be those of the input; messages without one count up from `start`."""
        self._session = session
        self._said = said
        self._start = start
        self._stored = stored
        self._notes = notes
        self.size = len(said)
        """Messages that it has."""
        self._given = [None if each.given is None else each.given.time for each in said]
        self._ids = [each.message_id for each in said]
        self._lookup = None
        if stored is not None and depends_on_others(self._given):
            self._lookup = stored.of_messages(session.session_id, self._ids)

    def items(self) -> Iterator[Session | Message]:
        """Return the session and its messages. Raises InvalidInput where two messages would be one row."""
        given, ids = self._given, self._ids
        stored = known_times(ids, given, {} if self._lookup is None else self._lookup.result())
        times = settled_times(given, stored, self._start)
        own = enumerate(zip(ids, given, strict=True))
        _check_distinct([place if key[1] is None else key for place, key in own])
        _check_distinct([*zip(ids, times, strict=True)])
        session_id = self._session.session_id
        yield replace(self._session, update_time=max(times) if times else self._session_time())
        for each, time in zip(self._said, times, strict=True):
            yield Message(session_id, each.message_id, time, **each.texts, metadata=each.metadata)
        self._note(given, stored, times)

    def _session_time(self) -> int:
        session = self._session
        time = None if self._stored is None else self._stored.of_session(session.user_id, session.session_id)
        self._notes.dated_sessions += time is None
        return self._start if time is None else time

    def _note(self, given: list[int | None], stored: list[int | None], times: list[int]) -> None:
        notes = self._notes
        any_given = given.count(None) < len(given)
        before: int | None = None
        for each, known, time in zip(self._said, stored, times, strict=True):
            if each.given is None:
                notes.unread += each.unread
                notes.kept += known is not None
                notes.followed += known is None and any_given
                notes.dated += known is None and not any_given
            else:
                notes.zoneless += not each.given.has_zone
                notes.moved += time != each.given.time
                notes.backwards += before is not None and each.given.time < before
                before = each.given.time


def _said(place: int, message: dict[str, object]) -> _Said:
    rest = dict(message)
    given = take_time(rest)
    message_id = _take_id(rest, MESSAGE_ID_KEYS) or f"{place:06d}"
    columns = MetadataColumns(_MESSAGE_RESERVED)
    texts = {name: columns.text_field(name, rest.pop(name, None)) for name in _MESSAGE_TEXT_FIELDS}
    columns.add_all(rest)
    return _Said(message_id, given, given is None and has_unread_time(message), texts, columns.metadata())


class MetadataColumns:
    """Gathers what becomes metadata."""

    def __init__(self, reserved: frozenset[str]) -> None:
        self._reserved = reserved | {JSON_COLUMN, OTHER_COLUMN}
        self._values: dict[str, Value] = {}
        self._json: list[str] = []
        self._other: dict[str, object] = {}

    def add_all(self, values: Mapping[str, object]) -> None:
        """Add what has no field of its own."""
        for name, value in values.items():
            if value is None:
                continue
            if name in self._reserved or not limits.is_column_name(name) or ("," in name and not _is_scalar(value)):
                self._other[name] = value
            elif _is_scalar(value):
                self._values[name] = value  # type: ignore[assignment]
            else:
                self._values[name] = _compact(value)
                self._json.append(name)

    def text_field(self, name: str, value: object) -> str | None:
        """What a text field is to hold. A scalar that is no text stays itself, as metadata under the field's name."""
        if value is None or isinstance(value, str):
            return value
        if _is_scalar(value):
            self._values[name] = value  # type: ignore[assignment]
            return None
        self._json.append(name)
        return _compact(value)

    def metadata(self) -> Metadata:
        """All of it."""
        if self._other:
            self._values[OTHER_COLUMN] = _compact(self._other)
            self._json.append(OTHER_COLUMN)
        if self._json:
            self._values[JSON_COLUMN] = ",".join(self._json)
        return Metadata(self._values)


def _spread(rest: dict[str, object]) -> dict[str, object]:
    """The conversation's own metadata object beside its other keys, which win where both have a key."""
    own = rest.get("metadata")
    if not isinstance(own, dict) or any(key in rest for key in own):
        return rest
    return {**{key: value for key, value in rest.items() if key != "metadata"}, **own}


def _check_distinct(keys: Sequence[object]) -> None:
    """Raise InvalidInput where two messages would be one row, so that one of them would be lost."""
    if len(set(keys)) == len(keys):
        return
    places: dict[object, int] = {}
    for place, key in enumerate(keys):
        if (first := places.setdefault(key, place)) != place:
            raise InvalidInput(f"messages {first} and {place} have the same id and the same time")


def _is_scalar(value: object) -> bool:
    if isinstance(value, bool | str):
        return True
    if isinstance(value, int):
        return limits.MIN_INTEGER <= value <= limits.MAX_INTEGER
    return isinstance(value, float)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _take_id(rest: dict[str, object], keys: Sequence[str]) -> str | None:
    """Return the first usable id. Text is taken out of `rest`; an integer becomes its digits, and stays there too."""
    for key in keys:
        value = rest.get(key)
        if isinstance(value, str) and value:
            del rest[key]
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None
