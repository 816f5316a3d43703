"""The main screens on pseudo-terminals of 60, 80 and 200 columns, on terminals without colour or UTF-8, and without a
terminal.
"""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.cli.conftest import Cli, Processes
from tests.support.terminals import COLOUR, Screens, Terminal, cells, check_safe
from tsmem.store import Message, Metadata, Session

USER, SESSION = "9f1c2e88-0d5b-4c1e-9a37-6d2f5f0a7b11", "0b3c8f3e-4a6b-4a53-9d5c-2f1f6f9f0c11"
T = 1_767_000_000_000_000
SAID = ("Where is my 退款? 👩\u200d👧 नमस्ते שלום " * 9, "# Title\n\n- one\n- two", '{"total": 120, "items": ["a", "b"]}')
SCREENS = [
    ("session list", 0), (f"session get {USER} {SESSION}", 0), (f"message list --session {SESSION} --limit 2", 0),
    ("message search title", 0), (f"message tail {SESSION}", 0), (f"show {SESSION} --user {USER}", 0),
    (f"show {SESSION} --full --rendered", 0), ("stats", 0), ("doctor", 4), ("init-tables --check", 0),
    ("profile list", 0), ("profile show local", 0), (f"session purge --user {USER} --dry-run", 0),
    (f"session get {USER} 退款", 3), ("session list --fields 退款", 2), ("nonsense", 2),
]  # fmt: skip
"""Command lines and their exit codes."""
COLOURED = ("session list", f"show {SESSION} --user {USER}", "stats", "doctor")


@pytest.fixture
def ready(ready: Cli) -> Cli:
    """A store like a real one: long ids, several scripts, metadata, tool calls, and a session whose update time is too
    early."""
    metadata = Metadata({"topic": "refund", "score": 0.5, "note": "退款 " * 40})
    find = {"function": {"name": "find", "arguments": json.dumps({"id": "x" * 90})}}
    calls = Metadata({"tool_calls": json.dumps([find])})
    said = [Message(SESSION, f"{n:06d}", T + n * 90_000_000, "user", text) for n, text in enumerate(SAID)]
    said += [Message(SESSION, "call", T + 300_000_000, "assistant", None, None, calls)]
    said += [Message("orphans-of-a-session-that-was-deleted", "m", T, "tool", "x" * 500)]
    ready.fill([*(Session(USER, SESSION[:-1] + str(n), T + n, "a refund", metadata) for n in range(1, 9)), *said])
    return ready


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_output_fits_the_width_of_the_terminal(ready: Cli, columns: int) -> None:
    screens = Screens(ready, columns)
    for line, code in SCREENS:
        screen = screens(*line.split())
        plain = COLOUR.sub("", screen.text)
        assert code == screen.code, (line, screen.err)
        assert check_safe(plain + screen.err.decode()), line
        assert max(map(cells, plain.split("\n"))) <= columns, line


def test_output_without_colour_has_the_same_words_and_exit_codes(ready: Cli) -> None:
    screens = Screens(ready)
    for line, code in SCREENS:
        screen = screens(*line.split())
        plain = COLOUR.sub("", screen.text)
        assert plain != screen.text or line not in COLOURED
        for environ in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            again = screens(*line.split(), environ=environ)
            assert (code, plain.encode()) == again[:2], line
            assert screen.err == again.err or "TERM" in environ, (
                line
            )  # bulk commands draw no progress on a dumb terminal
        flagged = screens("--color", "never", *line.split())
        assert (code, plain.encode()) == flagged[:2], line
        assert screen.err == flagged.err.replace(b" --color never", b""), line


@pytest.mark.parametrize(("encoding", "columns"), [("ascii", 60), ("latin-1", 80), ("cp1252", 200)])
def test_output_on_a_terminal_without_utf8_is_ascii(ready: Cli, encoding: str, columns: int) -> None:
    """A byte of UTF-8 could be a control character there. Widths, exit codes and colours do not change."""
    for line, code in SCREENS:
        screen = Screens(ready, columns, encoding)(*line.split())
        plain = COLOUR.sub("", screen.text)
        assert code == screen.code
        assert re.fullmatch("[\n\x20-\x7e]*", plain + screen.err.decode()), line
        assert max(map(len, plain.split("\n"))) <= columns, line


def test_json_and_csv_on_a_terminal_without_utf8_are_ascii_with_the_same_values(ready: Cli) -> None:
    screens = Screens(ready, 80, "ascii")
    document = screens("show", SESSION, "-o", "json").text

    assert document.isascii()
    assert json.loads(document) == ready.ok("show", SESSION, "-o", "json").json
    assert screens("show", SESSION, "-o", "csv").text.isascii()


def test_help_fits_a_narrow_terminal(process: Processes) -> None:
    for argv in (("--help",), ("import", "--help")):
        code, shown = Terminal(process, 60).run(*argv)
        lines = [line for line in shown.split("\n") if not line.strip().startswith("tsmem ")]
        assert code == 0
        assert max(map(len, lines)) <= 60, argv
        assert "\x1b" not in shown


@pytest.mark.parametrize(
    "locale",
    [{"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=str,
)
def test_a_process_in_another_locale_writes_ascii(ready: Cli, process: Processes, locale: dict[str, str]) -> None:
    ready.fill([Session("退款雛", "s", T)])
    terminal = Terminal(process)
    asked = ("session", "purge", "--user", "退款雛") if "LC_ALL" not in locale else ("session", "purge", "--everyone")
    for argv, answer in ((("show", SESSION), b""), (asked, b"y\n")):
        code, shown = terminal.run(*argv, answer=answer, environ=locale)
        assert code == 0
        assert re.fullmatch("[\n\x20-\x7e]*", COLOUR.sub("", shown)), (argv, shown)
    assert ready("session", "get", "退款雛", "s").code == 3


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_output_and_exit_codes_without_a_terminal_are_the_same(ready: Cli, process: Processes, closed: str) -> None:
    lines = [f"show {SESSION}", "session purge --everyone"]
    before = ready.export()
    outcomes = [ready(*line.split()) for line in lines]
    expected = "".join(f"{outcome.text}{outcome.code}\n" for outcome in outcomes)
    script = "".join(f"$TSMEM {line} {closed}; echo $?; " for line in lines)

    assert without_times(expected) == without_times(process.shell(script).text)
    assert before == ready.export()


def test_a_process_without_a_controlling_terminal_works(ready: Cli, process: Processes) -> None:
    for argv, code in ((("session", "list"), 0), (("session", "purge", "--everyone"), 2)):
        started = process.start(*argv, stdin=subprocess.DEVNULL, start_new_session=True)
        ended = started.ended()
        assert (code, ready(*argv).text) == (ended.code, ended.text)
        assert "\x1b" not in ended.text + ended.err


def without_times(text: str) -> str:
    """Return a text without ages, which change from one moment to the next."""
    return re.sub(r"\d+ \w+( \d+ \w+)? ago", "ago", text)
