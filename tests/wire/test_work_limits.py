"""Limits on work: a request that works too long, or whose client has disconnected, ends; searches take turns."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from tests.support import raw_http as http
from tests.support.search_table import INDEX, TABLE, search
from tests.support.server_in_process import sdk_client, sdk_refusal, serving
from tsmem import interruption
from tsmem.adapters.tablestore.sdk import ots
from tsmem.clock import SystemClock
from tsmem.rows import Put

TIMEOUT = ("OTSTimeout", "Operation timeout.")


class AdvancingClock(SystemClock):
    """The system clock, whose monotonic time a test can move forward."""

    late_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.late_s


class Endless:
    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        pause = threading.Event()
        try:
            while True:
                interruption.check()
                pause.wait(0.001)
        finally:
            self.ended.set()


def test_a_request_that_works_too_long_ends_with_otstimeout_and_the_connection_stays() -> None:
    clock, work = AdvancingClock(), Endless()
    with http.running(http.Stub(doing=work), clock=clock, work_s=1000) as here, here.asking() as client:
        assert work.begun.wait(http.TIMEOUT_S)
        clock.late_s = 1000
        reply = http.read_reply(client)
        here.stub.doing = interruption.check
        client.sendall(http.request())
        assert 200 == http.read_reply(client).status

    assert (503, TIMEOUT) == (reply.status, reply.error)


def test_work_for_a_disconnected_client_ends_without_a_reply() -> None:
    work = Endless()
    with http.running(http.Stub(doing=work), work_s=1000) as here:
        with here.asking():
            assert work.begun.wait(http.TIMEOUT_S)
        assert work.ended.wait(http.TIMEOUT_S)

    assert [("GetRow", 0, "")] == [(entry.action, entry.status, entry.code) for entry in here.log]


def test_work_that_outlasts_a_stop_is_ended() -> None:
    work = Endless()
    with http.running(http.Stub(doing=work), work_s=1000, stop_s=0.01) as here, here.asking():
        assert work.begun.wait(http.TIMEOUT_S)
        here.server.stop()
        assert work.ended.wait(http.TIMEOUT_S)


def test_a_client_that_has_pipelined_a_request_is_not_taken_for_disconnected() -> None:
    begun, sent = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert sent.wait(http.TIMEOUT_S)
        interruption.check()

    with http.running(http.Stub(doing=work)) as here, here.asking() as client:
        assert begun.wait(http.TIMEOUT_S)
        client.sendall(http.post({**http.signed(http.ots_headers()), "Connection": "close"}))
        sent.set()
        assert 2 == http.read_all(client).count(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("action", ["Search", "ParallelScan"])
def test_other_requests_are_answered_while_a_search_waits_for_its_turn(action: str) -> None:
    work = Endless()
    with http.running(http.Stub(doing=work), max_searches=1, work_s=1000) as here, here.asking(action):
        assert work.begun.wait(http.TIMEOUT_S)
        here.stub.doing = lambda: None
        with here.asking("Search") as waiting, here.asking() as other:
            assert 200 == http.read_reply(other).status
            assert [(action, b""), ("GetRow", b"")] == here.stub.asked
            here.stub.doing = work
            waiting.shutdown(socket.SHUT_RDWR)


def test_a_waiting_search_runs_when_another_ends() -> None:
    work = Endless()
    with http.running(http.Stub(doing=work), max_searches=1, work_s=1000) as here:
        with here.asking("Search") as first:
            assert work.begun.wait(http.TIMEOUT_S)
            here.stub.doing = lambda: None
            second = here.asking("Search")
            first.shutdown(socket.SHUT_RDWR)
        with second:
            assert 200 == http.read_reply(second).status


def test_a_search_that_waits_too_long_for_its_turn_ends_with_otstimeout() -> None:
    with http.running(max_searches=0, work_s=0) as here, here.asking("Search") as client:
        assert TIMEOUT == http.read_reply(client).error
    assert [] == here.stub.asked


@pytest.mark.parametrize("path", [None, "memory.db"])
def test_a_search_that_works_too_long_is_interrupted_inside_sqlite(tmp_path: Path, path: str | None) -> None:
    """A search that needs little work is answered under the same limit."""
    with serving(None if path is None else tmp_path / path, work_s=0) as served:
        served.engine.definitions.create_table(TABLE)
        words = " ".join(f"word{n}" for n in range(20_000))
        served.engine.write_rows([Put(TABLE.ref, ("w", 1), {"text": words, "word": "key"})])
        served.engine.definitions.create_search_index(INDEX)
        client = sdk_client(served.endpoint)
        assert (503, *TIMEOUT) == sdk_refusal(lambda: search(client, ots.WildcardQuery("text", "*?0*1?"), limit=1))
        assert 1 == len(search(client, ots.TermQuery("word", "key"), limit=1).rows)
