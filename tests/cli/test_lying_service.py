"""A TableStore that answers wrongly: every command that reads or writes many rows, against every lie.

Each run ends in one sentence, after few requests; nothing of a wrong answer is shown, deleted by, or written anywhere.
All lies against all commands are some 1,500 runs. STEP picks a part of them, another one for each lie; 1 runs them all.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Outcome
from tests.support.lies import LIES, other_users_hits
from tests.support.lying import EVIL, MOST_REQUESTS, Liar, lying, of_rows
from tsmem.store import Message, Session
from tsmem.store.documents import export_line
from tsmem.store.listing import scan, whole_rows
from tsmem.store.search import finder

STEP = 5
T = 1_767_000_000_000_000
ITEMS: list[Session | Message] = [
    *(Session("ada", f"s{n}", T + n, f"tea {n}", {"topic": "tea"}) for n in range(3)),  # type: ignore[arg-type]
    Session("bob", "s3", T + 3, "milk"),
    *(Message(f"s{n // 4}", f"m{n:02d}", T + n, "user" if n % 2 else "assistant", f"tea {n}") for n in range(16)),
]
LINES = b"".join(export_line(item) for item in ITEMS)
READING = (
    "session list --user ada",
    "session list",
    "session list --user ada --limit 1",
    'session list --user ada --filter topic=="tea"',
    "session recent --user ada",
    "session recent",
    "session search --user ada --limit 0",
    "session search tea --sort score",
    "session get ada s1",
    "message list --session s1",
    "message list --session s1 --role user --order desc",
    "message list --session s1 --last 2",
    "message get s1 m05",
    "message search tea --session s1",
    "message tail s1",
    "show s1 --user ada",
    "stats",
    "stats --user ada",
    "doctor",
    "export",
    "export --user ada",
    "export --session s1",
    "session purge --user ada --with-messages --dry-run",
    "message purge --session s1 --dry-run",
    "init-tables --check",
)
LARGE = ("6,000 rows", "6,000 rows without keys")
"""Lies that one command is told: they take a while."""
THOROUGH = ("a row of another user", "a page that goes on where it began")
"""Lies that every command is told."""
COPYING = (
    "copy --from evil --to home",
    "copy --from evil --to home --user ada",
    "copy --from evil --to home --session s1",
    "copy --from evil --to home --check --user ada",
)
DELETING = (
    "session purge --user ada --yes",
    "session purge --user ada --with-messages --yes",
    "session purge --user ada --until 2027-01-01 --with-messages --yes",
    "message purge --session s1 --yes",
    "session delete ada s1 --with-messages",
    "message delete s1 m05",
)
WRITING = ("import in.jsonl", "copy --from home --to evil", "message update s1 m05 --content x", *DELETING[:2])
MAKING = ("init-tables", "doctor --fix", "drop-tables --yes")
OF_BATCHES = ("an outcome less", "an outcome more", "outcomes of another table", "garbage")
OF_TABLES = ("the description of another table", "a table without a key", "garbage")
OF_SEARCHES = (
    "one token again and again",
    "new tokens for the same rows",
    "new tokens for no rows",
    "more scores than rows",
)
WRITES = {"BatchWriteRow", "DeleteRow", "UpdateRow", "PutRow", "DeleteTable", "DeleteSearchIndex"}


@pytest.fixture(scope="module")
def liar() -> Iterator[Liar]:
    """One server for all runs."""
    with lying(None) as found:
        yield found


@pytest.fixture
def evil(cli: Cli, liar: Liar, _empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line with two profiles, `evil` for the server that lies and `home` for a file with tables alone.

    Listings end after fewer pages without a row."""
    monkeypatch.setattr(scan, "MAX_EMPTY_PAGES", 20)
    monkeypatch.setattr(finder, "MAX_EMPTY_PAGES", 20)
    monkeypatch.setattr(whole_rows, "MAX_MISSING", 20)
    cli.config(
        'default_profile = "evil"\n[profiles.home]\nbackend = "local"\n'
        f'path = "{cli.folder}/home.db"\n'
        f'[profiles.evil]\nbackend = "tablestore"\nendpoint = "{liar.endpoint}"\ninstance = "i"\n'
        'access_key_id = "key"\naccess_key_secret = "tsmem"\ntimeout = 20\n'
    )
    shutil.copy(_empty_store, "home.db")
    Path("in.jsonl").write_bytes(LINES)
    if not liar.asked or WRITES.intersection(liar.asked):
        refill(cli, liar)
    return cli


