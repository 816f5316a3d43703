"""The server on real sockets: what it answers, and that it never waits for ever and leaves nothing behind."""

from __future__ import annotations

import errno
import hmac
import re
import socket
import threading
import zlib
from base64 import b64encode
from contextlib import closing
from hashlib import md5
from pathlib import Path

import pytest

from tests.wire.raw_http import (
    Running,
    Stub,
    now,
    ots_headers,
    post,
    read_all,
    read_reply,
    request,
    running,
    signed,
    taken_apart,
)
from tsmem.clock import SystemClock
from tsmem.errors import (
    AlreadyExists,
    ConditionFailed,
    InvalidInput,
    LimitExceeded,
    StorageFailure,
    TableNotFound,
    Throttled,
    TsmemError,
    Unavailable,
    from_service,
)
from tsmem.server.http.auth import AccessKey
from tsmem.server.http.connection import Connection, StopEvent
from tsmem.server.http.server import Server
from tsmem.server.http.settings import Settings

KEY = AccessKey("some-id", "some-secret")


def raising(error: Exception) -> Stub:
    """A stub that fails."""

    def fail() -> None:
        raise error

    return Stub(doing=fail)


def test_a_request_is_answered() -> None:
    """Body, MD5, date, request id and signature; the dispatcher gets action and body, the log one entry."""
    with running() as here:
        reply = here.ask(request(b"a body"))

    assert (200, b"the answer") == (reply.status, reply.body)
    assert [("GetRow", b"a body")] == here.stub.asked
    assert b64encode(md5(b"the answer").digest()).decode() == reply.headers["x-ots-contentmd5"]
    assert now()[:13] == reply.headers["x-ots-date"][:13]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", reply.headers["x-ots-requestid"])
    ots = {name: value for name, value in reply.headers.items() if name.startswith("x-ots-")}
    lines = [f"{name}:{value}" for name, value in sorted(ots.items())]
    wanted = b64encode(hmac.digest(b"tsmem", "\n".join([*lines, "/GetRow"]).encode(), "sha1")).decode()
    assert f"OTS some-id:{wanted}" == reply.headers["authorization"]
    (entry,) = here.log
    assert ("GetRow", "memory", 3, 200, "", 6) == (
        entry.action,
        entry.table,
        entry.rows,
        entry.status,
        entry.code,
        entry.request_bytes,
    )
    assert (reply.headers["x-ots-requestid"], "", None) == (entry.request_id, entry.fault, entry.failure)


def test_a_connection_goes_on() -> None:
    """Several requests on one connection, good ones and bad ones, each with an id of its own."""
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


def test_requests_may_be_sent_ahead() -> None:
    """Two in one packet, with a stray empty line between them."""
    with running() as here:
        data = here.raw(request(b"one") + b"\r\n" + request(b"two"))

    assert [("GetRow", b"one"), ("GetRow", b"two")] == here.stub.asked
    assert 2 == data.count(b"HTTP/1.1 200 OK")


class Trickling(socket.socket):
    """A socket that receives one byte at a time."""

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        return super().recv(1, flags)


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n", b"\n\r\n", b"\r\n\n"])
def test_the_end_of_a_head_is_found_across_packets(end: bytes) -> None:
    """Also where each of its bytes comes in a packet of its own."""
    ours, theirs = socket.socketpair()
    wake = StopEvent()
    with Trickling(fileno=ours.detach()) as trickling, theirs, closing(wake):
        theirs.sendall(b"POST /GetRow HTTP/1.1\r\nHost: here" + end + b"body")
        theirs.shutdown(socket.SHUT_WR)
        connection = Connection(trickling, Settings(), SystemClock(), wake)
        assert b"POST /GetRow HTTP/1.1\r\nHost: here" == connection.read_head()
        assert b"body" == connection.read_body(4)


def test_line_feeds_alone_end_lines_too() -> None:
    """As HTTP allows a reader."""
    with running() as here:
        assert 200 == here.ask(request().replace(b"\r\n", b"\n")).status


