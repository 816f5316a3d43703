"""The part of a text that is in memory while it is read, and where that is: its line and column.

`json_values.py` reads values out of it. The encoding is recognised as JSON's is: by a byte order mark or by the zeros
among the first four bytes (RFC 4627, section 3).
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator

from tsmem.errors import InvalidInput

MAX_LINE_BYTES = 64 * 2**20
"""Of a line that is passed over."""


class TextWindow:
    """A text that is decoded as it is needed. Bytes that are not UTF-8 become lone surrogates, as in `os.fsdecode`."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._taken = 0
        """Bytes of the chunk that were decoded."""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._encoding = ""
        self.text = ""
        self.at = 0
        """Where the part that was passed ends."""
        self.line = 1
        """The line of `at`."""
        self.has_bad_bytes = False
        """True once there were bytes that are not UTF-8; they are lone surrogates in the text."""
        self.ended = False
        """True if nothing follows the text that is in memory."""
        self._column = 1
        """The column of the first character in memory."""
        self._line_end = -1
        """The next end of a line, if it is in memory."""
        self._searched = 0
        """There is none between `at` and this."""

    def more(self, size: int = 1, *, line: bool = False) -> int:
        """Read at least so many characters, or to the end of the line, and forget what was passed. Return the number of
        bytes that were read."""
        parts, found, read = [self.text[self.at :]], 0, 0
        while found < size and not self.ended:
            piece = self._piece(line=line)
            parts.append(self._decoded(piece))
            found += len(parts[-1])
            read += len(piece)
            if line and "\n" in parts[-1]:
                break
        self._column = self.column(self.at)
        self._searched = max(self._searched - self.at, 0)
        self.text, self.at, self._line_end = "".join(parts), 0, -1
        return read

    def fill(self, size: int) -> None:
        """Have the rest of the line, or at least half of so many characters, in memory."""
        there = len(self.text) - self.at
        if not self.ended and there < size // 2 and not self._has_line():
            self.more(size - there, line=True)

    def _piece(self, *, line: bool = False) -> bytes:
        """The rest of the chunk, or of its line: a line of ASCII is decoded twice as fast as one among others."""
        if self._taken == len(self._chunk):
            self._chunk, self._taken = next(self._chunks, b""), 0
            while self._decoder is None and len(self._chunk) < 4 and (following := next(self._chunks, b"")):
                self._chunk += following
        start = self._taken
        self._taken = self._chunk.find(b"\n", start) + 1 if line and self._encoding == "utf-8" else 0
        self._taken = self._taken or len(self._chunk)
        return self._chunk[start : self._taken]

    def _decoded(self, piece: bytes) -> str:
        self.ended = not piece
        if self._decoder is None:
            self._encoding = json.detect_encoding(piece).removesuffix("-sig")
            self._decoder = codecs.getincrementaldecoder(self._encoding)()
        try:
            return self._decoder.decode(piece, self.ended)
        except UnicodeDecodeError as error:
            if self._encoding == "utf-8":
                self.has_bad_bytes = True
                self._decoder.errors = "surrogateescape"
                return self._decoder.decode(piece, self.ended)
            name = self._encoding.upper()
            raise InvalidInput(f"line {self.line}: this line or a later one is not valid {name}") from error

    def _has_line(self) -> bool:
        if self._line_end < self.at and self._searched < len(self.text):
            self._line_end = self.text.find("\n", max(self.at, self._searched))
            self._searched = len(self.text) if self._line_end < 0 else self._line_end
        return self._line_end >= self.at

    def advance(self, end: int) -> None:
        """Pass what is before `end`."""
        self.line = self.line_of(end)
        self.at = end

    def skip(self, what: re.Pattern[str]) -> str:
        """Pass what matches. Return the character behind it, or "" at the end."""
        while True:
            match = what.match(self.text, self.at)
            if match is not None:
                self.advance(match.end())
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self.more()

    def take_line(self) -> str:
        """Pass the rest of the line. Return it as it was. Raises InvalidInput for one past MAX_LINE_BYTES."""
        size = len(self.text) - self.at
        while not self.ended and not self._has_line():
            size += self.more(2**20)
            if size > MAX_LINE_BYTES:
                raise InvalidInput(f"line {self.line}: longer than {MAX_LINE_BYTES // 2**20} MB")
        start, end = self.at, self._line_end + 1 if self._has_line() else len(self.text)
        self.advance(end)
        return self.text[start:end]

    def line_of(self, at: int) -> int:
        """Return the line of a character that was not passed."""
        if self.at <= at <= self._line_end:
            return self.line
        return self.line + self.text.count("\n", self.at, at)

    def column(self, at: int) -> int:
        """Return the column of a character."""
        before = self.text.rfind("\n", 0, at)
        return self._column + at if before < 0 else at - before
