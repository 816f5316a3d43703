"""What single rows' requests are refused for, with the service's code and text, and what stands beside it and is not
refused. No row changes with a refusal: `Wire.refused` sees to that each time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.raw_bodies import (
    EXPECT_EXIST,
    INVALID,
    KEY,
    NOT_UTF8,
    NOW_MS,
    UNREADABLE,
    Refusal,
    Wire,
    body,
    c,
    change,
    condition,
    found,
    getting,
    group,
    instance,
    row,
    writing,
)
from tests.wire.raw_http import signed
from tests.wire.test_auth import HEADERS, V2, V4, changed, refused
from tsmem.rows import MAX, MIN
from tsmem.server.wire import schema
from tsmem.server.wire.plainbuffer import Operation, decode_row

DELETE_ALL, DELETE_ONE, INCREMENT = Operation.DELETE_ALL, Operation.DELETE_ONE, Operation.INCREMENT
IN_PUT = "Invalid put row request: an operation on a cell."
NO_INTEGER = "Column 'c' can be incremented by a number only."
NO_VALUE = "The value of column 'c' is missing."

WRITES: dict[str, tuple[str, bytes, str]] = {
    "a delete marker in a put": (
        "PutRow", row(KEY, c("c", 2), marker=True), "Invalid put row request: a delete marker in the row."),
    "a delete marker in an update": (
        "UpdateRow", row(KEY, c("c", 2), marker=True), "Invalid update row request: a delete marker in the row."),
    "a delete without a marker": (
        "DeleteRow", row(KEY), "Invalid request of delete row: missing RowDeleteMarker in request."),
    "a cell in a delete": (
        "DeleteRow", row(KEY, c("c", 2), marker=True), "Invalid request of delete row: a cell in the row."),
    "a deleted cell in a put": ("PutRow", row(KEY, c("c", None, DELETE_ALL)), IN_PUT),
    "a deleted version in a put": ("PutRow", row(KEY, c("c", None, DELETE_ONE, NOW_MS)), IN_PUT),
    "an increment in a put": ("PutRow", row(KEY, c("d", 1), c("c", 2, INCREMENT)), IN_PUT),
    "a version to delete that is not said": (
        "UpdateRow", row(KEY, c("c", None, DELETE_ONE)), "The version of column 'c' to delete is missing."),
    "an increment by a text": ("UpdateRow", row(KEY, c("c", "2", INCREMENT)), NO_INTEGER),
    "an increment of an integer by a double": (
        "UpdateRow", row(KEY, c("c", 2.0, INCREMENT)),
        "Column 'c' cannot be incremented: its type is not that of the increment."),
    "an increment by no number": (
        "UpdateRow", row(KEY, c("d", math.nan, INCREMENT)),
        "NaN/Infinity can't be set to double value: column 'd'."),
    "an increment of a column without a proper name": (
        "UpdateRow", row(KEY, c("#d", 2, INCREMENT)), "Invalid column name: '#d'."),
    "an increment by a boolean": ("UpdateRow", row(KEY, c("c", True, INCREMENT)), NO_INTEGER),
    "an increment by bytes": ("UpdateRow", row(KEY, c("c", b"2", INCREMENT)), NO_INTEGER),
    "an increment by an infinity": ("UpdateRow", row(KEY, c("c", MAX, INCREMENT)), NO_INTEGER),
    "an increment by nothing": ("UpdateRow", row(KEY, c("c", None, INCREMENT)), NO_INTEGER),
    "a put of no value": ("PutRow", row(KEY, c("d", 1), c("c")), NO_VALUE),
    "a put of an infinity": ("PutRow", row(KEY, c("c", MIN)), NO_VALUE),
    "a put of no value with a version": ("PutRow", row(KEY, c("d", 1, None, NOW_MS), c("c")), NO_VALUE),
    "an update to no value": ("UpdateRow", row(KEY, c("d", 1), c("c")), NO_VALUE),
    "an update to an infinity": ("UpdateRow", row(KEY, c("c", MAX)), NO_VALUE),
    "an update to no value beside a version": ("UpdateRow", row(KEY, c("d", 1, None, NOW_MS), c("c")), NO_VALUE),
    "an update of nothing": ("UpdateRow", row(KEY), "Invalid update row request: missing cells in request."),
    "a version below zero": (
        "PutRow", row(KEY, c("c", 2, None, -1)), "The version -1 of a cell must be in range: [0, 9223372036854775)."),
    "a column that is a key column": (
        "PutRow", row(KEY, c("k", 2)), "Column 'k' is a primary key column and cannot be an attribute column."),
    "a column written and deleted": (
        "UpdateRow", row(KEY, c("c", 2), c("c", None, DELETE_ALL)),
        "Column 'c' is written, deleted or incremented at once."),
    "a column written and incremented": (
        "UpdateRow", row(KEY, c("c", 2), c("c", 3, INCREMENT)),
        "Column 'c' is written, deleted or incremented at once."),
    "a wrong column name": ("PutRow", row(KEY, c("#name", 2)), "Invalid column name: '#name'."),
}  # fmt: skip
"""By what is wrong: the action, the row, and the text."""

OF_THE_ROW = {
    "an update of nothing",
    "a version below zero",
    "a column that is a key column",
    "a column written and deleted",
    "a column written and incremented",
    "a wrong column name",
    "an increment of an integer by a double",
    "an increment by no number",
    "an increment of a column without a proper name",
}
"""What is wrong with one row alone; the others spoil the whole batch."""


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A dispatcher in front of three tables."""
    with instance() as made:
        yield made


