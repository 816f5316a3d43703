"""The server on real sockets: its replies, its errors, and the addresses it may listen on."""

from __future__ import annotations

import errno
import hmac
import re
import socket
import threading
import zlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any

import pytest

from tests.support.clocks import ManualClock
from tests.support.raw_http import Stub, ots_headers, post, read_reply, request, running, signed
from tsmem import errors as errors
from tsmem.clock import SystemClock
from tsmem.server.http.auth import AccessKey
from tsmem.server.http.connection import Connection, StopEvent
from tsmem.server.http.exchange import LogEntry
from tsmem.server.http.server import Server
from tsmem.server.http.settings import Settings

KEY = AccessKey("some-id", "some-secret")


def raising(error: Exception) -> Stub:
    def fail() -> None:
        raise error

    return Stub(doing=fail)


def test_a_reply_has_a_digest_a_date_a_request_id_and_a_signature() -> None:
    clock = ManualClock(SystemClock().now_us())
    with running(clock=clock) as here:
        reply = here.ask(request(b"a body"))

    assert (200, b"the answer") == (reply.status, reply.body)
    assert [("GetRow", b"a body")] == here.stub.asked
    assert b64encode(md5(b"the answer").digest()).decode() == reply.headers["x-ots-contentmd5"]
    date = datetime.strptime(reply.headers["x-ots-date"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert clock.time_us == (date - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", reply.headers["x-ots-requestid"])
    ots = {name: value for name, value in reply.headers.items() if name.startswith("x-ots-")}
    lines = [f"{name}:{value}" for name, value in sorted(ots.items())]
    wanted = b64encode(hmac.digest(b"tsmem", "\n".join([*lines, "/GetRow"]).encode(), "sha1")).decode()
    assert f"OTS some-id:{wanted}" == reply.headers["authorization"]
    (entry,) = here.log
    logged = (entry.action, entry.table, entry.rows, entry.status, entry.code, entry.request_bytes)
    assert ("GetRow", "a body", 3, 200, "", 6) == logged
    assert (reply.headers["x-ots-requestid"], "", None) == (entry.request_id, entry.fault, entry.failure)


def test_a_connection_stays_open_after_replies_and_errors() -> None:
    with running(credentials=KEY) as here, here.connect() as client:
        replies = []
        for data in (
            request(secret="some-secret"),
            request(b"x" * 100_000, secret="wrong"),
            post({}, b"body"),
            request(b"y" * 100_000, secret="some-secret"),
        ):
            client.sendall(data)
            replies.append(read_reply(client))

    assert [200, 403, 400, 200] == [reply.status for reply in replies]
    assert 4 == len({reply.headers["x-ots-requestid"] for reply in replies})
    assert ["keep-alive"] * 4 == [reply.headers["connection"] for reply in replies]


def test_requests_can_be_pipelined_with_an_empty_line_between() -> None:
    with running() as here:
        data = here.raw(request(b"one") + b"\r\n" + request(b"two"))

    assert [("GetRow", b"one"), ("GetRow", b"two")] == here.stub.asked
    assert 2 == data.count(b"HTTP/1.1 200 OK")


class Trickling(socket.socket):
    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        return super().recv(1, flags)


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n", b"\n\r\n", b"\r\n\n"])
def test_the_end_of_the_headers_is_found_across_packets(end: bytes) -> None:
    ours, theirs = socket.socketpair()
    with Trickling(fileno=ours.detach()) as trickling, theirs:
        theirs.sendall(b"POST /GetRow HTTP/1.1\r\nHost: here" + end + b"body")
        theirs.shutdown(socket.SHUT_WR)
        connection = Connection(trickling, Settings(), SystemClock(), StopEvent())
        assert b"POST /GetRow HTTP/1.1\r\nHost: here" == connection.read_head()
        assert b"body" == connection.read_body(4)


def test_expect_100_continue_is_answered_after_the_signature_is_checked() -> None:
    expecting = {"Expect": "100-continue"}
    with running(credentials=KEY) as here:
        with here.connect() as client:
            client.sendall(post({**signed(ots_headers(b"body"), "some-secret"), **expecting}, b"body")[:-4])
            assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv(1000)
            client.sendall(b"body")
            assert 200 == read_reply(client).status
        with here.connect() as client:
            client.sendall(post({**signed(ots_headers(b"body"), "wrong"), **expecting}, b"body")[:-4])
            reply = read_reply(client)
    assert (403, "close") == (reply.status, reply.headers["connection"])


def test_an_endpoint_prefix_a_compressed_body_and_bare_line_feeds_are_accepted() -> None:
    """The Content-MD5 of a compressed body is that of the compressed bytes, as the Java SDK sends it."""
    raw = b"a row" * 1000
    sizes = {"x_ots_request_compress_type": "deflate", "x_ots_request_compress_size": str(len(raw))}
    with running() as here:
        for data in (
            post(signed(ots_headers()), path="/a/prefix/GetRow"),
            request(zlib.compress(raw), **sizes),
            request().replace(b"\r\n", b"\n"),
        ):
            assert 200 == here.ask(data).status

    assert [("GetRow", b""), ("GetRow", raw), ("GetRow", b"")] == here.stub.asked


MALFORMED = [
    (b"GET / HTTP/1.1\r\n\r\n", 405, "OTSMethodNotAllowed"),
    (b"\x16\x03\x01\x02\x00\x01\x00", 400, "OTSParameterInvalid"),
    (b"POST /GetRow HTTP/1.1\r\n", 400, "OTSParameterInvalid"),
    (b"POST /GetRow HTTP/1.1\r\nContent-Length: 10\r\n\r\nshort", 400, "OTSParameterInvalid"),
    (b"POST /GetRow HTTP/1.1\r\nA: " + b"x" * 40_000, 400, "OTSParameterInvalid"),
]


def test_malformed_http_gets_a_tablestore_error() -> None:
    with running() as here:
        for data, status, code in MALFORMED:
            reply = here.ask(data)
            assert (status, code) == (reply.status, reply.error[0]), data
            assert reply.headers["x-ots-requestid"]
        assert 200 == here.ask(request()).status


def test_a_body_that_differs_from_the_signed_digest_is_refused() -> None:
    with running(credentials=KEY) as here:
        reply = here.ask(request(b"body", secret="some-secret").replace(b"\r\n\r\nbody", b"\r\n\r\nbodx"))

    message = "Mismatch between MD5 value of request body and x-ots-contentmd5 in header."
    assert (403, ("OTSAuthFailed", message)) == (reply.status, reply.error)
    assert "authorization" in reply.headers
    assert [] == here.stub.asked


def test_a_client_that_sends_too_large_a_body_can_read_the_error() -> None:
    with running() as here:
        reply = here.ask(post(signed(ots_headers(b"")), b"\0" * 6_000_000))
        assert 413 == reply.status
        assert ("OTSRequestBodyTooLarge", "The size of POST data is too large.") == reply.error
        with here.connect() as client:
            client.sendall(b"POST /GetRow HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n")
            assert 413 == read_reply(client).status


INTERNAL = (500, "OTSInternalServerError", "Internal server error.")
BUSY = (503, "OTSServerBusy", "Server is busy.")
ERRORS: list[tuple[Exception, tuple[int, str, str]]] = [
    *((errors.from_service(code, "A message."), (status, code, "A message.")) for code, status in (
        ("OTSObjectNotExist", 404), ("OTSConditionCheckFail", 403), ("OTSFlowControl", 429))),
    (errors.InvalidInput("/home/me"), INTERNAL),
    (errors.Throttled("/home/me/db is locked"), BUSY), (errors.Unavailable("/home/me/db is locked"), BUSY),
    (errors.Unavailable("/home/me", ambiguous=True), INTERNAL), (errors.StorageFailure("/home/me"), INTERNAL),
    (errors.TsmemError("/home/me"), INTERNAL), (errors.TsmemError("x", service_code="Nonsense"), INTERNAL),
    (ZeroDivisionError("/home/me/code.py"), INTERNAL), (OSError(errno.EIO, "/home/me"), INTERNAL),
]  # fmt: skip


def test_an_internal_error_becomes_a_tablestore_error_without_local_details(capfd: pytest.CaptureFixture[str]) -> None:
    """The log has the original error and the table of the failed request."""
    for error, expected in ERRORS:
        with running(raising(error)) as here:
            reply = here.ask(request(b"notes"))
        inside = expected in (BUSY, INTERNAL)
        assert expected == (reply.status, *reply.error), error
        assert "authorization" in reply.headers
        assert [(expected[1], "notes", error if inside else None)] == [
            (entry.code, entry.table, entry.failure) for entry in here.log
        ]
    assert ("", "") == capfd.readouterr()


def test_requests_on_several_connections_run_at_once() -> None:
    together = threading.Barrier(8, timeout=20)
    with running(Stub(doing=together.wait)) as here:
        clients = [here.asking() for _ in range(8)]
        assert [200] * 8 == [read_reply(client).status for client in clients]
        for client in clients:
            client.close()


def test_a_connection_reset_does_not_disturb_the_server(capfd: pytest.CaptureFixture[str]) -> None:
    with running(Stub(body=b"x" * 5_000_000)) as here:
        whole = request(b"0123456789")
        for data in (b"", whole[:20], whole[:-1], whole):
            with here.connect() as client:
                # lingering for 0 seconds makes close send a reset
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.sendall(data)
        assert 200 == here.ask(request()).status
    assert ("", "") == capfd.readouterr()


HOSTS = {
    "127.0.0.1": r"http://127\.0\.0\.1:\d+", "::ffff:127.0.0.1": r"http://127\.0\.0\.1:\d+",
    "127.9.9.9": r"http://127\.9\.9\.9:\d+", "localhost": r"http://(127\.0\.0\.1|\[::1\]):\d+",
    "::1": r"http://\[::1\]:\d+",
}  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_a_loopback_address_needs_no_key(host: str) -> None:
    if host == "::1":
        try:
            socket.create_server((host, 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("this machine has no IPv6")
    with running(host=host) as here:
        assert re.fullmatch(HOSTS[host], here.server.endpoint)
        assert 200 == here.ask(request()).status


def refusal(**settings: Any) -> str:
    server = Server(Stub(), Settings(**settings), SystemClock(), list[LogEntry]().append)
    with pytest.raises(errors.TsmemError) as caught:
        server.listen()
    server.stop()  # a server that never started
    return caught.value.message


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1", "8.8.8.8"])
def test_an_address_that_other_machines_reach_needs_a_key(host: str) -> None:
    assert "can be reached from other machines" in refusal(host=host)


def test_a_server_with_a_key_listens_on_all_addresses() -> None:
    with running(host="0.0.0.0", credentials=KEY) as here:
        assert here.server.endpoint.startswith("http://127.0.0.1:")
        assert 200 == here.ask(request(secret="some-secret")).status


def test_the_error_names_an_unresolvable_host() -> None:
    for host in ("", "no such name", "a..b", "x" * 300, "bad\0name"):
        assert "there is no such address" in refusal(host=host)
