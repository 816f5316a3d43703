"""Files and standard streams that bulk commands read, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from tsmem.cli.app.context import cannot_read
from tsmem.errors import InvalidInput

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.store.records import ImportedItem


class Input(NamedTuple):
    """What is read."""

    name: str
    raw: BinaryIO
    """Its bytes, compressed or not."""

    def records(self, records: Iterator[ImportedItem]) -> Iterator[ImportedItem]:
        """Records that are read from it. Raises InvalidInput where it cannot be read."""
        try:
            yield from records
        except OSError as error:
            raise cannot_read(self.name, error) from error


@contextmanager
def open_input(call: Context, name: str) -> Iterator[Input]:
    """A file to read, or standard input for `-`. Raises InvalidInput."""
    if name == "-":
        if call.streams.stdin_is_terminal:
            call.say("reading what is typed here; Ctrl-D ends it")
        yield Input("standard input", call.streams.stdin)
        return
    try:
        raw = open(name, "rb")  # noqa: PTH123, SIM115
    except (OSError, ValueError) as error:
        raise cannot_read(name, error) from error
    with raw, _naming(name):
        yield Input(name, raw)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Around the reading of a file: what is wrong in a line is wrong in a line of that file."""
    try:
        yield
    except InvalidInput as error:
        if error.message.startswith("line "):
            error.message = f"{name}: {error.message}"
        raise
