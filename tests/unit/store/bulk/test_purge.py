"""Purges of sessions with their messages that take several groups of sessions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.backends import engine_client
from tests.support.faults import Fault, FaultyClient
from tests.support.items import load
from tsmem.errors import Unavailable
from tsmem.store import MemoryStore, Message, Session


def test_a_purge_with_a_failed_read_says_what_was_deleted_and_can_be_repeated(tmp_path: Path) -> None:
    with engine_client(tmp_path) as client:
        store = MemoryStore(client, target="test")
        store.tables.apply()
        ids = [f"s{n:03d}" for n in range(120)]
        load(store, [*(Session("u", each, 1) for each in ids), *(Message(each, "m", 1) for each in ids)])

        # One page of sessions, and three reads for each session of the first group of 50.
        faulty = FaultyClient(client, Fault("get_range", Unavailable("gone"), call=160))
        with pytest.raises(Unavailable, match=r"gone \(100 rows had been done before\)"):
            MemoryStore(faulty, target="test").sessions.purge("u", until=5, with_messages=True, shared_too=True)
        rest = store.sessions.purge("u", until=5, with_messages=True, shared_too=True)
        assert (70, 70) == (rest.sessions, rest.messages)
