"""What filters, conditions and views are refused for, with the service's code and text; and what those that are taken
say of a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.raw_bodies import (
    INVALID,
    KEY,
    NOT_UTF8,
    NOW_MS,
    UNREADABLE,
    Refusal,
    Wire,
    body,
    c,
    comparison,
    condition,
    found,
    getting,
    instance,
    joined,
    nested,
    page,
    row,
    wanted,
    writing,
)
from tsmem.rows import MAX, MIN
from tsmem.server.wire import schema
from tsmem.server.wire.plainbuffer import encode_value

NOT, AND, OR = 1, 2, 3
EQUAL, NOT_EQUAL, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, EXIST, NOT_EXIST = range(1, 9)
TOO_MANY = (INVALID, "The count of filter exceeds the max: 32.")
NOT_ONE = (INVALID, "Invalid NOT operator: the number of sub-filters must be 1.")
TOO_FEW_AND = (INVALID, "Invalid AND operator: the number of sub-filters must be at least 2.")
TOO_FEW_OR = (INVALID, "Invalid OR operator: the number of sub-filters must be at least 2.")
PAGE_INSIDE = (INVALID, "A column pagination filter cannot be part of another filter.")
BROKEN = (INVALID, "Parse PlainBuffer from RawString failed: a literal is empty.")
RULE = schema.new_message("ValueTransferRule", regex="([0-9]+)", cast_type=0)
NO_FILTER = schema.new_message("Filter", type=1, filter=b"\xff")


def single(raw: bytes) -> Any:
    """A comparison of these bytes."""
    return schema.new_message("Filter", type=1, filter=raw)


def without(field: str, **given: Any) -> bytes:
    """A comparison's bytes without one of its fields."""
    fields = {"comparator": 1, "column_name": "c", "column_value": encode_value(1), "filter_if_missing": True,
              "latest_version_only": True, **given}  # fmt: skip
    del fields[field]
    data: bytes = schema.new_message("SingleColumnValueFilter", **fields).SerializePartialToString()
    return data


FILTERS: dict[str, tuple[Any, Refusal]] = {
    "no protobuf": (NO_FILTER, UNREADABLE),
    "a composite that is none": (schema.new_message("Filter", type=2, filter=b"\xff"), UNREADABLE),
    "an unknown comparator": (single(b"\x08\x09" + without("comparator")), UNREADABLE),
    "an unknown operator": (schema.new_message("Filter", type=2, filter=b"\x08\x04"), UNREADABLE),
    "no comparator": (single(without("comparator")), UNREADABLE),
    "no filter_if_missing": (single(without("filter_if_missing")), UNREADABLE),
    "a column that is no UTF-8": (comparison(NOT_UTF8), UNREADABLE),
    "a wrong column name": (comparison("#name"), (INVALID, "Invalid column name: '#name'.")),
    "no literal": (single(without("column_value", column_value=b"") + b"\x1a\x00"), BROKEN),
    "an infinite literal": (
        comparison(value=MIN),  # type: ignore[arg-type]
        (INVALID, "Parse PlainBuffer from RawString failed: a literal is not one value.")),
    "a rule of transfer": (comparison(value_trans_rule=RULE), (INVALID, "Unsupported operation: 'value_trans_rule'.")),
    "a rule in a test of existence": (
        comparison(comparator=EXIST, value_trans_rule=RULE), (INVALID, "Unsupported operation: 'value_trans_rule'.")),
    "NOT of none": (joined(NOT), NOT_ONE),
    "NOT of two": (joined(NOT, comparison(), comparison()), NOT_ONE),
    "AND of none": (joined(AND), TOO_FEW_AND),
    "AND of one": (joined(AND, comparison()), TOO_FEW_AND),
    "OR of none": (joined(OR), TOO_FEW_OR),
    "OR of one": (joined(OR, comparison()), TOO_FEW_OR),
    "OR of one within": (joined(AND, comparison(), joined(OR, comparison())), TOO_FEW_OR),
    "33 parts": (joined(OR, *[comparison()] * 33), TOO_MANY),
    "33 parts that cannot be read": (joined(OR, *[NO_FILTER] * 33), TOO_MANY),
    "32 parts that cannot be read": (joined(OR, *[NO_FILTER] * 32), UNREADABLE),
    "33 in two groups": (joined(OR, joined(AND, *[comparison()] * 17), joined(AND, *[comparison()] * 16)), TOO_MANY),
    "33 tests of existence": (joined(OR, *[comparison(comparator=EXIST)] * 33), TOO_MANY),
    "33 tests of absence": (joined(AND, *[comparison(comparator=NOT_EXIST)] * 33), TOO_MANY),
    "a wrong name in a test of existence": (
        comparison("#name", EXIST), (INVALID, "Invalid column name: '#name'.")),
    "33 levels": (nested(32, AND), TOO_MANY),
    "32 levels": (nested(31, AND), TOO_FEW_AND),
    "33 levels of NOT": (nested(32, NOT), TOO_MANY),
    "deeper than calls can be": (nested(3000, AND), TOO_MANY),
    "a page within": (joined(AND, comparison(), page(0, 1)), PAGE_INSIDE),
    "a page within NOT": (joined(NOT, page(0, 1)), PAGE_INSIDE),
}  # fmt: skip
"""By what is wrong: the filter, and what is said of it."""