@pytest.mark.parametrize("name", WRITES)
def test_a_wrong_write_is_refused(wire: Wire, name: str) -> None:
    """Whatever is wrong with a row's write is said, and the row is as it was."""
    action, data, text = WRITES[name]

    assert (INVALID, text) == wire.refused(action, writing(action, data))


@pytest.mark.parametrize("name", WRITES)
def test_a_wrong_write_is_refused_in_a_batch(wire: Wire, name: str) -> None:
    """A change that cannot be read spoils its batch; one that can be read fails alone."""
    action, data, text = WRITES[name]
    good = change("PutRow", row({"k": "b"}, c("c", 2)))
    batch = body("BatchWriteRow", tables=[group(good, change(action, data))])

    if name not in OF_THE_ROW:
        assert (INVALID, text) == wire.refused("BatchWriteRow", batch)
        return
    (answered,) = schema.parse_message("BatchWriteRowResponse", wire.answer("BatchWriteRow", batch).body).tables
    first, second = answered.rows
    assert (True, False, INVALID, text) == (first.is_ok, second.is_ok, second.error.code, second.error.message)
    assert [("c", 1, NOW_MS)] == wire.cells()


def bodies(**more: Any) -> dict[str, bytes]:
    """A valid body of each action on rows, with something more in it."""
    put = change("PutRow", row(KEY, c("c", 9)))
    low, high = row({"k": MIN}), row({"k": MAX})
    span = {"inclusive_start_primary_key": low, "exclusive_end_primary_key": high, "direction": 0, "max_versions": 1}
    return {
        "GetRow": getting(**more),
        "GetRange": body("GetRange", table_name="plain", **span, **more),
        "PutRow": writing("PutRow", row(KEY, c("c", 9)), **more),
        "UpdateRow": writing("UpdateRow", row(KEY, c("c", 9)), **more),
        "DeleteRow": writing("DeleteRow", row(KEY, marker=True), **more),
        "BatchWriteRow": body("BatchWriteRow", tables=[group(put)], **more),
    }


@pytest.mark.parametrize("action", bodies())
def test_a_transaction_is_refused(wire: Wire, action: str) -> None:
    """No transaction can have been started, so none is taken part in; an empty id is none."""
    assert (INVALID, "TransactionID is invalid.") == wire.refused(action, bodies(transaction_id="some-id")[action])
    wire.answer(action, bodies(transaction_id="")[action])


