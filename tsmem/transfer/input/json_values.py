"""Read JSON values one after another out of any text, in bounded memory.

The text holds one value or many: JSON lines, pretty-printed values, values with nothing between them, or arrays, whose
elements are given one by one. A value ends where JSON says that it ends, whatever the lines. In memory are a few chunks
of the text or one value, which may have MAX_VALUE_BYTES and MAX_VALUE_PARTS.

A value that cannot be read is given with its error if it is known where the next one begins: behind it, or at the next
line. That is not known in the middle of an array or of a pretty-printed value, and there the error is raised.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain, count
from typing import NamedTuple, NoReturn

from tsmem.errors import InvalidInput
from tsmem.store.documents import decode_at, describe_json_error

MAX_VALUE_BYTES = 64 * 2**20
"""The size of one value, one element of an array, or a line that is passed over. A row has at most 4 MB, and a
conversation is many rows."""
MAX_VALUE_PARTS = 1_000_000
"""The objects, arrays and values within one value. 64 MB of `{"a":1},` would take 2 GB as Python objects."""
_SHORT = 2**20
"""Characters. The size of a longer value is checked while it is read."""
_NEAR_END = 16
"""Characters. An error so near to the end of what is in memory may come from a number, word or escape that goes on."""

_BETWEEN_VALUES = re.compile(r"[ \t\r\n\ufeff]*+")
"""Joined files have byte order marks in the middle."""
_WITHIN_VALUE = re.compile(r"[ \t\r\n]*+")
_WITHIN_LINE = re.compile(r"[ \t\r\ufeff]*+")
_SCALAR = re.compile(r"[^\s,\[\]{}]*+")
_PART = re.compile(r'[^"\[\]{},]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{},]*+)*+([\[\]{},])', re.DOTALL)
"""Everything up to the next bracket or comma outside of a text. It is possessive, so that it takes no memory for a text
without end."""

Place = int | str
"""A line, counted from 1; or more, such as `1, element 3` or `2 of conversations.json`. Errors say it behind `line`."""


class JsonValue(NamedTuple):
    """A value that stands for itself, or an element of an array that does."""

    place: Place
    document: object
    text: str
    """Its text, with the end of its line. Bytes that are not UTF-8 are lone surrogates, as in `os.fsdecode`."""
    array: tuple[int, Place] | None = None
    """The number of the array in the text, from 0, and its place; None for a value that is no element of one."""
    error: InvalidInput | None = None

    @property
    def raw(self) -> bytes:
        return self.text.encode(errors="surrogateescape")


def values(chunks: Iterable[bytes], of: str | None = None) -> Iterator[JsonValue]:
    """Yield the values of a text; `of` is its name, if there are several. Raises InvalidInput, with the place, for an
    error behind which the values cannot be told apart."""
    return _Reader(_Window(chunks), "" if of is None else f" of {of}").values()


class _Window:
    """The part of a text that is in memory, decoded as it is needed. Its encoding is recognised as JSON's is: by a byte
    order mark or by the zeros among the first four bytes (RFC 4627, section 3)."""

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
            self.advance(_past(what, self.text, self.at))
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self.more()

    def advance(self, end: int) -> None:
        self.line = self.line_of(end)
        self.at = end

    def take_line(self) -> str:
        """Pass the rest of the line. Return it as it was. Raises InvalidInput for one past MAX_VALUE_BYTES."""
        size = len(self.text) - self.at
        while (end := self.text.find("\n", self.at)) < 0 and not self.ended:
            size += self.more(2**20)
            if size > MAX_VALUE_BYTES:
                raise InvalidInput(f"line {self.line}: longer than {MAX_VALUE_BYTES // 2**20} MB")
        start, end = self.at, end + 1 if end >= 0 else len(self.text)
        self.advance(end)
        return self.text[start:end]

    def line_of(self, at: int) -> int:
        return self.line + self.text.count("\n", self.at, at)

    def column(self, at: int) -> int:
        before = self.text.rfind("\n", 0, at)
        return self._column + at if before < 0 else at - before


class _Fault(InvalidInput):
    in_line = True
    """False if the fault is not in the first line of the value."""


class _Reader:
    """Reads the values of one text. Positions count from the beginning of what is in memory: `_Window.more` moves them,
    so lengths are kept across it."""

    def __init__(self, window: _Window, of: str) -> None:
        self._window = window
        self._of = of
        self._place: Place = 1
        self._line = 1
        self._by_line = False
        """True once a value had a line for itself: then every line is meant as a value."""

    def values(self) -> Iterator[JsonValue]:
        window = self._window
        arrays = count()
        while first := window.skip(_BETWEEN_VALUES):
            self._note_place()
            if first == "[":
                yield from self._elements((next(arrays), self._place))
                continue
            try:
                value = self._value()
            except _Fault as fault:
                if not fault.in_line and not self._by_line:
                    self._refuse(fault.message)  # the next lines may belong to the value
                value = JsonValue(self._place, None, window.take_line(), error=fault)
            yield value
            del value  # memory that is freed before the next value is decoded is used for it

    def _elements(self, array: tuple[int, Place]) -> Iterator[JsonValue]:
        """Yield the elements of an array, each once it is known what follows it. Raises InvalidInput."""
        window = self._window
        try:
            window.advance(window.at + 1)
            following = "]" if window.skip(_WITHIN_VALUE) == "]" else ","
            for element in count():
                if following == "]":
                    break
                self._note_place(element)
                value = self._value(array)
                following = window.skip(_WITHIN_VALUE)
                if following not in ("]", ","):
                    raise self._fault("not valid JSON: Expecting ',' delimiter", window.at, self._if_cut(window.at))
                yield value
                if following == ",":
                    window.advance(window.at + 1)
                    window.skip(_WITHIN_VALUE)
            window.advance(window.at + 1)
            self._through_line(0)
        except _Fault as fault:
            self._refuse(fault.message)

    def _note_place(self, element: int | None = None) -> None:
        self._line = self._window.line
        inside = "" if element is None else f", element {element}"
        self._place = f"{self._line}{inside}{self._of}" if inside or self._of else self._line

    def _value(self, array: tuple[int, Place] | None = None) -> JsonValue:
        """Pass the value at `at`, reading as much as it takes. Raises _Fault, and InvalidInput for a value that is too
        large."""
        window = self._window
        while (found := self._attempt()) is None:
            size = len(window.text) - window.at
            if size >= _SHORT and window.text[window.at] not in "{[":
                self._refuse("a text or number longer than 1 MB, which is in no object")
            # 4 times as much each time, so that the attempts before take a third of the last.
            window.more(min(3 * size, MAX_VALUE_BYTES - size + 1))
            if len(window.text) - window.at >= _SHORT and window.text[window.at] in "{[":
                self._check_size()
        document, length, error = found
        if array is None:
            length = self._through_line(length)
        text = window.text[window.at : window.at + length]
        if window.has_bad_bytes and (bad := re.search("[\udc80-\udcff]", text)):
            document, error = None, self._fault("not valid UTF-8", window.at + bad.start())
        window.advance(window.at + length)
        return JsonValue(self._place, document, text, array, error)

    def _attempt(self) -> tuple[object, int, InvalidInput | None] | None:
        """Return the value at `at`, its length, and the reason if it cannot be used although its end is known; None if
        more has to be read. Raises _Fault."""
        window = self._window
        text, at = window.text, window.at
        try:
            document, end = decode_at(text, at)
        except json.JSONDecodeError as error:
            if not window.ended and (error.pos > len(text) - _NEAR_END or error.msg.startswith("Unterminated")):
                return None
            is_utf8 = not "\udc80" <= text[error.pos : error.pos + 1] <= "\udcff"
            message = describe_json_error(error) if is_utf8 else "not valid UTF-8"
            cut = self._if_cut(error.pos, error.msg)
            raise self._fault(message, min(error.pos, len(text.rstrip())) if cut else error.pos, cut) from error
        except (ValueError, RecursionError) as error:
            end, depth, _ = _scan(text, at) if text[at] in "{[" else (_past(_SCALAR, text, at), 0, 0)
            if not window.ended and (depth or end == len(text)):
                return None
            if depth:
                raise _Fault(describe_json_error(error)) from error
            return None, end - at, InvalidInput(describe_json_error(error))
        may_go_on = text[end - 1] not in '}]"' and end > len(text) - _NEAR_END
        return None if may_go_on and not window.ended else (document, end - at, None)

    def _check_size(self) -> None:
        """Raise InvalidInput if the object or array at `at`, of which not all may be in memory, is too large."""
        text, at = self._window.text, self._window.at
        end, depth, parts = _scan(text, at)
        if parts > MAX_VALUE_PARTS:
            self._refuse(f"more than {MAX_VALUE_PARTS:,} values within one", hint="write it as several smaller values")
        if len(text[at : None if depth else end].encode(errors="surrogateescape")) > MAX_VALUE_BYTES:
            self._refuse(f"longer than {MAX_VALUE_BYTES // 2**20} MB", hint="write it as several smaller values")

    def _through_line(self, length: int) -> int:
        """Return the length of the value at `at`, with the end of its line if nothing follows there. Raises _Fault if
        something follows that is not a value."""
        window = self._window
        while (behind := _past(_WITHIN_LINE, window.text, window.at + length)) == len(window.text):
            if window.ended or behind - window.at - length > _SHORT:
                break
            window.more()
        end = window.at + length
        following = window.text[behind : behind + 1]
        if following not in ("", "\n", "{", "["):
            raise self._fault("not valid JSON: Extra data", behind)
        if following in ("", "\n") and window.line_of(end) == window.line:
            self._by_line = True
        return behind + 1 - window.at if following == "\n" else length

    def _refuse(self, message: str, hint: str | None = None) -> NoReturn:
        raise InvalidInput(f"line {self._place}: {message}", hint=hint)

    def _fault(self, message: str, at: int, after: str = "") -> _Fault:
        """Return the fault at a character; `after` is said behind its place."""
        line, column = self._window.line_of(at), self._window.column(at)
        where = f"column {column}" if line == self._line else f"line {line}, column {column}"
        fault = _Fault(f"{message} at {where}{after}")
        fault.in_line = line == self._window.line
        return fault

    def _if_cut(self, at: int, message: str = "") -> str:
        ended = self._window.ended and (at >= len(self._window.text) or message.startswith("Unterminated"))
        return "; the input ends in this line; it may be cut short" if ended else ""


def _scan(text: str, at: int) -> tuple[int, int, int]:
    """Look for the end of an object or array. Return where the search ended, how many brackets are open there, none at
    the end, and how many objects, arrays and values were met. It ends too beyond MAX_VALUE_PARTS of those."""
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


def _past(what: re.Pattern[str], text: str, at: int) -> int:
    match = what.match(text, at)
    return at if match is None else match.end()
