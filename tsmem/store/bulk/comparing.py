"""What two stores differ in: the same rows are asked of both, in key order, and compared one by one.

One rule: rows are the same when they have the same columns with the same values of the same types. Both sides are read
once, page by page, and nothing is kept but the two rows at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import tee
from typing import Literal, NamedTuple, TypeVar

from tsmem.rows import Key, Value
from tsmem.store.bulk.result import BulkResult
from tsmem.store.memory_store import MemoryStore
from tsmem.store.model import Message, Session

State = Literal["missing", "surplus", "different"]
T = TypeVar("T", Session, Message)


class Difference(NamedTuple):
    """One row that is not the same on both sides."""

    kind: Literal["session", "message"]
    key: Key
    """In the order of its table's key."""
    state: State
    """Missing in the second store, surplus there, or different."""
    columns: tuple[str, ...] = ()
    """Of a different one: those that differ."""


def compare(
    source: MemoryStore,
    target: MemoryStore,
    result: BulkResult,
    *,
    user_id: str | None = None,
    session_id: str | None = None,
) -> Iterator[Difference]:
    """The differences between two stores: in everything, in one user's sessions and their messages, or in one session.
    `tally` counts the rows that were compared.

    Cost: what exporting the same from each costs."""
    sides = [store.bulk.sessions(user_id=user_id, session_id=session_id) for store in (source, target)]
    yield from _compared(sides[0], sides[1], result)
    if user_id is None:
        messages = [store.messages.iterate(session_id) for store in (source, target)]
        yield from _compared(messages[0], messages[1], result)
        return
    # The messages of every session that either side has, so that surplus ones are seen.
    ids = tee(_session_ids(source, target, user_id), 2)
    of_sessions = [store.messages.of_sessions(side) for store, side in zip((source, target), ids, strict=True)]
    yield from _compared(of_sessions[0], of_sessions[1], result)


def _session_ids(source: MemoryStore, target: MemoryStore, user_id: str) -> Iterator[str]:
    for ours, theirs in _paired(source.sessions.iterate(user_id), target.sessions.iterate(user_id)):
        one = ours or theirs
        assert one is not None
        yield one.session_id


def _compared(ours: Iterable[T], theirs: Iterable[T], result: BulkResult) -> Iterator[Difference]:
    for mine, other in _paired(ours, theirs):
        one = mine or other
        assert one is not None
        result.count(one)
        kind: Literal["session", "message"] = "session" if isinstance(one, Session) else "message"
        if other is None:
            yield Difference(kind, _key(one), "missing")
        elif mine is None:
            yield Difference(kind, _key(one), "surplus")
        elif columns := _different(mine, other):
            yield Difference(kind, _key(one), "different", columns)


def _paired(ours: Iterable[T], theirs: Iterable[T]) -> Iterator[tuple[T | None, T | None]]:
    """Items of two listings in key order, those of one key together."""
    left, right = iter(ours), iter(theirs)
    mine, other = next(left, None), next(right, None)
    while mine is not None or other is not None:
        if other is None or (mine is not None and _key(mine) < _key(other)):
            yield mine, None
            mine = next(left, None)
        elif mine is None or _key(other) < _key(mine):
            yield None, other
            other = next(right, None)
        else:
            yield mine, other
            mine, other = next(left, None), next(right, None)


def _key(item: Session | Message) -> Key:
    """In the table's order. Code points order as UTF-8 bytes do."""
    if isinstance(item, Session):
        return item.user_id, item.session_id
    return item.session_id, item.create_time, item.message_id


def _different(mine: Session | Message, other: Session | Message) -> tuple[str, ...]:
    a, b = _values(mine), _values(other)
    return tuple(sorted(name for name in a.keys() | b.keys() if not _same(a.get(name), b.get(name))))


def _values(item: Session | Message) -> dict[str, Value | None]:
    if isinstance(item, Session):
        fields: dict[str, Value | None] = {"update_time": item.update_time}
    else:
        fields = {"role": item.role, "content": item.content}
    return {**fields, "search_content": item.search_content, **item.metadata}


def _same(a: Value | None, b: Value | None) -> bool:
    """Of one type, too: 1 is not True, and 0.0 is not -0.0."""
    return type(a) is type(b) and a == b and (type(a) is not float or repr(a) == repr(b))
