"""What a TableStore may lie about: each lie breaks one rule of an answer, wherever the answer can break it."""

from __future__ import annotations

import itertools
from typing import Any

from tests.support.lying import EVIL, Lie, Reply, WireRow, bounds_of, encoded, of_bytes, of_rows, values_of
from tsmem.engine.rows.cells import Cell
from tsmem.rows import Bound
from tsmem.server.wire.plainbuffer import crc8, encode_row

_numbers = itertools.count()


def _first_is_given(reply: Reply) -> bool:
    """True if the range that was asked for is one user's or one session's."""
    return reply.action == "GetRange" and not isinstance(bounds_of(reply)[1][0], Bound)


# Pages


def _pages(key_of: Any, *, empty: bool = False) -> Lie:
    """Pages of a range that go on at the key that `key_of` says."""

    def lie(reply: Reply) -> None:
        if reply.action != "GetRange":
            return
        names, start, _ = bounds_of(reply)
        if (key := key_of(reply, names, start)) is None:
            return
        reply.message.next_start_primary_key = encode_row(names, key)
        if empty:
            reply.message.rows = b""

    return lie


def _first_key(reply: Reply, names: tuple[str, ...], start: Any) -> Any:
    from tests.support.lying import decoded

    rows = decoded(reply.message.rows)
    return rows[0].key if rows else values_of(start, names)


def _before(reply: Reply, names: tuple[str, ...], start: Any) -> Any:
    backward = reply.request.direction == 1
    edge = (Bound.MAX if backward else Bound.MIN,) * len(names)
    return values_of(edge, names)


def _a_step(reply: Reply, names: tuple[str, ...], start: Any) -> Any:
    """The next possible key in the direction of the range."""
    key = list(values_of(start, names))
    if reply.request.direction == 1:
        place = next((place for place, name in enumerate(names) if name.endswith("time")), None)
        if place is None:
            return None
        key[place] -= 1
        return tuple(key)
    key[-1] = key[-1] + 1 if isinstance(key[-1], int) else f"{key[-1]}\0"
    return tuple(key)


def _far_key(reply: Reply, names: tuple[str, ...], start: Any) -> Any:
    return ("zzzz", *values_of(start, names)[1:]) if _first_is_given(reply) else None


def _short_next(reply: Reply) -> None:
    if reply.action == "GetRange":
        names, start, _ = bounds_of(reply)
        reply.message.next_start_primary_key = encode_row(names[:1], values_of(start, names)[:1])


def _no_next_key(reply: Reply) -> None:
    if reply.action == "GetRange":
        reply.message.next_start_primary_key = b"\x75\x00\x00\x00\x01\x09" + bytes((crc8(b"\0"),))


# Rows


