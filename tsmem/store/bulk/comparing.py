"""Find the differences between two stores, for `tsmem copy --check`.

Both stores are listed in key order and merged like sorted lists, so that no rows are kept in memory. For one user, the
ids of the sessions can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import groupby, tee
from operator import itemgetter
from typing import Literal, NamedTuple, TypeVar

from tsmem.rows import Key, Value, is_same
from tsmem.store.bulk.bulk import key_of
from tsmem.store.bulk.result import BulkResult
from tsmem.store.documents import FIELDS
from tsmem.store.memory_store import MemoryStore
from tsmem.store.model import Message, Session

T = TypeVar("T", Session, Message)


class Difference(NamedTuple):
    kind: Literal["session", "message"]
    key: Key
    state: Literal["missing", "surplus", "different"]
    """missing: only the source has the row. surplus: only the target has it."""
    columns: tuple[str, ...] = ()


def compare(
    source: MemoryStore,
    target: MemoryStore,
    result: BulkResult,
    *,
    user_id: str | None = None,
    session_id: str | None = None,
) -> Iterator[Difference]:
    """Yield the differences between two stores: in all rows, in one user's sessions and their messages, or in the rows
    with one session id. `result` counts each key found in either store. Cost: as much as exporting these rows from each
    store."""
    sessions = [store.bulk.sessions(user_id=user_id, session_id=session_id) for store in (source, target)]
    yield from _compared("session", sessions[0], sessions[1], result)
    if user_id is None:
        messages = [store.messages.iterate(session_id) for store in (source, target)]
        yield from _compared("message", messages[0], messages[1], result)
        return
    # Ask each store for the messages of every session that is in either. The target can have messages of sessions that
    # the source does not have.
    pairs = _paired(source.sessions.iterate(user_id), target.sessions.iterate(user_id))
    ids = tee((str(key[1]) for key, _ in pairs), 2)
    of_user = source.messages.of_sessions(ids[0]), target.messages.of_sessions(ids[1])
    yield from _compared("message", *of_user, result)


def _compared(
    kind: Literal["session", "message"], ours: Iterable[T], theirs: Iterable[T], result: BulkResult
) -> Iterator[Difference]:
    for key, items in _paired(ours, theirs):
        result.count(next(iter(items.values())))
        if "theirs" not in items:
            yield Difference(kind, key, "missing")
        elif "ours" not in items:
            yield Difference(kind, key, "surplus")
        else:
            a, b = _columns(kind, items["ours"]), _columns(kind, items["theirs"])
            columns = sorted(name for name in a.keys() | b.keys() if not is_same(a.get(name), b.get(name)))
            if columns:
                yield Difference(kind, key, "different", tuple(columns))


def _paired(ours: Iterable[T], theirs: Iterable[T]) -> Iterator[tuple[Key, dict[str, T]]]:
    """Yield each key of two listings, in order, with its items by side: "ours", "theirs" or both."""
    # Python compares text by code points, which is the order of the service's UTF-8 bytes too.
    left = ((key_of(item), "ours", item) for item in ours)
    right = ((key_of(item), "theirs", item) for item in theirs)
    for key, found in groupby(merge(left, right, key=itemgetter(0)), key=itemgetter(0)):
        yield key, {side: item for _, side, item in found}


def _columns(kind: Literal["session", "message"], item: Session | Message) -> dict[str, Value | None]:
    fields = {name: getattr(item, name) for name in FIELDS[kind] if name != "metadata"}
    return {**fields, **item.metadata}
