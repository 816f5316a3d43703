"""`tsmem serve` as a process that others start, read and stop, and what it refuses before it listens."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.cli.conftest import Cli, Processes
from tests.support.commands import declarations
from tests.support.privileges import limit_file_size, obey_file_modes, skip_unless_possible
from tests.support.raw_bodies import c, row, writing
from tests.support.raw_http import ots_headers, post, signed
from tests.support.serve_command import DEADLINE_S, ServeProcess, serve_command
from tests.support.waiting import wait_until
from tsmem.cli.app.signals import SAME_SIGNAL_S
from tsmem.server.wire import schema


def refused(
    server: ServeProcess, action: str = "ListTable", body: bytes = b"", **identity: str
) -> tuple[int, str, str]:
    with pytest.raises(HTTPError) as caught:
        server.ask(action, body, **identity)
    with caught.value as reply:
        error = schema.parse_message("Error", reply.read())
        return caught.value.code, error.code, error.message


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_example_serves_until_a_signal_stops_it(process: Processes, number: int) -> None:
    words = declarations()["serve"].example.split()
    assert words[:2] == ["tsmem", "serve"]
    with serve_command(process, *words[2:]) as server:
        assert b"" == server.ask()
        assert b"" == server.ask(key="x", secret="x")
        code, out, err = server.stop(number)

    assert (0, b"") == (code, out)
    assert err.endswith("stopped: 2 requests answered\n")
    assert "TABLESTORE_ENDPOINT=" + server.endpoint in err


def test_with_json_the_endpoint_is_one_object_on_one_line(process: Processes) -> None:
    with serve_command(process, "--memory", "-o", "json", "--instance", "mine") as server:
        assert {"endpoint": server.endpoint, "instance": "mine", "access_key_id": None} == json.loads(server.line)
        assert "The instance is not found." == refused(server)[2]
        assert 0 == server.stop(signal.SIGINT)[0]


def test_commands_can_use_the_file_while_serve_runs(cli: Cli, process: Processes) -> None:
    with serve_command(process, "--path", str(cli.database)) as server:
        assert cli.database.stat().st_size > 0
        cli.ok("init-tables")
        names = list(schema.parse_message("ListTableResponse", server.ask()).table_names)
        assert 0 == server.stop()[0]

    assert {"session", "message"} <= set(names)


def test_the_log_has_a_line_for_each_request(process: Processes) -> None:
    body = schema.new_message("DescribeTableRequest", table_name="nothing").SerializeToString()
    with serve_command(process, "--memory", "--log", "--fault", "throttle:1:ListSearchIndex") as server:
        server.ask()
        for action in ("ListSearchIndex", "Danc\x9be"):
            with socket.create_connection(server.address, timeout=DEADLINE_S) as client:
                lines = [f"POST /{action} HTTP/1.1", *(f"{k}: {v}" for k, v in signed(ots_headers(), "-").items())]
                client.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
                assert client.recv(10)
        refused(server, "DescribeTable", body)
        code, _, err = server.stop()

    logged = [line for line in err.splitlines() if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line)]
    assert (0, 4) == (code, len(logged))
    assert re.fullmatch(r"\S+ 200 OK ListTable - 0 rows [\d.]+ ms 0 B in \d+ B out [0-9a-f-]{36}", logged[0])
    assert re.fullmatch(r"\S+ (503|403|409) OTS\w+ ListSearchIndex - .* [0-9a-f-]{36} fault throttle", logged[1])
    assert "400 OTSParameterInvalid Danc\\x9be" in logged[2]
    assert " 404 OTSObjectNotExist DescribeTable nothing 0 rows " in logged[3]
    assert err.endswith("stopped: 4 requests answered\n")
    assert 1 == err.count("warning: a client signs with a secret that this server does not know")


def test_a_second_signal_ends_serve_during_a_request(process: Processes) -> None:
    with (
        serve_command(process, "--memory") as server,
        socket.create_connection(server.address, timeout=DEADLINE_S) as client,
    ):
        headers = {**signed(ots_headers(b"body")), "Expect": "100-continue"}
        client.sendall(post(headers, b"body").removesuffix(b"body"))
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv(1000)
        server.process.send_signal(signal.SIGINT)
        wait_until(lambda: not _takes_connections(server.address))  # the first signal has arrived
        heard_s = time.monotonic()
        wait_until(lambda: time.monotonic() > heard_s + SAME_SIGNAL_S)  # an earlier one would count as the same signal
        code, _, err = server.stop(signal.SIGINT)

    assert 130 == code
    assert "Traceback" not in err


def _takes_connections(address: tuple[str, int]) -> bool:
    with socket.socket() as client:
        return client.connect_ex(address) == 0


def test_serve_ends_quietly_if_stdout_is_closed(process: Processes) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    started = process.start("serve", "--memory", "--port", "0", stdout=writer)
    os.close(writer)
    ended = started.ended()

    assert (141, "") == (ended.code, ended.err)


def test_serve_warns_of_a_secret_without_an_access_key_id(cli: Cli) -> None:
    outcome = cli("serve", "--memory", "--host", "0.0.0.0", environ={"TSMEM_SERVE_SECRET": "hush"})

    assert 2 == outcome.code
    assert "warning: TSMEM_SERVE_SECRET is set, but not used without --access-key-id" in outcome.err
    assert "hush" not in outcome.err


@pytest.mark.parametrize("path", ["/proc/nofile.db", "/proc/folder/nofile.db", "file/nofile.db"])
def test_serve_reports_a_file_that_cannot_be_created_before_the_endpoint(cli: Cli, path: str) -> None:
    Path("file").touch()
    outcome = cli("serve", "--path", path, "--port", "0")

    assert (1, b"") == (outcome.code, outcome.out)
    assert re.match(f"error: (/.*/)?{path} cannot be (created|opened): ", outcome.err)


def test_serve_reports_a_file_that_cannot_be_written_before_the_endpoint(ready: Cli, process: Processes) -> None:
    ready.database.chmod(0o444)
    argv = ("serve", "--path", str(ready.database), "--port", "0")
    outcome = skip_unless_possible(process.run(*argv, before=obey_file_modes))

    assert (1, b"") == (outcome.code, outcome.out)
    assert f"error: {ready.database} is read-only: nothing was written" in outcome.err


def test_serve_explains_a_write_that_the_disk_refuses(ready: Cli, process: Processes) -> None:
    put = writing("PutRow", row({"user_id": "u", "session_id": "s"}, c("topic", "x" * 2_000_000)), "session")
    with serve_command(
        process, "--path", str(ready.database), options={"preexec_fn": limit_file_size(1_000_000)}
    ) as server:
        status, _, message = refused(server, "PutRow", put)
        err = server.stop()[2]

    assert (500, "Internal server error.") == (status, message)
    assert re.search(r"error: request \S+ failed here: StorageFailure: .*could not be read or written", err)
    assert "hint: look for a quota, or a limit on the size of files (ulimit -f)\n" in err
