"""Parse a text into JSON values, one after another, in bounded memory.

The text can be JSON lines, pretty-printed values, values without anything between them, or arrays, whose elements are
yielded one by one. A `_Window` holds a few chunks of the text, or one value of at most MAX_VALUE_BYTES and
MAX_VALUE_PARTS; a `_Reader` decodes the values in it.

A value that cannot be read is yielded with its error if reading can continue after it. After a syntax error in the
middle of an array or of a pretty-printed value, nobody knows where the next value begins, so the error is raised.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain, count
from typing import NamedTuple, NoReturn

from tsmem.errors import InvalidInput
from tsmem.store.documents import JSON_DECODER, describe_json_error

MAX_VALUE_BYTES = 64 * 2**20
"""A row has at most 4 MB, but a conversation is many rows."""
MAX_VALUE_PARTS = 1_000_000
"""Maximum number of values within a value. Without it, 64 MB of `{"a":1},` would take 2 GB as Python objects."""
_SHORT_CHARS = 2**20
"""Values up to this length are read without checking their size meanwhile."""
_NEAR_END_CHARS = 16
"""An error this near to the end of the window may come from a number, word or escape that is not complete yet."""

_SPLIT_HINT = "write it as several smaller values"

_BETWEEN_VALUES = re.compile(r"[ \t\r\n\ufeff]*+")
"""Includes byte order marks, which stand in the middle of files that were joined."""
_WITHIN_VALUE = re.compile(r"[ \t\r\n]*+")
_WITHIN_LINE = re.compile(r"[ \t\r\ufeff]*+")
_SCALAR = re.compile(r"[^\s,\[\]{}]*+")
_PART = re.compile(r'[^"\[\]{},]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{},]*+)*+([\[\]{},])', re.DOTALL)
"""Everything up to the next bracket or comma that is not in a string. The quantifiers are possessive, so that a string
without an end takes no memory for backtracking."""

Place = int | str
"""The beginning of a value: a line number, or a text such as `1, element 3` or `2 of conversations.json`."""


class JsonValue(NamedTuple):
    place: Place
    document: object
    text: str
    """The value as it was written. Bytes that are not UTF-8 are lone surrogates, as in `os.fsdecode`."""
    array: tuple[int, Place] | None = None
    """For an element of an array: the number of the array in the text, counted from 0, and the array's place."""
    error: InvalidInput | None = None

    @property
    def raw(self) -> bytes:
        return self.text.encode(errors="surrogateescape")


def values(chunks: Iterable[bytes], file_name: str | None = None) -> Iterator[JsonValue]:
    """Yield the values of a text. Raises InvalidInput, with the place, for an error after which reading cannot
    continue."""
    return _Reader(_Window(chunks), "" if file_name is None else f" of {file_name}").values()