@pytest.mark.parametrize("action", bodies())
def test_what_is_required_is_missed(wire: Wire, action: str) -> None:
    """Bytes that are no message, and a message without its required fields, are unreadable."""
    assert UNREADABLE == wire.refused(action, b"\xff\xff")
    if action != "BatchWriteRow":
        assert UNREADABLE == wire.refused(action, b"")


@pytest.mark.parametrize(("columns", "units"), [(15, 1), (16, 2)])
def test_an_increment_costs_its_name_and_its_number(wire: Wire, columns: int, units: int) -> None:
    """Sixteen columns of 250 letters and 8 bytes each, and the key, are more than 4 KB."""
    increments = [c(f"{'x' * 248}{number:02}", 1, INCREMENT) for number in range(columns)]
    answer = wire.answer("UpdateRow", writing("UpdateRow", row(KEY, *increments)))

    assert units == schema.parse_message("UpdateRowResponse", answer.body).consumed.capacity_unit.write


@pytest.mark.parametrize("action", ["PutRow", "UpdateRow"])
def test_of_a_column_without_versions_the_last_value_counts(wire: Wire, action: str) -> None:
    """A column that comes twice has one version, with its last value; both are counted in the cost."""
    texts = ["x" * 3000, "y" * 3000]
    twice = row(KEY, *(c("c", text) for text in texts))
    answer = schema.parse_message(f"{action}Response", wire.answer(action, writing(action, twice, "versioned")).body)

    assert [("c", texts[1], NOW_MS)] == wire.cells("versioned")
    assert 2 == answer.consumed.capacity_unit.write


@pytest.mark.parametrize("action", ["PutRow", "UpdateRow"])
def test_of_a_column_with_versions_each_is_kept(wire: Wire, action: str) -> None:
    """A column that comes with several versions has them all, newest first, with one that has none as of now."""
    cells = [c("d", "old", None, NOW_MS - 2), c("d", "now"), c("d", "mid", None, NOW_MS - 1)]
    wire.answer(action, writing(action, row(KEY, *cells), "versioned"))

    rest = [] if action == "PutRow" else [("c", 1, NOW_MS)]
    assert [*rest, ("d", "now", NOW_MS), ("d", "mid", NOW_MS - 1), ("d", "old", NOW_MS - 2)] == wire.cells("versioned")


@pytest.mark.parametrize("action", ["PutRow", "UpdateRow"])
def test_a_single_version_is_kept_as_it_is_given(wire: Wire, action: str) -> None:
    """A cell with a version is written with it, not with the present."""
    wire.answer(action, writing(action, row(KEY, c("d", 2, None, NOW_MS - 5)), "versioned"))

    assert ("d", 2, NOW_MS - 5) in (wire.cells("versioned") or [])


def test_one_update_does_it_all(wire: Wire) -> None:
    """Columns are written, deleted, cut by a version and incremented by one change."""
    wire.answer("PutRow", writing("PutRow", row(KEY, c("a", 1), c("b", 1), c("n", 40)), "versioned"))
    cells = [c("a", None, DELETE_ALL), c("b", None, DELETE_ONE, NOW_MS), c("n", 2, INCREMENT), c("z", "new")]
    wire.answer("UpdateRow", writing("UpdateRow", row(KEY, *cells), "versioned"))

    assert [("n", 42, NOW_MS), ("z", "new", NOW_MS)] == wire.cells("versioned")


