"""The lines of `tsmem serve` on stderr, which no request waits for."""

from __future__ import annotations

import io
import os
import threading
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


def test_closing_the_log_gives_up_on_a_reader_that_has_stalled() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    with os.fdopen(writer, "wb", buffering=0) as stderr, os.fdopen(reader, "rb") as stalled:
        log = server_log(stderr)
        log.start()
        log.add("nobody reads this")
        closing_thread = threading.Thread(target=log.close, daemon=True)
        closing_thread.start()
        closing_thread.join(30)
        has_given_up = not closing_thread.is_alive()
        read = b""
        while not read.endswith(b"nobody reads this\n"):  # no thread writes to the pipe when it is closed
            read += stalled.read1()

    assert has_given_up
