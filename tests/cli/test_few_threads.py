"""Commands make one call after another if no thread can be started, and `serve` answers one client at a time."""

from __future__ import annotations

import resource
import threading
import urllib.request

import pytest

from tests.cli.conftest import Cli, export_lines, messages, sessions
from tests.support.privileges import needs_root, run_as_stranger
from tests.support.server_in_process import environ, serving
from tsmem.store import Message, Session


def rows(many_sessions: int, many_messages: int) -> list[Session | Message]:
    return [*sessions(many_sessions), *messages(many_messages)]


def without_threads(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name in names:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_bulk_commands_do_without_threads(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    without_threads(monkeypatch, "tsmem call", "tsmem look-up")
    data = export_lines(rows(3, 450))
    with serving(None) as served:
        cli.environ |= environ(served.endpoint)
        cli.ok("init-tables")
        assert cli.ok("import", "-o", "json", stdin=data).json["messages"] == 450
        assert len(cli.ok("export").out.splitlines()) == 455
        purged = cli.ok("session", "purge", "--everyone", "--with-messages", "--yes", "-o", "json").json

    assert (purged["sessions"], purged["messages"]) == (3, 450)


@needs_root
def test_a_process_that_may_start_no_thread_works(cli: Cli) -> None:
    with serving(None) as served:
        cli.environ |= environ(served.endpoint)
        cli.ok("init-tables")
        outcome = run_as_stranger(
            *("import", "-o", "json"),
            environ=environ(served.endpoint),
            input=export_lines(rows(1, 450)),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1)),
        )
    assert (outcome.code, outcome.json["messages"]) == (0, 450), outcome


def test_serve_answers_one_client_at_a_time_without_threads(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    without_threads(monkeypatch, "tsmem-connection")
    with serving(None) as served:
        cli.environ |= environ(served.endpoint)
        cli.ok("init-tables")
        cli.ok("import", stdin=export_lines(rows(1, 450)))
        assert len(cli.ok("export").out.splitlines()) == 453
        request = urllib.request.Request(f"{served.endpoint}/ListTable", b"", method="POST")
        with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request):
            pass

    with refused.value as reply:
        assert reply.headers["Connection"] == "close"


@pytest.mark.parametrize("name", ["tsmem-accept", "tsmem-stderr"])
def test_serve_says_that_it_needs_a_thread(cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    without_threads(monkeypatch, name)
    outcome = cli("serve", "--memory", "--port", "0")

    assert outcome.code == 1
    assert outcome.err.splitlines()[-2:] == [
        "error: cannot start a thread: the limit on processes is reached",
        "hint: raise it (ulimit -u, or the container's limit on processes), or end other processes",
    ]