def test_a_client_that_waits_to_be_told_is_told() -> None:
    """100 Continue for a request that may come in; its refusal at once for one that may not."""
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


def test_a_prefix_in_the_endpoint_is_tolerated() -> None:
    """Clients behind a gateway may have one."""
    with running() as here:
        headers = signed(ots_headers())
        assert 200 == here.ask(post(headers, path="/a/prefix/GetRow")).status
    assert "GetRow" == here.stub.asked[0][0]


def test_a_compressed_body_is_read() -> None:
    """As the Java SDK sends it: its MD5 is that of the compressed bytes."""
    raw = b"a row" * 1000
    body = zlib.compress(raw)
    with running() as here:
        reply = here.ask(
            request(body, x_ots_request_compress_type="deflate", x_ots_request_compress_size=str(len(raw)))
        )

    assert 200 == reply.status
    assert [("GetRow", raw)] == here.stub.asked


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 405, "OTSMethodNotAllowed"),
        (b"GET /\r\n\r\n", 400, "OTSParameterInvalid"),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400, "OTSParameterInvalid"),
        (b"\x00", 400, "OTSParameterInvalid"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "OTSParameterInvalid"),
        (b"POST /GetRow HTTP/1.1\r\n", 400, "OTSParameterInvalid"),
        (b"POST /GetRow HTTP/1.1\r\nContent-Length: 10\r\n\r\nshort", 400, "OTSParameterInvalid"),
        (b"POST /GetRow HTTP/1.1\r\nA: " + b"x" * 40_000, 400, "OTSParameterInvalid"),
        (b"x" * 100_000, 400, "OTSParameterInvalid"),
        (post({"Origin": "http://127.0.0.1"}), 403, "OTSNoPermissionAccess"),
    ],
)
def test_what_is_no_request_gets_an_error_of_the_service(data: bytes, status: int, code: str) -> None:
    """A protobuf error and its status, with a request id; and the server goes on."""
    with running() as here:
        reply = here.ask(data)
        assert (status, code) == (reply.status, reply.error[0])
        assert reply.headers["x-ots-requestid"]
        assert 200 == here.ask(request()).status


def test_another_body_than_the_signed_one_is_refused() -> None:
    """Its MD5 is in a signed header; the refusal is signed, because who asked is known."""
    with running(credentials=KEY) as here:
        reply = here.ask(request(b"body", secret="some-secret").replace(b"\r\n\r\nbody", b"\r\n\r\nbodx"))

    assert (403, "OTSAuthFailed") == (reply.status, reply.error[0])
    assert "authorization" in reply.headers
    assert [] == here.stub.asked


def test_a_body_that_is_too_large_is_refused_and_the_client_sees_it() -> None:
    """413 for a client that sends all of it before it reads, not a reset."""
    with running() as here:
        reply = here.ask(post(signed(ots_headers(b"")), b"\0" * 6_000_000))
        assert 413 == reply.status
        assert ("OTSRequestBodyTooLarge", "The size of POST data is too large.") == reply.error
        with here.connect() as client:
            client.sendall(b"POST /GetRow HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n")
            assert 413 == read_reply(client).status


def test_a_body_of_5_mb_is_taken() -> None:
    """The limit itself is within the limit."""
    with running() as here:
        assert 200 == here.ask(request(b"\0" * 5_242_880)).status


