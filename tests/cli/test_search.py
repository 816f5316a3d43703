"""`session search`, `message search`, and `session recent` for everyone, on both backends."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Outcome
from tests.support.server_in_process import environ, serving
from tsmem.store import Message, Metadata, Session

T = 1_767_000_000_000_000
MARK, PLAIN = "\x1b[1;31m", "\x1b[0m"


def ids(outcome: Outcome) -> list[str]:
    return [item.get("message_id", item["session_id"]) for item in outcome.json["items"]]


@pytest.fixture(params=["local", "cloud"])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def filled(backend: str, cli: Cli, tmp_path: Path) -> Iterator[Cli]:
    """The command line with some rows, on the embedded store and over the wire."""
    said = ["Red tea", "green TEA?", "退款", "teapot", "coffee"]
    items = [Message("s", f"m{n}", T + n, "user" if n % 2 else "tool", text) for n, text in enumerate(said)]
    sessions = [("ada", "a"), ("bob", "b"), ("ada", "a")]
    found = [Session(user, f"s{n}", T + n, "Red tea", Metadata({"topic": at})) for n, (user, at) in enumerate(sessions)]
    with serving(tmp_path / "served.db") as served:
        if backend == "cloud":
            cli.environ.update(environ(served.endpoint, HOME=cli.environ["HOME"], TSMEM_PROFILE="env"))
        cli.ok("init-tables")
        cli.fill([*items, *found])
        yield cli


FOUND = {
    "message search TEA --role user": "m3 m1", "message search --role tool": "m4 m2 m0",
    "message search tea --session none": "", f"message search tea --since {T + 1} --until {T + 2}": "m1",
    "message search tea --filter 'role == \"tool\"'": "m0", "session search 'ed te'": "s2 s1 s0",
    "session search tea --user ada": "s2 s0", "session search --filter 'topic == \"a\"'": "s2 s0",
    f"session recent --since {T + 1}": "s2 s1", "session recent --filter 'topic == \"b\"'": "s1",
}  # fmt: skip


def test_options_of_search_and_recent_limit_the_results(filled: Cli) -> None:
    assert FOUND == {line: " ".join(ids(filled.ok(*shlex.split(line), "-o", "json"))) for line in FOUND}


def test_search_as_json_adds_an_exact_total_to_the_listing(filled: Cli, backend: str) -> None:
    def total(*options: str) -> int | None:
        found: int | None = filled.ok("message", "search", *options, "-o", "json").json["total"]
        return found

    assert (3, 5) == (total("tea"), total("--limit", "1"))
    assert (3 if backend == "local" else None) == total("tea", "--limit", "1")
    found = filled.ok("message", "search", "red", "-o", "jsonl")
    assert ([filled.ok("message", "get", "s", "m0", "-o", "json").json], "") == (found.lines, found.err)
    assert 4 == filled.ok("message", "search", "tea", "-o", "csv").text.count("\n")


def test_a_search_table_shows_the_number_of_matches(filled: Cli, backend: str) -> None:
    assert "3 matches\n" == filled.ok("message", "search", "tea").err
    assert "1 match\n" == filled.ok("message", "search", "red").err
    page = filled.ok("message", "search", "tea", "--limit", "2")
    found = "3 matches" if backend == "local" else "up to 3 matches"
    assert page.err.startswith(f"{found}\nnext page: tsmem message search tea ")
    rest = filled.ok("message", "search", "tea", "--limit", "2", "--page-token", page.token, "-o", "json")
    assert (["m0"], None) == (ids(rest), rest.json["next_page_token"])


def test_search_highlights_the_text(ready: Cli) -> None:
    ready.fill([Message("s", "tea", T, "tea", "Red TEA, tea", "atea", Metadata({"tea": "tea"}))])
    shown = ready.ok("message", "search", "tea", width=120).text

    assert f"Red {MARK}TEA{PLAIN}, {MARK}tea{PLAIN}" in shown
    assert f"a{MARK}tea{PLAIN}" in shown
    assert 3 == shown.count(MARK)
    assert "\x1b[" not in ready.ok("message", "search", "tea").text
    assert "\x1b[" not in ready.ok("message", "search", "tea", "--color", "never", width=120).text


def test_a_narrow_table_shows_the_match_and_drops_metadata(ready: Cli) -> None:
    """The session was found by its search content."""
    ready.fill([Session("ada", f"s{n}", T, "red tea", Metadata({"topic": "x" * 90})) for n in range(2)])
    shown = ready.ok("session", "search", "tea", width=50).text
    assert (True, True) == (MARK in shown, "metadata.topic, search_content hidden" in shown)
