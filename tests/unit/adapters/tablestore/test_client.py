"""TablestoreClient with canned replies, for what tests/contract cannot show over a correct server."""

from __future__ import annotations

import base64
import hashlib
import itertools
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.server_in_process import profile_of
from tsmem.adapters.redaction import HIDDEN, without_secrets
from tsmem.adapters.tablestore.client import TablestoreClient
from tsmem.adapters.tablestore.sdk import search_pb2, table_store_pb2
from tsmem.adapters.tablestore.transport import CURRENT_ATTEMPT
from tsmem.errors import ConditionFailed, InvalidInput, InvalidReply, LimitExceeded, Throttled, Unavailable
from tsmem.port import Cost, FieldType, IndexSchema, SearchIndexSchema
from tsmem.rows import (
    MAX,
    MIN,
    MUST_NOT_EXIST,
    ColumnType,
    Comparison,
    Delete,
    Filter,
    Not,
    Op,
    Put,
    Range,
    TableRef,
    Update,
    Write,
)

A, B = TableRef("a", ("k",)), TableRef("b", ("k",))
PROFILE = profile_of("http://127.0.0.1:1")


class CannedService:
    """Stands in for the service: records requests, and signs the canned reply."""

    def __init__(self, client: TablestoreClient, *answers: Any) -> None:
        self.sent: list[tuple[str, dict[str, str], bytes]] = []
        self._answers = list(answers)
        self._sdk = client._sdk
        self._sdk.connection = self

    def send_receive(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, str, dict[str, str], bytes]:
        CURRENT_ATTEMPT.get().is_sent = True
        self.sent.append((url.strip("/"), headers, body))
        answer = self._answers.pop(0)
        status, message = answer if isinstance(answer, tuple) else (200, answer)
        content = message if isinstance(message, bytes) else message.SerializeToString()
        found = {
            "x-ots-contentmd5": base64.b64encode(hashlib.md5(content).digest()).decode(),
            "x-ots-requestid": "request-1",
            "x-ots-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "x-ots-contenttype": "protocol buffer",
        }
        found["authorization"] = "OTS test-key:" + self._sdk._signer.make_response_signature(url, found, "tsmem")
        return status, "", found, content


def client_with_replies(*answers: Any) -> tuple[TablestoreClient, CannedService]:
    client = TablestoreClient(PROFILE)
    return client, CannedService(client, *answers)


def batch_answer(**tables: list[str | None]) -> Any:
    """Return a BatchWriteRow reply with the tables in reverse order, and an error code or None for each row."""
    answer = table_store_pb2.BatchWriteRowResponse()
    for name, codes in reversed(tables.items()):
        table = answer.tables.add(table_name=name)
        for code in codes:
            row = table.rows.add(is_ok=code is None)
            if code is None:
                row.consumed.capacity_unit.read = 0
                row.consumed.capacity_unit.write = 2
            else:
                row.error.code, row.error.message = code, f"{name} {code}"
    return answer


def test_batch_outcomes_are_in_the_order_of_the_writes() -> None:
    client, service = client_with_replies(batch_answer(a=[None, "OTSConditionCheckFail"], b=["OTSServerBusy", None]))
    outcomes = client.write_rows(
        [Put(A, ("1",), {}), Delete(B, ("2",)), Put(A, ("3",), {}, MUST_NOT_EXIST), Put(B, ("4",), {})]
    )

    assert [type(None), Throttled, ConditionFailed, type(None)] == [type(outcome) for outcome in outcomes]
    assert "b OTSServerBusy" == str(outcomes[1])
    assert Cost(1, 1, 5) == client.meter.total
    request = table_store_pb2.BatchWriteRowRequest.FromString(service.sent[0][2])
    assert [("a", 2), ("b", 2)] == [(table.table_name, len(table.rows)) for table in request.tables]


@pytest.mark.parametrize("tables", [{"a": [None]}, {"a": [None] * 3}, {}, {"other": [None, None]}])
def test_a_batch_reply_of_another_length_is_ambiguous(tables: dict[str, list[str | None]]) -> None:
    client, _ = client_with_replies(batch_answer(**tables))
    with pytest.raises(Unavailable) as caught:
        client.write_rows([Put(A, ("1",), {}), Put(A, ("2",), {})])

    assert caught.value.ambiguous
    assert 1 == client.meter.total.requests


def test_a_reply_that_decodes_to_nonsense_is_not_retried() -> None:
    client, _ = client_with_replies(b"")
    described = client._sdk.protocol.decoder.api_decode_map
    described["DescribeTable"] = lambda body, request_id: (object(), None)
    with pytest.raises(InvalidReply, match="cannot be read") as caught:
        client.describe_table("a")

    assert 0 == caught.value.hopeless_after_s


