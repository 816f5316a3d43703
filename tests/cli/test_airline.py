"""Real input: 200 conversations between customers and an airline's agent, with tool calls."""

from __future__ import annotations

import json
from typing import Any

from tests.cli.conftest import Cli
from tests.support.airline import DATA, conversations, needs_airline

pytestmark = needs_airline


OPENAI = ("--format", "openai", "--user", "airline")
SOME = 40


def test_every_message_survives_with_its_tool_calls(ready: Cli) -> None:
    ready.ok("import", *OPENAI, stdin=b"".join(DATA.read_bytes().splitlines(keepends=True)[:SOME]))
    stored: dict[str, list[Any]] = {}
    for item in ready.ok("message", "list", "-o", "jsonl").lines:
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
