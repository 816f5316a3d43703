"""Files and standard streams that bulk commands read: `.gz` by name, plain sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from tsmem.cli.call import cannot_read
from tsmem.errors import InvalidInput

if TYPE_CHECKING:
    from tsmem.cli.call import Call
    from tsmem.store.records import Record


class Input:
    """What is read, and how far that is."""

    def __init__(self, name: str, raw: BinaryIO, stream: BinaryIO) -> None:
        self.name = name
        self.raw = raw
        """What the bytes come from, compressed or not."""
        self.stream = stream
        """What is read: raw itself, or what comes out of it."""

    def records(self, records: Iterator[Record]) -> Iterator[Record]:
        """Records that are read from it. Raises InvalidInput where it cannot be read."""
        from gzip import BadGzipFile
        from zlib import error as broken

        try:
            yield from records
        except EOFError as error:
            raise InvalidInput(f"cannot read {self.name}: the compressed file was cut short") from error
        except (BadGzipFile, broken) as error:
            raise InvalidInput(f"cannot read {self.name}: the compressed file is damaged, or is none") from error
        except OSError as error:
            raise cannot_read(self.name, error) from error


@contextmanager
def opened(call: Call, name: str) -> Iterator[Input]:
    """A file to read, or standard input for `-`. Raises InvalidInput."""
    if name == "-":
        if call.streams.stdin_is_terminal:
            call.say("reading what is typed here; Ctrl-D ends it")
        yield Input("standard input", call.streams.stdin, call.streams.stdin)
        return
    try:
        raw = open(name, "rb")  # noqa: PTH123, SIM115
    except (OSError, ValueError) as error:
        raise cannot_read(name, error) from error
    with raw, _naming(name):
        if not name.endswith(".gz"):
            yield Input(name, raw, raw)
            return
        import gzip

        with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
            yield Input(name, raw, cast(BinaryIO, stream))


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Around the reading of a file: what is wrong in a line is wrong in a line of that file."""
    try:
        yield
    except InvalidInput as error:
        if error.message.startswith("line "):
            error.message = f"{name}: {error.message}"
        raise