@pytest.mark.parametrize(
    ("start", "end", "refusal"),
    [
        ({"k": MIN}, {"x": MAX}, ("OTSInvalidPK", "Validate PK name fail. Input: x, Meta: k.")),
        ({"x": MIN}, {"x": MAX}, ("OTSInvalidPK", "Validate PK name fail. Input: x, Meta: k.")),
        ({"x": MIN}, {"k": MAX}, ("OTSInvalidPK", "Validate PK name fail. Input: x, Meta: k.")),
        ({"k": MIN}, {"k": MAX, "x": MAX}, ("OTSInvalidPK", "Validate PK size fail. Input: 2, Meta: 1.")),
        ({"k": MIN, "x": MIN}, {"k": MAX}, ("OTSInvalidPK", "Validate PK size fail. Input: 2, Meta: 1.")),
        ({"k": 1}, {"k": MAX}, ("OTSInvalidPK", "Validate PK type fail. Input: VT_INTEGER, Meta: VT_STRING.")),
        ({"k": "a"}, {"k": 1}, ("OTSInvalidPK", "Validate PK type fail. Input: VT_INTEGER, Meta: VT_STRING.")),
        ({"k": "b"}, {"k": "a"}, (INVALID, "Begin key must less than end key in FORWARD")),
    ],
)  # fmt: skip
def test_a_wrong_end_of_a_range_is_refused(
    wire: Wire, start: dict[str, Any], end: dict[str, Any], refusal: Refusal
) -> None:
    """Both ends have the table's key columns, by name, number and type."""
    ends = {"inclusive_start_primary_key": row(start), "exclusive_end_primary_key": row(end)}

    assert refusal == wire.refused(
        "GetRange", body("GetRange", table_name="plain", direction=0, max_versions=1, **ends)
    )


def test_a_range_goes_the_way_it_is_told(wire: Wire) -> None:
    """Backward from MAX, and no further than its limit, with the next key in the answer."""
    wire.answer("PutRow", writing("PutRow", row({"k": "b"}, c("c", 2))))
    ends = {"inclusive_start_primary_key": row({"k": MAX}), "exclusive_end_primary_key": row({"k": MIN})}
    answer = wire.ask("GetRange", table_name="plain", direction=1, max_versions=1, limit=1, **ends)

    assert (("b",), ("a",)) == (decode_row(answer.rows).key, decode_row(answer.next_start_primary_key).key)


@pytest.mark.parametrize(
    ("action", "data", "more"),
    [
        ("GetRow", row(KEY), {"table_name": NOT_UTF8}),
        ("GetRow", row(KEY), {"columns_to_get": ["c", NOT_UTF8]}),
        ("GetRow", row(KEY), {"start_column": NOT_UTF8}),
        ("GetRow", row(KEY), {"end_column": NOT_UTF8}),
        ("PutRow", row(KEY), {"table_name": NOT_UTF8}),
        ("UpdateRow", row(KEY, c("c", 2)), {"table_name": NOT_UTF8}),
        ("DeleteRow", row(KEY, marker=True), {"table_name": NOT_UTF8}),
        ("UpdateRow", row(KEY, c("c", 2)), {"return_content": schema.new_message(
            "ReturnContent", return_type=2, return_column_names=[NOT_UTF8])}),
    ],
)  # fmt: skip
def test_names_are_utf8(wire: Wire, action: str, data: bytes, more: dict[str, Any]) -> None:
    """A name that is no UTF-8 is unreadable, wherever it stands."""
    if action == "GetRow":
        fields = {"table_name": "plain", "primary_key": data, "max_versions": 1, **more}
        assert UNREADABLE == wire.refused(action, body(action, **fields))
    else:
        assert UNREADABLE == wire.refused(action, writing(action, data, **({"table": "plain"} | _table(more))))


def _table(more: dict[str, Any]) -> dict[str, Any]:
    return {"table" if name == "table_name" else name: value for name, value in more.items()}


@pytest.mark.parametrize("more", [{"table_name": NOT_UTF8}, {"columns_to_get": [NOT_UTF8]}, {"start_column": NOT_UTF8}])
def test_names_in_ranges_are_utf8(wire: Wire, more: dict[str, Any]) -> None:
    """As those of a GetRow."""
    ends = {"inclusive_start_primary_key": row({"k": MIN}), "exclusive_end_primary_key": row({"k": MAX})}
    fields = {"table_name": "plain", "direction": 0, "max_versions": 1, **ends, **more}

    assert UNREADABLE == wire.refused("GetRange", body("GetRange", **fields))


