"""Bodies of searches and scans, changed at random behind the signature: an answer or an error of the request's."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

from tests.serving import Served, sdk_client
from tests.wire.said import fill
from tests.wire.test_mutations import Recorder, mutated
from tests.wire.test_sdk_search import QUERIES
from tsmem.adapters.tablestore.sdk import ots as t
from tsmem.clock import SystemClock
from tsmem.errors import SERVICE_CODES, TsmemError
from tsmem.server.dispatch import Dispatcher
from tsmem.server.wire import schema

MUTATIONS = 3_000
SORTS = (None, t.Sort([t.FieldSort("number", t.SortOrder.DESC)]), t.Sort([t.ScoreSort()]))
COLUMNS = (t.ColumnsToGet(["word", "raw"], t.ColumnReturnType.SPECIFIED), None)
INNER = {"Search": ("search_query", "SearchQuery"), "ParallelScan": ("scan_query", "ScanQuery")}
"""The field of a body that has the query as bytes of its own, and what these bytes are."""


def bodies(served: Served) -> list[tuple[str, bytes]]:
    """Return bodies of every query that finds something, sorted, paged and with columns in several ways."""
    fill(served)
    client = sdk_client(served.endpoint)
    recorder = client.connection = Recorder(client.connection)
    for number, (query, _) in enumerate(QUERIES):
        asked = t.SearchQuery(query, sort=SORTS[number % 3], limit=7, get_total_count=True)
        columns = COLUMNS[number % 2]
        asked.next_token = client.search("said", "said_index", asked, columns).next_token
        client.search("said", "said_index", asked, columns)
    session = client.compute_splits("said", "said_index").session_id
    scan = t.ScanQuery(t.MatchAllQuery(), 7, None, 0, 1)
    scan.next_token = client.parallel_scan("said", "said_index", scan, session).next_token
    client.parallel_scan("said", "said_index", scan, session)
    return [(path[1:], body) for path, _, body in recorder.requests]


def changed(action: str, body: bytes, draw: random.Random) -> Iterator[bytes]:
    """Yield a body changed anywhere, and one changed inside its query, where no lengths around it are wrong then."""
    yield mutated(body, draw)
    if action not in INNER:
        return
    field, kind = INNER[action]
    message = schema.parse_message(f"{action}Request", body)
    inner = schema.parse_message(kind, getattr(message, field))
    if draw.random() < 0.5:
        inner.query.query = mutated(inner.query.query, draw)
    else:
        inner.token = mutated(inner.token, draw)
    if draw.random() < 0.3:
        inner.query.type = draw.choice(range(1, 21))
    if draw.random() < 0.03:
        parts = [inner.query] * draw.choice((2, 501, 1023))
        whole = schema.new_message(
            "BoolQuery", **{draw.choice(("must_queries", "must_not_queries", "should_queries")): parts}
        )
        inner.query.CopyFrom(schema.new_message("Query", type=6, query=whole.SerializeToString()))
    setattr(message, field, inner.SerializeToString())
    yield message.SerializeToString()


def test_three_thousand_changed_searches_end_in_an_answer_or_an_error(served: Served) -> None:
    requests = bodies(served)
    dispatcher = Dispatcher(served.engine, SystemClock())
    draw = random.Random(11)
    ends: Counter[str] = Counter()
    for _ in range(MUTATIONS):
        action, body = draw.choice(requests)
        for each in changed(action, body, draw):
            try:
                answer = dispatcher.answer(action, each)
            except TsmemError as error:
                ends[error.service_code or ""] += 1
                continue
            ends["answered"] += 1
            found = schema.parse_message(f"{action}Response", answer.body)
            assert action != "Search" or len(found.rows) == len(found.search_hits)

    assert {"answered", "OTSParameterInvalid", "OTSMetaNotMatch", "OTSSessionExpired"} <= set(ends)
    assert all(code == "answered" or SERVICE_CODES[code].http_status < 500 for code in ends)
    assert min(ends["answered"], ends["OTSParameterInvalid"]) > MUTATIONS / 20
