"""The formats that programs read: json, jsonl, csv; fields; and what they say when the source fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC

import pytest

from tests.support.rendering import text
from tsmem.errors import InvalidInput, NotFound, PartialFailure, RowFailure, Throttled
from tsmem.render import Options, render
from tsmem.render.documents import error_document
from tsmem.render.result import Format, Listing, Report
from tsmem.store.model import Message

MESSAGES = tuple(Message("s1", f"m{n}", n, "user", "I was charged twice.") for n in range(1, 6))


def options(format: Format, **changes: object) -> Options:  # noqa: A002
    return Options(format=format, timezone=UTC)._replace(**changes)  # type: ignore[arg-type]


def messages() -> Listing:
    return Listing("message", iter(MESSAGES), lambda written: "next")


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_json_in_ascii_is_the_same_document(format: Format) -> None:  # noqa: A002
    """Escapes stand for what is not ASCII, two of them for what lies beyond the first 65,536 characters."""
    item = Message("s", "m", 1, "user", "é 退款 👩")
    shown = text(item, options(format, terminal=True, unicode=False))

    assert shown.isascii()
    assert json.loads(shown) == json.loads(text(item, options(format)))


def failing(items: int, error: BaseException) -> Listing:
    """A listing that breaks off after some items."""

    def broken() -> Iterator[Message]:
        yield from MESSAGES[:items]
        raise error

    return Listing("message", broken(), lambda written: f"behind {written}")


def drained(chunks: Iterator[bytes]) -> tuple[bytes, BaseException | None]:
    """All that is yielded, and what was raised after it."""
    written = b""
    try:
        for chunk in chunks:
            written += chunk
    except (Exception, KeyboardInterrupt) as error:
        return written, error
    return written, None


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("error", [Throttled("too fast", request_id="r1"), KeyboardInterrupt(), ValueError("a bug")])
def test_a_json_list_that_fails_ends_in_the_error(error: BaseException, terminal: bool) -> None:
    written, raised = drained(render(failing(3, error), options("json", terminal=terminal)))

    assert raised is error
    document = json.loads(written)
    assert [item["message_id"] for item in document["items"]] == ["m1", "m2", "m3"]
    assert list(document) == ["items", "next_page_token", "error"]
    assert document["next_page_token"] == "behind 3"
    assert document["error"] == error_document(error)["error"]


def test_a_page_token_that_fails_ends_the_json_list_in_the_error() -> None:
    def refuse(written: int | None) -> str | None:
        raise NotFound("gone")

    written, raised = drained(render(Listing("message", MESSAGES, refuse), options("json")))

    assert isinstance(raised, NotFound)
    assert json.loads(written)["error"]["code"] == "NotFound"


def test_an_interrupted_json_list_is_closed() -> None:
    chunks = render(messages(), options("json"))
    written = next(chunks)
    written += chunks.throw(KeyboardInterrupt())  # type: ignore[attr-defined]

    assert json.loads(written)["error"]["code"] == "Interrupted"
    with pytest.raises(KeyboardInterrupt):
        next(chunks)


def test_the_first_row_is_printed_before_the_next_is_read() -> None:
    def items() -> Iterator[Message]:
        for message in MESSAGES:
            taken.append(message.message_id)
            yield message

    for terminal, expected in ((False, 1), (True, 2)):
        taken: list[str] = []
        chunks = render(Listing("message", items()), options("jsonl", terminal=terminal))
        for _ in range(expected):
            next(chunks)
        assert len(taken) == expected


def test_unknown_fields_are_refused_before_anything_is_printed() -> None:
    with pytest.raises(InvalidInput, match="a message has no field 'user_id'"):
        render(messages(), options("json", fields=("user_id", "role")))


def test_fields_of_a_report_are_refused() -> None:
    with pytest.raises(InvalidInput):
        render(Report({"n": 1}), options("json", fields=("n",)))


def test_an_error_lists_rows_that_failed() -> None:
    error = PartialFailure("1 of 3 failed", done=2, failures=[RowFailure(("s1", 5), Throttled("too fast"))])

    document = error_document(error)["error"]
    assert document["done"] == 2
    assert document["failures"] == [{"key": ["s1", 5], "code": "Throttled", "message": "too fast"}]
