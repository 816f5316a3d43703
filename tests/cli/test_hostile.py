"""Hostile text in every field, printed by every command in every format on real pseudo-terminals. Only text, newlines
and the colours that rich made may reach them.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, store_file
from tests.cli.hostile_commands import WHOLE, Run, commands, items
from tests.support.hostile import CORPUS, LINES
from tests.support.progress import TickingClock, progress_lines
from tests.support.terminals import COLOUR, Screen, Screens, cells, check_safe

MARK = "\u0301"
DISPUTED = re.compile("[\u0897\u0903\u093e\u1100-\u11ff\ud7b0-\ud7ff\ufe0e\ufe0f\u200d\U0001f3fb\u3099]")
"""Characters of the corpus whose width differs between terminals."""
COMMANDS = sorted(commands(Path()))
NO_UTF8 = ("ascii", "latin-1")


@cache
def _store(every: int) -> bytes:
    return store_file(items(every))


@pytest.fixture
def everything(cli: Cli) -> Cli:
    """The command line on a store with the whole corpus, beside an empty store and a profile of hostile values."""
    return on(cli, _store(1))


@pytest.fixture
def hostile(cli: Cli) -> Cli:
    """The same with a part of the corpus."""
    return on(cli, _store(10))


ON_BOTH = pytest.mark.parametrize("store", ["hostile", pytest.param("everything", marks=pytest.mark.slow)])


def on(cli: Cli, store: bytes) -> Cli:
    cli.use(store)
    kept = "".join(letter for letter in WHOLE if unicodedata.category(letter) not in ("Cc", "Zl", "Zp"))[:4000]
    text = json.dumps(kept, ensure_ascii=False)
    cli.config(
        f'[profiles.other]\nbackend = "local"\npath = "other.db"\n'
        f'[profiles.hostile]\nbackend = "local"\npath = {text}\n'
        f'[profiles."[red]z{MARK * 40}o"]\nbackend = "local"\npath = "x.db"\n'
    )
    return cli


@pytest.mark.parametrize("name", COMMANDS)
def test_hostile_text_reaches_a_terminal_only_as_text_and_colour(hostile: Cli, name: str) -> None:
    first, *_, last = commands(hostile.folder)[name]()
    for run in (first, last):
        only_text_and_colour(hostile, run)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_hostile_text_in_all_runs_reaches_a_terminal_only_as_text_and_colour(everything: Cli, name: str) -> None:
    codes = {only_text_and_colour(everything, run) for run in commands(everything.folder)[name]()}

    # At least one run worked, or found nothing. Here no server is reached, and each run of `next` has a new terminal.
    assert codes & {0, 4} or name in ("serve", "next")


def only_text_and_colour(cli: Cli, run: Run) -> int:
    """Check what a terminal gets and return the exit code. Allowed are text, newlines and escapes for colours; no other
    control character, no character that changes direction or hides, and no line wider than the terminal."""
    screen = shown(cli, run)
    plain = COLOUR.sub("", screen.text)
    assert check_safe(plain, data=run[0] == "export"), run
    assert check_safe(screen.err.decode()), run
    assert "Traceback" not in screen.err.decode().splitlines(), run
    wide = run[0] in ("export", "help", "demo", "completion")
    assert wide or max(map(cells, plain.split("\n"))) <= 80, run
    return screen.code


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_json_and_csv_contain_no_terminal_escapes(everything: Cli, name: str) -> None:
    """They may contain invisible characters, because they are data."""
    for place, run in enumerate(fewer(commands(everything.folder)[name]())):
        output = ("csv", "json", "jsonl")[place % 3]
        screen = shown(everything, run, "-o", output)
        data = output != "csv" or name == "export"
        assert check_safe(screen.text, data=data), run
        assert check_safe(screen.err.decode(), data=data), run


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_hostile_text_is_ascii_on_a_terminal_without_utf8(everything: Cli, name: str) -> None:
    for place, run in enumerate(fewer(commands(everything.folder)[name]())):
        screen = shown(everything, run, "--color", "never", encoding=NO_UTF8[place % 2])
        assert re.fullmatch(rb"[\n\x20-\x7e]*", screen.out + screen.err), run


def fewer(runs: Iterator[Run]) -> Iterator[Run]:
    """Return some runs of each kind. Another test looks at all of them."""
    return (run for place, run in enumerate(runs) if place < 2 or place % 15 == 0)


def shown(cli: Cli, run: Run, *options: str, encoding: str = "utf-8") -> Screen:
    """Run a command on terminals of 80 columns. Bulk commands draw their progress at once."""
    screen = Screens(cli, 80, encoding)(*options, *run, typed=b"n\n", clock=TickingClock())
    out = _still(screen.out) if run[0] == "demo" else screen.out  # demo shows the stderr of its commands
    return screen._replace(out=out, err=_still(screen.err))


def _still(sent: bytes) -> bytes:
    """Return the lines of a screen, with what was progress_lines and erased before those that stayed."""
    lines, left = progress_lines(sent.decode())
    return "\n".join([*lines, left]).encode()


@ON_BOTH
def test_no_text_forges_a_table_row(request: pytest.FixtureRequest, store: str) -> None:
    """A table has one line for each item and two for its titles, and each column begins at the same cell. Excepted are
    rows with characters whose width differs between terminals."""
    screens = Screens(request.getfixturevalue(store))
    for argv in (
        ("session", "list", "--fields", "user_id,session_id,search_content"),
        ("message", "list", "--fields", "message_id,role,content"),
    ):
        screen = screens("--color", "never", *argv, "--limit", "0")
        lines = screen.text.split("\n")
        expected = int(screen.err.split()[0].replace(b",", b""))
        assert expected > (500 if store == "everything" else 50)
        assert [""] == lines[expected + 2 :], argv
        starts = [match.start() for match in re.finditer("─+", lines[1])]
        for line in lines[2:-1]:
            assert DISPUTED.search(line) or all(is_gap(line, start) for start in starts[1:]), line


@ON_BOTH
def test_no_message_forges_a_heading_of_a_transcript(request: pytest.FixtureRequest, store: str) -> None:
    text = Screens(request.getfixturevalue(store))("--color", "never", "show", "drawn").text
    left = [line for line in text.split("\n") if line and not line.startswith(" ")]

    assert {"session drawn"} == {line for line in left if not line.startswith(("assistant ▸ ", "── "))} - {
        line for line in left if " messages · " in line
    }
    assert len(CORPUS[:: 10 if store == "hostile" else 1]) == sum(line.startswith("assistant ▸ ") for line in left)


def test_no_message_forges_lines_of_a_traceback(hostile: Cli) -> None:
    screen = Screens(hostile)("--debug", "session", "get", "u", 'x\nerror: forged\n  File "forged"\x85hint: forged')

    assert screen.code == 3
    assert b"Traceback" in screen.err
    assert check_safe(screen.err.decode())
    assert [] == [
        line for line in screen.err.split(b"\n") if line.lstrip().startswith((b"error: forged", b'File "forged'))
    ]


def test_a_long_line_of_an_input_is_shortened_in_the_error(cli: Cli) -> None:
    for line in (
        {"user_id": "u", "session_id": "s", LINES[0]: 1},
        {"kind": LINES[0]},
        {"kind": "tsmem", "version": LINES[0]},
        {"kind": "rejected", "format": LINES[0]},
    ):
        outcome = cli("import", stdin=json.dumps(line).encode())
        assert outcome.code == 2
        assert 80 <= len(outcome.err) <= 400
    outcome = cli("import", stdin=json.dumps({"x": 1, LINES[0]: 1}).encode()[:-1] + f', "{LINES[0]}": 1}}'.encode())
    assert 80 <= len(outcome.err) <= 400


def is_gap(line: str, start: int) -> bool:
    """Return True if the cell before a column is empty and no character spans two columns."""
    used = 0
    for character in line:
        if used >= start - 1:
            return used == start - 1 and character in " \u2800"
        used += cells(character)
    return True
