"""Writing what render made, chunk by chunk, so that each is out before the next is asked for.

Ctrl-C is raised inside of render alone, which can then close its document. One that falls between two chunks, or into
the writing of one, waits for the chunk's end, because half a chunk is no JSON; a second one does not wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from tsmem.cli.app.signals import STOP_SIGNALS


def send(chunks: Iterator[bytes], stream: BinaryIO) -> None:
    """Write all chunks. Raises what render and the stream raise, and KeyboardInterrupt once the document is closed."""
    with STOP_SIGNALS.waiting(lambda: not getattr(chunks, "gi_running", False)):
        try:
            for chunk in chunks:
                _write(stream, chunk)
                STOP_SIGNALS.check()
        except KeyboardInterrupt as interrupt:
            for chunk in _ending(chunks, interrupt):
                _write(stream, chunk)
            raise


def _write(stream: BinaryIO, chunk: bytes) -> None:
    stream.write(chunk)
    stream.flush()


def _ending(chunks: Iterator[bytes], interrupt: KeyboardInterrupt) -> Iterator[bytes]:
    """What render writes when it is told that it was interrupted; nothing where it knows already."""
    throw = getattr(chunks, "throw", None)
    if throw is None:
        return
    try:
        yield throw(interrupt)
        yield from chunks
    except (KeyboardInterrupt, StopIteration):
        return
