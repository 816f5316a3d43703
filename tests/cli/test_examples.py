"""The example in each command's help is a command that works, as it stands, on a store like the one it speaks of."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tsmem.cli.app.groups import HouseGroup, help_of
from tsmem.cli.app.root import Root
from tsmem.cli.commands.message import MessageGroup
from tsmem.cli.commands.profile import ProfileGroup
from tsmem.cli.commands.session import SessionGroup
from tsmem.store import Message, Metadata, Session


def examples() -> list[str]:
    """Every example, without the program's name; but for those of `serve` and `message tail`, which run until they are
    told to stop, and are run as processes by tests/cli/test_serve.py and test_tail.py."""
    groups: tuple[type[HouseGroup], ...] = (Root, SessionGroup, MessageGroup, ProfileGroup)
    found = []
    for group in groups:
        for entry in group.entries.values():
            made = getattr(__import__(entry.module, fromlist=[entry.name]), entry.name)
            found += re.findall(r"Example: tsmem (.*)", help_of(made))
    return [example for example in found if not example.startswith(("serve ", "message tail "))]


@pytest.mark.parametrize("example", examples())
def test_the_example_works(ready: Cli, example: str) -> None:
    """Exit 0, and nothing on stderr that begins with error."""
    messages = [Message("trip-7", f"{n:06d}", n, "user", "hi", metadata=Metadata({"draft": True})) for n in range(9)]
    ready.fill([Session("ada", "trip-7", 1, metadata=Metadata({"topic": "travel", "score": 0.5})), *messages])
    Path("chats.jsonl").write_text('{"id": "c", "messages": [{"role": "user", "content": "hi"}]}\n', encoding="utf-8")
    ready.config('[profiles.staging]\nbackend = "local"\npath = "staging.db"\n')

    assert ready.ok(*shlex.split(example))


def test_there_are_examples() -> None:
    """Every command has one."""
    assert len(examples()) >= 26