def test_a_failed_row_of_a_batch_has_its_error_and_the_others_are_metered() -> None:
    answer = table_store_pb2.BatchGetRowResponse()
    table = answer.tables.add(table_name="a")
    table.rows.add(is_ok=True).consumed.capacity_unit.read = 3
    failed = table.rows.add(is_ok=False)
    failed.error.code, failed.error.message = "OTSPartitionUnavailable", "The partition is not available."
    client, _ = client_with_replies(answer)

    assert [type(None), Throttled] == [type(row) for row in client.get_rows(A, [("1",), ("2",)])]
    assert Cost(1, 3, 0) == client.meter.total


@pytest.mark.parametrize(
    "writes",
    [
        [Put(A, ("1",), {"x": "\ud800"})],
        [Put(A, ("\ud800",), {})],
        [Put(A, ("1",), {"x": 2**63}), Put(A, ("2",), {"x": float("nan")})],
        [Update(A, ("1",), delete=("#x",))],
    ],
)
def test_a_batch_of_only_invalid_rows_is_not_sent(writes: list[Write]) -> None:
    client, service = client_with_replies()

    assert all(isinstance(outcome, InvalidInput) for outcome in client.write_rows(writes))
    assert [] == service.sent


def _nested(depth: int) -> Filter:
    test: Filter = Comparison("x", Op.EQ, 1)
    for _ in range(depth):
        test = Not(test)
    return test


WHOLE = A.range_of()
REFUSED: list[Callable[[TablestoreClient], object]] = [
    lambda c: c.get_row(A, ("\ud800",)),
    lambda c: c.get_row(A, ("a",), ["\ud800"]),
    lambda c: c.get_row(A, (2**63,)),
    lambda c: c.get_row(TableRef("a", ("#key",)), ("a",)),
    lambda c: c.get_range(A, Range((2**63,), (MAX,))),
    lambda c: c.get_range(A, Range((MIN,), ("é" * 513,))),
    lambda c: c.get_range(A, WHOLE, filter=Comparison("x", Op.EQ, float("inf"))),
    lambda c: c.get_range(A, WHOLE, filter=Comparison("#x", Op.EQ, 1)),
    lambda c: c.get_range(A, WHOLE, filter=_nested(5000)),
    lambda c: c.describe_table("\ud800"),
    lambda c: c.create_search_index(SearchIndexSchema("a", "i", (("f", FieldType("NESTED")),))),
    lambda c: c.write_rows([]),
    lambda c: c.write_rows([Put(A, (str(n),), {}) for n in range(201)]),
    lambda c: c.write_rows([Put(A, (str(n),), {"x": "x" * 2_000_000}) for n in range(3)]),
    lambda c: c.get_rows(A, []),
    lambda c: c.get_rows(A, [(str(n),) for n in range(101)]),
]


@pytest.mark.parametrize("call", REFUSED)
def test_invalid_input_is_refused_before_anything_is_sent(call: Callable[[TablestoreClient], object]) -> None:
    client, service = client_with_replies()
    with pytest.raises((InvalidInput, LimitExceeded)):
        call(client)

    assert [] == service.sent
    assert Cost() == client.meter.total


def test_search_fields_of_unknown_types_keep_the_type_name() -> None:
    answer = search_pb2.DescribeSearchIndexResponse()
    for name, number in (("known", 4), ("date", 8)):
        answer.schema.field_schemas.add(field_name=name, field_type=number)
    fuzzy = search_pb2.FuzzyAnalyzerParameter(min_chars=1, max_chars=7).SerializeToString()
    answer.schema.field_schemas.add(field_name="text", field_type=5, analyzer="fuzzy", analyzer_parameter=fuzzy)
    answer.sync_stat.sync_phase = search_pb2.FULL
    body = answer.SerializeToString()
    for raw, number in ((b"fuzzy", 10), (b"new", 99)):
        field = b"\x0a" + bytes((len(raw),)) + raw + b"\x10" + bytes((number,))
        body += b"\x0a" + bytes((len(field) + 2,)) + b"\x0a" + bytes((len(field),)) + field
    client, _ = client_with_replies(body)

    found = client.describe_search_index("a", "i")
    assert not found.in_step
    assert found.fields == (
        ("known", FieldType("KEYWORD")),
        ("date", FieldType("DATE")),
        ("text", FieldType("TEXT", "fuzzy", 1, 7)),
        ("fuzzy", FieldType("FUZZY_KEYWORD")),
        ("new", FieldType("TYPE_99")),
    )


def test_search_fields_that_cannot_be_searched_or_sorted_are_named() -> None:
    answer = search_pb2.DescribeSearchIndexResponse()
    fields = answer.schema.field_schemas
    fields.add(field_name="plain", field_type=4, index=True, enable_sort_and_agg=True, is_array=False)
    fields.add(field_name="kept", field_type=4, index=False, enable_sort_and_agg=True)
    fields.add(field_name="listed", field_type=4, index=True, enable_sort_and_agg=False, is_array=True)
    fields.add(field_name="text", field_type=5, index=True, enable_sort_and_agg=False)
    fields.add(field_name="unsaid", field_type=1)
    client, _ = client_with_replies(answer)
    found = client.describe_search_index("a", "i")

    said = [sorted(names) for names in (found.not_indexed, found.arrays, found.not_sorted)]
    assert [["kept"], ["listed"], ["listed"]] == said


