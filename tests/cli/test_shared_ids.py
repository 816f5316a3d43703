"""Users who have sessions with the same id share its messages: the warnings, and the deletions that keep another user's
messages.
"""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Cli, Outcome, export_lines
from tests.support.server_in_process import Policy, environ, serving
from tsmem.port import SearchIndexSchema
from tsmem.store import Message, Session
from tsmem.store.documents import export_line
from tsmem.store.layout import KEYWORD

SHARED = (
    "warning: user 'ada' has a session 'support' too: user 'bob' shares its messages, because a message's key has no "
    "user"
)
CHAT = json.dumps({"id": "support", "messages": [{"role": "user", "content": "hi"}]}).encode()


@pytest.fixture
def filled(ready: Cli) -> Cli:
    ready.fill([each for name in ("support", "own") for each in (Session("ada", name, 5), Message(name, "m", 5))])
    return ready


@pytest.fixture
def unsearched(filled: Cli) -> Cli:
    """The same without a search index over sessions."""
    with filled.store() as store:
        store._client.delete_search_index("session", "session_search_index")
    return filled


def left(cli: Cli) -> list[str]:
    return [line["session_id"] for line in cli.ok("message", "list", "-o", "jsonl").lines]


def warnings(outcome: Outcome) -> list[str]:
    return [line for line in outcome.err.splitlines() if "warning" in line]


@pytest.mark.parametrize("how", ["file", "standard input", "dry run"])
def test_an_import_warns_of_an_id_that_another_user_has(filled: Cli, how: str) -> None:
    (filled.folder / "chat.jsonl").write_bytes(CHAT)
    argv = ["import", "--format", "openai", "--user", "bob"] + ([] if how == "standard input" else ["chat.jsonl"])
    outcome = filled.ok(*argv, *(["--dry-run"] if how == "dry run" else []), stdin=CHAT)

    assert 1 == outcome.err.splitlines().count(SHARED)


def test_importing_the_same_users_sessions_again_gives_no_warning(filled: Cli) -> None:
    own = filled.export()
    assert "warning" not in filled.ok("import", stdin=own).err
    assert "warning" not in filled.ok("import", stdin=export_line(Session("bob", "other", 5))).err


def test_an_import_warns_of_an_id_that_two_users_of_the_input_have(ready: Cli) -> None:
    lines = b"".join(export_line(Session(user, "one", 5)) for user in ("ada", "bob", "cleo"))
    for argv in (("import", "--dry-run"), ("import",)):
        (warned,) = warnings(ready.ok(*argv, stdin=lines))
        assert "in this input user 'ada' has a session 'one' too: user 'bob'" in warned


def test_an_import_names_some_shared_ids_and_counts_the_rest(ready: Cli) -> None:
    ready.fill([Session("ada", f"s{n:03d}", 5) for n in range(20)])
    warned = warnings(ready.ok("import", stdin=export_lines(Session("bob", f"s{n:03d}", 5) for n in range(20))))

    assert 6 == len(warned)
    assert "warning: not named here: 15 session ids that other users have too" == warned[-1]


@pytest.mark.parametrize("denied", [(), ("GetRange",)])
def test_an_import_warns_if_it_cannot_check_for_shared_ids(unsearched: Cli, denied: tuple[str, ...]) -> None:
    lines = export_line(Session("bob", "s", 5))
    assert "other users" not in Cli(unsearched.folder / "fresh").ok("import", stdin=lines).err
    with serving(unsearched.database, faults=Policy(*denied)) as served:
        outcome = unsearched("-p", "env", "import", stdin=lines, environ=environ(served.endpoint))

    assert "warning: could not check whether other users have these session ids: search index" in outcome.err
    unsearched.ok("session", "get", "bob", "s")


def test_put_with_touch_warns_of_an_id_that_another_user_has(filled: Cli) -> None:
    filled.ok("session", "put", "bob", "support")
    touched = filled.ok("message", "put", "support", "--content", "x", "--touch", "bob")
    quiet = filled.ok("message", "put", "own", "--content", "x", "--touch", "ada")

    assert f"{SHARED}\n" == touched.err
    assert "" == quiet.err
    assert f"{SHARED}\n" == filled.asked("session", "put", "bob", "support").err


