"""Decode answers whose signature was checked, by the SDK's decoders, in place of the SDK's own `parse_response`.

What cannot be decoded is a broken answer, not a broken connection, so nothing is asked again. The SDK's own function
would print the whole body into a message first: four times the memory of the answer.

Source: tablestore 6.4.8, protocol.py (parse_response), decoder.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tsmem.adapters.tablestore import reply_checks
from tsmem.adapters.tablestore.reply_checks import LARGE_BYTES, WrongReply
from tsmem.adapters.tablestore.sdk import ots, search_pb2, table_store_pb2
from tsmem.adapters.tablestore.transport import CURRENT_ATTEMPT
from tsmem.limits import MAX_ROWS_PER_READ, MAX_ROWS_PER_WRITE

MAX_SEARCH_ROWS = 1000
"""Of one search. Source: "Limits on search indexes"."""
_MAX_REASON = 200
_READABLE = (ots.OTSError, ValueError)
"""Raised by the SDK with a reason in words; other exceptions only show how its decoder is made."""


def install(client: Any) -> None:
    """Let an SDK client decode answers here."""
    decoder = client.protocol.decoder
    decoder.api_decode_map["GetRange"] = _announcing(decoder.api_decode_map["GetRange"])

    def parse_response(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> Any:
        try:
            if len(body) > LARGE_BYTES:
                _check_size(operation, body)
            answer, message = decoder.decode_response(operation, body, headers.get("x-ots-requestid") or "")
            _check_whole(message)
        except (MemoryError, WrongReply):
            raise
        except Exception as error:
            reason = str(error)[:_MAX_REASON] if isinstance(error, _READABLE) else type(error).__name__
            raise WrongReply(f"what cannot be decoded ({reason.rstrip('.')})") from error
        CURRENT_ATTEMPT.get().decoded = True
        return answer

    client.protocol.parse_response = parse_response


def _check_whole(message: Any) -> None:
    """Raise WrongReply for an answer without a part that all of its kind have. Protobuf reads an empty body as a page
    without rows."""
    if message is not None and not message.IsInitialized():
        raise WrongReply("what cannot be decoded (a part is missing)")


def _announcing(decode: Callable[[bytes, str], Any]) -> Callable[[bytes, str], Any]:
    """The SDK's decoder of a page, which says where the next one starts before it decodes the rows."""

    def announced(body: bytes, request_id: str) -> Any:
        exchange = CURRENT_ATTEMPT.get()
        if exchange.announce is not None:
            head = table_store_pb2.GetRangeResponse.FromString(body)
            head.rows = b""
            (_, next_start, *_), _ = decode(head.SerializeToString(), request_id)
            exchange.announce(next_start)
        return decode(body, request_id)

    return announced


_ROWS: dict[str, tuple[int, Callable[[bytes], list[bytes]]]] = {
    "GetRow": (1, lambda body: [table_store_pb2.GetRowResponse.FromString(body).row]),
    "GetRange": (1, lambda body: [table_store_pb2.GetRangeResponse.FromString(body).rows]),
    "BatchGetRow": (
        MAX_ROWS_PER_READ,
        lambda body: [
            row.row for table in table_store_pb2.BatchGetRowResponse.FromString(body).tables for row in table.rows
        ],
    ),
    "BatchWriteRow": (
        MAX_ROWS_PER_WRITE,
        lambda body: [
            row.row for table in table_store_pb2.BatchWriteRowResponse.FromString(body).tables for row in table.rows
        ],
    ),
    "Search": (MAX_SEARCH_ROWS, lambda body: list(search_pb2.SearchResponse.FromString(body).rows)),
}
"""By operation: how many buffers of rows an answer has at most, and how they are taken out of it."""


def _check_size(operation: str, body: bytes) -> None:
    """Raise WrongReply for an answer with more rows or cells than any of its kind: decoding it would take gigabytes."""
    if operation in _ROWS:
        most, take = _ROWS[operation]
        buffers = take(body)
        if len(buffers) > most or any(map(reply_checks.has_too_much, buffers)):
            raise WrongReply("more rows than were asked for")
