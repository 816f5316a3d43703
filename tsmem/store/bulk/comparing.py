"""Finds the differences between two stores, for `tsmem copy --check`.

The same rows are read from both, in key order and page by page; only the two rows at hand are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import tee
from typing import Literal, NamedTuple, TypeVar

from tsmem.rows import Key, Value
from tsmem.store.bulk.loading import key_of
from tsmem.store.bulk.result import BulkResult
from tsmem.store.memory_store import MemoryStore
from tsmem.store.model import Message, Session

T = TypeVar("T", Session, Message)


class Difference(NamedTuple):
    kind: Literal["session", "message"]
    key: Key
    """In the order of its table's key."""
    state: Literal["missing", "surplus", "different"]
    """Missing from the second store, surplus there, or different."""
    columns: tuple[str, ...] = ()
    """The columns that differ, where both sides have the row."""


def compare(
    source: MemoryStore,
    target: MemoryStore,
    result: BulkResult,
    *,
    user_id: str | None = None,
    session_id: str | None = None,
) -> Iterator[Difference]:
    """Yield the differences between two stores: in everything, in one user's sessions and their messages, or in one
    session. `result` counts the rows compared. Cost: as exporting the same from each store."""
    sides = [store.bulk.sessions(user_id=user_id, session_id=session_id) for store in (source, target)]
    yield from _compared(sides[0], sides[1], result)
    if user_id is None:
        messages = [store.messages.iterate(session_id) for store in (source, target)]
        yield from _compared(messages[0], messages[1], result)
        return
    # The messages of every session that either side has, so that surplus ones are seen.
    pairs = _paired(source.sessions.iterate(user_id), target.sessions.iterate(user_id))
    ids = tee((_either(mine, other).session_id for mine, other in pairs), 2)
    yield from _compared(source.messages.of_sessions(ids[0]), target.messages.of_sessions(ids[1]), result)


def _compared(ours: Iterable[T], theirs: Iterable[T], result: BulkResult) -> Iterator[Difference]:
    for mine, other in _paired(ours, theirs):
        item = _either(mine, other)
        result.count(item)
        kind: Literal["session", "message"] = "session" if isinstance(item, Session) else "message"
        if other is None:
            yield Difference(kind, key_of(item), "missing")
        elif mine is None:
            yield Difference(kind, key_of(item), "surplus")
        elif columns := _different(mine, other):
            yield Difference(kind, key_of(item), "different", columns)


def _paired(ours: Iterable[T], theirs: Iterable[T]) -> Iterator[tuple[T | None, T | None]]:
    """Yield the items of two listings in key order, those of one key together."""
    left, right = iter(ours), iter(theirs)
    mine, other = next(left, None), next(right, None)
    while mine is not None or other is not None:
        # Keys of text compare by code points, which order as the UTF-8 bytes of the service do.
        if other is None or (mine is not None and key_of(mine) < key_of(other)):
            yield mine, None
            mine = next(left, None)
        elif mine is None or key_of(other) < key_of(mine):
            yield None, other
            other = next(right, None)
        else:
            yield mine, other
            mine, other = next(left, None), next(right, None)


def _either(mine: T | None, other: T | None) -> T:
    item = mine or other
    assert item is not None
    return item


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
    """Return True for equal values of one type: 1 is not True, and 0.0 is not -0.0."""
    return type(a) is type(b) and a == b and (type(a) is not float or repr(a) == repr(b))
