"""The example in each command's help is a command that works, as it stands, on a store like the one it speaks of."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.commands import declarations
from tsmem.store import Message, Metadata, Session

EXAMPLES = [
    command.example.removeprefix("tsmem ")
    for name, command in declarations().items()
    if name
    not in ("serve", "message tail")  # these run until they are stopped: test_serve.py and test_tail.py have them
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_works(ready: Cli, example: str) -> None:
    messages = [Message("trip-7", f"{n:06d}", n, "user", "hi", metadata=Metadata({"draft": True})) for n in range(9)]
    ready.fill([Session("ada", "trip-7", 1, metadata=Metadata({"topic": "travel", "score": 0.5})), *messages])
    Path("chats.jsonl").write_text('{"id": "c", "messages": [{"role": "user", "content": "hi"}]}\n', encoding="utf-8")
    ready.config('[profiles.staging]\nbackend = "local"\npath = "staging.db"\n')

    assert ready.ok(*shlex.split(example))