@pytest.mark.parametrize(
    ("existence", "key", "refusal"),
    [(EXPECT_EXIST, "none", "Condition check failed."), (2, "a", "Condition check failed.")],
)
@pytest.mark.parametrize(("action", "marker"), [("PutRow", False), ("UpdateRow", False), ("DeleteRow", True)])
def test_an_expectation_that_fails_is_said(
    wire: Wire, existence: int, key: str, refusal: str, action: str, marker: bool
) -> None:
    """Every write may expect its row to be there, or not to be."""
    data = row({"k": key}, marker=True) if marker else row({"k": key}, c("c", 9))
    request = writing(action, data, condition=condition(existence))

    assert ("OTSConditionCheckFail", refusal) == wire.refused(action, request)


def test_what_a_write_returns(wire: Wire) -> None:
    """The key where it is asked for, of every write, and nothing where it is not."""
    for content, wanted in ((None, b""), (0, b""), (1, row(KEY))):
        more = {} if content is None else {"return_content": schema.new_message("ReturnContent", return_type=content)}
        for action, data in (
            ("PutRow", row(KEY, c("c", 1))),
            ("UpdateRow", row(KEY, c("c", 1))),
            ("DeleteRow", row(KEY, marker=True)),
        ):
            answer = schema.parse_message(f"{action}Response", wire.answer(action, writing(action, data, **more)).body)
            assert wanted == answer.row


def test_an_answer_says_which_rows_it_touched(wire: Wire) -> None:
    """A GetRow of a row that is there counts one, of one that is not none; a write counts one."""
    assert ("plain", 1) == wire.answer("GetRow", getting())[1:]
    assert ("plain", 0) == wire.answer("GetRow", getting(key={"k": "none"}))[1:]
    assert ("plain", 1) == wire.answer("PutRow", writing("PutRow", row(KEY)))[1:]
    ends = {"inclusive_start_primary_key": row({"k": MIN}), "exclusive_end_primary_key": row({"k": MAX})}
    span = body("GetRange", table_name="plain", direction=0, max_versions=1, **ends)
    assert ("plain", 1) == wire.answer("GetRange", span)[1:]
    assert found(wire.answer("GetRow", getting(key={"k": "none"}))) is None


# Signatures


@pytest.mark.parametrize("key_id", ["some-id2", "some-id-", "some-i", "Some-id", "some-idsome-id"])
def test_a_key_id_is_compared_whole(key_id: str) -> None:
    """Neither a longer id that begins with the right one nor a shorter one is let in, with the right secret."""
    headers = signed(changed(HEADERS, x_ots_accesskeyid=key_id), "some-secret")

    assert ("OTSAuthFailed", "The AccessKeyID does not exist.") == refused(headers)


@pytest.mark.parametrize(("headers", "name"), [(V2, "x-ots-signature"), (V4, "x-ots-signaturev4")])
def test_a_signature_is_compared_whole(headers: dict[str, str], name: str) -> None:
    """A right one that is cut short anywhere is refused, and so is one with more after it."""
    right = headers[name]
    for wrong in [*(right[:length] for length in range(1, len(right))), right + "=", right + right, right[1:]]:
        assert ("OTSAuthFailed", "Signature mismatch.") == refused({**headers, name: wrong})


@pytest.mark.parametrize("headers", [V2, V4])
def test_an_empty_signature_is_a_missing_one(headers: dict[str, str]) -> None:
    """It says nothing, whichever kind it is of, and whatever stands beside it."""
    name = next(name for name in headers if name.startswith("x-ots-signature"))

    assert (INVALID, f"Missing header: '{name}'.") == refused({**headers, name: ""})
    if name == "x-ots-signaturev4":
        assert (INVALID, f"Missing header: '{name}'.") == refused({**V2, **headers, name: ""})