TOO_MANY_COLUMNS = (INVALID, "The number of columns to get exceeds the limit: 1024.")


@pytest.mark.parametrize("action", ["GetRow", "GetRange", "BatchGetRow"])
@pytest.mark.parametrize(
    ("columns", "refusal"),
    [
        ([f"c{number}" for number in range(1024)], None),
        ([f"c{number}" for number in range(1025)], TOO_MANY_COLUMNS),
        (["c"] * 1025, TOO_MANY_COLUMNS),
        (["c", "#name"], (INVALID, "Invalid column name: '#name'.")),
        ([""], (INVALID, "Invalid column name: ''.")),
        (["k", "c"], None),
    ],
    ids=["1024", "1025", "one 1025 times", "a wrong name", "an empty name", "a key column"],
)
def test_columns_to_get_have_a_bound_and_names(
    wire: Wire, action: str, columns: list[str], refusal: Refusal | None
) -> None:
    """What no column is called is refused, and so are more columns than a row can be written with."""
    ends = {"inclusive_start_primary_key": row({"k": MIN}), "exclusive_end_primary_key": row({"k": MAX})}
    request = {
        "GetRow": getting(columns_to_get=columns),
        "GetRange": body("GetRange", table_name="plain", direction=0, max_versions=1, columns_to_get=columns, **ends),
        "BatchGetRow": body("BatchGetRow", tables=[wanted("a", "b", columns_to_get=columns)]),
    }[action]

    if refusal is None:
        wire.answer(action, request)
    else:
        assert refusal == wire.refused(action, request)


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A dispatcher in front of three tables."""
    with instance() as made:
        yield made


def serialized(test: Any) -> bytes:
    """A filter's bytes."""
    data: bytes = test.SerializePartialToString()
    return data


def test_an_unknown_type_of_filter_is_unreadable(wire: Wire) -> None:
    """As protobuf has it, an unknown value of an enum is a field that is not there, and this one is required."""
    for data in (b"\x08\x04\x12\x00", b"\x12\x00", b"\xff"):
        assert UNREADABLE == wire.refused("GetRow", getting(filter=data))


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("action", ["GetRow", "GetRange", "BatchGetRow", "PutRow", "DeleteRow"])
def test_a_wrong_filter_is_refused(wire: Wire, name: str, action: str) -> None:
    """What cannot be tested is never passed over, in a read as in a condition."""
    test, refusal = FILTERS[name]
    ends = {"inclusive_start_primary_key": row({"k": MIN}), "exclusive_end_primary_key": row({"k": MAX})}
    if action == "GetRow":
        assert refusal == wire.refused(action, getting(filter=serialized(test)))
    elif action == "GetRange":
        fields = {"table_name": "plain", "direction": 0, "max_versions": 1, "filter": serialized(test), **ends}
        assert refusal == wire.refused(action, body(action, **fields))
    elif action == "BatchGetRow":
        request = body(action, tables=[wanted("a", filter=serialized(test))])
        assert refusal == wire.refused(action, request)
    else:
        data = row(KEY, c("c", 9)) if action == "PutRow" else row(KEY, marker=True)
        assert refusal == wire.refused(action, writing(action, data, condition=condition(0, test)))


