"""ComputeSplits and ParallelScan: all rows that an index finds, in one split.

Its one rule: a scan goes in key order and sees what is there when each page is read; a session promises no more than to
be known. It is kept in memory, lives as long as the last request asked, and is unknown to another server. The page with
the last rows has a token all the same, and only the page after it is empty and has none: clients go by that.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from tsmem.clock import Clock
from tsmem.engine import Engine
from tsmem.errors import from_service
from tsmem.queries import KeySort, Search
from tsmem.server.actions.context import ActionResult
from tsmem.server.actions.search_target import ALL, columns_of, find, open_index
from tsmem.server.wire import schema
from tsmem.server.wire.filters import invalid_parameter, text
from tsmem.server.wire.search_queries import decode_query

SPLITS = 1
MAX_LIMIT = 2000
MAX_SESSIONS = 10_000
"""Known at a time; for a new one the one is forgotten that was not heard of for the longest."""
DEFAULT_ALIVE_S = 60
_MORE, _END = b"\x02", b"\x03"
"""How a token begins: with the engine's behind it, or with nothing left."""


class ScanSessions:
    """The sessions that scans go on in. Any thread may call it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ends_s: dict[tuple[str, str, bytes], float] = {}
        """By table, index and id, in the order in which they were last heard of."""

    def begin(self, table: str, index: str) -> bytes:
        """A new session's id."""
        session = os.urandom(16).hex().encode()
        with self._lock:
            if len(self._ends_s) >= MAX_SESSIONS:
                del self._ends_s[next(iter(self._ends_s))]
            self._ends_s[table, index, session] = self._clock.monotonic_s() + DEFAULT_ALIVE_S
        return session

    def prolong(self, table: str, index: str, session: bytes, alive_s: int) -> None:
        """Let a session live so long from now. Raises OTSSessionExpired where it does not live any more."""
        with self._lock:
            ends_s = self._ends_s.pop((table, index, session), None)
            now_s = self._clock.monotonic_s()
            if ends_s is None or ends_s <= now_s:
                said = "ScanQuery'session is expired, please retry ComputeSplitsRequest and ScanQuery."
                raise from_service("OTSSessionExpired", said)
            self._ends_s[table, index, session] = now_s + alive_s


def compute_splits(engine: Engine, body: bytes, sessions: ScanSessions) -> ActionResult:
    """ComputeSplits."""
    message = schema.parse_message("ComputeSplitsRequest", body)
    if not message.HasField("search_index_splits_options"):
        raise invalid_parameter("[search index splits options] must not be null")
    index = open_index(engine, text(message.table_name), text(message.search_index_splits_options.index_name))
    session = sessions.begin(index.table.name, index.name)
    answer = schema.new_message("ComputeSplitsResponse", session_id=session, splits_size=SPLITS)
    return ActionResult(answer.SerializeToString(), index.table.name)


def parallel_scan(engine: Engine, body: bytes, sessions: ScanSessions) -> ActionResult:
    """ParallelScan: one page. Without a session it goes on by its token alone."""
    message = schema.parse_message("ParallelScanRequest", body)
    scan = schema.parse_message("ScanQuery", message.scan_query)
    index = open_index(engine, text(message.table_name), text(message.index_name))
    columns = columns_of(message.columns_to_get, index)
    if message.columns_to_get.HasField("return_type") and message.columns_to_get.return_type == ALL:
        raise invalid_parameter("[parallel_scan.columns_to_get] must not be RETURN_ALL")
    _check(scan)
    if message.session_id:
        alive_s = scan.alive_time if scan.HasField("alive_time") else DEFAULT_ALIVE_S
        sessions.prolong(index.table.name, index.name, message.session_id, alive_s)
    answer = schema.new_message("ParallelScanResponse")
    if scan.token != _END:
        asked = Search(decode_query(scan.query), (KeySort(),), scan.limit or MAX_LIMIT, token=_engines(scan.token))
        found = find(engine, index, asked, columns)
        answer.rows.extend(found.rows)
        if found.rows:
            answer.next_token = _END if found.token is None else _MORE + found.token
    return ActionResult(answer.SerializeToString(), index.table.name, len(answer.rows))


def _check(scan: Any) -> None:
    if not scan.HasField("query"):
        raise invalid_parameter("[parallel_scan.query] must not be null")
    if scan.HasField("limit") and not 0 < scan.limit <= MAX_LIMIT:
        raise invalid_parameter(f"[parallel_scan.limit] must in (0, {MAX_LIMIT}], current limit is {scan.limit}")
    if scan.HasField("alive_time") and scan.alive_time <= 0:
        raise invalid_parameter(
            f"[parallel_scan.alive_time] must be greater than 0, current alive_time is {scan.alive_time}"
        )
    most = scan.max_parallel if scan.HasField("max_parallel") else SPLITS
    if not 0 < most <= SPLITS:
        raise invalid_parameter(
            f"[parallel_scan.max_parallel_id] must in (0 ,{SPLITS}], current max_parallel_id is {most}"
        )
    if not 0 <= scan.current_parallel_id < most:
        raise invalid_parameter(
            f"[parallel_scan.current_parallel_id] must in [0, max_parallel), current max_parallel is {most}, "
            f"current_parallel_id is {scan.current_parallel_id}"
        )


def _engines(token: bytes) -> bytes | None:
    """The engine's token inside one of a scan's."""
    if not token:
        return None
    if not token.startswith(_MORE):
        raise invalid_parameter("[parallel_scan.token] is not one of this server's")
    return token[len(_MORE) :]