def test_a_copy_warns_of_an_id_that_another_user_has_in_the_target(filled: Cli) -> None:
    filled.config('[profiles.new]\nbackend = "local"\npath = "new.db"\n')
    filled.ok("-p", "new", "import", stdin=export_line(Session("bob", "support", 5)))

    copied = filled.ok("copy", "--from", "local", "--to", "new")
    assert "warning: user 'bob' has a session 'support' too: user 'ada' shares its messages" in copied.err


DELETIONS = {
    "delete": ("session", "delete", "bob", "support", "--with-messages"),
    "purge": ("session", "purge", "--user", "bob", "--with-messages", "--yes"),
    "purge until": ("session", "purge", "--user", "bob", "--until", "2026-01-01", "--with-messages", "--yes"),
    "purge filter": ("session", "purge", "--everyone", "--filter", 'user_id == "bob"', "--with-messages", "--yes"),
}


@pytest.mark.parametrize("argv", DELETIONS.values(), ids=DELETIONS)
def test_deletions_keep_messages_of_an_id_that_another_user_has(filled: Cli, argv: tuple[str, ...]) -> None:
    filled.fill([Session("bob", "support", 5)])
    kept = filled.ok(*argv)
    assert ["ada", "ada"] == [line["user_id"] for line in filled.ok("session", "list", "-o", "jsonl").lines]
    assert ["own", "support"] == left(filled)
    said = "the messages of 1 session were kept, because another user has a session with the same id: 'support'"
    assert f"{said}; --shared-too deletes them too" in kept.err

    filled.fill([Session("bob", "support", 5)])
    assert "were kept" not in filled.ok(*argv, "--shared-too").err
    assert ["own"] == left(filled)


@pytest.mark.parametrize("argv", [DELETIONS["purge"], DELETIONS["purge filter"]])
def test_a_purge_dry_run_names_the_sessions_whose_messages_would_be_kept(filled: Cli, argv: tuple[str, ...]) -> None:
    filled.fill([Session("bob", "support", 5), Session("bob", "else", 5), Message("else", "m", 5)])
    dry = filled.ok(*argv[:-1], "--dry-run", "-o", "json")
    done = filled.ok(*argv, "-o", "json")

    assert (1, 2) == (dry.json["messages"], dry.json["sessions"])
    assert dry.json == done.json
    assert "the messages of 1 session would be kept" in dry.err


def test_messages_are_deleted_if_no_session_with_their_id_remains(filled: Cli) -> None:
    filled.fill([Session("bob", "support", 5), Session("bob", "else", 5), Message("else", "m", 5)])
    assert "kept" not in filled.ok("session", "delete", "bob", "else", "--with-messages").err
    assert "kept" not in filled.ok("session", "purge", "--everyone", "--with-messages", "--yes").err
    assert [] == left(filled)


def test_purge_everyone_until_keeps_messages_of_an_id_that_a_newer_session_has(filled: Cli) -> None:
    filled.fill([Session("bob", "support", 7), Session("bob", "own", 10**15), Session("cleo", "own", None)])
    purge = ("session", "purge", "--everyone", "--until", "1970-01-02", "--with-messages", "-o", "json")
    dry = filled.ok(*purge, "--dry-run")
    done = filled.ok(*purge, "--yes")

    assert (3, 1) == (done.json["sessions"], done.json["messages"])
    assert dry.json == done.json
    assert ["own"] == left(filled)
    assert "the messages of 1 session were kept" in done.err


def test_messages_are_kept_if_other_users_cannot_be_checked(unsearched: Cli) -> None:
    before = unsearched.export()
    with unsearched.store() as store:
        fields = (("user_id", KEYWORD),)
        store._client.create_search_index(SearchIndexSchema("session", "session_search_index", fields))
    for line in ("delete ada own --with-messages", "purge --user ada --with-messages --yes"):
        outcome = unsearched("session", *line.split(), "-o", "json")
        assert (2, b"", before) == (outcome.code, outcome.out, unsearched.export())
        assert outcome.error["message"].startswith("cannot look for other users with the same session ids: ")
        assert "--shared-too" in outcome.error["hint"]
    unsearched.ok("session", "delete", "ada", "own", "--with-messages", "--shared-too")
    unsearched.ok("session", "delete", "ada", "support")
    assert ["support"] == left(unsearched)
