"""The formats that programs read: json, jsonl, csv; fields; and what they say when the source fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path

import pytest

from tests.support.rendering import text
from tsmem.errors import InvalidInput, NotFound, PartialFailure, RowFailure, Throttled
from tsmem.render import Options, render
from tsmem.render.documents import error_document
from tsmem.render.result import Conversation, Document, Format, Listing, Report, Result
from tsmem.rows import Value
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session

GOLDEN = Path(__file__).parent / "golden"
NOW_US = 1_760_000_600_000_000
FACTS: dict[str, Value] = {"topic": "billing", "score": 5.0, "raw": b"\0"}
SESSION = Session("u1", "s1", 1_760_000_000_000_000, None, Metadata(FACTS))
CALLS = json.dumps([{"id": "c1", "type": "function", "function": {"name": "refund", "arguments": '{"order": "A1"}'}}])
MESSAGES = (
    Message("s1", "m1", 1_760_000_000_000_000, "user", 'I was charged twice, for "A1".\nPlease help.'),
    Message("s1", "m2", 1_760_000_004_000_000, "assistant", None, None, Metadata({"tool_calls": CALLS})),
    Message(
        "s1", "m3", 1_760_000_005_500_000, "tool", '{"ok": true, "items": [1, 2]}', None, Metadata({"name": "refund"})
    ),
    Message("s1", "m4", 1_760_003_700_000_000, "assistant", "已退款。Done ✅", "退款", Metadata({"vip": True, "n": 5})),
    Message("s1", "m5", 1_760_090_000_000_000, None, "", None, Metadata({"zip": "0123"})),
)
CONVERSATION = Conversation(SESSION, MESSAGES, earlier=True)
REPORT = Report(
    {"profiles": [{"name": "local"}]}, ("name", "backend"), (("local", "local"), ("prod", None), ("x", {"a": [1]}))
)


def options(format: Format, *, terminal: bool = False, **changes: object) -> Options:  # noqa: A002
    """A terminal of 80 columns, or a pipe."""
    chosen = Options(format=format, width=80 if terminal else None, terminal=terminal, now_us=NOW_US, timezone=UTC)
    return chosen._replace(**changes)  # type: ignore[arg-type]


def messages() -> Listing:
    return Listing("message", iter(MESSAGES), lambda written: "next")


RESULTS: dict[str, Callable[[], Result]] = {
    "record": lambda: SESSION,
    "list": messages,
    "show": lambda: CONVERSATION,
    "report": lambda: REPORT,
    "empty": lambda: Listing("session", ()),
}


@pytest.mark.parametrize(
    ("format", "where"),
    [
        ("table", "terminal"),
        ("table", "pipe"),
        ("json", "terminal"),
        ("json", "pipe"),
        ("jsonl", "pipe"),
        ("csv", "pipe"),
    ],
)
def test_every_result_looks_as_recorded(format: Format, where: str) -> None:  # noqa: A002
    """One golden file a format and place holds what each kind of result looks like. To record anew, delete it."""
    chosen = options(format, terminal=where == "terminal")
    shown = "".join(f"=== {name}\n{text(make(), chosen)}" for name, make in RESULTS.items())
    golden = GOLDEN / f"{format}-{where}.txt"
    if not golden.exists():
        golden.write_bytes(shown.encode())
        pytest.fail(f"{golden.name} was recorded; look at it, then run again")

    assert golden.read_bytes().decode() == shown


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


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("json", '{"metadata.raw": {"$bytes": "AA=="}, "session_id": "s1", "metadata.none": null}\n'),
        ("jsonl", '{"metadata.raw": {"$bytes": "AA=="}, "session_id": "s1", "metadata.none": null}\n'),
        ("csv", 'metadata.raw,session_id,metadata.none\r\n"{""$bytes"": ""AA==""}",s1,\r\n'),
        ("table", "metadata.raw   base64:AA==\nsession_id     s1\nmetadata.none  -\n"),
    ],
)
def test_fields_are_printed_as_chosen_in_every_format(format: Format, expected: str) -> None:  # noqa: A002
    """The fields asked for are printed, in the order asked, under the names they were asked by."""
    chosen = options(format, fields=("metadata.raw", "session_id", "metadata.none"))

    assert text(SESSION, chosen) == expected


def test_unknown_fields_are_refused_before_anything_is_printed() -> None:
    with pytest.raises(InvalidInput, match="a message has no field 'user_id'"):
        render(messages(), options("json", fields=("user_id", "role")))


def test_fields_of_a_report_are_refused() -> None:
    with pytest.raises(InvalidInput):
        render(REPORT, options("json", fields=("name",)))


def test_a_document_is_printed_unchanged() -> None:
    assert list(render(Document([b"a\x1b", b"b"]), options("table", terminal=True))) == [b"a\x1b", b"b"]


def test_an_error_lists_rows_that_failed() -> None:
    error = PartialFailure("1 of 3 failed", done=2, failures=[RowFailure(("s1", 5), Throttled("too fast"))])

    document = error_document(error)["error"]
    assert document["done"] == 2
    assert document["failures"] == [{"key": ["s1", 5], "code": "Throttled", "message": "too fast"}]


def test_csv_does_not_load_rich() -> None:
    """Importing it takes longer than the command. tests/house/test_start.py has the same for JSON."""
    program = (
        "import sys; from tsmem.render import Options, render\n"
        "from tsmem.store.model import Session\n"
        "list(render(Session('u', 's'), Options('csv')))\n"
        "sys.exit('rich' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment)

    assert (run.returncode, run.stderr) == (0, "")
