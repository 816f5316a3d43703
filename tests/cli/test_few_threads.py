"""Where no thread can be started, commands make one call after another, and `serve` answers one client at a time."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import tempfile
import threading
import urllib.request
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Processes, export_lines, messages, sessions
from tests.support.server_in_process import environ, serving
from tsmem.store import Message, Session

STRANGER = 54321


def rows(many_sessions: int, many_messages: int) -> list[Session | Message]:
    """Sessions, and messages of the first."""
    return [*sessions(many_sessions), *messages(many_messages)]


def without_threads(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """No thread of these names can be started."""
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


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become a user who may start no thread")
def test_a_process_that_may_start_no_thread_works(cli: Cli) -> None:
    with serving(None) as served, tempfile.TemporaryDirectory() as name:
        cli.environ |= environ(served.endpoint)
        cli.ok("init-tables")
        Path(name).chmod(0o777)
        done = subprocess.run(
            Processes.argv("import", "-o", "json"),
            input=export_lines(rows(1, 450)),
            env={**environ(served.endpoint), "PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[2])},
            cwd=name,
            user=STRANGER,
            group=STRANGER,
            extra_groups=[],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1)),
            capture_output=True,
            check=False,
        )
    if b"No module named" in done.stderr:
        pytest.skip("another user cannot read this Python's modules")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["messages"] == 450


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
