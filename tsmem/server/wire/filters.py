"""Decodes the filter of a read, the condition of a write, and the columns and versions that a read asks for.

What cannot be decoded or evaluated is refused with OTSParameterInvalid. The wire's `filter_if_missing` means the
opposite of `pass_if_missing` of the SDKs and of `Comparison`. Source: table_store_filter.proto and the SDKs' tests.
"""

from __future__ import annotations

from typing import Any

from tsmem.engine.rows.filters import MAX_COMPARISONS, AnyVersion, Presence
from tsmem.engine.rows.reads import View
from tsmem.errors import invalid
from tsmem.limits import MAX_COLUMNS_PER_WRITE, check_column_name
from tsmem.rows import UNCONDITIONAL, And, Comparison, Condition, Existence, Filter, Not, Op, Or
from tsmem.server.wire.plainbuffer import decode_literal
from tsmem.server.wire.schema import as_text, as_texts, parse_message, unsupported

_COMPARISON, _PAGINATION = 1, 3  # filter types; 2 is a composite
_EXIST, _NOT_EXIST = 7, 8  # comparators that need no literal
_OPS = {1: Op.EQ, 2: Op.NE, 3: Op.GT, 4: Op.GE, 5: Op.LT, 6: Op.LE}
_NOT, _AND = 1, 2  # combinators; 3 is OR
_EXISTENCE = (Existence.IGNORE, Existence.EXPECT_EXIST, Existence.EXPECT_NOT_EXIST)

ColumnPage = tuple[int, int]  # offset and limit over the columns of a row


def decode_columns(message: Any) -> tuple[str, ...]:
    """Return the names of the columns that a read asks for; no names means all."""
    if len(message.columns_to_get) > MAX_COLUMNS_PER_WRITE:
        raise invalid(f"The number of columns to get exceeds the limit: {MAX_COLUMNS_PER_WRITE}.")
    names = as_texts(message.columns_to_get)
    for name in names:
        check_column_name(name)
    return names


def decode_filter(data: bytes) -> tuple[Filter | None, ColumnPage | None]:
    """Return a row filter, or the offset and limit of a column page: on the wire, both are filters. At most one of the
    two is set."""
    if not data:
        return None, None
    message = parse_message("Filter", data)
    if message.type != _PAGINATION:
        return _decode_filter_message(message, 1), None
    page = parse_message("ColumnPaginationFilter", message.filter)
    if page.offset < 0 or page.limit < 0:
        raise invalid("The offset and limit of a column pagination filter must not be negative.")
    return None, (page.offset, page.limit)


def decode_condition(message: Any) -> Condition:
    existence = _EXISTENCE[message.row_existence]
    column_condition, page = decode_filter(message.column_condition)
    if page is not None:
        raise invalid("A column pagination filter cannot be a condition.")
    if existence is Existence.IGNORE and column_condition is None:
        return UNCONDITIONAL
    return Condition(existence, column_condition)


def _decode_filter_message(message: Any, depth: int) -> Filter:
    if message.type == _COMPARISON:
        return _decode_comparison(parse_message("SingleColumnValueFilter", message.filter))
    if message.type == _PAGINATION:
        raise invalid("A column pagination filter cannot be part of another filter.")
    composite = parse_message("CompositeColumnValueFilter", message.filter)
    if depth >= MAX_COMPARISONS or len(composite.sub_filters) > MAX_COMPARISONS:
        raise invalid(f"The count of filter exceeds the max: {MAX_COMPARISONS}.")
    parts = tuple(_decode_filter_message(part, depth + 1) for part in composite.sub_filters)
    if composite.combinator == _NOT:
        if len(parts) != 1:
            raise invalid("Invalid NOT operator: the number of sub-filters must be 1.")
        return Not(parts[0])
    return And(parts) if composite.combinator == _AND else Or(parts)


def _decode_comparison(message: Any) -> Filter:
    column = as_text(message.column_name)
    if message.HasField("value_trans_rule"):
        raise unsupported("value_trans_rule")
    if message.comparator in (_EXIST, _NOT_EXIST):
        return Presence(column, message.comparator == _EXIST)  # type: ignore[return-value]
    literal = decode_literal(message.column_value)
    comparison = Comparison(column, _OPS[message.comparator], literal, not message.filter_if_missing)
    return comparison if message.latest_version_only else AnyVersion(comparison)  # type: ignore[return-value]


def decode_view(message: Any, page: ColumnPage | None) -> View:
    time_range = _decode_time_range(message.time_range) if message.HasField("time_range") else None
    max_versions = message.max_versions if message.HasField("max_versions") else None
    if max_versions is None and time_range is None:
        raise invalid("No version condition is specified while querying row.")
    if max_versions is not None and max_versions < 1:
        raise invalid("The maximum versions cannot be less than or equal to 0.")
    if max_versions is not None and message.time_range.HasField("specific_time"):
        # The service spells its message this way.
        raise invalid("Specific tiemstamp and max versions cannot be given at the same time.")
    start = as_text(message.start_column) if message.HasField("start_column") else None
    end = as_text(message.end_column) if message.HasField("end_column") else None
    return View(max_versions, time_range, start, end, page)


def _decode_time_range(message: Any) -> tuple[int, int]:
    has_bounds = message.HasField("start_time"), message.HasField("end_time")
    if message.HasField("specific_time"):
        if any(has_bounds):
            raise invalid("A specific timestamp and a time range cannot be given at the same time.")
        start, end = message.specific_time, message.specific_time + 1
    elif all(has_bounds):
        start, end = message.start_time, message.end_time
    else:
        raise invalid("A time range needs a start and an end.")
    if not 0 <= start < end:
        raise invalid(f"The time range is invalid: [{start}, {end}).")
    return start, end