def test_the_most_that_a_filter_may_be(wire: Wire) -> None:
    """32 comparisons and negations, 32 parts, 32 levels."""
    for test, cells in (
        (joined(OR, *[comparison()] * 32), [("c", 1)]),
        (joined(AND, *[comparison(comparator=EXIST)] * 32), [("c", 1)]),
        (joined(OR, *[comparison(comparator=NOT_EXIST)] * 32), None),
        (joined(AND, *[comparison("d", NOT_EXIST)] * 32), [("c", 1)]),
        (joined(AND, *[joined(NOT, comparison("d", EXIST))] * 16), [("c", 1)]),
        (nested(31, NOT), None),
        (nested(30, NOT), [("c", 1)]),
        (joined(OR, joined(AND, *[comparison()] * 16), joined(AND, *[comparison()] * 16)), [("c", 1)]),
    ):
        assert cells == found(wire.answer("GetRow", getting(filter=serialized(test))))


@pytest.mark.parametrize(
    ("comparator", "below", "equal", "above"),
    [(EQUAL, 0, 1, 0), (NOT_EQUAL, 1, 0, 1), (GREATER, 0, 0, 1), (GREATER_EQUAL, 0, 1, 1), (LESS, 1, 0, 0),
     (LESS_EQUAL, 1, 1, 0), (EXIST, 1, 1, 1), (NOT_EXIST, 0, 0, 0)],
)  # fmt: skip
def test_comparators_compare(wire: Wire, comparator: int, below: int, equal: int, above: int) -> None:
    """The column stands on the left: 1 is compared with 2, 1 and 0."""
    passed = [
        found(wire.answer("GetRow", getting(filter=serialized(comparison("c", comparator, value))))) is not None
        for value in (2, 1, 0)
    ]

    assert [bool(below), bool(equal), bool(above)] == passed


@pytest.mark.parametrize("comparator", [EQUAL, NOT_EQUAL, GREATER, LESS_EQUAL])
@pytest.mark.parametrize(("filter_if_missing", "passes"), [(True, False), (False, True)])
def test_a_row_without_the_column(wire: Wire, comparator: int, filter_if_missing: bool, passes: bool) -> None:
    """filter_if_missing leaves a row without the column out, whatever the comparator; otherwise the row passes."""
    test = comparison("none", comparator, 1, filter_if_missing=filter_if_missing)
    put = writing("PutRow", row(KEY, c("c", 9)), condition=condition(0, test))

    assert passes == (found(wire.answer("GetRow", getting(filter=serialized(test)))) is not None)
    if passes:
        wire.answer("PutRow", put)
    else:
        assert ("OTSConditionCheckFail", "Condition check failed.") == wire.refused("PutRow", put)


@pytest.mark.parametrize(
    ("combinator", "parts", "passes"),
    [(NOT, [1], False), (NOT, [2], True), (AND, [1, 2], False), (AND, [1, 1], True), (OR, [2, 2], False),
     (OR, [2, 1], True)],
)  # fmt: skip
def test_parts_are_joined(wire: Wire, combinator: int, parts: list[int], passes: bool) -> None:
    """NOT, AND and OR mean what they say, of a column that is 1."""
    test = joined(combinator, *(comparison(value=value) for value in parts))

    assert passes == (found(wire.answer("GetRow", getting(filter=serialized(test)))) is not None)


