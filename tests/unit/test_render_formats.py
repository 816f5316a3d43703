"""The formats that programs read: json, jsonl, csv; fields; and what they say when the source fails."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path

import pytest

from tsmem.errors import InvalidInput, NotFound, PartialFailure, RowFailure, Throttled
from tsmem.render import Options, check_fields, render, render_error
from tsmem.render.documents import error_document
from tsmem.render.result import Conversation, Document, Format, Listing, Report, Result, SingleItem
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


def text(result: Result, chosen: Options) -> str:
    """Everything that is printed."""
    return b"".join(render(result, chosen)).decode()


def messages() -> Listing:
    return Listing("message", iter(MESSAGES), lambda written: "next")


RESULTS: dict[str, Callable[[], Result]] = {
    "record": lambda: SingleItem(SESSION),
    "list": messages,
    "show": lambda: CONVERSATION,
    "report": lambda: REPORT,
    "empty": lambda: Listing("session", ()),
}


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv"])
@pytest.mark.parametrize("where", ["terminal", "pipe"])
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
    item = SingleItem(Message("s", "m", 1, "user", "é 退款 👩"))
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
def test_a_json_list_that_fails_closes_itself(error: BaseException, terminal: bool) -> None:
    """What was written is a valid document that ends in the error, and the error is raised all the same."""
    written, raised = drained(render(failing(3, error), options("json", terminal=terminal)))

    assert raised is error
    document = json.loads(written)
    assert [item["message_id"] for item in document["items"]] == ["m1", "m2", "m3"]
    assert list(document) == ["items", "next_page_token", "error"]
    assert document["next_page_token"] == "behind 3"
    assert document["error"] == error_document(error)["error"]


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv"])
def test_a_list_that_fails_at_once_writes_nothing(format: Format) -> None:  # noqa: A002
    """Standard output stays empty, no header and no bracket, when the first item cannot be had."""
    chunks = render(failing(0, NotFound("gone")), options(format))

    with pytest.raises(NotFound):
        next(chunks)


@pytest.mark.parametrize("format", ["table", "jsonl", "csv"])
def test_rows_before_a_failure_are_written(format: Format) -> None:  # noqa: A002
    """No row that was read is lost to the error after it."""
    written, raised = drained(render(failing(3, NotFound("gone")), options(format)))

    assert isinstance(raised, NotFound)
    assert all(name in written for name in (b"m1", b"m2", b"m3"))


def test_a_page_token_that_cannot_be_had_closes_the_list_too() -> None:
    """The token is asked for last, and its failure is a failure of the list."""

    def refuse(written: int | None) -> str | None:
        raise NotFound("gone")

    written, raised = drained(render(Listing("message", MESSAGES, refuse), options("json")))

    assert isinstance(raised, NotFound)
    assert json.loads(written)["error"]["code"] == "NotFound"


def test_an_interrupted_writer_gets_the_end_of_the_document() -> None:
    """KeyboardInterrupt thrown into the iterator is answered with what closes the JSON, and then raised."""
    chunks = render(messages(), options("json"))
    written = next(chunks)
    written += chunks.throw(KeyboardInterrupt())  # type: ignore[attr-defined]

    assert json.loads(written)["error"]["code"] == "Interrupted"
    with pytest.raises(KeyboardInterrupt):
        next(chunks)


def test_the_first_row_is_not_held_back() -> None:
    """The first line of a stream is there before the second item is asked for; on a terminal every line is."""

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


def test_csv_reads_back() -> None:
    """Quotes, newlines and commas survive; metadata is one cell of JSON; null is empty; the header is always there."""
    rows = list(csv.reader(io.StringIO(text(messages(), options("csv")), newline="")))

    assert rows[0] == ["session_id", "message_id", "create_time", "role", "content", "search_content", "metadata"]
    assert rows[1] == ["s1", "m1", "1760000000000000", "user", MESSAGES[0].content, "", "{}"]
    assert json.loads(rows[4][6]) == {"vip": True, "n": 5}
    assert text(Listing("session", ()), options("csv")) == "user_id,session_id,update_time,search_content,metadata\r\n"


@pytest.mark.parametrize(
    ("text_", "cell"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+1 (555) 1", "'+1 (555) 1"),
        ("- a point", "'- a point"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("＝1", "'＝1"),
        ("'=1", "''=1"),
        ("-5", "-5"),
        ("+1.5e-3", "+1.5e-3"),
        ("-5+1", "'-5+1"),
        ("'quoted'", "'quoted'"),
        ("a=1", "a=1"),
    ],
)
def test_no_csv_cell_is_a_formula(text_: str, cell: str) -> None:
    """In ids, contents and metadata; an apostrophe taken away gives the text back."""
    session = Session(text_, text_, None, text_, Metadata({"note": text_}))
    fields = ("user_id", "session_id", "search_content", "metadata.note")
    written = text(SingleItem(session), options("csv", fields=fields))

    assert [cell] * 4 == list(csv.reader(io.StringIO(written, newline="")))[1]


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("json", '{"metadata.raw": {"$bytes": "AA=="}, "session_id": "s1", "metadata.none": null}\n'),
        ("jsonl", '{"metadata.raw": {"$bytes": "AA=="}, "session_id": "s1", "metadata.none": null}\n'),
        ("csv", 'metadata.raw,session_id,metadata.none\r\n"{""$bytes"": ""AA==""}",s1,\r\n'),
        ("table", "metadata.raw   base64:AA==\nsession_id     s1\nmetadata.none  -\n"),
    ],
)
def test_fields_are_chosen_in_every_format(format: Format, expected: str) -> None:  # noqa: A002
    """The fields asked for are printed, in the order asked, under the names they were asked by."""
    chosen = options(format, fields=("metadata.raw", "session_id", "metadata.none"))

    assert text(SingleItem(SESSION), chosen) == expected


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (("rol",), "a message has no field 'rol'; did you mean 'role'?"),
        (("user_id", "role"), "a message has no field 'user_id'"),
        (("metadata.",), "a message has no field 'metadata.'"),
        (("role", "role"), "the field 'role' is named twice"),
        ((), "no field is named"),
    ],
)
def test_unknown_fields_are_refused(fields: tuple[str, ...], sentence: str) -> None:
    """The refusal names the nearest field; the hint lists them all. Nothing is printed before."""
    with pytest.raises(InvalidInput) as caught:
        check_fields("message", fields)
    assert sentence in caught.value.message
    with pytest.raises(InvalidInput):
        render(messages(), options("json", fields=fields))


def test_fields_of_a_report_are_refused() -> None:
    """A report has no fields to choose from."""
    with pytest.raises(InvalidInput):
        render(REPORT, options("json", fields=("name",)))


def test_a_document_is_passed_on() -> None:
    """Bytes that are the output themselves are not touched, whatever the format."""
    assert list(render(Document([b"a\x1b", b"b"]), options("table", terminal=True))) == [b"a\x1b", b"b"]


def test_errors_as_lines_and_as_objects() -> None:
    """People get a line and a hint, made safe to show; programs get one object."""
    error = NotFound("no session '\x1b[31m'", hint="see `session list`", request_id="r1")

    assert render_error(error, "table") == b"error: no session '\\x1b[31m'\nhint: see `session list`\n"
    assert json.loads(render_error(error, "jsonl")) == {
        "error": {
            "code": "NotFound", "message": "no session '\x1b[31m'", "hint": "see `session list`", "request_id": "r1",
        }
    }  # fmt: skip


def test_rows_that_failed_are_listed() -> None:
    """A bulk request done in part says how much was done and which rows were not."""
    error = PartialFailure("1 of 3 failed", done=2, failures=[RowFailure(("s1", 5), Throttled("too fast"))])

    document = error_document(error)["error"]
    assert document["done"] == 2
    assert document["failures"] == [{"key": ["s1", 5], "code": "Throttled", "message": "too fast"}]


@pytest.mark.parametrize(
    ("format", "absent"), [("json", ("rich", "csv")), ("csv", ("rich",)), ("jsonl", ("rich", "csv"))]
)
def test_formats_load_only_what_they_need(format: str, absent: tuple[str, ...]) -> None:  # noqa: A002
    """A record as JSON loads neither rich nor csv, because their import takes longer than the command."""
    program = (
        "import sys; from tsmem.render import Options, render; from tsmem.render.result import SingleItem\n"
        "from tsmem.store.model import Session\n"
        f"list(render(SingleItem(Session('u', 's')), Options({format!r})))\n"
        f"sys.exit(','.join(set(sys.modules) & set({absent!r})) or None)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment)

    assert (run.returncode, run.stderr) == (0, "")
