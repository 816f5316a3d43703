"""The lines of `tsmem serve` on stderr, which no request waits for."""

from __future__ import annotations

import io
import os
from contextlib import closing, suppress
from typing import BinaryIO

from tsmem.cli.app.context import Context
from tsmem.cli.commands.serve import ServerLog
from tsmem.cli.io.streams import Streams
from tsmem.clock import SystemClock


def server_log(stderr: BinaryIO | io.FileIO, max_lines: int = 100) -> ServerLog:
    context = Context(Streams(io.BytesIO(), io.BytesIO(), stderr), {}, SystemClock())
    return ServerLog(context, each_request=False, max_lines=max_lines)


def test_log_lines_that_do_not_fit_are_dropped_and_counted() -> None:
    reader, writer = os.pipe()
    with (
        os.fdopen(reader, "rb") as told,
        os.fdopen(writer, "wb") as stderr,
        closing(server_log(stderr, max_lines=5)) as log,
    ):
        for number in range(12):
            log.add(f"line {number}")
        log.start()
        first = [told.readline() for _ in range(6)]
        log.add("later")
        assert b"later\n" == told.readline()

    assert [f"line {number}\n".encode() for number in range(5)] == first[:5]
    assert b"warning: 7 log lines were dropped because stderr was not read\n" == first[5]


def test_closing_the_log_does_not_wait_for_ever_for_a_stalled_reader() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    stderr = os.fdopen(writer, "wb", buffering=0)
    with stderr, os.fdopen(reader, "rb"), closing(server_log(stderr)) as log:
        log.start()
        log.add("nobody reads this")
