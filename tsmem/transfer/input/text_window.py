"""The part of a text that is in memory while its values are read: where reading is, and its line and column.

`json_values.py` uses it. The encoding is recognised as JSON's is: by a byte order mark or by the zeros among the first
four bytes (RFC 4627, section 3).
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable
from itertools import chain

from tsmem.errors import InvalidInput

MAX_LINE_BYTES = 64 * 2**20
"""The longest line that is passed over."""


class TextWindow:
    """A text that is decoded as it is needed. Bytes that are not UTF-8 become lone surrogates, as in `os.fsdecode`."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        rest = iter(chunks)
        first = b""
        while len(first) < 4 and (chunk := next(rest, b"")):
            first += chunk
        self._chunks = chain((first,), rest)
        self._encoding = json.detect_encoding(first).removesuffix("-sig")
        self._decoder = codecs.getincrementaldecoder(self._encoding)()
        self.text = ""
        self.at = 0
        """The position of reading: the characters before it are passed."""
        self.line = 1
        self.ended = False
        """True if nothing follows the text in memory."""
        self.has_bad_bytes = False
        """True once there were bytes that are not UTF-8."""
        self._column = 1
        """The column of the first character in memory."""

    def more(self, size: int = 1) -> int:
        """Read at least `size` characters, or to the end. Forget what was passed. Return the bytes that were read."""
        parts, found, read = [self.text[self.at :]], 0, 0
        while found < size and not self.ended:
            chunk = next(self._chunks, b"")
            self.ended = not chunk
            try:
                parts.append(self._decoder.decode(chunk, self.ended))
            except UnicodeDecodeError as error:
                if self._encoding != "utf-8":
                    name = self._encoding.upper()
                    raise InvalidInput(f"line {self.line}: this line or a later one is not valid {name}") from error
                self.has_bad_bytes = True
                self._decoder.errors = "surrogateescape"
                parts.append(self._decoder.decode(chunk, self.ended))
            found += len(parts[-1])
            read += len(chunk)
        self._column = self.column(self.at)
        self.text, self.at = "".join(parts), 0
        return read

    def skip(self, what: re.Pattern[str]) -> str:
        """Pass what matches. Return the character behind it, or "" at the end."""
        while True:
            match = what.match(self.text, self.at)
            if match is not None:
                self.advance(match.end())
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self.more()

    def advance(self, end: int) -> None:
        self.line = self.line_of(end)
        self.at = end

    def take_line(self) -> str:
        """Pass the rest of the line. Return it as it was. Raises InvalidInput for one past MAX_LINE_BYTES."""
        size = len(self.text) - self.at
        while (end := self.text.find("\n", self.at)) < 0 and not self.ended:
            size += self.more(2**20)
            if size > MAX_LINE_BYTES:
                raise InvalidInput(f"line {self.line}: longer than {MAX_LINE_BYTES // 2**20} MB")
        start, end = self.at, end + 1 if end >= 0 else len(self.text)
        self.advance(end)
        return self.text[start:end]

    def line_of(self, at: int) -> int:
        return self.line + self.text.count("\n", self.at, at)

    def column(self, at: int) -> int:
        before = self.text.rfind("\n", 0, at)
        return self._column + at if before < 0 else at - before
