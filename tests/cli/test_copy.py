"""`copy` between profiles, and `copy --check`, which names every row that differs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, export_lines, messages, sessions
from tests.support.faults import RefusingClient, every_client
from tsmem.errors import InvalidInput, TsmemError
from tsmem.store import Message, Metadata, Session

COPY = ("copy", "--from", "a", "--to", "b")


def local(cli: Cli, other: str = "b.db") -> str:
    """Return two profiles, each with a file in the test's folder. `a` is the default."""
    return 'default_profile = "a"\n' + "".join(
        f'[profiles.{name}]\nbackend = "local"\npath = "{cli.folder}/{path}"\n'
        for name, path in (("a", "a.db"), ("b", other))
    )


@pytest.fixture
def two(cli: Cli) -> Cli:
    """The command line with the profiles `a`, the default, and `b`."""
    cli.config(local(cli))
    cli.ok("init-tables")
    return cli


def fill(cli: Cli, profile: str, items: list[Session | Message]) -> None:
    cli.ok("-p", profile, "import", stdin=export_lines(items))


def export(cli: Cli, profile: str) -> bytes:
    return cli.ok("-p", profile, "export").out


ODD = Message("orphan", "m", 0, metadata=Metadata({"x": b"\0\xff", "f": -0.0, "i": 2**63 - 1, "t": True}))
SOME: list[Session | Message] = [*sessions(3), *sessions(2, "bob"), *messages(3), *messages(250, "s00001"), ODD]
"""Items of two users. Both have the session s00001."""


def differences(cli: Cli, *argv: str) -> tuple[int, list[Any]]:
    """Run a check. Return its exit code and the differences that it names."""
    outcome = cli(*COPY, "--check", "-o", "json", *argv)
    found = [(each["state"], each["key"], each["columns"]) for each in outcome.json["differences"]]
    for state in ("missing", "surplus", "different"):
        assert outcome.json[state] == sum(each[0] == state for each in found)
    return outcome.code, found


def test_copy_writes_the_same_rows(two: Cli) -> None:
    fill(two, "a", SOME)
    first = two.ok(*COPY, "-o", "json")
    assert first.json == {"sessions": 5, "messages": 254, "skipped": 0, "failed": 0}
    assert "copying from " in first.err
    assert export(two, "a") == export(two, "b")
    assert two.ok(*COPY, "-o", "json").json["messages"] == 254
    assert differences(two) == (0, [])


def test_copy_of_one_user_or_one_session(two: Cli) -> None:
    fill(two, "a", SOME)
    two.ok(*COPY, "--user", "bob")
    assert differences(two, "--user", "bob") == (0, [])
    assert differences(two)[0] == 4
    two.ok(*COPY, "--session", "orphan")
    assert differences(two, "--session", "orphan") == (0, [])
    assert export(two, "b").count(b"\n") == 2 + 2 + 253 + 1


def test_copy_check_of_equal_stores_says_so_on_stderr_only(two: Cli) -> None:
    fill(two, "a", SOME)
    two.ok(*COPY)
    shown = two.ok(*COPY, "--check")

    assert shown.out == b""
    assert re.fullmatch(r"\S+ and \S+ are equal: 5 sessions and 254 messages compared\n", shown.err)
    assert two.ok(*COPY, "--check", "-o", "json").json["differences"] == []
    assert two.ok(*COPY, "--check", "-o", "csv").text.splitlines() == ["kind,key,state,columns"]


def test_copy_overwrites_existing_rows_and_deletes_none(two: Cli) -> None:
    fill(two, "a", [Message("s", "m1", 1, "user", "new"), Message("s", "m2", 2)])
    fill(two, "b", [Message("s", "m1", 1, "user", "old"), Message("s", "m3", 3)])
    code, found = differences(two)
    assert code == 4
    surplus: Any = ("surplus", ["s", 3, "m3"], [])
    assert found == [("different", ["s", 1, "m1"], ["content"]), ("missing", ["s", 2, "m2"], []), surplus]
    two.ok(*COPY)
    assert differences(two) == (4, [surplus])


VALUES: list[tuple[Any, Any]] = [
    (1, True), (1, 1.0), (True, 1.0), (0, False), (0.0, -0.0), ("1", 1), (b"x", "x"), ("\u00e9", "e\u0301"),
    ("", None), (2**63 - 1, float(2**63)),
]  # fmt: skip