@pytest.mark.parametrize(
    ("error", "status", "code", "message"),
    [
        (from_service("OTSObjectNotExist", "Requested table does not exist."), 404, "OTSObjectNotExist", None),
        (from_service("OTSConditionCheckFail", "Condition check failed."), 403, "OTSConditionCheckFail", None),
        (from_service("OTSFlowControl", "The requests have been throttled."), 429, "OTSFlowControl", None),
        (InvalidInput("that is wrong"), 400, "OTSParameterInvalid", "that is wrong"),
        (LimitExceeded("that is too much"), 400, "OTSParameterInvalid", "that is too much"),
        (TableNotFound("no such table"), 404, "OTSObjectNotExist", "no such table"),
        (AlreadyExists("it exists"), 409, "OTSObjectAlreadyExist", "it exists"),
        (ConditionFailed("it did not hold"), 403, "OTSConditionCheckFail", "it did not hold"),
        (Throttled("/home/me/db is locked"), 503, "OTSServerBusy", "Server is busy."),
        (Unavailable("/home/me/db is locked"), 503, "OTSServerBusy", "Server is busy."),
        (Unavailable("/home/me", ambiguous=True), 500, "OTSInternalServerError", "Internal server error."),
        (StorageFailure("/home/me/db is damaged"), 500, "OTSInternalServerError", "Internal server error."),
        (TsmemError("/home/me"), 500, "OTSInternalServerError", "Internal server error."),
        (TsmemError("x", service_code="Nonsense"), 500, "OTSInternalServerError", "Internal server error."),
        (ZeroDivisionError("/home/me/code.py"), 500, "OTSInternalServerError", "Internal server error."),
        (OSError(errno.EIO, "/home/me"), 500, "OTSInternalServerError", "Internal server error."),
    ],
)
def test_errors_are_told_in_the_services_words(
    error: Exception, status: int, code: str, message: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    """An error with a code as it is, one without by its class, and nothing of this machine; the log has the rest."""
    with running(raising(error)) as here:
        reply = here.ask(request())

    assert (status, code, message or str(error)) == (reply.status, *reply.error)
    assert "authorization" in reply.headers
    inside = status == 500 or "/home" in str(error)
    assert (code, error if inside else None) == (here.log[0].code, here.log[0].failure)
    assert ("", "") == capfd.readouterr()


def test_requests_run_side_by_side() -> None:
    """As many at once as there are connections."""
    together = threading.Barrier(8, timeout=20)
    with running(Stub(doing=together.wait)) as here:
        clients = [here.connect() for _ in range(8)]
        for client in clients:
            client.sendall(request())
        assert [200] * 8 == [read_reply(client).status for client in clients]
        for client in clients:
            client.close()


def test_connections_beyond_the_cap_are_told_so() -> None:
    """503 OTSServerBusy, and the connection is closed; one that ends makes room."""
    with running(max_connections=2, yield_after_s=1000) as here:
        first, second = here.connect(), here.connect()
        for client in (first, second):
            client.sendall(request())
            assert 200 == read_reply(client).status
        with here.connect() as third:
            third.sendall(request())
            reply = taken_apart(read_all(third))
        assert (503, ("OTSServerBusy", "Server is busy.")) == (reply.status, reply.error)
        first.close()
        second.close()
        assert 200 == _until_taken(here)


def _until_taken(here: Running) -> int:
    """Ask until there is room: the server sees a closed connection a moment later."""
    for _ in range(1000):
        if (reply := here.ask(request())).status == 200:
            return 200
    return reply.status


@pytest.mark.parametrize("part", [1, 30, 60, -1])
def test_a_slow_client_is_told_that_its_time_is_up(part: int) -> None:
    """408 in the middle of its head and of its body, and the connection is closed."""
    with running(request_s=0.05) as here, here.connect() as client:
        client.sendall(request(b"0123456789")[:part])
        reply = taken_apart(read_all(client))

    assert (408, ("OTSRequestTimeout", "Request timeout.")) == (reply.status, reply.error)
    assert "close" == reply.headers["connection"]


def test_an_idle_connection_is_closed() -> None:
    """Without a word, before its first request and after one."""
    with running(idle_s=0.05) as here:
        with here.connect() as client:
            assert b"" == client.recv(1)
        with here.connect() as client:
            client.sendall(request())
            assert 200 == read_reply(client).status
            assert b"" == client.recv(1)


def test_a_client_that_goes_away_is_no_trouble(capfd: pytest.CaptureFixture[str]) -> None:
    """In the middle of a head, a body, or its answer."""
    with running(Stub(body=b"x" * 5_000_000)) as here:
        whole = request(b"0123456789")
        for data in (b"", whole[:20], whole[:-1], whole):
            with here.connect() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset, not close
                client.sendall(data)
        assert 200 == here.ask(request()).status
    assert ("", "") == capfd.readouterr()


def test_a_stop_waits_for_requests_in_hand() -> None:
    """They are answered, the answer says that the connection ends, and idle connections are closed."""
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(20)

    with running(Stub(doing=work)) as here, here.connect() as idle, here.connect() as busy:
        busy.sendall(request())
        assert begun.wait(20)
        stopping = threading.Thread(target=here.server.stop)
        stopping.start()
        assert b"" == idle.recv(1)
        here.await_closed()
        go_on.set()
        reply = read_reply(busy)
        assert (200, "close") == (reply.status, reply.headers["connection"])
        stopping.join(20)
        assert not stopping.is_alive()


def test_a_stop_does_not_wait_for_ever() -> None:
    """A request that does not end in time is cut off."""
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(20)

    with running(Stub(doing=work), stop_s=0.05) as here, here.connect() as client:
        client.sendall(request())
        assert begun.wait(20)
        stopping = threading.Thread(target=here.server.stop)
        stopping.start()
        assert b"" == client.recv(1)
        go_on.set()
        stopping.join(20)


def test_nothing_is_left_behind() -> None:
    """No thread and no descriptor, however the connections ended; and a server can be started again."""
    threads, descriptors = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with running() as here:
            clients = [here.connect() for _ in range(20)]
            for client in clients:
                client.sendall(request())
                read_reply(client)
            for client in clients[:10]:
                client.close()
        for client in clients:
            client.close()
        here.server.stop()

    assert threads == threading.active_count()
    assert descriptors == len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        ("127.0.0.1", r"http://127\.0\.0\.1:\d+"),
        ("::ffff:127.0.0.1", r"http://127\.0\.0\.1:\d+"),
        ("127.9.9.9", r"http://127\.9\.9\.9:\d+"),
        ("localhost", r"http://(127\.0\.0\.1|\[::1\]):\d+"),
        ("::1", r"http://\[::1\]:\d+"),
    ],
)
def test_loopback_needs_no_key(host: str, endpoint: str) -> None:
    """Names are resolved, IPv6 is understood, and the endpoint is the address that is listened on."""
    if host == "::1" and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    with running(host=host) as here:
        assert re.fullmatch(endpoint, here.server.endpoint)
        assert 200 == here.ask(request()).status


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1", "8.8.8.8"])
def test_other_machines_are_let_in_with_a_key_alone(host: str) -> None:
    """Refused before anything listens."""
    with pytest.raises(InvalidInput, match="can be reached from other machines"):
        Server(Stub(), Settings(host=host), SystemClock()).start()


def test_with_a_key_it_may_listen_everywhere() -> None:
    """And its endpoint can be connected to from this machine."""
    with running(host="0.0.0.0", credentials=KEY) as here:
        assert here.server.endpoint.startswith("http://127.0.0.1:")
        assert 200 == here.ask(request(secret="some-secret")).status


@pytest.mark.parametrize("host", ["", "no such name", "a..b", "x" * 300, "bad\0name"])
def test_a_name_that_is_none_is_refused(host: str) -> None:
    """In one sentence."""
    with pytest.raises(InvalidInput, match="there is no address"):
        Server(Stub(), Settings(host=host), SystemClock()).start()


def test_a_port_in_use_is_said() -> None:
    """In one sentence, with a way out."""
    with running() as here:
        port = int(here.server.endpoint.rpartition(":")[2])
        with pytest.raises(TsmemError, match=rf"^127\.0\.0\.1:{port} is in use$"):
            Server(Stub(), Settings(port=port), SystemClock()).start()


def test_a_stop_without_a_start_is_no_error() -> None:
    """Nor is a second one."""
    server = Server(Stub(), Settings(), SystemClock())
    server.stop()
    server.start()
    server.stop()
    server.stop()