class _Window:
    """The part of the text that is in memory.

    The encoding is detected by a byte order mark, or by the zeros among the first four bytes (RFC 4627, section 3)."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        rest = iter(chunks)
        first = b""
        while len(first) < 4 and (chunk := next(rest, b"")):
            first += chunk
        self._chunks = chain((first,), rest)
        self._encoding = json.detect_encoding(first).removesuffix("-sig")
        self._decoder = codecs.getincrementaldecoder(self._encoding)()
        self.text = ""
        self.position = 0
        """Index in `text` of the next character to read."""
        self.line = 1
        self.is_exhausted = False
        """True once `text` includes the last character of the input."""
        self.has_bad_bytes = False
        self._column = 1
        """Column of the first character of `text`."""

    def read_more(self, size: int = 1) -> int:
        """Drop what has been passed, and append at least `size` characters, or the rest. Return the number of bytes
        read."""
        parts, found, read = [self.text[self.position :]], 0, 0
        while found < size and not self.is_exhausted:
            chunk = next(self._chunks, b"")
            self.is_exhausted = not chunk
            try:
                parts.append(self._decoder.decode(chunk, self.is_exhausted))
            except UnicodeDecodeError as error:
                if self._encoding != "utf-8":
                    name = self._encoding.upper()
                    raise InvalidInput(f"line {self.line}: this line or a later one is not valid {name}") from error
                self.has_bad_bytes = True
                self._decoder.errors = "surrogateescape"
                parts.append(self._decoder.decode(chunk, self.is_exhausted))
            found += len(parts[-1])
            read += len(chunk)
        self._column = self.column(self.position)
        self.text, self.position = "".join(parts), 0
        return read

    def skip(self, what: re.Pattern[str]) -> str:
        """Move past what the pattern matches. Return the next character, or "" at the end."""
        while True:
            self.advance(_end_of_match(what, self.text, self.position))
            if self.position < len(self.text) or self.is_exhausted:
                return self.text[self.position : self.position + 1]
            self.read_more()

    def advance(self, end: int) -> None:
        self.line = self.line_of(end)
        self.position = end

    def take_line(self) -> str:
        size = len(self.text) - self.position
        while (end := self.text.find("\n", self.position)) < 0 and not self.is_exhausted:
            size += self.read_more(2**20)
            if size > MAX_VALUE_BYTES:
                raise InvalidInput(f"line {self.line}: this line is longer than {MAX_VALUE_BYTES // 2**20} MB")
        start, end = self.position, end + 1 if end >= 0 else len(self.text)
        self.advance(end)
        return self.text[start:end]

    def line_of(self, at: int) -> int:
        return self.line + self.text.count("\n", self.position, at)

    def column(self, at: int) -> int:
        before = self.text.rfind("\n", 0, at)
        return self._column + at if before < 0 else at - before


class _Fault(InvalidInput):
    is_on_first_line = True
    """False if the fault is on a later line than the beginning of its value."""


class _Reader:
    """Reads the values of one text. `_Window.read_more` changes the index of each character, so only lengths are kept
    across a call of it."""

    def __init__(self, window: _Window, in_file: str) -> None:
        self._window = window
        self._in_file = in_file
        self._place: Place = 1
        self._line = 1
        self._is_line_by_line = False
        """True once a line held exactly one value: then each line should."""

    def values(self) -> Iterator[JsonValue]:
        window = self._window
        arrays = count()
        while first := window.skip(_BETWEEN_VALUES):
            self._set_place()
            if first == "[":
                yield from self._elements((next(arrays), self._place))
                continue
            try:
                value = self._value()
            except _Fault as fault:
                if not fault.is_on_first_line and not self._is_line_by_line:
                    self._raise_error(fault.message)  # the next lines could be a part of this value
                value = JsonValue(self._place, None, window.take_line(), error=fault)
            yield value
            del value  # free its memory before the next value is decoded

    def _elements(self, array: tuple[int, Place]) -> Iterator[JsonValue]:
        window = self._window
        try:
            window.advance(window.position + 1)
            following = "]" if window.skip(_WITHIN_VALUE) == "]" else ","
            for element in count():
                if following == "]":
                    break
                self._set_place(element)
                value = self._value(array)
                following = window.skip(_WITHIN_VALUE)
                if following not in ("]", ","):
                    raise self._fault("not valid JSON: Expecting ',' delimiter", window.position)
                yield value
                if following == ",":
                    window.advance(window.position + 1)
                    window.skip(_WITHIN_VALUE)
            window.advance(window.position + 1)
            self._with_line_end(0)
        except _Fault as fault:
            self._raise_error(fault.message)

    def _set_place(self, element: int | None = None) -> None:
        self._line = self._window.line
        inside = "" if element is None else f", element {element}"
        self._place = f"{self._line}{inside}{self._in_file}" if inside or self._in_file else self._line

    def _value(self, array: tuple[int, Place] | None = None) -> JsonValue:
        """Decode the value at the window's position and move past it. Raises _Fault for invalid JSON, InvalidInput for
        a value that is too large."""
        window = self._window
        while (found := self._try_decode()) is None:
            size = len(window.text) - window.position
            if size >= _SHORT_CHARS and window.text[window.position] not in "{[":
                self._raise_error("a text or number longer than 1 MB outside any object cannot be read")
            # 4 times as much each time, so that all attempts before the last take a third of its time.
            window.read_more(min(3 * size, MAX_VALUE_BYTES - size + 1))
            if len(window.text) - window.position >= _SHORT_CHARS and window.text[window.position] in "{[":
                self._check_size()
        document, length, error = found
        if array is None:
            length = self._with_line_end(length)
        text = window.text[window.position : window.position + length]
        if window.has_bad_bytes and (bad := re.search("[\udc80-\udcff]", text)):
            document, error = None, self._fault("not valid UTF-8", window.position + bad.start())
        window.advance(window.position + length)
        return JsonValue(self._place, document, text, array, error)

    def _try_decode(self) -> tuple[object, int, InvalidInput | None] | None:
        """Return the value at the window's position, its length, and an error if it cannot be used although its end is
        known. None if more of the text must be read first. Raises _Fault."""
        window = self._window
        text, at = window.text, window.position
        try:
            document, end = JSON_DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            is_near_end = error.pos > len(text) - _NEAR_END_CHARS or error.msg.startswith("Unterminated")
            if is_near_end and not window.is_exhausted:
                return None
            is_utf8 = not "\udc80" <= text[error.pos : error.pos + 1] <= "\udcff"
            message = describe_json_error(error) if is_utf8 else "not valid UTF-8"
            raise self._fault(message, error.pos) from error
        except (ValueError, RecursionError) as error:
            end, depth, _ = _find_end(text, at) if text[at] in "{[" else (_end_of_match(_SCALAR, text, at), 0, 0)
            if not window.is_exhausted and (depth or end == len(text)):
                return None
            if depth:
                raise _Fault(describe_json_error(error)) from error
            return None, end - at, InvalidInput(describe_json_error(error))
        may_go_on = text[end - 1] not in '}]"' and end > len(text) - _NEAR_END_CHARS
        return None if may_go_on and not window.is_exhausted else (document, end - at, None)

    def _check_size(self) -> None:
        """Raise InvalidInput if the part in memory of the object or array that starts here is too large already."""
        text, at = self._window.text, self._window.position
        end, depth, parts = _find_end(text, at)
        if parts > MAX_VALUE_PARTS:
            self._raise_error(f"this array or object holds more than {MAX_VALUE_PARTS:,} values", hint=_SPLIT_HINT)
        if len(text[at : None if depth else end].encode(errors="surrogateescape")) > MAX_VALUE_BYTES:
            self._raise_error(f"this value is longer than {MAX_VALUE_BYTES // 2**20} MB", hint=_SPLIT_HINT)

    def _with_line_end(self, length: int) -> int:
        """Return the length of a value with its line end, if only spaces stand between them. Raises _Fault if anything
        but an object, an array or the line end follows."""
        window = self._window
        while (next_index := _end_of_match(_WITHIN_LINE, window.text, window.position + length)) == len(window.text):
            if window.is_exhausted or next_index - window.position - length > _SHORT_CHARS:
                break
            window.read_more()
        end = window.position + length
        following = window.text[next_index : next_index + 1]
        if following not in ("", "\n", "{", "["):
            raise self._fault("not valid JSON: Extra data", next_index)
        if following in ("", "\n") and window.line_of(end) == window.line:
            self._is_line_by_line = True
        return next_index + 1 - window.position if following == "\n" else length

    def _raise_error(self, message: str, hint: str | None = None) -> NoReturn:
        raise InvalidInput(f"line {self._place}: {message}", hint=hint)

    def _fault(self, message: str, at: int) -> _Fault:
        window, remark = self._window, ""
        if window.is_exhausted and (at >= len(window.text) or "Unterminated" in message):
            at = max(window.position, min(at, len(window.text.rstrip())))
            remark = "; the input ends in this line; it may be cut short"
        line, column = window.line_of(at), window.column(at)
        where = f"column {column}" if line == self._line else f"line {line}, column {column}"
        fault = _Fault(f"{message} at {where}{remark}")
        fault.is_on_first_line = line == window.line
        return fault


def _find_end(text: str, at: int) -> tuple[int, int, int]:
    """Look for the end of the object or array at an index. Return the index where the search stopped, the number of
    brackets that are open there (0 if the end was found), and the number of parts (opening brackets and commas). The
    search also stops when there are more than MAX_VALUE_PARTS."""
    depth = parts = 0
    while parts <= MAX_VALUE_PARTS and (match := _PART.match(text, at)) is not None:
        at, mark = match.end(), match[1]
        if mark in "}]":
            depth -= 1
            if depth == 0:
                break
        else:
            depth += mark != ","
            parts += 1
    return at, depth, parts


def _end_of_match(what: re.Pattern[str], text: str, at: int) -> int:
    match = what.match(text, at)
    return at if match is None else match.end()
