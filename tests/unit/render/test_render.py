"""The formats for programs: json, jsonl and csv, --fields, and errors while the items are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import pytest

from tsmem.errors import NotFound, Throttled
from tsmem.render import Options, render
from tsmem.render.documents import error_document
from tsmem.render.result import Format, Listing
from tsmem.store.model import Message

MESSAGES = tuple(Message("s1", f"m{n}", n, "user", "I was charged twice.") for n in range(1, 6))


def options(format: Format, **changes: object) -> Options:  # noqa: A002
    return Options(format=format, timezone=UTC)._replace(**changes)  # type: ignore[arg-type]


def failed(listing: Listing, kind: type[BaseException], **changes: object) -> Any:
    """Return the JSON document of a listing that raises this error."""
    written: list[bytes] = []
    with pytest.raises(kind):
        written.extend(render(listing, options("json", **changes)))
    return json.loads(b"".join(written))


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("error", [Throttled("too fast"), KeyboardInterrupt()])
def test_a_json_list_that_fails_has_the_page_token_after_its_last_item(error: BaseException, terminal: bool) -> None:
    def items() -> Iterator[Message]:
        yield from MESSAGES[:3]
        raise error

    listing = Listing("message", items(), lambda written: f"behind {written}")
    document = failed(listing, type(error), is_terminal=terminal)
    assert ["m1", "m2", "m3"] == [item["message_id"] for item in document["items"]]
    assert ("behind 3", error_document(error)["error"]) == (document["next_page_token"], document["error"])


def test_a_page_token_that_fails_ends_the_json_list_in_the_error() -> None:
    def refuse(written: int | None) -> str | None:
        raise NotFound("gone")

    assert "NotFound" == failed(Listing("message", MESSAGES, refuse), NotFound)["error"]["code"]


def test_the_first_row_is_printed_before_the_next_is_read() -> None:
    def items() -> Iterator[Message]:
        for message in MESSAGES:
            taken.append(message.message_id)
            yield message

    for terminal, expected in ((False, 1), (True, 2)):
        taken: list[str] = []
        chunks = render(Listing("message", items()), options("jsonl", is_terminal=terminal))
        for _ in range(expected):
            next(chunks)
        assert len(taken) == expected