def _outside(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    if not _first_is_given(reply) or not rows:
        return rows
    last = rows[-1]
    others = {"user_id": "bob", "session_id": "s3"}
    key = tuple(others.get(name, value) for name, value in zip(last.names, last.key, strict=True))
    return [*rows[:-1], last._replace(key=key, cells=(Cell("content", EVIL, 1), Cell("search_content", EVIL, 1)))]


def _reversed(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    return rows[::-1] if reply.action == "GetRange" else rows


def _twice(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    return [row for row in rows for _ in range(2)] if reply.action in ("GetRange", "Search") else rows


def _too_many(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    if reply.action != "GetRange" or not rows or not reply.request.HasField("limit"):
        return rows
    names, last = rows[0].names, rows[-1].key
    if reply.request.direction == 1:
        return rows
    more = (*last[:-1], last[-1] + 1 if isinstance(last[-1], int) else f"{last[-1]}\0")
    row = WireRow(names, more, (Cell("content", EVIL, 1),))
    return [*rows, row] if len(rows) >= reply.request.limit else rows


def _other_row(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    if reply.action not in ("GetRow", "BatchGetRow"):
        return rows
    return [row._replace(key=(*row.key[:-1], EVIL), cells=(Cell("content", EVIL, 1),)) for row in rows]


def _other_types(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    swapped: dict[type, Any] = {str: str.encode, int: str, bytes: bytes.hex}
    return [row._replace(key=tuple(swapped[type(value)](value) for value in row.key)) for row in rows]


def _times_as_text(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    return [row._replace(key=tuple(map(str, row.key))) for row in rows]


def _a_column_less(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    return [row._replace(names=row.names[:-1], key=row.key[:-1]) for row in rows]


def _other_names(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    return [row._replace(names=row.names[::-1]) for row in rows]


def _long_page(reply: Reply) -> None:
    if reply.action == "GetRange":
        row = encoded([WireRow(("user_id", "session_id"), ("", ""))])
        reply.message.rows = row[:4] + row[4:] * 6_000


def _rows_without_keys(reply: Reply) -> None:
    if reply.action == "GetRange":
        reply.message.rows = b"\x75\x00\x00\x00" + b"\x01\x09\x00" * 6_000


# Batches


def _outcomes(change: Any) -> Lie:
    def lie(reply: Reply) -> None:
        if reply.action in ("BatchGetRow", "BatchWriteRow"):
            for table in reply.message.tables:
                change(table)

    return lie


def _one_less(table: Any) -> None:
    del table.rows[-1]


def _one_more(table: Any) -> None:
    table.rows.add().CopyFrom(table.rows[0])


def _renamed(table: Any) -> None:
    table.table_name = "other"


def no_rows_in_a_batch(reply: Reply) -> None:
    """No row is there, as if all were deleted just now. No single answer of this kind is wrong."""
    if reply.action == "BatchGetRow":
        for row in (row for table in reply.message.tables for row in table.rows):
            row.row = b""


def _swapped(reply: Reply) -> None:
    if reply.action == "BatchGetRow":
        for table in reply.message.tables:
            rows = [row.row for row in table.rows]
            for row, other in zip(table.rows, rows[::-1], strict=True):
                row.row = other


# Searches


def _same_token(reply: Reply) -> None:
    if reply.action == "Search":
        reply.message.next_token = b"again"
        reply.is_possible = reply.is_first


def _new_tokens(reply: Reply) -> None:
    if reply.action == "Search":
        reply.message.next_token = b"%d" % next(_numbers)
        reply.is_possible = reply.is_first


def _empty_searches(reply: Reply) -> None:
    if reply.action == "Search":
        _new_tokens(reply)
        del reply.message.rows[:], reply.message.search_hits[:]


def other_users_hits(rows: list[WireRow], reply: Reply) -> list[WireRow]:
    """Rows that the search did not ask for. They are no broken answer: an index may be behind. They are not shown."""
    if reply.action != "Search":
        return rows
    evil = Cell("search_content", f"tea {EVIL}", 1), Cell("update_time", 5, 1), Cell("content", "x", 1)
    return [WireRow(row.names, (EVIL, *row.key[1:]), evil) for row in rows]


def _more_scores(reply: Reply) -> None:
    if reply.action == "Search" and reply.message.rows:
        reply.message.search_hits.add(score=1.0)


# Tables


def _other_table(reply: Reply) -> None:
    if reply.action == "DescribeTable":
        reply.message.table_meta.table_name = EVIL


def _no_key(reply: Reply) -> None:
    if reply.action == "DescribeTable":
        del reply.message.table_meta.primary_key[:]


# Bytes


def _empty(reply: Reply) -> None:
    """An empty body. Some answers are honestly empty, and some actions have no part that must be there."""
    if reply.action in ("GetRange", "GetRow", "PutRow", "UpdateRow", "DeleteRow", "DescribeTable"):
        reply.body = b""


def _without_cost(reply: Reply) -> None:
    if reply.action in ("GetRange", "GetRow", "PutRow", "UpdateRow", "DeleteRow"):
        reply.message.ClearField("consumed")


def _garbage(reply: Reply) -> None:
    reply.body = b"\xff\xfe garbage"


LIES: dict[str, Lie] = {
    "a page that goes on where it began": _pages(_first_key),
    "a page that goes on before the range": _pages(_before),
    "a page that goes on behind the range": _pages(_far_key),
    "pages without rows, each a step further": _pages(_a_step, empty=True),
    "a next start of one column": _short_next,
    "a next start without a key": _no_next_key,
    "a row of another user": of_rows(_outside),
    "rows in the wrong order": of_rows(_reversed),
    "every row twice": of_rows(_twice),
    "more rows than the limit": of_rows(_too_many),
    "another row than the one asked for": of_rows(_other_row),
    "keys of other types": of_rows(_other_types),
    "times as text": of_rows(_times_as_text),
    "a key column less": of_rows(_a_column_less),
    "key columns by other names": of_rows(_other_names),
    "6,000 rows": _long_page,
    "6,000 rows without keys": _rows_without_keys,
    "an outcome less": _outcomes(_one_less),
    "an outcome more": _outcomes(_one_more),
    "outcomes of another table": _outcomes(_renamed),
    "rows of a batch in the wrong order": _swapped,
    "one token again and again": _same_token,
    "new tokens for the same rows": _new_tokens,
    "new tokens for no rows": _empty_searches,
    "more scores than rows": _more_scores,
    "the description of another table": _other_table,
    "a table without a key": _no_key,
    "garbage": _garbage,
    "an empty body": _empty,
    "an answer without its cost": _without_cost,
    "rows that are cut off": of_bytes(lambda data: data[:-3]),
    "rows with a wrong checksum": of_bytes(lambda data: data[:-1] + bytes((data[-1] ^ 1,))),
}
