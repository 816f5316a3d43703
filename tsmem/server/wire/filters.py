"""Filters and conditions of the wire as the engine's, and which cells a read asks for.

Its one rule: what the engine cannot test is refused, never passed over. Source: table_store_filter.proto, and the SDKs'
tests: the wire says `filter_if_missing` where the SDKs say the opposite, `pass_if_missing`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from tsmem.engine.rows.filters import MAX_COMPARISONS, AnyVersion, Presence
from tsmem.engine.rows.versioned_reads import View
from tsmem.errors import TsmemError, from_service
from tsmem.limits import MAX_COLUMNS_PER_WRITE, check_column_name
from tsmem.rows import UNCONDITIONAL, And, Comparison, Condition, Existence, Filter, Not, Op, Or
from tsmem.server.wire import schema
from tsmem.server.wire.plainbuffer import variant

SINGLE, COMPOSITE, PAGINATION = 1, 2, 3
EXIST, NOT_EXIST = 7, 8
_OPS = {1: Op.EQ, 2: Op.NE, 3: Op.GT, 4: Op.GE, 5: Op.LT, 6: Op.LE}
NOT, AND, OR = 1, 2, 3
_EXISTENCE = (Existence.IGNORE, Existence.EXPECT_EXIST, Existence.EXPECT_NOT_EXIST)


class ReadFilter(NamedTuple):
    """What a read's filter says."""

    test: Filter | None = None
    page: tuple[int, int] | None = None
    """Offset and limit over a row's columns."""


def invalid_parameter(text: str) -> TsmemError:
    """A parameter that the service refuses."""
    return from_service("OTSParameterInvalid", text)


def text(value: str | bytes) -> str:
    """A string of a message, which protobuf gives as bytes when it is not UTF-8. Raises OTSParameterInvalid."""
    if isinstance(value, bytes):
        raise schema.unreadable()
    return value


def texts(values: Iterable[str | bytes]) -> tuple[str, ...]:
    """As `text`, of many."""
    return tuple(map(text, values))


def columns_to_get(message: Any) -> tuple[str, ...]:
    """The columns that a read asks for; none for all. Raises OTSParameterInvalid for more than a row can be written
    with, and for names that no column has."""
    if len(message.columns_to_get) > MAX_COLUMNS_PER_WRITE:
        raise invalid_parameter(f"The number of columns to get exceeds the limit: {MAX_COLUMNS_PER_WRITE}.")
    names = texts(message.columns_to_get)
    for name in names:
        check_column_name(name)
    return names


def row_filter(data: bytes) -> ReadFilter:
    """A filter of a read out of its bytes; none for no bytes. Raises OTSParameterInvalid."""
    if not data:
        return ReadFilter()
    message = schema.parse_message("Filter", data)
    if message.type == PAGINATION:
        page = schema.parse_message("ColumnPaginationFilter", message.filter)
        if page.offset < 0 or page.limit < 0:
            raise invalid_parameter("The offset and limit of a column pagination filter must not be negative.")
        return ReadFilter(page=(page.offset, page.limit))
    return ReadFilter(_test(message, 1))


def decode_condition(message: Any) -> Condition:
    """A write's condition. Raises OTSParameterInvalid."""
    existence = _EXISTENCE[message.row_existence]
    test = row_filter(message.column_condition)
    if test.page is not None:
        raise invalid_parameter("A column pagination filter cannot be a condition.")
    if existence is Existence.IGNORE and test.test is None:
        return UNCONDITIONAL
    return Condition(existence, test.test)


def _test(message: Any, depth: int) -> Filter:
    if depth > MAX_COMPARISONS:
        raise invalid_parameter(f"The count of filter exceeds the max: {MAX_COMPARISONS}.")
    if message.type == SINGLE:
        return _comparison(schema.parse_message("SingleColumnValueFilter", message.filter))
    if message.type == PAGINATION:
        raise invalid_parameter("A column pagination filter cannot be part of another filter.")
    composite = schema.parse_message("CompositeColumnValueFilter", message.filter)
    if len(composite.sub_filters) > MAX_COMPARISONS:
        raise invalid_parameter(f"The count of filter exceeds the max: {MAX_COMPARISONS}.")
    parts = tuple(_test(part, depth + 1) for part in composite.sub_filters)
    if composite.combinator == NOT:
        if len(parts) != 1:
            raise invalid_parameter("Invalid NOT operator: the number of sub-filters must be 1.")
        return Not(parts[0])
    return And(parts) if composite.combinator == AND else Or(parts)


def _comparison(message: Any) -> Filter:
    column = text(message.column_name)
    if message.HasField("value_trans_rule"):
        raise invalid_parameter("Unsupported operation: 'value_trans_rule'.")
    if message.comparator in (EXIST, NOT_EXIST):
        return Presence(column, message.comparator == EXIST)  # type: ignore[return-value]
    test = Comparison(column, _OPS[message.comparator], variant(message.column_value), not message.filter_if_missing)
    return test if message.latest_version_only else AnyVersion(test)  # type: ignore[return-value]


def view(message: Any, page: tuple[int, int] | None) -> View:
    """Which cells a read asks for. Raises OTSParameterInvalid where it does not say, or contradicts itself."""
    time_range = _time_range(message.time_range) if message.HasField("time_range") else None
    if not message.HasField("max_versions"):
        if time_range is None:
            raise invalid_parameter("No version condition is specified while querying row.")
        versions = None
    else:
        versions = message.max_versions
        if versions < 1:
            raise invalid_parameter("The maximum versions cannot be less than or equal to 0.")
        if message.time_range.HasField("specific_time"):
            raise invalid_parameter("Specific tiemstamp and max versions cannot be given at the same time.")
    start = text(message.start_column) if message.HasField("start_column") else None
    end = text(message.end_column) if message.HasField("end_column") else None
    return View(versions, time_range, start, end, page)


def _time_range(message: Any) -> tuple[int, int]:
    if message.HasField("specific_time"):
        if message.HasField("start_time") or message.HasField("end_time"):
            raise invalid_parameter("A specific timestamp and a time range cannot be given at the same time.")
        start, end = message.specific_time, message.specific_time + 1
    else:
        if not (message.HasField("start_time") and message.HasField("end_time")):
            raise invalid_parameter("A time range needs a start and an end.")
        start, end = message.start_time, message.end_time
    if not 0 <= start < end:
        raise invalid_parameter(f"The time range is invalid: [{start}, {end}).")
    return start, end