def table_reply() -> Any:
    described = table_store_pb2.DescribeTableResponse()
    described.table_meta.table_name = "a"
    described.table_meta.primary_key.add(name="k", type=table_store_pb2.STRING)
    described.reserved_throughput_details.capacity_unit.read = 0
    described.reserved_throughput_details.last_increase_time = 0
    described.table_options.time_to_live = -1
    return described


def test_a_table_is_described_with_reserved_units_and_version_deviation() -> None:
    described = table_reply()
    unit = described.reserved_throughput_details.capacity_unit
    unit.read, unit.write = 5, 7
    described.table_options.deviation_cell_version_in_sec = 1000
    client, _ = client_with_replies(described)
    found = client.describe_table("a")

    assert ((5, 7), 1000) == (found.reserved_units, found.deviation_s)


def test_an_index_on_an_undefined_column_defines_it_first() -> None:
    refusal = table_store_pb2.Error(code="OTSParameterInvalid", message="not defined")
    described = table_reply()
    described.table_meta.defined_column.add(name="known", type=table_store_pb2.DCT_STRING)
    client, service = client_with_replies((400, refusal), described, b"", b"")
    index = IndexSchema("i", ("k", "t" * 200))
    client.create_index("a", index, (("known", ColumnType.STRING), ("t" * 200, ColumnType.INTEGER)))

    assert ["CreateIndex", "DescribeTable", "AddDefinedColumn", "CreateIndex"] == [name for name, _, _ in service.sent]
    column = b"\x0a\xc8\x01" + b"t" * 200 + b"\x10\x01"
    assert b"\x0a\x01a\x12" + bytes((len(column) & 127 | 128, len(column) >> 7)) + column == service.sent[2][2]
    last = table_store_pb2.CreateIndexRequest.FromString(service.sent[3][2])
    assert (True, table_store_pb2.IT_LOCAL_INDEX) == (last.include_base_data, last.index_meta.index_type)


def test_an_index_that_is_refused_for_another_reason_is_not_retried() -> None:
    refusal = table_store_pb2.Error(code="OTSParameterInvalid", message="no such thing")
    client, service = client_with_replies((400, refusal))
    with pytest.raises(InvalidInput, match="no such thing"):
        client.create_index("a", IndexSchema("i", ("k",)))
    assert 1 == len(service.sent)


@pytest.mark.parametrize(("region", "header"), [(None, "x-ots-signature"), ("cn-hangzhou", "x-ots-signaturev4")])
def test_requests_are_signed_v2_or_v4_with_a_region_and_carry_the_token(region: str | None, header: str) -> None:
    more = {} if region is None else {"TABLESTORE_REGION": region}
    client = TablestoreClient(profile_of("http://127.0.0.1:1", TABLESTORE_SECURITY_TOKEN="the-token", **more))
    service = CannedService(client, (403, table_store_pb2.Error(code="OTSAuthFailed", message="no")))
    with pytest.raises(Exception, match="no"):
        client.list_tables()
    _, headers, _ = service.sent[0]

    assert {header} == {name for name in headers if name.startswith("x-ots-signature")}
    assert "the-token" == headers["x-ots-ststoken"]


def test_a_refused_request_is_logged_with_its_code_and_nothing_of_its_rows(caplog: pytest.LogCaptureFixture) -> None:
    lines: list[str] = []
    client = TablestoreClient(PROFILE, log=lines.append)
    CannedService(client, (503, table_store_pb2.Error(code="OTSServerBusy", message="Server is busy.")))
    with caplog.at_level(logging.DEBUG), pytest.raises(Throttled):
        client.write_row(Put(A, ("1",), {"secret": "what the row holds"}))

    assert ["PutRow a, 1 row, "] == [line[:17] for line in lines]
    assert lines[0].endswith(" ms, request request-1, OTSServerBusy")
    assert "what the row holds" not in lines[0] + caplog.text


def test_an_access_key_stays_hidden_after_many_requests_that_failed() -> None:
    """The signature of each request is hidden, too, and only a limited number of secrets is remembered."""
    numbers = itertools.count()

    class Refusing:
        def send_receive(self, *_: object) -> None:
            CURRENT_ATTEMPT.get().signatures = (f"signature-{next(numbers)}",)
            raise ConnectionRefusedError

    client = TablestoreClient(PROFILE)
    client._sdk.connection = Refusing()
    for _ in range(300):
        with pytest.raises(Unavailable):
            client.list_tables()

    assert HIDDEN == without_secrets(PROFILE.credentials().access_key_id)