@pytest.mark.parametrize(("latest", "value", "passes"), [(1, 2, 1), (1, 1, 0), (0, 2, 1), (0, 1, 1), (0, 3, 0)])
def test_the_latest_version_or_any_is_tested(wire: Wire, latest: int, value: int, passes: int) -> None:
    """A column that was 1 and is 2, tested by a read and by a condition, in its latest version alone or in all."""
    wire.answer("UpdateRow", writing("UpdateRow", row(KEY, c("c", 1, None, NOW_MS - 1), c("c", 2)), "versioned"))
    test = comparison(value=value, latest_version_only=bool(latest))
    request = writing("PutRow", row(KEY, c("c", 9)), "versioned", condition=condition(0, test))

    assert bool(passes) == (found(wire.answer("GetRow", getting("versioned", filter=serialized(test)))) is not None)
    if passes:
        wire.answer("PutRow", request)
    else:
        assert ("OTSConditionCheckFail", "Condition check failed.") == wire.refused("PutRow", request)


def test_a_page_is_no_condition(wire: Wire) -> None:
    """A column pagination filter pages what is read, and tests nothing."""
    for action, data in (("PutRow", row(KEY, c("c", 9))), ("DeleteRow", row(KEY, marker=True))):
        request = writing(action, data, condition=condition(0, page(0, 1)))
        assert (INVALID, "A column pagination filter cannot be a condition.") == wire.refused(action, request)


@pytest.mark.parametrize(("offset", "limit"), [(-1, 1), (0, -1), (-1, -1)])
def test_a_negative_page_is_refused(wire: Wire, offset: int, limit: int) -> None:
    """Neither the offset nor the limit may be below 0."""
    text = "The offset and limit of a column pagination filter must not be negative."

    assert (INVALID, text) == wire.refused("GetRow", getting(filter=serialized(page(offset, limit))))


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, "abcde"),
        ({"filter": serialized(page(0, 2))}, "ab"),
        ({"filter": serialized(page(1, 3))}, "bcd"),
        ({"filter": serialized(page(4, 9))}, "e"),
        ({"filter": serialized(page(5, 9))}, ""),
        ({"filter": serialized(page(0, 0))}, ""),
        ({"start_column": "b"}, "bcde"),
        ({"end_column": "d"}, "abc"),
        ({"start_column": "b", "end_column": "d"}, "bc"),
        ({"start_column": "bb", "end_column": "d"}, "c"),
        ({"start_column": "b", "filter": serialized(page(1, 2))}, "cd"),
        ({"columns_to_get": ["a", "c", "e"], "filter": serialized(page(1, 2))}, "ce"),
        ({"columns_to_get": ["a", "c", "e"], "start_column": "b"}, "ce"),
        ({"start_column": "", "end_column": "b"}, "a"),
    ],
)
def test_columns_are_cut_and_paged(wire: Wire, fields: dict[str, Any], names: str) -> None:
    """start_column is inclusive, end_column exclusive, and a page counts the columns that are left, not their
    versions."""
    cells = [c(name, version, None, NOW_MS - version) for name in "abcde" for version in (0, 1)]
    wire.answer("PutRow", writing("PutRow", row(KEY, *cells), "versioned"))

    assert list(names) == [name for name, _ in found(wire.answer("GetRow", getting("versioned", **fields))) or ()]
    twice = found(wire.answer("GetRow", getting("versioned", **fields, max_versions=2)))
    assert [(name, version) for name in names for version in (0, 1)] == (twice or [])


# Versions and times

NO_VERSION = (INVALID, "No version condition is specified while querying row.")
NO_END = (INVALID, "A time range needs a start and an end.")
BOTH_TIMES = (INVALID, "A specific timestamp and a time range cannot be given at the same time.")
BOTH = (INVALID, "Specific tiemstamp and max versions cannot be given at the same time.")
NOT_POSITIVE = (INVALID, "The maximum versions cannot be less than or equal to 0.")


