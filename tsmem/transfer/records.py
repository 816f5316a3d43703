"""Read the records of an import, one by one, in constant memory.

`importing.py` calls `read_records`. Bytes become texts (`input/input_bytes.py`), texts become JSON values with their
places (`input/json_values.py`), and one of the `formats/` makes records of the values. An error names the place of the
value. If the caller keeps bad values, reading continues behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from tsmem.errors import InvalidInput
from tsmem.store.bulk.bulk import ImportedItem
from tsmem.transfer.formats import ImportFormat, openai
from tsmem.transfer.formats.conversations import ConversationReader, Conversion, read_conversations
from tsmem.transfer.formats.tsmem import read_tsmem
from tsmem.transfer.input.input_bytes import parts, text_advice
from tsmem.transfer.input.json_values import JsonValue, values

CONVERSATION_READERS: dict[ImportFormat, ConversationReader] = {"openai": openai.read_conversation}


class ImportSource:
    def __init__(
        self,
        stream: BinaryIO,
        format: ImportFormat = "tsmem",  # noqa: A002
        conversion: Conversion | None = None,
        keep: Callable[[JsonValue, InvalidInput], None] | None = None,
        name: str = "the input",
    ) -> None:
        """`stream` may be compressed. A conversation format needs a `conversion`. `keep` is called with each value that
        cannot be read; without it the first one is an error. Errors call the stream by `name`."""
        self.format: ImportFormat = format
        self.conversion = conversion
        self.unreadable = 0
        """Values that could not be read, so far."""
        self._stream = stream
        self._keep = keep
        self._name = name

    def values(self) -> Iterator[JsonValue]:
        """Yield the values that are JSON, and refuse the others. Raises InvalidInput."""
        is_first = True
        for member, chunks in parts(self._stream, self._name):
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
        if self._keep is None:
            raise InvalidInput(f"line {value.place}: {error.message}", hint=error.hint) from error
        self.unreadable += 1
        self._keep(value, error)


def read_records(source: ImportSource) -> Iterator[ImportedItem]:
    """Return an iterator over the records of a source. It raises InvalidInput, with the place, at a value that cannot
    be read."""
    if source.format == "tsmem":
        return read_tsmem(source)
    assert source.conversion is not None
    return read_conversations(source, source.conversion, CONVERSATION_READERS[source.format])
