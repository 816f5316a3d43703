"""A client that wraps another one and checks the port's contract.

It passes calls and results on unchanged. It raises ContractViolation if a call or its result breaks a rule of
`port.py`, which is a bug in the caller or in the client. Mistakes of users are for the client itself to refuse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tsmem.adapters import open_client
from tsmem.clock import SystemClock
from tsmem.errors import TsmemError
from tsmem.limits import MAX_INTEGER, MAX_KEY_BYTES, MAX_ROWS_PER_PAGE, MIN_INTEGER
from tsmem.port import Announce, RangePage, RowOutcome, RowRead, TableClient, TableSchema
from tsmem.profiles import Profile
from tsmem.rows import Filter, Key, KeyBound, Range, Row, TableRef, Write, in_order
from tsmem.store import MemoryStore

if TYPE_CHECKING:
    from tsmem.queries import Search, SearchPage

_REQUESTS = {
    "list_tables", "describe_table", "create_table", "delete_table", "create_index", "delete_index",
    "list_search_indexes", "create_search_index", "describe_search_index", "delete_search_index", "write_row",
}  # fmt: skip
"""Methods that send one request and return no rows."""


class ContractViolation(AssertionError):
    """A caller or a client broke the port's contract."""


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise ContractViolation(sentence)


class CheckedClient:
    def __init__(self, client: TableClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the wrapped client. Methods in _REQUESTS are checked."""
        found = getattr(self._client, name)
        if name not in _REQUESTS:
            return found

        def call(*args: Any, **options: Any) -> Any:
            if name == "write_row":
                _check_key(name, args[0].table, args[0].key)
            answer = self._request(name, lambda: found(*args, **options))
            if name.startswith("list_"):
                _require(answer == sorted(set(answer)), f"{name} gave names out of order, or one twice: {answer}")
            elif name.startswith("describe_"):
                _require(answer.name == args[-1], f"{name} of {args[-1]!r} described {answer.name!r}")
                _require(not isinstance(answer, TableSchema) or len(answer.key) >= 1, f"{name} gave no primary key")
            return answer

        return call

    def get_row(self, table: TableRef, key: Key, columns: Sequence[str] | None = None) -> Row | None:
        _check_key("get_row", table, key)
        _check_projection("get_row", columns)
        row: Row | None = self._request("get_row", lambda: self._client.get_row(table, key, columns))
        _check_asked("get_row", table, key, row, columns)
        return row

    def get_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None) -> list[RowRead]:
        for key in keys:
            _check_key("get_rows", table, key)
        _check_projection("get_rows", columns)
        rows: list[RowRead] = self._request("get_rows", lambda: self._client.get_rows(table, keys, columns))
        _require(len(rows) == len(keys), f"get_rows of {len(keys)} keys gave {len(rows)} results")
        for key, row in zip(keys, rows, strict=True):
            if not isinstance(row, TsmemError):
                _check_asked("get_rows", table, key, row, columns)
        return rows

    def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
        for write in writes:
            _check_key("write_rows", write.table, write.key)
        outcomes: list[RowOutcome] = self._request("write_rows", lambda: self._client.write_rows(writes))
        _require(len(outcomes) == len(writes), f"write_rows of {len(writes)} rows gave {len(outcomes)} outcomes")
        for outcome in outcomes:
            is_known = outcome is None or isinstance(outcome, TsmemError)
            _require(is_known, f"write_rows gave an outcome that is no tsmem error: {type(outcome).__name__}")
        return outcomes

    def get_range(
        self,
        table: TableRef,
        span: Range,
        *,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
        filter: Filter | None = None,  # noqa: A002 - TableStore's own word for it
        announce: Announce | None = None,
    ) -> RangePage:
        for bound in (span.start, span.end):
            _require(len(bound) == len(table.key), f"get_range: a bound of {len(bound)} values for {table}")
        _check_projection("get_range", columns)
        page: RangePage = self._request(
            "get_range",
            lambda: self._client.get_range(table, span, limit=limit, columns=columns, filter=filter, announce=announce),
        )
        most = MAX_ROWS_PER_PAGE if limit is None else min(limit, MAX_ROWS_PER_PAGE)
        _require(len(page.rows) <= most, f"get_range gave {len(page.rows)} rows, and {most} are the most")
        _check_order(table, span, page)
        for row in page.rows:
            _check_row("get_range", table, row, columns)
        return page

    def search(self, table: TableRef, index: str, search: Search) -> SearchPage:
        _require(not isinstance(search.columns, str), "search: columns is one text, not a sequence of names")
        page: SearchPage = self._request("search", lambda: self._client.search(table, index, search))
        found = len(page.rows)
        _require(found <= search.limit, f"search gave {found} rows, and {search.limit} are the most")
        _require(len(page.scores) == found, f"search gave {len(page.scores)} scores for {found} rows")
        _require((page.total is not None) is search.count, f"search gave the total {page.total}; count: {search.count}")
        _require(page.total is None or page.total >= found, f"search gave {found} rows of {page.total}")
        _require(len({row.key for row in page.rows}) == found, "search gave a row twice")
        _require(page.token is None or found > 0 or search.limit == 0, "search gave a token after a page without rows")
        for row in page.rows:
            _check_row("search", table, row, None if search.columns is None else (*search.columns, *table.key))
        return page

    def _request(self, name: str, call: Callable[[], Any]) -> Any:
        """Make a call and check two rules: it raises only TsmemError, and if it returns it has added to the meter. A
        batch is exempt if all its rows were refused before anything was sent."""
        before = self._client.meter.total.requests
        try:
            answer = call()
        except TsmemError:
            raise
        except Exception as error:
            raise ContractViolation(f"{name} let {type(error).__name__} escape: {error}") from error
        is_refused = name == "write_rows" and None not in answer
        is_metered = self._client.meter.total.requests > before
        _require(is_metered or is_refused, f"{name} did not add its request to the meter")
        return answer


def _check_key(call: str, table: TableRef, key: Key) -> None:
    _require(type(key) is tuple, f"{call}: a key is a tuple, not a {type(key).__name__}")
    _require(len(key) == len(table.key), f"{call}: a key of {len(key)} values for {len(table.key)} key columns")


def _check_projection(call: str, columns: Sequence[str] | None) -> None:
    _require(columns is None or len(columns) > 0, f"{call}: no columns at all, which the service takes for all")
    _require(not isinstance(columns, str), f"{call}: columns is one text, not a sequence of names")


def _check_asked(call: str, table: TableRef, key: Key, row: Row | None, columns: Sequence[str] | None) -> None:
    if row is not None:
        _require(row.key == key, f"{call} gave a row with a key that was not requested")
        _check_row(call, table, row, columns)


def _check_row(call: str, table: TableRef, row: Row, columns: Sequence[str] | None) -> None:
    _require(type(row) is Row, f"{call} gave a {type(row).__name__} for a row")
    _require(type(row.key) is tuple and len(row.key) == len(table.key), f"{call} gave a key of {len(row.key)} values")
    for part in row.key:
        _require(type(part) in (str, int, bytes), f"{call} gave a key value of type {type(part).__name__}")
        _require(isinstance(part, int) or len(part) <= MAX_KEY_BYTES, f"{call} gave too long a key value")
    names = list(row.columns)
    _require(names == sorted(names), f"{call} gave columns out of the order of their names: {names}")
    _require(not set(names) & set(table.key), f"{call} gave a key column among the attribute columns")
    if columns is not None:
        _require(set(names) <= set(columns), f"{call} gave columns that were not asked for: {names}")
        _require(bool(names) or bool(set(columns) & set(table.key)), f"{call} gave a row without any column asked for")
    for name, value in row.columns.items():
        kind = type(value)
        _require(kind in (str, int, float, bool, bytes), f"{call} gave column {name!r} a value of type {kind.__name__}")
        if type(value) is int:
            _require(MIN_INTEGER <= value <= MAX_INTEGER, f"{call} gave column {name!r} an integer past 64 bits")
        if type(value) is float:
            _require(math.isfinite(value), f"{call} gave column {name!r} a number that is not finite")


def _check_order(table: TableRef, span: Range, page: RangePage) -> None:
    """Check that all rows lie in the range, in its order, and that next_start lies beyond the last row."""
    keys: list[KeyBound] = [row.key for row in page.rows]
    if page.next_start is not None:
        keys.append(page.next_start)
    _require(all(len(key) == len(table.key) for key in keys), "get_range gave a next_start of another length")
    _require(all(map(span.includes, keys)), f"get_range gave a key outside {span}")
    places = [in_order(key) for key in keys]
    is_ordered = all(one > other if span.backward else one < other for one, other in pairwise(places))
    _require(is_ordered, "get_range gave keys out of order, or a next_start that is not beyond the last row")


def checked_store(profile: Profile) -> MemoryStore:
    client = CheckedClient(open_client(profile, SystemClock()))
    return MemoryStore(client, clock=SystemClock(), target=profile.target)