def empty(start: int, end: int) -> Refusal:
    """What is said of a range of times that holds none."""
    return INVALID, f"The time range is invalid: [{start}, {end})."


VIEWS: dict[str, tuple[int | None, dict[str, int] | None, Refusal]] = {
    "neither versions nor times": (None, None, NO_VERSION),
    "an empty range of times": (None, {}, NO_END),
    "a start alone": (None, {"start_time": 1}, NO_END),
    "an end alone": (None, {"end_time": 1}, NO_END),
    "an end alone beside versions": (1, {"end_time": 1}, NO_END),
    "a time beside versions": (1, {"specific_time": 1}, BOTH),
    "a time and a start": (None, {"specific_time": 1, "start_time": 1}, BOTH_TIMES),
    "a time and an end": (None, {"specific_time": 1, "end_time": 2}, BOTH_TIMES),
    "a time and a range": (None, {"specific_time": 1, "start_time": 1, "end_time": 2}, BOTH_TIMES),
    "a start that is the end": (None, {"start_time": 5, "end_time": 5}, empty(5, 5)),
    "a start past the end": (1, {"start_time": 6, "end_time": 5}, empty(6, 5)),
    "a negative start": (1, {"start_time": -1, "end_time": 5}, empty(-1, 5)),
    "a negative range": (None, {"start_time": -5, "end_time": -1}, empty(-5, -1)),
    "a negative time": (None, {"specific_time": -1}, empty(-1, 0)),
    "no versions": (0, None, NOT_POSITIVE),
    "less than no versions": (-1, {"start_time": 0, "end_time": 5}, NOT_POSITIVE),
}
"""By what is wrong: max_versions, time_range, and what is said."""


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("action", ["GetRow", "GetRange", "BatchGetRow", "BatchGetRow of no rows"])
def test_a_wrong_view_is_refused(wire: Wire, name: str, action: str) -> None:
    """A read says which versions it wants, and does not contradict itself; whether or not it names a row."""
    versions, times, refusal = VIEWS[name]
    more: dict[str, Any] = {
        "max_versions": versions,
        "time_range": None if times is None else schema.new_message("TimeRange", **times),
    }
    given = {key: value for key, value in more.items() if value is not None}
    ends = {"inclusive_start_primary_key": row({"k": MIN}), "exclusive_end_primary_key": row({"k": MAX})}
    request = {
        "GetRow": getting(**more),
        "GetRange": body("GetRange", table_name="plain", direction=0, **ends, **given),
        "BatchGetRow": body("BatchGetRow", tables=[wanted("a", **more)]),
        "BatchGetRow of no rows": body("BatchGetRow", tables=[wanted(**more)]),
    }[action]

    assert refusal == wire.refused(action.split()[0], request)


@pytest.mark.parametrize(
    ("versions", "times", "values"),
    [
        (1, None, [3]),
        (2, None, [3, 2]),
        (9, None, [3, 2, 1]),
        (None, {"specific_time": NOW_MS - 1}, [2]),
        (None, {"start_time": NOW_MS - 2, "end_time": NOW_MS}, [2, 1]),
        (1, {"start_time": NOW_MS - 2, "end_time": NOW_MS}, [2]),
        (None, {"start_time": 0, "end_time": 1}, []),
        (None, {"specific_time": 0}, []),
        (None, {"specific_time": 2**63 - 1}, []),
    ],
)
def test_versions_and_times_are_heeded(
    wire: Wire, versions: int | None, times: dict[str, int] | None, values: list[int]
) -> None:
    """A range's start is inclusive, its end exclusive; a time is that one."""
    cells = [c("c", value, None, NOW_MS - 3 + value) for value in (1, 2, 3)]
    wire.answer("PutRow", writing("PutRow", row(KEY, *cells), "versioned"))
    more: dict[str, Any] = {
        "max_versions": versions,
        "time_range": None if times is None else schema.new_message("TimeRange", **times),
    }

    assert values == [value for _, value in found(wire.answer("GetRow", getting("versioned", **more))) or ()]
