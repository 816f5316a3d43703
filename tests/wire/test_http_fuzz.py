"""Broken HTTP from a seeded random source: each request gets a TableStore error or a closed connection."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.support.mutations import mutate
from tests.support.raw_http import RunningServer, parse_reply, read_all, request, running
from tsmem.server.http.auth import AccessKey

NASTY = (
    *(b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b":", b" ", b"\t", b",", b"%00", b"\xff", b"\x1b[2J", b"-1"),
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"x-ots-date: x\r\n", b"HTTP/0.9", b"9" * 40),
    b"x" * 5000,
)

Mutation = Callable[[random.Random, bytes], bytes]


def insert(draw: random.Random, data: bytes) -> bytes:
    place = draw.randrange(len(data) + 1)
    return data[:place] + draw.choice(NASTY) + data[place:]


def repeat_line(draw: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    place = draw.randrange(len(lines))
    return b"\r\n".join([*lines[:place], lines[place], *lines[place:]])


def drop_line(draw: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    del lines[draw.randrange(len(lines))]
    return b"\r\n".join(lines)


MUTATIONS: tuple[Mutation, ...] = (insert, lambda draw, data: mutate(data, draw), repeat_line, drop_line)


def check_replies(here: RunningServer, data: bytes) -> None:
    """Send bytes. Fail unless each reply is complete, and is either a success or a TableStore error."""
    with here.connect() as client:
        try:
            client.sendall(data)
            client.shutdown(1)
        except OSError:  # the server refused it before all of it was sent
            return
        got = read_all(client)
    while got:
        reply = parse_reply(got)
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


@pytest.mark.parametrize("rounds", [400, pytest.param(4_000, marks=pytest.mark.slow)])
def test_a_broken_request_is_only_carried_out_as_signed(rounds: int, capfd: pytest.CaptureFixture[str]) -> None:
    """Afterwards the server still works, stderr is empty, and the log has no internal failure."""
    draw = random.Random(rounds)
    with running(credentials=AccessKey("some-id", "some-secret")) as here:
        for number in range(rounds):
            body = draw.randbytes(draw.randrange(30))
            data = request(body, secret="some-secret")
            for _ in range(draw.randrange(1, 4)):
                data = MUTATIONS[number % len(MUTATIONS)](draw, data) or b"x"
            check_replies(here, data)
            assert {("GetRow", body)} >= set(here.stub.asked)
            here.stub.asked.clear()
        assert 200 == here.ask(request(secret="some-secret")).status

    assert [] == [entry.failure for entry in here.log if entry.failure is not None]
    assert ("", "") == capfd.readouterr()