def refill(cli: Cli, liar: Liar) -> None:
    """Everything is there again."""
    liar.tell(None)
    cli.ok("init-tables")
    cli.ok("import", stdin=LINES)


def part_of(commands: Sequence[str], name: str) -> Sequence[str]:
    """The commands that a lie is told to."""
    if name in LARGE:
        return commands[:1]
    return commands if name in THOROUGH else commands[list(LIES).index(name) % min(STEP, len(commands)) :: STEP]


def check(outcome: Outcome, liar: Liar) -> None:
    """A wrong answer ended the run in one sentence, soon, and nothing of it was shown."""
    told, asked = liar.told, len(liar.asked)
    assert EVIL not in outcome.text
    assert "Traceback" not in outcome.err
    assert "this is a bug" not in outcome.err
    assert asked < MOST_REQUESTS / 4, asked
    if told:
        assert outcome.code != 0
        said = outcome.err + outcome.text
        assert " answered with " in said or "is not one of tsmem's" in said
        assert EVIL not in outcome.err


@pytest.mark.parametrize("name", LIES)
def test_a_wrong_answer_is_not_believed(evil: Cli, liar: Liar, name: str) -> None:
    """A command that reads ends with an error, and shows nothing of the wrong answer."""
    for argv in part_of(READING, name):
        liar.tell(LIES[name])
        outcome = evil(*argv.split())
        check(outcome, liar)


def test_hits_that_were_not_asked_for_are_left_out(evil: Cli, liar: Liar) -> None:
    """They are no broken answer: an index may be behind its table."""
    for argv in ("session search --user ada", "session search milk", "message search tea --session s1"):
        liar.tell(of_rows(other_users_hits))
        outcome = evil.ok(*argv.split())

        assert liar.told
        assert EVIL not in outcome.text


@pytest.mark.parametrize("name", [name for name in LIES if name not in LARGE])
def test_nothing_of_a_wrong_answer_is_copied(evil: Cli, liar: Liar, name: str) -> None:
    """What a copy writes into the other store is what the service holds, or nothing."""
    for argv in part_of(COPYING, name):
        liar.tell(LIES[name])
        check(evil(*argv.split()), liar)
        copied = evil.ok("export", "-p", "home").out.splitlines()[1:-1]

        assert set(copied) <= set(LINES.splitlines())


@pytest.mark.parametrize("name", [name for name in LIES if name not in (*LARGE, *OF_BATCHES, *OF_TABLES, *OF_SEARCHES)])
def test_nothing_is_deleted_by_a_wrong_answer(evil: Cli, liar: Liar, name: str) -> None:
    """A command that deletes many rows ends with an error, and what it was not told to delete is there."""
    for argv in part_of(DELETING, name):
        liar.tell(LIES[name])
        check(evil(*argv.split()), liar)
        deleted = WRITES.intersection(liar.asked)
        liar.tell(None)

        assert evil("session", "get", "bob", "s3").code == 0
        assert 4 == len(evil.ok("message", "list", "--session", "s3", "-o", "jsonl").lines)
        if deleted:
            refill(evil, liar)


@pytest.mark.parametrize(
    ("name", "argv"),
    [
        *((name, argv) for name in OF_BATCHES for argv in WRITING),
        *((name, argv) for name in OF_TABLES for argv in MAKING),
    ],
)
def test_a_write_that_is_answered_wrongly_may_have_been_done(evil: Cli, liar: Liar, name: str, argv: str) -> None:
    """A command that writes ends with an error, is sent once, and says that it may have been done."""
    liar.tell(LIES[name])
    outcome = evil(*argv.split())
    check(outcome, liar)

    assert liar.asked.count("BatchWriteRow") <= 2
    if liar.told and "BatchWriteRow" in liar.asked:
        assert "may have been" in outcome.err