def test_copy_check_compares_values_and_their_types(two: Cli) -> None:
    for name, place in (("a", 0), ("b", 1)):
        values = {f"x{n:02d}": pair[place] for n, pair in enumerate(VALUES) if pair[place] is not None}
        metadata = Metadata({**values, "same": 1})
        fill(two, name, [Session("u", "s", 1, None, metadata), Message("s", "m", 1, metadata=metadata)])
    columns = [f"x{n:02d}" for n in range(len(VALUES))]
    both = [("different", ["u", "s"], columns), ("different", ["s", 1, "m"], columns)]
    for argv in ((), ("--user", "u"), ("--session", "s")):
        assert differences(two, *argv) == (4, both)


@pytest.mark.parametrize(
    ("argv", "state", "keys"),
    [
        ((), "missing", [["ada", "s"], ["bob", "t"], ["s", 1, "m"], ["t", 1, "m"]]),
        ((), "surplus", [["ada", "s"], ["bob", "t"], ["s", 1, "m"], ["t", 1, "m"]]),
        (("--user", "ada"), "missing", [["ada", "s"], ["s", 1, "m"]]),
        (("--user", "bob"), "surplus", [["bob", "t"], ["t", 1, "m"]]),
        (("--session", "t"), "missing", [["bob", "t"], ["t", 1, "m"]]),
        (("--user", "nobody"), "missing", []),
        (("--session", "none"), "surplus", []),
    ],
)
def test_copy_check_names_rows_that_one_side_lacks(
    two: Cli, argv: tuple[str, ...], state: str, keys: list[Any]
) -> None:
    items: list[Session | Message] = [Session("ada", "s", 1), Session("bob", "t", 1)]
    items += [Message("s", "m", 1), Message("t", "m", 1)]
    two.ok("-p", "b", "init-tables")
    fill(two, "a" if state == "missing" else "b", items)
    assert differences(two, *argv) == (4 if keys else 0, [(state, key, []) for key in keys])


def test_copy_check_of_a_user_compares_messages_of_sessions_that_one_side_lacks(two: Cli) -> None:
    fill(two, "a", [Session("u", "a", 1), Session("u", "c", 1), Message("a", "m", 1), Message("c", "m", 1)])
    fill(two, "b", [Session("u", "b", 1), Session("u", "c", 1), Message("b", "m", 1), Message("c", "n", 1)])
    code, found = differences(two, "--user", "u")
    assert code == 4
    sided = {state: [key for each, key, _ in found if each == state] for state in ("missing", "surplus")}
    assert sided["missing"] == [["u", "a"], ["a", 1, "m"], ["c", 1, "m"]]
    assert sided["surplus"] == [["u", "b"], ["b", 1, "m"], ["c", 1, "n"]]


@pytest.mark.parametrize("path", ["./a.db", "link.db"])
def test_a_store_is_not_copied_onto_itself(two: Cli, path: str) -> None:
    fill(two, "a", SOME)
    Path("link.db").symlink_to("a.db")
    two.config(local(two, path))
    before = export(two, "a")
    outcome = two(*COPY)
    assert (outcome.code, outcome.out) == (2, b"")
    assert "the same store" in outcome.err
    assert export(two, "a") == before
    assert differences(two) == (0, [])


def test_copy_from_a_source_without_tables_ends_with_3(two: Cli) -> None:
    fill(two, "b", [Message("s", "m", 1)])
    two.ok("drop-tables", "--yes")
    outcome = two(*COPY)
    assert (outcome.code, outcome.out) == (3, b"")
    assert "hint: create what is missing with: tsmem --profile a init-tables\n" in outcome.err
    outcome = two(*COPY, "--check")
    assert (outcome.code, outcome.out) == (3, b"")
    assert "tsmem --profile a init-tables or tsmem --profile b init-tables" in outcome.err
    two.ok("copy", "--from", "b", "--to", "a")
    assert differences(two) == (0, [])


def test_copy_names_rows_that_the_target_refuses(two: Cli) -> None:
    fill(two, "a", SOME)
    refused: dict[str, TsmemError] = {"m00007": InvalidInput("refused"), "m00249": InvalidInput("refused too")}
    with every_client(lambda client: RefusingClient(client, refused)):
        outcome = two(*COPY, "-o", "json")
    assert (outcome.code, outcome.out) == (7, b"")
    said = [(each["key"][2], each["code"], each["message"]) for each in outcome.error["failures"]]
    assert said == [("m00007", "InvalidInput", "refused"), ("m00249", "InvalidInput", "refused too")]
    assert outcome.error["done"] == 257
    code, found = differences(two)
    assert (code, [key[2] for _, key, _ in found]) == (4, ["m00007", "m00249"])
