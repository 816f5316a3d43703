"""The lies of tests/support/lying.py: each breaks one rule of the protocol in every reply that can break it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from tests.support.lying import (
    EVIL,
    Lie,
    Reply,
    WireRow,
    as_key,
    changing_row_bytes,
    changing_rows,
    decoded,
    requested_range,
)
from tsmem.engine.rows.cells import Cell
from tsmem.rows import Bound, KeyBound
from tsmem.server.wire.plainbuffer import crc8, encode_row

_numbers = itertools.count()
RowChange = Callable[[WireRow], WireRow]


def _on(*actions: str) -> Callable[[Lie], Lie]:
    """Restrict a lie to the replies of these actions."""

    def limited(lie: Lie) -> Lie:
        return lambda reply: lie(reply) if reply.action in actions else None

    return limited


def _each_row(change: RowChange) -> Lie:
    return changing_rows(lambda rows, _: list(map(change, rows)))


def _first_is_given(reply: Reply) -> bool:
    """Return True if the requested range covers a single user or session."""
    return reply.action == "GetRange" and not isinstance(requested_range(reply)[1][0], Bound)


# Pages


def _wrong_next_start(key_of: Callable[[Reply, tuple[str, ...], KeyBound], Any], *, empty: bool = False) -> Lie:
    """Return a lie: each page of a range says that the next page starts at `key_of`."""

    @_on("GetRange")
    def lie(reply: Reply) -> None:
        names, start, _ = requested_range(reply)
        if (key := key_of(reply, names, start)) is None:
            return
        reply.message.next_start_primary_key = encode_row(names[: len(key)], key)
        if empty:
            reply.message.rows = b""

    return lie


def _first_key(reply: Reply, names: tuple[str, ...], start: KeyBound) -> Any:
    rows = decoded(reply.message.rows)
    return rows[0].key if rows else as_key(start, names)


def _smallest_step(reply: Reply, names: tuple[str, ...], start: KeyBound) -> Any:
    """Return the smallest possible step beyond the start of the range, in its direction."""
    key = as_key(start, names)
    if not reply.is_backward:
        return (*key[:-1], _next_value(key[-1]))
    place = next((place for place, name in enumerate(names) if name.endswith("time")), None)
    return None if place is None else (*key[:place], key[place] - 1, *key[place + 1 :])


def _next_value(value: Any) -> Any:
    return value + 1 if isinstance(value, int) else f"{value}\0"


def _key_beyond_range(reply: Reply, names: tuple[str, ...], start: KeyBound) -> Any:
    return ("zzzz", *as_key(start, names)[1:]) if _first_is_given(reply) else None


@_on("GetRange")
def _no_next_key(reply: Reply) -> None:
    reply.message.next_start_primary_key = b"\x75\x00\x00\x00\x01\x09" + bytes((crc8(b"\0"),))


# Rows


def _row_of_another_user(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    if not _first_is_given(reply) or not rows:
        return rows
    last = rows[-1]
    others = {"user_id": "bob", "session_id": "s3"}
    key = tuple(others.get(name, value) for name, value in zip(last.names, last.key, strict=True))
    return [*rows[:-1], last._replace(key=key, cells=(Cell("content", EVIL, 1), Cell("search_content", EVIL, 1)))]


def _reversed(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    return rows[::-1] if reply.action == "GetRange" else rows


def _every_row_twice(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    return [row for row in rows for _ in range(2)] if reply.action in ("GetRange", "Search") else rows


def _more_rows_than_limit(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    if reply.action != "GetRange" or reply.is_backward or not 0 < reply.request.limit <= len(rows):
        return rows
    names, last = rows[0].names, rows[-1].key
    return [*rows, WireRow(names, (*last[:-1], _next_value(last[-1])), (Cell("content", EVIL, 1),))]


def _row_with_another_key(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    if reply.action not in ("GetRow", "BatchGetRow"):
        return rows
    return [row._replace(key=(*row.key[:-1], EVIL), cells=(Cell("content", EVIL, 1),)) for row in rows]


# Batches


def _changed_outcomes(change: Callable[[Any], None]) -> Lie:
    @_on("BatchGetRow", "BatchWriteRow")
    def lie(reply: Reply) -> None:
        for table in reply.message.tables:
            change(table)

    return lie


@_on("BatchGetRow")
def no_rows_in_a_batch(reply: Reply) -> None:
    """Reply as if all rows had just been deleted. Each such reply could be correct."""
    for row in (row for table in reply.message.tables for row in table.rows):
        row.row = b""


@_on("BatchGetRow")
def _batch_rows_swapped(reply: Reply) -> None:
    for table in reply.message.tables:
        rows = [row.row for row in table.rows]
        for row, other in zip(table.rows, rows[::-1], strict=True):
            row.row = other


# Searches


def _endless_tokens(*, new: bool, empty: bool = False) -> Lie:
    """Return a lie: every page of a search has a token for another page. The first such page could be correct."""

    @_on("Search")
    def lie(reply: Reply) -> None:
        reply.message.next_token = b"%d" % next(_numbers) if new else b"again"
        reply.is_possible = reply.is_first
        if empty:
            del reply.message.rows[:], reply.message.search_hits[:]

    return lie


def other_users_hits(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    """Return rows that do not match the search. That breaks no rule, because an index can be out of date, so tsmem
    must leave them out."""
    if reply.action != "Search":
        return rows
    evil = Cell("search_content", f"tea {EVIL}", 1), Cell("update_time", 5, 1), Cell("content", "x", 1)
    return [WireRow(row.names, (EVIL, *row.key[1:]), evil) for row in rows]


@_on("Search")
def _negative_total(reply: Reply) -> None:
    if reply.message.total_hits > 0:  # the total is set only if the request asks for it
        reply.message.total_hits = -5


@_on("Search")
def _more_scores(reply: Reply) -> None:
    if reply.message.rows:
        reply.message.search_hits.add(score=1.0)


# Tables


def _described(change: Callable[[Any], None]) -> Lie:
    return _on("DescribeTable")(lambda reply: change(reply.message.table_meta))


_ROW_ACTIONS = ("GetRange", "GetRow", "PutRow", "UpdateRow", "DeleteRow")

LIES: dict[str, Lie] = {
    "a next page that starts where this one starts": _wrong_next_start(_first_key),
    "a next page that starts beyond the range": _wrong_next_start(_key_beyond_range),
    "empty pages that each advance by the smallest step": _wrong_next_start(_smallest_step, empty=True),
    "a next start of one column": _wrong_next_start(lambda reply, names, start: as_key(start, names)[:1]),
    "a next start without a key": _no_next_key,
    "a row of another user": changing_rows(_row_of_another_user),
    "rows in the wrong order": changing_rows(_reversed),
    "every row twice": changing_rows(_every_row_twice),
    "more rows than the limit": changing_rows(_more_rows_than_limit),
    "a row with another key than the requested one": changing_rows(_row_with_another_key),
    "a number that is NaN": _each_row(lambda row: row._replace(cells=(*row.cells, Cell("score", math.nan, 1)))),
    "times as text": _each_row(lambda row: row._replace(key=tuple(map(str, row.key)))),
    "key columns with swapped names": _each_row(lambda row: row._replace(names=row.names[::-1])),
    "one outcome too few": _changed_outcomes(lambda table: table.rows.pop()),
    "one outcome too many": _changed_outcomes(lambda table: table.rows.add().CopyFrom(table.rows[0])),
    "outcomes of another table": _changed_outcomes(lambda table: setattr(table, "table_name", "other")),
    "rows of a batch in the wrong order": _batch_rows_swapped,
    "the same token again and again": _endless_tokens(new=False),
    "new tokens for the same rows": _endless_tokens(new=True),
    "new tokens for no rows": _endless_tokens(new=True, empty=True),
    "a negative total": _negative_total,
    "more scores than rows": _more_scores,
    "the description of another table": _described(lambda meta: setattr(meta, "table_name", EVIL)),
    "a table without a key": _described(lambda meta: meta.ClearField("primary_key")),
    "garbage": lambda reply: setattr(reply, "body", b"\xff\xfe garbage"),
    "an empty body": _on(*_ROW_ACTIONS, "DescribeTable")(lambda reply: setattr(reply, "body", b"")),
    "a reply without its cost": _on(*_ROW_ACTIONS)(lambda reply: reply.message.ClearField("consumed")),
    "rows with a wrong checksum": changing_row_bytes(lambda data: data[:-1] + bytes((data[-1] ^ 1,))),
}
