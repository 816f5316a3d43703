"""Completion in real shells: no hostile id is run, and a completed word reaches the program as an id."""

from __future__ import annotations

import random
from itertools import cycle
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Processes
from tests.support.shells import SHELLS, Shell
from tsmem.store import Message, Metadata, Session

PIECES = (
    *"\\'\"`$!#%&*()[]{}<>?~=^|;:,@+-_./ \t\nazA0é漢😀שع", "$(touch X)", "`touch X`", "'; touch X #", '"; touch X #',
    "=ls", "%self", "~root", "!!", "$HOME", "\x1b]0;SEEN\x07", "\u202eSEEN", "e\u0301", "\u200dSEEN", "\u3164SEEN",
)  # fmt: skip
FIXED = (
    "plain", "a:@b", "alike1", "alike2", "team:a", "team:b",
    "k=v", "%self", "%d", "a%b", "+x", "@x", ",x", "/etc/x", "..",
    "user@host", "退款", "שלום",
    "zé", "L" * 900, "x\u3164SEEN", "\u115fSEEN", "\u2800SEEN", "-rf", "=ls", "~root",
)  # fmt: skip


def hostile_ids(count: int) -> list[str]:
    """Return hostile ids, the same ones in each run."""
    draw = random.Random(23)
    made = {"".join(draw.choices(PIECES, k=draw.randint(1, 6))) for _ in range(count)}
    return sorted({*FIXED, *made} - {""})


def fill(cli: Cli, count: int) -> list[str]:
    """Store a user, a session with a message, and a message under each id."""
    ids = hostile_ids(count)
    cli.fill([Session(each, "s", 1) for each in ids])
    cli.fill([Message(each, "m", 1, "user", "x") for each in ids])
    cli.fill([Message("one", each, 1, "user", "x") for each in ids])
    return ids


def check(shell: Shell, typed: str, ids: list[str]) -> bool:
    """Complete a line and return True if a word was completed. Fail if it is not an id or if something was run."""
    line = shell.complete(typed)
    assert [] == list(shell.folder.iterdir()), typed
    if len(line) <= len(typed) or not line.endswith(" "):  # shells add a space after a completed word
        return False
    if "$(" in typed or "`" in typed:  # there the shell completes names of commands
        return False
    word = shell.enter()[-1]
    assert word in ids, (typed, line, word)
    assert [] == list(shell.folder.iterdir()), typed
    return True


@pytest.mark.parametrize("name", SHELLS)
def test_shells_complete_harmless_ids_and_run_nothing_hostile(
    name: str, ready: Cli, process: Processes, tmp_path: Path
) -> None:
    ids = fill(ready, 50)

    with Shell(name, process.argv(), process.environ, tmp_path / "shell") as shell:
        assert check(shell, "tsmem session list --user user@h", ids)
        assert not check(shell, "tsmem session list --user $(tou", ids)
        shell.complete("tsmem session list --user ", tabs=2)
        screen = bytes(shell.screen).decode()

    assert "user@host" in screen
    assert "SEEN" not in screen


TAKES_FILE = ("import", "export", "--config", "--config=", "serve --path", "import x --rejects", "import --rejects=",
              "message put s m --content-file")  # fmt: skip
TAKES_NO_FILE = ("session get", "message search", "session list --user", "export --user", "import x", "-p", "show", "",
                 "message search import --user", "session put u s -m")  # fmt: skip


@pytest.mark.parametrize("name", SHELLS)
def test_file_names_are_completed_only_where_a_file_is_meant(
    name: str, ready: Cli, process: Processes, tmp_path: Path
) -> None:
    with Shell(name, process.argv(), process.environ, tmp_path / "shell") as shell:
        (shell.folder / "zebra.jsonl").touch()
        for words in (*TAKES_FILE, *TAKES_NO_FILE):
            typed = f"tsmem {words}{'' if words.endswith('=') else ' '}zeb"
            expected = f"{typed}ra.jsonl" if words in TAKES_FILE else typed
            assert (words, expected) == (words, shell.complete(typed).rstrip())


EXPRESSIONS = [
    ("session list --filter ran", "session list --filter rank"),
    ("session list --filter=ran", "session list --filter=rank"),
    ("session list --filter 'not ran", "session list --filter 'not rank'"),
    ("session list --fields user_id,metadata.r", "session list --fields user_id,metadata.rank"),
    ("session list --since=yes", "session list --since=yes"),
    ("session recent --since=yes", "session recent --since=yesterday"),
]


@pytest.mark.parametrize("name", SHELLS)
def test_shells_complete_names_and_times(name: str, ready: Cli, process: Processes, tmp_path: Path) -> None:
    ready.fill([Session("ada", "s", 1, None, Metadata({"rank": 1}))])
    with Shell(name, process.argv(), process.environ, tmp_path / "shell") as shell:
        for typed, expected in EXPRESSIONS:
            assert f"tsmem {expected}" == shell.complete(f"tsmem {typed}").rstrip()
        # bash does not quote what it is offered, so the space must not lose its backslash
        typed = "tsmem session list --filter not\\ ran"
        assert shell.complete(typed).rstrip() == (typed if name == "bash" else f"{typed}k")


def test_zsh_shows_the_quotes_of_descriptions(ready: Cli, process: Processes, tmp_path: Path) -> None:
    with Shell("zsh", process.argv(), process.environ, tmp_path / "shell") as shell:
        shell.complete("tsmem session list --", tabs=2)
        screen = bytes(shell.screen).decode()

    assert "-- Only this user's sessions." in screen
    assert "e.g. 'topic == \"billing\" and score >= 0.5'." in screen


PREFIXES = [
    *sorted({text[:length] for text in FIXED for length in (1, 3)}),
    *("$(", "$(tou", "`", "`tou", "'", "'pl", "'team:"),
    *('"', '"pl', '"team:', '"$(', '"`', "\\", "pl\\a", "pl'a", 'pl"a'),
    *("user@", "user@h", "@", "a:@", 'user@"', "team:\"", "te'am:", "team\\:", '""pl', "a\\ "),
    *("*", "?", "{", "#", "!", "!!", "<", "&", ";", "|", "😀", "😀\u200d"),
]  # fmt: skip


BEFORE = ("session list --user", "message list --session", "message get one")


@pytest.mark.slow
@pytest.mark.parametrize("name", SHELLS)
def test_a_completed_word_is_an_id_whatever_the_user_typed(
    name: str, ready: Cli, process: Processes, tmp_path: Path
) -> None:
    ids = fill(ready, 400)
    every = 8 if name == "fish" else 2  # fish starts the program twice for each line
    prefixes = ["pla", "退", "'pl", *PREFIXES[::every]]

    with Shell(name, process.argv(), process.environ, tmp_path / "shell") as shell:
        completed = [
            typed
            for typed, before in zip(prefixes, cycle(BEFORE), strict=False)
            if check(shell, f"tsmem {before} {typed}", ids)
        ]
        screen = bytes(shell.screen).decode()

    assert {"pla", "退", "'pl"} <= set(completed)
    assert "SEEN" not in screen
