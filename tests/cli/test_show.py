"""`tsmem show` on real terminals and in pipes: widths, colours, character sets; and what it says to programs."""

from __future__ import annotations

import json

import pytest
from rich.cells import cell_len

from tests.cli.conftest import Cli, Processes
from tests.cli.test_terminal import COLOURS, FORBIDDEN, HOSTILE, Terminal
from tests.support.airline import DATA as AIRLINE
from tests.support.ptys import Screens
from tests.unit.transcripts import MESSAGES, SESSION
from tsmem.store import Message
from tsmem.store.documents import item_document

SHOW = ("show", "trip-7", "--user", "mia")
NO_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture
def told(ready: Cli) -> Cli:
    """A store with a conversation that has some of everything."""
    ready.fill([SESSION, *MESSAGES, Message("hostile", "m", 0, "user", HOSTILE)])
    return ready


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("more", [(), ("--full",), ("--markdown",)], ids=str)
def test_it_fits_the_terminal(told: Cli, columns: int, more: tuple[str, ...]) -> None:
    """No line is wider, and colours are the only escapes; NO_COLOR and a dumb terminal get the same words."""
    screens = Screens(told, columns)
    screen = screens(*SHOW, *more)
    plain = COLOURS.sub("", screen.text)

    assert screen.code == 0
    assert "\x1b[" in screen.text
    assert max(map(cell_len, plain.split("\n"))) <= columns
    assert FORBIDDEN.search(plain) is None
    for environ in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        again = screens(*SHOW, *more, environ=environ)
        assert (0, plain) == (again.code, again.text)


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_terminal_without_utf8_gets_ascii(told: Cli, columns: int) -> None:
    """In every format, errors too: a byte of UTF-8 could be a control character there. JSON stays what it was."""
    screens = Screens(told, columns, "ascii")
    for argv in (SHOW, (*SHOW, "--markdown"), ("show", "hostile", "--full"), ("message", "list"), ("show", "退款")):
        screen = screens("--no-color", *argv)
        shown = screen.text + screen.err.decode()
        assert shown.isascii()
        assert FORBIDDEN.search(shown) is None
        assert argv[1] == "退款" or max(map(len, screen.text.split("\n"))) <= columns
    shown = screens(*SHOW, "-o", "json").text
    assert shown.isascii()
    assert json.loads(shown) == told.ok(*SHOW, "-o", "json").json
    assert screens(*SHOW, "-o", "csv").text.isascii()


def test_a_process_without_utf8_writes_ascii(told: Cli, process: Processes) -> None:
    """What its locale is decides."""
    terminal = Terminal(process)
    for argv in (SHOW, ("show", "退款"), (*SHOW, "-o", "json")):
        assert terminal.run(*argv, environ=NO_UTF8)[1].isascii()


def test_a_pipe_gets_all_of_it(told: Cli, process: Processes) -> None:
    """Nothing is folded, wrapped or coloured; times are ISO 8601, with the gap beside them; the locale is no matter."""
    shown = process.run(*SHOW, environ={"TERM": "xterm-256color"}).text

    assert "\x1b" not in shown
    assert "--full" not in shown
    assert "\ntool book ▸ 2025-12-31T00:00:00.000000+00:00 · +1 s · 000003\n" in shown
    assert (MESSAGES[1].content or "") in shown
    assert shown == process.run(*SHOW, environ=NO_UTF8).text


def test_json_has_the_session_and_its_messages(told: Cli) -> None:
    """The session is null where no user is named; messages are whole, whatever is asked for people."""
    messages = [item_document(message) for message in MESSAGES]

    expected = {"session": item_document(SESSION), "messages": messages}
    assert expected == told.ok(*SHOW, "--markdown", "-o", "json").json
    assert {"session": None, "messages": messages} == told.ok("show", "trip-7", "-o", "json").json
    assert messages == told.ok("show", "trip-7", "-o", "jsonl").lines


def test_fields_are_chosen_of_the_messages(told: Cli) -> None:
    """Dotted metadata too, in every format."""
    argv = ("show", "trip-7", "--last", "1", "--fields", "message_id,metadata.model,metadata.none")

    shown = told.ok(*argv, "-o", "json").json["messages"]
    assert [{"message_id": "000004", "metadata.model": "m-1", "metadata.none": None}] == shown
    assert shown == told.ok(*argv, "-o", "jsonl").lines
    assert b"message_id,metadata.model,metadata.none\r\n000004,m-1,\r\n" == told.ok(*argv, "-o", "csv").out
    assert ["message_id", "metadata.model", "metadata.none", "000004", "m-1", "-"] == told.ok(*argv).text.split()


def test_a_tail_reads_as_a_conversation_does(told: Cli) -> None:
    """The same lines, message for message."""
    shown = told.ok("--no-color", "show", "trip-7", width=80).text
    tail = told.ok("--no-color", "message", "tail", "trip-7", width=80).text

    assert shown.partition("\n\n")[2] == tail.partition("\n\n")[2]


@pytest.mark.skipif(not AIRLINE.is_file(), reason="the airline conversations are not at hand")
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_real_conversations_fit(ready: Cli, columns: int) -> None:
    """Ten of them, drawn as Markdown and not."""
    lines = AIRLINE.read_bytes().splitlines(keepends=True)[::20]
    ready.ok("import", "--format", "openai", "--user", "air", stdin=b"".join(lines))
    for session in ready.ok("session", "list", "-o", "jsonl").lines:
        for more in ((), ("--full",), ("--markdown",)):
            shown = ready.ok("--no-color", "show", session["session_id"], *more, width=columns).text
            assert max(map(cell_len, shown.split("\n"))) <= columns
            assert FORBIDDEN.search(shown) is None
