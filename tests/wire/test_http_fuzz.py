"""Thousands of broken requests, seeded: each gets an error of the service's or a closed connection, in time."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.wire.raw_http import Running, read_all, request, running, taken_apart
from tsmem.server.http.auth import AccessKey

ROUNDS = 4000
LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789"
NASTY = (
    *(
        b"\0",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b":",
        b" ",
        b"\t",
        b",",
        b"%00",
        b"\xff",
        b"\x1b[2J",
        b"-1",
        b"9" * 40,
    ),
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"x-ots-date: x\r\n", b"HTTP/0.9", b"x" * 5000),
)

Mutation = Callable[[random.Random, bytes], bytes]


def insert(draw: random.Random, data: bytes) -> bytes:
    """Something nasty anywhere."""
    place = draw.randrange(len(data) + 1)
    return data[:place] + draw.choice(NASTY) + data[place:]


def replace(draw: random.Random, data: bytes) -> bytes:
    """Another byte anywhere."""
    place = draw.randrange(len(data))
    return data[:place] + bytes([draw.randrange(256)]) + data[place + 1 :]


def remove(draw: random.Random, data: bytes) -> bytes:
    """Some bytes missing."""
    place = draw.randrange(len(data))
    return data[:place] + data[place + draw.randrange(1, 40) :]


def cut(draw: random.Random, data: bytes) -> bytes:
    """The end missing."""
    return data[: draw.randrange(len(data))]


def repeat(draw: random.Random, data: bytes) -> bytes:
    """A line twice."""
    lines = data.split(b"\r\n")
    place = draw.randrange(len(lines))
    return b"\r\n".join([*lines[:place], lines[place], *lines[place:]])


def drop_line(draw: random.Random, data: bytes) -> bytes:
    """A line missing."""
    lines = data.split(b"\r\n")
    del lines[draw.randrange(len(lines))]
    return b"\r\n".join(lines)


def shuffle(draw: random.Random, data: bytes) -> bytes:
    """Headers in another order, which is no mistake, with another byte somewhere."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    draw.shuffle(lines)
    return replace(draw, b"\r\n".join([first, *lines, b"", b""]) + body)


def noise(draw: random.Random, data: bytes) -> bytes:
    """No HTTP at all."""
    return draw.randbytes(draw.randrange(1, 200))


MUTATIONS: tuple[Mutation, ...] = (insert, replace, remove, cut, repeat, drop_line, shuffle, noise)


def check(here: Running, data: bytes) -> None:
    """Nothing, or answers of which each is right or an error of the service's, and then the end."""
    with here.connect() as client:
        try:
            client.sendall(data)
            client.shutdown(1)
        except OSError:  # refused in the middle of it
            return
        got = read_all(client)
    while got:
        reply = taken_apart(got)
        length = int(reply.headers["content-length"])
        assert len(reply.body) >= length
        got = reply.body[length:]
        reply = reply._replace(body=reply.body[:length])
        assert reply.headers["x-ots-requestid"]
        if reply.status != 200:
            code, message = reply.error
            assert code.startswith("OTS")
            assert message
            assert "Traceback" not in message


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_broken_request_is_answered_and_the_server_goes_on(
    mutation: Mutation, capfd: pytest.CaptureFixture[str]
) -> None:
    """Heads and bodies in every way wrong; nothing on stderr, no failure of the server's own in the log."""
    draw = random.Random(mutation.__name__)
    with running(credentials=AccessKey("some-id", "some-secret")) as here:
        for _ in range(ROUNDS // len(MUTATIONS)):
            data = request(draw.randbytes(draw.randrange(30)), secret="some-secret")
            for _ in range(draw.randrange(1, 4)):
                data = mutation(draw, data) or b"x"
            check(here, data)
        assert 200 == here.ask(request(secret="some-secret")).status

    assert [] == [entry.failure for entry in here.log if entry.failure is not None]
    assert ("", "") == capfd.readouterr()


def test_no_changed_signature_is_believed() -> None:
    """With a key, no byte of a signed header can be another one."""
    draw = random.Random("signatures")
    with running(credentials=AccessKey("some-id", "some-secret")) as here:
        for _ in range(ROUNDS // 5):
            data = request(b"body", secret="some-secret")
            place = draw.randrange(data.index(b"x-ots-date") + 12, data.index(b"\r\n\r\n"))
            if data[place - 2 : place + 2].strip(b"\r\n: ") and data[place : place + 1].isalnum():
                other = draw.choice(
                    b"abcdefghijklmnopqrstuvwxyz0123456789".replace(data[place : place + 1].lower(), b"")
                )
                check_refused(here, data[:place] + bytes([other]) + data[place + 1 :])
    assert [] == here.stub.asked


def check_refused(here: Running, data: bytes) -> None:
    """Another header or value than the one that was signed."""
    assert here.ask(data).status in (400, 403), data
