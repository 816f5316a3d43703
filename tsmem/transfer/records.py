"""Read the records of an import, one by one, in constant memory.

`importing.py` calls `read_records`. Bytes become texts (`input/input_bytes.py`), texts become JSON values with their
places (`input/json_values.py`), and one of the `formats/` makes records of the values. An error names the place of the
value. If the caller keeps bad values, reading continues behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from tsmem.errors import InvalidInput
from tsmem.store.bulk.bulk import ImportedItem
from tsmem.transfer.formats import ImportFormat, openai
from tsmem.transfer.formats.conversations import ConversationReader, Conversion, read_conversations
from tsmem.transfer.formats.tsmem import read_tsmem
from tsmem.transfer.input.input_bytes import parts, text_advice
from tsmem.transfer.input.json_values import JsonValue, values

CONVERSATION_READERS: dict[ImportFormat, ConversationReader] = {"openai": openai.read_conversation}


@dataclass
class ImportSource:
    stream: BinaryIO
    """It may be compressed."""
    format: ImportFormat = "tsmem"
    conversion: Conversion | None = None
    """Needed for a conversation format."""
    keep: Callable[[JsonValue, InvalidInput], None] | None = None
    """Called with each value that cannot be read; without it the first one is an error."""
    name: str = "the input"
    unreadable: int = 0
    """Values that could not be read, so far."""

    def values(self) -> Iterator[JsonValue]:
        """Yield the values that are JSON, and refuse the others. Raises InvalidInput."""
        is_first = True
        for member, chunks in parts(self.stream, self.name):
            for value in values(chunks, member):
                error = value.error
                if error is None:
                    yield value
                else:
                    if is_first and not value.text.startswith(("{", "[", '"')):
                        error = InvalidInput(error.message, hint=text_advice(value.text))
                    self.refuse(value, error)
                is_first = False
                del value  # its memory is used for the next one

    def refuse(self, value: JsonValue, error: InvalidInput) -> None:
        """Keep a value that cannot be read. Raises InvalidInput, with its place, if bad values are not kept."""
        if self.keep is None:
            raise InvalidInput(f"line {value.place}: {error.message}", hint=error.hint) from error
        self.unreadable += 1
        self.keep(value, error)


def read_records(source: ImportSource) -> Iterator[ImportedItem]:
    """Return an iterator over the records of a source. It raises InvalidInput, with the place, at a value that cannot
    be read."""
    if source.format == "tsmem":
        return read_tsmem(source)
    assert source.conversion is not None
    return read_conversations(source, source.conversion, CONVERSATION_READERS[source.format])
