"""Real input: 200 conversations between customers and an airline's agent, with tool calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.support.airline import DATA, conversations, needs_airline

pytestmark = needs_airline


OPENAI = ("--format", "openai", "--user", "airline")
SOME = 40
"""Conversations that are imported by default."""


@pytest.fixture(scope="module")
def _imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store that has the first conversations."""
    cli = Cli(tmp_path_factory.mktemp("airline"))
    cli.ok("init-tables")
    cli.ok("import", *OPENAI, stdin=b"".join(DATA.read_bytes().splitlines(keepends=True)[:SOME]))
    return cli.folder


@pytest.fixture
def airline(_imported: Path, cli: Cli) -> Cli:
    """The command line on that store, which no test changes."""
    return Cli(_imported)


@pytest.mark.slow
def test_all_conversations_are_imported_paged_and_exported_the_same(ready: Cli) -> None:
    counts = ready.ok("import", str(DATA), *OPENAI, "-o", "json").json
    assert counts == {"sessions": 200, "messages": 5109, "skipped": 0, "failed": 0}
    keys, pages, token = [], 0, None
    while pages == 0 or token is not None:
        more = () if token is None else ("--page-token", token)
        page = ready.ok("message", "list", "--limit", "50", "-o", "json", *more).json
        keys += [(item["session_id"], item["create_time"], item["message_id"]) for item in page["items"]]
        token, pages = page["next_page_token"], pages + 1
    assert (len(keys), pages) == (5109, 103)
    assert keys == sorted(set(keys))

    exported = ready.export()
    ready.ok("import", str(DATA), *OPENAI)
    assert ready.export() == exported
    skipped = ready.ok("import", str(DATA), *OPENAI, "--on-conflict", "skip", "-o", "json").json
    assert skipped == {"sessions": 0, "messages": 0, "skipped": 5309, "failed": 0}

    other = Cli(ready.folder / "other")
    other.ok("import", stdin=exported)
    assert other.export() == exported
    assert exported.endswith(b'{"kind": "end", "sessions": 200, "messages": 5109}\n')


def test_every_message_survives_with_its_tool_calls(airline: Cli) -> None:
    stored: dict[str, list[Any]] = {}
    for item in airline.ok("message", "list", "-o", "jsonl").lines:
        stored.setdefault(item["session_id"], []).append(item)

    assert len(stored) == SOME
    for conversation in conversations()[:SOME]:
        session = stored[conversation["conversation_id"]]
        for message, item in zip(conversation["messages"], session, strict=True):
            rest = dict(message)
            assert item["role"] == rest.pop("role")
            assert item["content"] == rest.pop("content", None)
            metadata = dict(item["metadata"])
            for name in filter(None, str(metadata.pop("_json", "")).split(",")):
                metadata[name] = json.loads(metadata[name])
            assert metadata == {key: value for key, value in rest.items() if value is not None}
