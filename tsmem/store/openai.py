"""Conversations in the OpenAI chat format to sessions and messages. Nothing is dropped.

A scalar that has no field of its own becomes metadata under its own key. What is not a scalar is kept as compact JSON
text under its own key, and the column `_json` names those keys, separated by commas. Keys that cannot name a column, or
are a field's, go into one JSON object in the column `_other`. null is absence. A conversation's own `metadata` object
becomes metadata of the session, key by key.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tsmem import limits
from tsmem.errors import InvalidInput
from tsmem.rows import Value
from tsmem.store.documents import brief
from tsmem.store.layout import MESSAGE_NAMES, SESSION_NAMES, message_table, session_table
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session
from tsmem.store.shapes import checked_conversation

SESSION_ID_KEYS = ("session_id", "conversation_id", "id")
MESSAGE_ID_KEYS = ("message_id", "id")
TIME_KEYS = ("create_time", "timestamp", "created_at")
JSON_COLUMN = "_json"
OTHER_COLUMN = "_other"
_SESSION_RESERVED = session_table(SESSION_NAMES).reserved
_MESSAGE_RESERVED = message_table(MESSAGE_NAMES).reserved
_MESSAGE_TEXT_FIELDS = ("role", "content", "search_content")


class Rules(NamedTuple):
    """What the input does not say itself."""

    user_id: str | None
    """Whose sessions they are; None takes each conversation's own `user_id`."""
    start_time: int
    """Microseconds. A message without a time of its own gets this plus its place in the whole input."""
    heard: Callable[[], None] | None = None
    """Called each time that this start time counts."""


class Converter:
    """Turns conversations into a session and its messages each, counting places over the whole input."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._conversations = 0
        self._messages = 0
        self._seen: set[int] = set()
        """Hashes of the session ids that the input gave: half the memory of the ids."""

    def convert(self, conversation: object, *, element: int | None = None) -> Iterator[Session | Message]:
        """Return the session of one conversation and its messages. Raises InvalidInput for what is no conversation;
        `element` is its place in the array that it stands in."""
        whole = checked_conversation(conversation, element=element)
        rest = dict(whole)
        messages: list[dict[str, object]] = rest.pop("messages")
        user = self._user(rest)
        session_id = self._given_id(rest) or self._made_id(user, whole)
        converted = [self._message(session_id, place, message) for place, message in enumerate(messages)]
        _check_distinct(converted)
        self._conversations += 1
        times = [message.create_time for message in converted]
        columns = Columns(_SESSION_RESERVED)
        columns.add_all(_spread(rest))
        yield Session(user, session_id, max(times) if times else self._started(0), None, columns.metadata())
        yield from converted

    def _started(self, place: int) -> int:
        if self._rules.heard is not None:
            self._rules.heard()
        return self._rules.start_time + place

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
        """A UUID5 of user, place and content: the same input gives the same id again, and another file another one."""
        import uuid

        text = json.dumps([user, self._conversations, conversation], sort_keys=True)
        return str(uuid.uuid5(uuid.NAMESPACE_OID, text))

    def _message(self, session_id: str, place: int, message: dict[str, object]) -> Message:
        rest = dict(message)
        time = _take_time(rest)
        if time is None:
            time = self._started(self._messages)
        self._messages += 1
        message_id = _take_id(rest, MESSAGE_ID_KEYS) or f"{place:06d}"
        columns = Columns(_MESSAGE_RESERVED)
        fields: dict[str, str | None] = {}
        for name in _MESSAGE_TEXT_FIELDS:
            fields[name] = columns.text_field(name, rest.pop(name, None))
        columns.add_all(rest)
        return Message(session_id, message_id, time, **fields, metadata=columns.metadata())


class Columns:
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
            if name in self._reserved or not limits.is_name(name):
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


def _check_distinct(messages: Sequence[Message]) -> None:
    """Raises InvalidInput where two messages would be one row, so that one of them would be lost."""
    places: dict[tuple[int, str], int] = {}
    for place, message in enumerate(messages):
        first = places.setdefault((message.create_time, message.message_id), place)
        if first != place:
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
    """The first usable id, taken out of `rest`. Text stays as it is; an integer becomes its digits."""
    for key in keys:
        value = rest.get(key)
        if (isinstance(value, str) and value) or (isinstance(value, int) and not isinstance(value, bool)):
            del rest[key]
            return str(value)
    return None


def _take_time(rest: dict[str, object]) -> int | None:
    """The first usable time in microseconds, taken out of `rest`, where it stays if it says more than that."""
    for key in TIME_KEYS:
        found = _microseconds(rest.get(key))
        if found is not None:
            time, exact = found
            if exact:
                del rest[key]
            return time if limits.MIN_INTEGER <= time <= limits.MAX_INTEGER else None
    return None


_UNITS_PER_SECOND = ((10**11, 1), (10**14, 10**3), (10**17, 10**6), (10**20, 10**9))
"""Below which size a number is seconds, milliseconds, microseconds, nanoseconds since 1970."""
_DATE = r"\d{4}-\d{2}-\d{2}([T ].*)?"


def _microseconds(value: object) -> tuple[int, bool] | None:
    """A number by its size, also as text, or an ISO 8601 text (UTC without a zone); and whether that is all it says."""
    if isinstance(value, str):
        if re.fullmatch(_DATE, value, re.ASCII):
            return _from_iso(value)
        if not re.fullmatch(r"\d{1,20}", value, re.ASCII):
            return None
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    for bound, unit in _UNITS_PER_SECOND:
        if value < bound:
            if isinstance(value, int):
                return value * 10**6 // unit, value * 10**6 % unit == 0
            time = round(value * (10**6 / unit))
            return time, time / (10**6 / unit) == value
    return None


def _from_iso(text: str) -> tuple[int, bool] | None:
    from datetime import UTC, datetime, timedelta

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    time = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    fraction = re.search(r"[.,](\d+)", text)
    return time, fraction is None or len(fraction[1].rstrip("0")) <= 6
