"""`tsmem serve`: as a process that others start, read and stop, and what it refuses before it listens."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError

import pytest

from tests.cli.conftest import Cli, Processes
from tests.support.commands import declarations
from tests.support.waiting import wait_until
from tests.wire.raw_http import ots_headers, post, read_reply, signed
from tsmem.cli.app.context import Context
from tsmem.cli.app.signals import SAME_S
from tsmem.cli.commands.server_log import QueuedLines
from tsmem.cli.io.streams import Streams
from tsmem.clock import SystemClock
from tsmem.server.wire import schema

DEADLINE_S = 30


class Serving(NamedTuple):
    """A server that is ready."""

    process: subprocess.Popen[bytes]
    endpoint: str

    def ask(self, action: str = "ListTable", body: bytes = b"", secret: str = "tsmem", key: str = "any") -> bytes:
        """The answer to a request. Raises HTTPError."""
        headers = signed(ots_headers(body, x_ots_accesskeyid=key), secret, f"/{action}")
        request = urllib.request.Request(f"{self.endpoint}/{action}", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as reply:
            answer: bytes = reply.read()
        return answer

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, bytes, str]:
        """Send a signal and wait for the end: exit code, the rest of stdout, stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, out, err.decode()

    def stop_quietly(self) -> int:
        """Stop it where stderr is a file: exit code."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode


@contextmanager
def serving(process: Processes, *argv: str, **environ: str) -> Iterator[Serving]:
    """Start it, and read its first line."""
    started = process.start("serve", "--port", "0", *argv, env={**process.environ, **environ})
    assert started.stdout is not None
    line = started.stdout.readline().decode()
    if not line:
        pytest.fail(started.communicate(timeout=DEADLINE_S)[1].decode())
    found = re.search(r"http://[^\s\"]+", line)
    assert found is not None
    yield Serving(started, found.group())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_serves_until_it_is_told_to_stop(process: Processes, number: int) -> None:
    """The endpoint is the first line of stdout, the only one; both signals end it with 0 and a count on stderr."""
    with serving(process, "--memory") as server:
        assert b"" == server.ask()
        assert b"" == server.ask(key="x", secret="x")
        code, out, err = server.stop(number)

    assert (0, b"") == (code, out)
    assert err.endswith("stopped: 2 requests answered\n")
    assert "TABLESTORE_ENDPOINT=" + server.endpoint in err
    assert "Traceback" not in err


def test_a_script_reads_one_json_object(process: Processes) -> None:
    """With -o json, on one line."""
    started = process.start("serve", "--memory", "--port", "0", "-o", "json", "--instance", "mine")
    assert started.stdout is not None
    document = json.loads(started.stdout.readline())
    server = Serving(started, document["endpoint"])

    assert {"endpoint": server.endpoint, "instance": "mine", "access_key_id": None} == document
    with pytest.raises(HTTPError) as caught:
        server.ask()
    with caught.value as reply:
        assert "The instance is not found." == schema.parse_message("Error", reply.read()).message
    assert 0 == server.stop()[0]


def test_the_example_works(process: Processes) -> None:
    """The line that the help shows starts a server."""
    _, _, *words = declarations()["serve"].example.split()
    with serving(process, *words) as server:
        assert b"" == server.ask()
        assert 0 == server.stop()[0]


def test_it_serves_the_store_of_the_command_line(ready: Cli, process: Processes) -> None:
    """What `init-tables` made is listed; both may have the file open."""
    with serving(process, "--path", str(ready.database)) as server:
        names = list(schema.parse_message("ListTableResponse", server.ask()).table_names)
        ready.ok("session", "put", "u", "s")
        assert 0 == server.stop()[0]

    assert {"session", "message"} <= set(names)


def test_with_a_key_it_takes_that_key_alone(process: Processes) -> None:
    """The secret comes from the environment, and is in nothing that is printed."""
    with serving(process, "--memory", "--access-key-id", "me", "--log", TSMEM_SERVE_SECRET="hush-hush") as server:
        assert b"" == server.ask(key="me", secret="hush-hush")
        for key, secret in (("me", "tsmem"), ("other", "hush-hush")):
            with pytest.raises(HTTPError) as caught:
                server.ask(key=key, secret=secret)
            with caught.value as reply:
                assert (403, "OTSAuthFailed") == (reply.status, schema.parse_message("Error", reply.read()).code)
        code, _, err = server.stop()

    assert 0 == code
    assert "hush" not in err
    assert "TABLESTORE_ACCESS_KEY_ID=me" in err


def test_the_log_has_a_line_for_each_request(process: Processes) -> None:
    """Time, status, code, action, table, rows, milliseconds, bytes, request id; what a client named is made safe."""
    with serving(process, "--memory", "--log", "--fault", "throttle:1:PutRow") as server:
        server.ask()
        for action in ("PutRow", "Danc\x9be"):
            host, port = server.endpoint.removeprefix("http://").split(":")
            with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as client:
                lines = [f"POST /{action} HTTP/1.1", *(f"{k}: {v}" for k, v in signed(ots_headers(), "-").items())]
                client.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
                assert client.recv(10)
        code, _, err = server.stop()

    logged = [line for line in err.splitlines() if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line)]
    assert 0 == code
    assert re.fullmatch(r"\S+ 200 OK ListTable - 0 rows [\d.]+ ms 0 B in \d+ B out [0-9a-f-]{36}", logged[0])
    assert re.fullmatch(r"\S+ (503|403|409) OTS\w+ PutRow - .* [0-9a-f-]{36} fault throttle", logged[1])
    assert "400 OTSParameterInvalid Danc\\x9be" in logged[2]
    assert 1 == err.count("warning: a client signs with a secret that this server does not know")


def test_a_failure_is_logged_with_its_table(process: Processes) -> None:
    """As a request that went well."""
    body = schema.new_message("DescribeTableRequest", table_name="nothing").SerializeToString()
    with serving(process, "--memory", "--log") as server:
        with pytest.raises(HTTPError) as caught:
            server.ask("DescribeTable", body)
        caught.value.close()
        _, _, err = server.stop()

    assert " 404 OTSObjectNotExist DescribeTable nothing 0 rows " in err


def test_a_log_that_nobody_reads_holds_nobody(process: Processes) -> None:
    """Far more than a pipe holds: every request is answered, and it stops when it is told to."""
    count = 700
    with serving(process, "--memory", "--log") as server:
        _ask_many(server, count)
        server.process.send_signal(signal.SIGTERM)
        assert 0 == server.process.wait(DEADLINE_S)
        assert server.process.stderr is not None
        err = server.process.stderr.read().decode()

    assert err.endswith("\n")
    assert err.count(" 200 OK ListTable ") < count
    assert "Fatal" not in err


def test_a_log_is_whole_where_it_is_read(process: Processes, tmp_path: Path) -> None:
    """A line for each of many requests, and the last word after them."""
    with (tmp_path / "log").open("wb") as log:
        started = process.start("serve", "--memory", "--port", "0", "--log", stderr=log)
        assert started.stdout is not None
        server = Serving(started, started.stdout.readline().decode().removeprefix("endpoint: ").strip())
        _ask_many(server, 700)
        assert 0 == server.stop_quietly()
    lines = (tmp_path / "log").read_text().splitlines()

    assert 700 == sum(" 200 OK ListTable " in line for line in lines)
    assert "stopped: 700 requests answered" == lines[-1]


def _ask_many(server: Serving, count: int) -> None:
    """So many requests, on one connection."""
    host, port = server.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as client:
        for _ in range(count):
            client.sendall(post(signed(ots_headers(), path="/ListTable"), path="/ListTable"))
            assert 200 == read_reply(client).status


def test_lines_that_do_not_fit_are_dropped_and_counted() -> None:
    """When the reader goes on it is told how many are missing; what it was told before is in order."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as told, os.fdopen(writer, "wb") as stderr:
        call = Context(Streams(io.BytesIO(), io.BytesIO(), stderr), {}, SystemClock())
        lines = QueuedLines(call, max_lines=5)
        for number in range(12):
            lines.add(f"line {number}")
        lines.start()
        first = [told.readline() for _ in range(6)]
        lines.add("later")
        assert b"later\n" == told.readline()
        lines.close()

    assert [f"line {number}\n".encode() for number in range(5)] == first[:5]
    assert b"warning: 7 lines were dropped, because nobody read them\n" == first[5]


