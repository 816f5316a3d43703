"""A TableStore that sends invalid replies: each run ends with one sentence after few requests, and nothing from the
reply is shown, deleted or written.

By default each lie is told to one command. Tests marked `slow` tell every lie to every command.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Outcome, empty_store
from tests.support.cloud_profiles import profile
from tests.support.lies import LIES, other_users_hits
from tests.support.lying import EVIL, MOST_REQUESTS, Liar, changing_rows, lying_server
from tsmem.store import Message, Session, sessions
from tsmem.store.documents import export_line
from tsmem.store.listing import scan
from tsmem.store.search import finder

T = 1_767_000_000_000_000
ITEMS: list[Session | Message] = [
    *(Session("ada", f"s{n}", T + n, f"tea {n}", {"topic": "tea"}) for n in range(3)),  # type: ignore[arg-type]
    Session("bob", "s3", T + 3, "milk"),
    *(Message(f"s{n // 4}", f"m{n:02d}", T + n, "user" if n % 2 else "assistant", f"tea {n}") for n in range(16)),
]
LINES = b"".join(export_line(item) for item in ITEMS)
READING = (
    "session list --user ada", "session list", "session list --user ada --limit 1",
    'session list --user ada --filter topic=="tea"', "session recent --user ada", "session recent",
    "session search --user ada --limit 0", "session search tea --sort score", "session get ada s1",
    "message list --session s1", "message list --session s1 --role user --order desc",
    "message list --session s1 --last 2", "message get s1 m05", "message search tea --session s1", "message tail s1",
    "show s1 --user ada", "stats", "stats --user ada", "stats --by role", "fields",
    "doctor", "export", "export --user ada", "export --session s1",
    "session purge --user ada --with-messages --dry-run", "message purge --session s1 --dry-run", "init-tables --check",
)  # fmt: skip
LISTING, LISTING_MESSAGES, SEARCHING = READING[0], READING[9], READING[7]
RECENT, MAKING_SURE = READING[4], READING[-1]
OF_BATCHES = ("one outcome too few", "one outcome too many", "outcomes of another table", "garbage")
OF_TABLES = ("the description of another table", "a table without a key", "garbage")
TOLD_TO = {
    "session list --user ada --limit 1": ("more rows than the limit",),
    "message get s1 m05": ("a row with another key than the requested one",),
    LISTING_MESSAGES: ("times as text",),
    RECENT: (*OF_BATCHES[:3], "rows of a batch in the wrong order"),
    SEARCHING: (
        "the same token again and again", "new tokens for the same rows", "new tokens for no rows", "a negative total",
        "more scores than rows",
    ),
    MAKING_SURE: OF_TABLES[:2],
}  # fmt: skip
"""Lies for commands other than a listing."""
TOLD = {name: line for line, names in TOLD_TO.items() for name in names}
COPYING = tuple(
    f"copy --from evil --to home{more}" for more in ("", " --user ada", " --session s1", " --check --user ada")
)
DELETING = (
    "session purge --user ada --yes",
    "session purge --user ada --with-messages --yes",
    "session purge --user ada --until 2027-01-01 --with-messages --yes",
    "message purge --session s1 --yes",
    "session delete ada s1 --with-messages",
    "message delete s1 m05",
)
WRITES = {"BatchWriteRow", "DeleteRow", "UpdateRow", "PutRow", "DeleteTable", "DeleteSearchIndex"}


@pytest.fixture(scope="module")
def liar() -> Iterator[Liar]:
    with lying_server(None) as found:
        yield found


@pytest.fixture
def evil(cli: Cli, liar: Liar, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line with two profiles: `evil` for the lying server, `home` for a file with empty tables. Listings
    give up after fewer empty pages than usual."""
    monkeypatch.setattr(scan, "MAX_EMPTY_PAGES", 20)
    monkeypatch.setattr(finder, "MAX_EMPTY_PAGES", 20)
    monkeypatch.setattr(sessions, "MAX_MISSING", 20)
    home = f'[profiles.home]\nbackend = "local"\npath = "{cli.folder}/home.db"\n'
    cli.config(profile(liar.endpoint, secret="tsmem", more=f"timeout = 20\n{home}").replace("cloud", "evil"))
    Path("home.db").write_bytes(empty_store())
    Path("in.jsonl").write_bytes(LINES)
    if not liar.asked or WRITES.intersection(liar.asked):
        refill(cli, liar)
    return cli


def refill(cli: Cli, liar: Liar) -> None:
    liar.tell(None)
    cli.ok("init-tables")
    cli.ok("import", stdin=LINES)


def check(outcome: Outcome, liar: Liar) -> None:
    """Check that a run ended early with one sentence and showed nothing from the invalid reply."""
    told, asked = liar.told, len(liar.asked)
    assert EVIL not in outcome.text
    assert "Traceback" not in outcome.err
    assert "this is a bug" not in outcome.err
    assert asked < MOST_REQUESTS / 4, asked
    if told:
        assert outcome.code != 0
        said = outcome.err + outcome.text
        assert " answered with " in said or " is not a table of tsmem: " in said
        assert EVIL not in outcome.err


@pytest.mark.parametrize("name", LIES)
def test_an_invalid_reply_ends_a_command_with_one_sentence(evil: Cli, liar: Liar, name: str) -> None:
    liar.tell(LIES[name])
    outcome = evil(*TOLD.get(name, LISTING).split())

    assert liar.told
    check(outcome, liar)


@pytest.mark.slow
@pytest.mark.parametrize("name", LIES)
def test_no_reading_command_accepts_an_invalid_reply(evil: Cli, liar: Liar, name: str) -> None:
    for argv in READING:
        liar.tell(LIES[name])
        check(evil(*argv.split()), liar)


def test_search_hits_that_do_not_match_are_left_out(evil: Cli, liar: Liar) -> None:
    """They are not an invalid reply: an index may lag behind its table."""
    for argv in ("session search --user ada", "session search milk", "message search tea --session s1"):
        liar.tell(changing_rows(other_users_hits))
        outcome = evil.ok(*argv.split())

        assert liar.told
        assert EVIL not in outcome.text


ROWS = [name for name in LIES if name not in TOLD]
BY_DEFAULT = ("a row of another user", "a next page that starts where this one starts")
of_rows_read = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in BY_DEFAULT else pytest.mark.slow) for name in ROWS]
)


@of_rows_read
def test_copy_writes_nothing_from_an_invalid_reply(evil: Cli, liar: Liar, name: str) -> None:
    for argv in COPYING:
        liar.tell(LIES[name])
        check(evil(*argv.split()), liar)
        copied = evil.ok("export", "-p", "home").out.splitlines()[1:-1]

        assert set(copied) <= set(LINES.splitlines())


@of_rows_read
def test_purge_deletes_nothing_because_of_an_invalid_reply(evil: Cli, liar: Liar, name: str) -> None:
    for argv in DELETING:
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
        *((name, "import in.jsonl") for name in OF_BATCHES),
        ("one outcome too few", "session purge --user ada --with-messages --yes"),
        ("garbage", "message update s1 m05 --content x"),
        *((name, "init-tables") for name in OF_TABLES),
        ("garbage", "drop-tables --yes"),
    ],
)
def test_a_write_with_an_invalid_reply_is_reported_as_possibly_done(
    evil: Cli, liar: Liar, name: str, argv: str
) -> None:
    liar.tell(LIES[name])
    outcome = evil(*argv.split())
    check(outcome, liar)

    assert liar.asked.count("BatchWriteRow") <= 2
    if liar.told and "BatchWriteRow" in liar.asked:
        assert "may have been" in outcome.err
