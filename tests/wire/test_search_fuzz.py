"""Bodies of Search, ComputeSplits and ParallelScan, changed at random behind the signature: an answer or an error of
the service's each time, and nothing else ever."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.serving import Served, sdk_client
from tests.wire.said import fill
from tests.wire.test_mutations import Recorder, mutated
from tests.wire.test_sdk_search import queries
from tsmem.clock import SystemClock
from tsmem.errors import SERVICE_CODES, TsmemError
from tsmem.server import schema
from tsmem.server.answer import Answer
from tsmem.server.dispatch import Dispatcher

MUTATIONS = 3_000
LARGE_SHARE = 0.03


def bodies(served: Served) -> list[tuple[str, bytes]]:
    """Every query that finds something, sorted, paged and with columns in several ways, as the SDK sends it."""
    import tablestore as t

    fill(served)
    client = sdk_client(served.endpoint)
    recorder = client.connection = Recorder(client.connection)
    sorts = (None, t.Sort([t.FieldSort("number", t.SortOrder.DESC)]), t.Sort([t.ScoreSort()]))
    wanted = (t.ColumnsToGet(["word", "raw"], t.ColumnReturnType.SPECIFIED), None)
    for number, (query, _) in enumerate(queries(t)):
        sort, columns = sorts[number % 3], wanted[number % 2]
        asked = t.SearchQuery(query, sort=sort, limit=7, get_total_count=True)
        token = client.search("said", "said_index", asked, columns).next_token
        if token:
            asked.next_token = token
            client.search("said", "said_index", asked, columns)
    session = client.compute_splits("said", "said_index").session_id
    scan = t.ScanQuery(t.MatchAllQuery(), 7, None, 0, 1)
    scan.next_token = client.parallel_scan("said", "said_index", scan, session).next_token
    client.parallel_scan("said", "said_index", scan, session)
    return [(path[1:], body) for path, _, body in recorder.requests]


def changed(action: str, body: bytes, draw: random.Random) -> Iterator[bytes]:
    """A body changed anywhere, and one that is changed where it matters: inside the query, which the body keeps as
    bytes of its own, so that the change is not lost in lengths that do not fit any more."""
    yield mutated(body, draw)
    if action == "ComputeSplits":
        return
    name, field = ("SearchRequest", "search_query") if action == "Search" else ("ParallelScanRequest", "scan_query")
    message = schema.parse(name, body)
    inner = schema.parse("SearchQuery" if action == "Search" else "ScanQuery", getattr(message, field))
    if draw.random() < 0.5:
        inner.query.query = mutated(inner.query.query, draw)
    else:
        inner.token = mutated(inner.token, draw)
    if draw.random() < 0.3:
        inner.query.type = draw.choice(range(1, 21))
    if draw.random() < LARGE_SHARE:
        inner.query.CopyFrom(large(inner.query, draw))
    setattr(message, field, inner.SerializeToString())
    yield message.SerializeToString()


def large(query: Any, draw: random.Random) -> Any:
    """The query a thousand times in another, or a message of as many words as a match."""
    count = draw.choice((2, 40, 501, 1023))
    if draw.random() < 0.3:
        text = " ".join(f"note{number}" for number in range(count))
        match = schema.make("MatchQuery", field_name=draw.choice(("note", "text", "word")), text=text)
        match.minimum_should_match = draw.choice((1, 2, 600))
        return schema.make("Query", type=1, query=match.SerializeToString())
    kind = draw.choice(("must", "must_not", "should", "filter"))
    whole = schema.make("BoolQuery", **{f"{kind}_queries": [query] * count})
    return schema.make("Query", type=6, query=whole.SerializeToString())


def test_three_thousand_changed_searches_end_in_an_answer_or_an_error(served: Served) -> None:
    """Errors are the request's own, none is this server's; an answer has a hit for each row."""
    requests = bodies(served)
    dispatcher = Dispatcher(served.engine, SystemClock())
    draw = random.Random(11)
    ends: Counter[str] = Counter()
    for _ in range(MUTATIONS):
        action, body = draw.choice(requests)
        for each in changed(action, body, draw):
            ends[ended(dispatcher, action, each)] += 1

    assert {"answered", "OTSParameterInvalid", "OTSMetaNotMatch", "OTSSessionExpired"} <= set(ends)
    assert ends["answered"] > MUTATIONS / 20
    assert ends["OTSParameterInvalid"] > MUTATIONS / 20


def ended(dispatcher: Dispatcher, action: str, body: bytes) -> str:
    """How a request ended: answered, or the error's code."""
    ended = outcome(dispatcher, action, body)
    if isinstance(ended, TsmemError):
        assert SERVICE_CODES[ended.service_code or ""].http_status < 500, (action, body, ended)
        return ended.service_code or ""
    if action == "Search":
        found = schema.parse("SearchResponse", ended.body)
        assert len(found.rows) == len(found.search_hits)
    return "answered"


def outcome(dispatcher: Dispatcher, action: str, body: bytes) -> Answer | TsmemError:
    """The answer, or the error."""
    try:
        return dispatcher.answer(action, body)
    except TsmemError as error:
        return error