def test_a_stalled_reader_does_not_hold_the_end() -> None:
    """A full pipe: closing waits for a moment, and leaves no thread."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    before = set(threading.enumerate())
    with os.fdopen(reader, "rb"), os.fdopen(writer, "wb") as stderr:
        lines = QueuedLines(Context(Streams(io.BytesIO(), io.BytesIO(), stderr), {}, SystemClock()))
        lines.start()
        lines.add("nobody reads this")
        lines.close()

    assert before == set(threading.enumerate())


def test_a_request_in_hand_is_answered_before_it_ends(process: Processes) -> None:
    """SIGTERM in the middle of a request: the client may send the rest, and gets its answer."""
    with serving(process, "--memory") as server:
        host, port = server.endpoint.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as client:
            headers = {**signed(ots_headers(b"body")), "Expect": "100-continue"}
            client.sendall(post(headers, b"body").removesuffix(b"body"))
            assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv(1000)
            server.process.send_signal(signal.SIGTERM)
            client.sendall(b"body")
            reply = read_reply(client)
        _, err = server.process.communicate(timeout=DEADLINE_S)

    assert (400, "OTSParameterInvalid") == (reply.status, reply.error[0])
    assert 0 == server.process.returncode
    assert err.endswith(b"stopped: 1 request answered\n")


def test_a_second_signal_does_not_wait(process: Processes) -> None:
    """Ctrl-C twice ends it as it ends every command, also while a client holds a request in hand."""
    with serving(process, "--memory") as server:
        address = server.endpoint.removeprefix("http://").split(":")
        with socket.create_connection((address[0], int(address[1])), timeout=DEADLINE_S) as client:
            headers = {**signed(ots_headers(b"body")), "Expect": "100-continue"}
            client.sendall(post(headers, b"body").removesuffix(b"body"))
            assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv(1000)
            server.process.send_signal(signal.SIGINT)
            wait_until(lambda: not _takes_connections((address[0], int(address[1]))))  # it has heard the first signal
            heard_s = time.monotonic()
            wait_until(lambda: time.monotonic() > heard_s + SAME_S)  # one that comes sooner is no second one
            code, _, err = server.stop(signal.SIGINT)

    assert 130 == code
    assert "Traceback" not in err


def _takes_connections(address: tuple[str, int]) -> bool:
    with socket.socket() as client:
        return client.connect_ex(address) == 0


def test_a_signal_that_was_ignored_stays_ignored(process: Processes) -> None:
    """As a shell starts what runs in the background: Ctrl-C is not for it."""
    started = process.start(
        "serve", "--memory", "--port", "0", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)
    )
    assert started.stdout is not None
    server = Serving(started, started.stdout.readline().decode().removeprefix("endpoint: ").strip())
    started.send_signal(signal.SIGINT)
    assert b"" == server.ask()
    assert 0 == server.stop()[0]


def test_a_reader_that_goes_away_is_no_trouble(process: Processes) -> None:
    """A closed stdout ends it as it ends every command."""
    reader, writer = os.pipe()
    os.close(reader)
    started = process.start("serve", "--memory", "--port", "0", stdout=writer)
    os.close(writer)
    _, err = started.communicate(timeout=DEADLINE_S)

    assert (141, b"") == (started.returncode, err)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((), "say where the tables are: --path FILE, or --memory"),
        (("--memory", "--path", "x.db"), "say where the tables are: --path FILE, or --memory"),
        (("--path", ""), "--path and --instance need a name"),
        (("--memory", "--instance", ""), "--path and --instance need a name"),
        (("--memory", "--instance", "two words"), "--instance must be printable ASCII without spaces"),
        (("--memory", "--instance", "北京"), "--instance must be printable ASCII without spaces"),
        (("--memory", "--instance", "a\n"), "--instance must be printable ASCII without spaces"),
        (("--memory", "--fault", "drop:1:SQLQuery"), "there is no action 'SQLQuery'"),
        (("--memory", "--host", "0.0.0.0"), "'0.0.0.0' can be reached from other machines, which takes an access key"),
        (("--memory", "--host", "::"), "'::' can be reached from other machines, which takes an access key"),
        (("--memory", "--host", "192.0.2.1"), "'192.0.2.1' can be reached from other machines"),
        (("--memory", "--host", "a..b"), "there is no address 'a..b' to listen on"),
        (("--memory", "--port", "65536"), "--port must be from 0 to 65535, not 65536"),
        (("--memory", "--port", "http"), "Invalid value for '--port': 'http' is not a valid int."),
        (("--memory", "--latency", "-1"), "--latency must be from 0 to 600000, not -1"),
        (("--memory", "--latency", "nan"), "--latency must be from 0 to 600000, not nan"),
        (("--memory", "--fault", "throtle:0.1"), "there is no kind of fault 'throtle'"),
        (("--memory", "--access-key-id", "me"), "TSMEM_SERVE_SECRET is not set"),
        (("--memory", "--access-key-id", ""), "--access-key-id must be printable ASCII"),
        (("--memory", "--access-key-id", "a:b"), "--access-key-id must be printable ASCII"),
        (
            ("--memory", "--fault", "drop:0.6", "--fault", "hang:0.5"),
            "the rates of drop and hang are more than 1 together",
        ),
        (("--memory", "-o", "csv"), "tsmem serve has an output of its own, which is not csv"),
    ],
)
def test_what_it_refuses(cli: Cli, argv: tuple[str, ...], said: str) -> None:
    """Exit 2 and one sentence, before anything listens and any file is made."""
    outcome = cli("serve", "--port", "0", *argv)

    assert (2, b"") == (outcome.code, outcome.out)
    assert said in outcome.err.splitlines()[0]
    assert [] == list(cli.folder.glob("*.db"))


def test_a_port_in_use_is_said(cli: Cli) -> None:
    """Exit 1, with a way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = cli("serve", "--memory", "--port", str(port))

    assert (1, b"") == (outcome.code, outcome.out)
    assert f"error: 127.0.0.1:{port} is in use\nhint: choose another port; port 0 takes a free one\n" == outcome.err


def test_a_secret_without_a_key_is_warned_of(cli: Cli) -> None:
    """Someone who set it means to be safe."""
    outcome = cli("serve", "--memory", "--host", "0.0.0.0", environ={"TSMEM_SERVE_SECRET": "hush"})

    assert 2 == outcome.code
    assert "warning: TSMEM_SERVE_SECRET is set, and not used without --access-key-id" in outcome.err
    assert "hush" not in outcome.err


def test_help_loads_no_server(process: Processes) -> None:
    """`serve --help` is as light as every help."""
    outcome = process.run("serve", "--help", environ={"PYTHONPROFILEIMPORTTIME": "1"})

    assert 0 == outcome.code
    modules = {line.rpartition("|")[2].strip() for line in outcome.err.splitlines() if line.startswith("import time:")}
    heavy = {"tablestore", "sqlite3", "http", "google", "tsmem.engine", "tsmem.server", "rich", "asyncio"}
    assert "typer" in modules
    assert set() == modules & heavy
