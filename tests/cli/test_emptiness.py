"""An empty result says why it may be empty, in one line on stderr. stdout and the exit code do not change."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tests.support.faults import Fault, FaultyClient, every_client
from tsmem.errors import Denied
from tsmem.store import Message, Metadata, Session

ITEMS: list[Session | Message] = [
    Session("user-01", "trip-7", 5, None, Metadata({"topic": "tea"})),
    Session("Ada", "trip-8", None),
    Message("trip-7", "m", 5, "user", "hello", None, Metadata({"lang": "en"})),
]
NO_TOPC = "no session has the column 'topc' (columns seen: topic, update_time); did you mean 'topic'?"
NO_LNG = "no message has the column 'lnag' (columns seen: content, lang, role); did you mean 'lang'?"
NO_USER = "no sessions found: there is no user 'usr-01'; did you mean 'user-01'?"
NO_SESSION = "no messages found: there is no session 'trip7' with messages; did you mean 'trip-7'?"
NOTHING = "nothing found: there is no session 'trip7', and no message of it; did you mean 'trip-7'?"
SAID = [
    (("session", "list", "--filter", 'topc == "x"'), f"no sessions found: {NO_TOPC}"),
    (("session", "search", "--filter", "topc == 1"), f"no sessions found: {NO_TOPC}"),
    (("session", "list", "--filter", 'contains(metadata.topc, "x")'), f"no sessions found: {NO_TOPC}"),
    (("session", "recent", "--filter", 'startswith(topc, "t") or metadata.topc'), f"no sessions found: {NO_TOPC}"),
    (
        ("session", "list", "--filter", 'startswith(metadata.topic, "T") or contains(update_time, "5")'),
        "no sessions found: there are sessions, but none matches --filter",
    ),
    (("message", "tail", "trip-7", "--filter", "lnag == 1"), f"no messages found: {NO_LNG}"),
    (("message", "purge", "--everything", "--filter", "lnag == 1", "--yes"), f"no messages found: {NO_LNG}"),
    (("session", "list", "--user", "usr-01"), NO_USER),
    (("session", "recent", "--user", "usr-01"), NO_USER),
    (("session", "search", "tea", "--user", "usr-01"), NO_USER),
    (("session", "purge", "--user", "usr-01", "--dry-run"), NO_USER),
    (("export", "--user", "usr-01"), NO_USER),
    (("stats", "--user", "usr-01"), NO_USER),
    (("session", "list", "--user", "ada"), "no sessions found: there is no user 'ada'; did you mean 'Ada'?"),
    (("message", "list", "--session", "trip7"), NO_SESSION),
    (("message", "list", "--session", "trip7", "--last", "2"), NO_SESSION),
    (("message", "search", "--session", "trip7"), NO_SESSION),
    (("message", "tail", "trip7"), NO_SESSION),
    (("message", "purge", "--session", "trip7", "--yes"), NO_SESSION),
    (("show", "trip-8", "--user", "Ada"), NO_SESSION.replace("trip7", "trip-8")),
    (("export", "--session", "trip7"), NOTHING),
    (("stats", "--session", "trip7"), NOTHING),
    (("stats", "--by", "role", "--user", "usr-01"), NO_USER),
    (("fields", "--user", "usr-01"), NO_USER),
    (("fields", "--session", "trip7"), NOTHING),
    (
        ("stats", "--since", "2026-01-01"),
        "no messages found: there are messages, but none matches --since",
    ),
    (
        ("stats", "--by", "session_id", "--errors"),
        "no messages found: there are messages, but none matches --errors",
    ),
    (("session", "recent", "--user", "Ada"), "no sessions found: the sessions of user 'Ada' have no update time"),
    (
        ("session", "list", "--user", "Ada", "--filter", 'update_time == 9 or role == "x"'),
        "no sessions found: no session has the column 'role' (columns seen: none)",
    ),
    (
        ("message", "list", "--session", "trip-7", "--role", "tool", "--since", "2026-01-01"),
        "no messages found: there are messages of session 'trip-7', but none matches --role and --since",
    ),
    (("message", "search", "nowhere"), "no messages found: there are messages, but none matches the text"),
    (("export", "out.jsonl", "--user", "usr-01"), NO_USER),
]  # fmt: skip


@pytest.fixture
def filled(ready: Cli) -> Cli:
    ready.fill(ITEMS)
    return ready


def test_an_empty_result_says_why(filled: Cli) -> None:
    for place, (argv, said) in enumerate(SAID):
        outcome = filled.ok(*argv, *(("-o", "jsonl") if place % 2 else ()))
        assert said in outcome.err.splitlines(), argv
        assert 1 == outcome.err.count("found: "), argv


def test_an_empty_store_is_named_as_the_reason(ready: Cli) -> None:
    for line, said in (
        ("session list", "no sessions found: {} has no sessions"),
        ("message search x --filter y==1", "no messages found: {} has no messages"),
        ("export", "nothing found: {} has no sessions and no messages"),
    ):
        assert said.format(ready.database) in ready.ok(*line.split()).err.splitlines()


def test_a_purge_that_finds_nothing_does_not_ask(filled: Cli) -> None:
    for line, said in (("session purge --user usr-01", NO_USER), ("message purge --session trip7", NO_SESSION)):
        outcome = filled.asked(*line.split(), answer=b"y\n")
        assert (0, b"") == (outcome.code, outcome.out)
        assert [said] == outcome.err.splitlines()[1:]


def test_a_copy_of_nothing_says_why(filled: Cli) -> None:
    filled.config('[profiles.new]\nbackend = "local"\npath = "new.db"\n')
    copy = ("copy", "--from", "local", "--to", "new")
    for more in ((), ("--check",)):
        assert NO_USER in filled.ok(*copy, "--user", "usr-01", *more).err.splitlines()
        assert NOTHING in filled.ok(*copy, "--session", "trip7", *more).err.splitlines()
        assert "found: " not in filled.ok(*copy, *more).err


def test_show_of_an_unknown_session_names_the_nearest_id(filled: Cli) -> None:
    assert "did you mean 'trip-7'?" == filled("show", "trip7", "-o", "json").error["hint"]


def test_a_result_with_items_gives_no_reason(filled: Cli) -> None:
    first = filled.ok("session", "list", "--limit", "1", "-o", "json").json["next_page_token"]
    filled.ok("session", "purge", "--user", "user-01", "--yes")
    for line in ("message list", f"session list --page-token {first}", "message tail trip-7 --last 0"):
        assert "found" not in filled.ok(*line.split()).err


def test_the_columns_seen_are_those_of_the_first_hundred_rows(ready: Cli) -> None:
    items: list[Session | Message] = [Message("s", f"m{n:03d}", n, "user", "x") for n in range(101)]
    items[0] = Message("s", "m000", 0, "user", "x", None, Metadata({f"k{n:02d}": n for n in range(20)}))
    ready.fill(items)
    said = ready.ok("message", "list", "--filter", "nothing == 1").err

    assert "none of the first 100 messages has the column 'nothing' (columns seen: content, k00, " in said
    assert said.endswith("k10, ...)\n")


def test_a_failure_while_looking_for_the_reason_is_not_an_error(filled: Cli) -> None:
    denied = Fault("get_range", Denied("there is no permission for this"), call=2)
    with every_client(lambda client: FaultyClient(client, denied)):
        assert "no messages found\n" == filled.ok("message", "list", "--session", "trip7").err
