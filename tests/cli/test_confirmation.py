"""Deleting many rows or tables needs an answer at a terminal, and --yes elsewhere."""

from __future__ import annotations

import errno
import io
import re
from itertools import cycle

import pytest

from tests.cli.conftest import Cli, messages, sessions
from tsmem.cli.app.main import main
from tsmem.cli.io.streams import Streams
from tsmem.store import Session

QUESTIONS = {
    "session purge --user ada": "Delete 2 sessions of user 'ada', but not their messages?",
    "session purge --user ada --with-messages": "(the messages of 1 session are kept: another user ",
    "session purge --user ada --with-messages --shared-too": "Delete 2 sessions and 3 messages of user 'ada' "
    "(including messages shared with another user's session with the same id)?",
    "session purge --everyone": "Delete 3 sessions of everyone, but not their messages?",
    "message purge --session s00000": "Delete 3 messages of session 's00000' (of any user)?",
    "message purge --everything": "Delete 3 messages of all sessions",
    "drop-tables": "Delete the tables session with 3 rows and message with 3 rows?",
}


@pytest.fixture
def filled(ready: Cli) -> Cli:
    ready.fill([*sessions(2), *sessions(1, "bob"), *messages(3)])
    return ready


def test_without_a_terminal_a_deletion_needs_yes(filled: Cli) -> None:
    before = filled.export()
    for line in QUESTIONS:
        outcome = filled(*line.split())
        assert (outcome.code, outcome.out) == (2, b""), line
        assert f"add --yes to delete data in {filled.database} without a question" in outcome.err
        assert "deleting" not in outcome.err

    assert filled.export() == before


def test_no_question_is_asked_if_stderr_is_not_a_terminal(filled: Cli) -> None:
    outcome = filled("drop-tables", stdin=io.BytesIO(b"yes\n"), typed=True)

    assert (outcome.code, "add --yes to delete data" in outcome.err) == (2, True)
    filled.ok("session", "get", "ada", "s00000")


def test_the_question_names_what_and_how_many(filled: Cli) -> None:
    before = filled.export()
    for line, question in QUESTIONS.items():
        outcome = filled.asked(*line.split(), answer=b"n\n")
        assert (outcome.code, outcome.out) == (0, b""), line
        assert question in outcome.err

    assert filled.export() == before


@pytest.mark.parametrize("answer", [b"\n", b"", b"nope\n", b"yesterday\n", b"\xff\n"])
def test_any_answer_but_yes_deletes_nothing(filled: Cli, answer: bytes) -> None:
    outcome = filled.asked("drop-tables", answer=answer)

    end = "" if answer.endswith(b"\n") else "\n"  # the answer itself ended no line
    assert outcome.err.endswith(f"[y/N] {end}nothing was done\n")
    filled.ok("session", "get", "ada", "s00000")


@pytest.mark.parametrize(("line", "answer"), [*zip(QUESTIONS, cycle((b"y\n", b"YES\n", b"  Yes \n")), strict=False)])
def test_the_answer_yes_deletes(filled: Cli, line: str, answer: bytes) -> None:
    before = filled.export()
    outcome = filled.asked(*line.split(), answer=answer)

    assert (outcome.code, bool(outcome.out)) == (0, True)
    assert line == "drop-tables" or filled.export() != before


@pytest.mark.parametrize("line", ["session purge --everyone", "message purge --everything"])
def test_the_question_names_the_time_of_until(filled: Cli, line: str) -> None:
    for until, said in (("2h", "2025-12-31 22:00:00"), ("2025-12-31", "2025-12-31 23:59:59.999999")):
        err = filled.asked(*line.split(), "--until", until, "--filter", "not (n == 1)", answer=b"n\n").err
        assert re.search(f" up to {said}.* where not \\(n == 1\\)", err)


def test_commands_say_that_they_read_from_the_terminal(filled: Cli) -> None:
    for argv in (("import",), ("message", "put", "s00000", "--content-file", "-")):
        assert "reading from the terminal; press Ctrl-D to end\n" in filled.asked(*argv).err
        assert "typed" not in filled.ok(*argv).err


def test_a_dry_run_asks_nothing_and_deletes_nothing(filled: Cli) -> None:
    before = filled.export()
    for line in (*list(QUESTIONS)[:-1], "import"):
        said = filled.ok(*line.split(), "--dry-run", stdin=before).err.splitlines()
        said = [each for each in said if "another user" not in each and "too: user" not in each]
        stay = line.startswith("session") and "--with-messages" not in line

        effect = "written to" if line == "import" else "deleted from"
        assert f"dry run: nothing is {effect} {filled.database} (profile local)" == said.pop(0)
        assert ["their messages would be kept; --with-messages deletes them too"] * stay == said
    assert filled.export() == before


def test_a_hostile_id_cannot_forge_the_question(filled: Cli) -> None:
    user = "x\n\x1b[2Jfake? [y/N] y\u202e"
    filled.fill([Session(user, "s", 1)])
    question = filled.asked("session", "purge", "--user", user, answer=b"n\n").err.splitlines()[1]

    assert question.startswith("Delete 1 session of user 'x\\n\\x1b[2Jfake? [y/N] y\\u202e'")
    assert question.endswith("[y/N] nothing was done")


class Gone(io.BytesIO):
    """A terminal that went away."""

    def readline(self, size: int | None = -1, /) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    def write(self, data: object, /) -> int:
        raise OSError(errno.EIO, "Input/output error")


def test_a_terminal_that_goes_away_means_no(filled: Cli) -> None:
    streams = Streams(Gone(), io.BytesIO(), Gone(), stdin_is_terminal=True, stderr_is_terminal=True)

    assert main(("drop-tables",), streams, filled.environ, filled.clock) == 0
    filled.ok("session", "get", "ada", "s00000")
