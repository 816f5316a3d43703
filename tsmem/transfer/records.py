"""Read the sessions and messages of an import, one by one, in constant memory.

`importing.py` calls `read_records`. `input/input_bytes.py` unpacks the input, `input/json_values.py` parses it into
JSON values, and a module of `formats/` turns the values into sessions and messages. An error names the line of the bad
value. If the caller collects bad values (`on_bad_value`), reading continues after them.
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
from tsmem.transfer.input.input_bytes import text_advice, unpacked_texts
from tsmem.transfer.input.json_values import JsonValue, values

CONVERSATION_READERS: dict[ImportFormat, ConversationReader] = {"openai": openai.read_conversation}
OnBadValue = Callable[[JsonValue, InvalidInput], None]


@dataclass
class ImportSource:
    stream: BinaryIO
    """The bytes of the input; they can be compressed."""
    format: ImportFormat = "tsmem"
    conversion: Conversion | None = None
    """Converts conversations; None for tsmem's own format."""
    on_bad_value: OnBadValue | None = None
    """Called with each value that cannot be read. If None, the first such value ends the import."""
    name: str = "the input"
    bad_values: int = 0
    """Number of values that could not be read so far."""

    def values(self) -> Iterator[JsonValue]:
        """Yield the JSON values of the input; report text that is not JSON. Raises InvalidInput."""
        is_first = True
        for member, chunks in unpacked_texts(self.stream, self.name):
            for value in values(chunks, member):
                error = value.error
                if error is None:
                    yield value
                else:
                    if is_first and not value.text.startswith(("{", "[", '"')):
                        error = InvalidInput(error.message, hint=text_advice(value.text))
                    self.report_bad_value(value, error)
                is_first = False
                del value  # free its memory before the next value is parsed

    def report_bad_value(self, value: JsonValue, error: InvalidInput) -> None:
        """Pass a bad value to `on_bad_value`. Without it, raise InvalidInput with the line."""
        if self.on_bad_value is None:
            raise InvalidInput(f"line {value.place}: {error.message}", hint=error.hint) from error
        self.bad_values += 1
        self.on_bad_value(value, error)


def read_records(source: ImportSource) -> Iterator[ImportedItem]:
    """Return an iterator over the sessions and messages of a source. The iterator raises InvalidInput, with the line,
    for a bad value that `on_bad_value` does not take."""
    if source.format == "tsmem":
        return read_tsmem(source)
    assert source.conversion is not None
    return read_conversations(source, source.conversion, CONVERSATION_READERS[source.format])
