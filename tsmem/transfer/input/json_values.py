"""Read JSON values one after another out of any text, in bounded memory.

The text holds one value or many: JSON lines, pretty-printed values, values with nothing between them, or arrays, whose
elements are given one by one. A value ends where JSON says that it ends, whatever the lines. In memory are a few chunks
of the text or one value, which may have MAX_VALUE_BYTES and MAX_VALUE_PARTS.

A value that cannot be read is given with its error if it is known where the next one begins: behind it, or at the next
line. That is not known in the middle of an array or of a pretty-printed value, and there the error is raised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import count
from typing import NamedTuple, NoReturn

from tsmem.errors import InvalidInput
from tsmem.store.documents import decode_at, described_fault
from tsmem.transfer.input.text_window import TextWindow

MAX_VALUE_BYTES = 64 * 2**20
"""Of one value, or one element of an array. A row has 4 MB at most, and a conversation is many rows."""
MAX_VALUE_PARTS = 1_000_000
"""Of the objects, arrays and values within one value. 64 MB of `{"a":1},` would take 2 GB as Python objects."""
_SHORT = 2**20
"""Characters. The end of a longer value is looked for before the value is decoded."""
_NEAR_END = 16
"""Characters. An error so near to the end of what is in memory may come from a number, word or escape that goes on."""

_BETWEEN_VALUES = re.compile(r"[ \t\r\n\ufeff]*+")
"""Joined files have byte order marks in the middle."""
_WITHIN_VALUE = re.compile(r"[ \t\r\n]*+")
_WITHIN_LINE = re.compile(r"[ \t\r\ufeff]*+")
_SCALAR = re.compile(r"[^\s,\[\]{}]*+")
_PART = re.compile(r'[^"\[\]{},]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{},]*+)*+([\[\]{},])', re.DOTALL)
"""What is before the next bracket or comma outside of a text, and that. It is possessive, so that it takes no memory
for a text without end."""


_SMALLER = "write it as several smaller values"


Place = int | str
"""A line, counted from 1; or more, such as `1, element 3` or `2 of conversations.json`. It is said behind `line`."""


class JsonValue(NamedTuple):
    """A value that stands for itself, or an element of an array that does."""

    place: Place
    """Where it begins."""
    document: object
    text: str
    """With the end of the line. Bytes that are not UTF-8 are lone surrogates, as in `os.fsdecode`."""
    element: int | None = None
    """Its place in the array, from 0."""
    array: int | None = None
    """Which array of the text that is, from 0."""
    array_place: Place | None = None
    """Where the array begins."""
    error: InvalidInput | None = None
    """Why it cannot be read."""

    @property
    def raw(self) -> bytes:
        """Its bytes as they were."""
        return self.text.encode(errors="surrogateescape")


def values(chunks: Iterable[bytes], of: str | None = None) -> Iterator[JsonValue]:
    """Give the values of a text; `of` is its name, if there are several. Raises InvalidInput, with the place, for an
    error behind which the values cannot be told apart."""
    return _Reader(TextWindow(iter(chunks)), "" if of is None else f" of {of}").values()


class _Fault(Exception):
    """A value cannot be read, and its end is not known."""

    def __init__(self, message: str, at: int | None, after: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        """Where it is wrong; None for all of it."""
        self.after = after
        """What is said after the place."""


class _Decoded(NamedTuple):
    document: object
    end: int
    error: InvalidInput | None = None
    """Why it cannot be used, although its end is known."""


class _Reader:
    def __init__(self, window: TextWindow, of: str) -> None:
        self._window = window
        self._of = of
        self._place: Place = 1
        """Of the value that is being read."""
        self._line = 1
        """Where it begins."""
        self._arrays = 0
        """How many arrays were begun."""
        self._by_line = False
        """True once a value had a line for itself: then every line is meant as a value."""

    def values(self) -> Iterator[JsonValue]:
        window = self._window
        while first := window.skip(_BETWEEN_VALUES):
            self._place = self._placed()
            try:
                found = self._decode_short() if first == "[" else self._decode()
                if found is not None:
                    self._check_end_of_line(found.end)
            except _Fault as fault:
                if first != "[" or self._is_in_line(fault):
                    yield self._refused_line(fault)
                    continue
                found = None
            if first == "[" or found is None:
                yield from self._elements()
            else:
                value = self._value(found)
                del found  # memory that is freed before the next value is decoded is used for it
                yield value
                del value

    def _elements(self) -> Iterator[JsonValue]:
        """Give the elements of an array, each once it is known what follows it. Raises InvalidInput."""
        window, array, array_place = self._window, self._arrays, self._place
        self._arrays += 1
        window.advance(window.at + 1)
        following = "]" if window.skip(_WITHIN_VALUE) == "]" else ","
        for element in count():
            if following == "]":
                break
            self._place = self._placed(element)
            try:
                value = self._value(self._decode(), element)
                following = window.skip(_WITHIN_VALUE)
                if following not in ("]", ","):
                    raise _Fault("not valid JSON: no comma", window.at, self._if_cut(window.at))
            except _Fault as fault:
                self._refuse(self._sentence(fault))
            yield value._replace(array=array, array_place=array_place)
            if following == ",":
                window.advance(window.at + 1)
                window.skip(_WITHIN_VALUE)
        window.advance(window.at + 1)
        try:
            self._check_end_of_line(window.at)
        except _Fault as fault:
            self._refuse(self._sentence(fault))

    def _value(self, found: _Decoded, element: int | None = None) -> JsonValue:
        window = self._window
        end, error = found.end, found.error
        if element is None:
            end = self._end_of_line(end)
        text = window.text[window.at : end]
        if window.has_bad_bytes and (bad := re.search("[\udc80-\udcff]", text)):
            error = InvalidInput(self._sentence(_Fault("not valid UTF-8", window.at + bad.start())))
        window.advance(end)
        return JsonValue(self._place, found.document if error is None else None, text, element, error=error)

    def _placed(self, element: int | None = None) -> Place:
        self._line = line = self._window.line
        if element is not None:
            return f"{line}, element {element}{self._of}"
        return f"{line}{self._of}" if self._of else line

    # Where a value ends

    def _decode(self) -> _Decoded:
        """Decode the value at `at`, reading as much as it takes. Raises _Fault."""
        found = self._decode_short()
        if found is None:
            self._bring_in()
            found = self._attempt(whole=True)
        assert found is not None
        return found

    def _decode_short(self) -> _Decoded | None:
        """Decode the value at `at`; None if it is a long one. Raises _Fault."""
        found = self._attempt()
        if found is None:
            self._window.more(_SHORT)
            found = self._attempt()
        return found

    def _attempt(self, *, whole: bool = False) -> _Decoded | None:
        """Decode the value at `at`; None if more has to be read. Raises _Fault."""
        window = self._window
        window.fill(_SHORT)
        text, at, whole = window.text, window.at, whole or window.ended
        try:
            document, end = decode_at(text, at)
        except json.JSONDecodeError as error:
            if not whole and (error.pos > len(text) - _NEAR_END or error.msg.startswith("Unterminated")):
                return None
            is_utf8 = not "\udc80" <= text[error.pos : error.pos + 1] <= "\udcff"
            message = described_fault(error) if is_utf8 else "not valid UTF-8"
            cut = self._if_cut(error.pos, error.msg)
            raise _Fault(message, min(error.pos, len(text.rstrip())) if cut else error.pos, cut) from error
        except (ValueError, RecursionError) as error:
            unused = _Parts().end(text, at)
            if unused is not None:
                return _Decoded(None, unused, InvalidInput(described_fault(error)))
            if not whole:
                return None
            raise _Fault(described_fault(error), None) from error
        return None if end == len(text) and not whole and text[end - 1] not in "}]" else _Decoded(document, end)

    def _bring_in(self) -> None:
        """Read to the end of the long value at `at`. Raises InvalidInput for one that is too large."""
        window, parts = self._window, _Parts()
        size = len(window.text[window.at :].encode(errors="surrogateescape"))
        if window.text[window.at] not in "{[":
            self._refuse("a text or number longer than 1 MB, which is in no object")
        while parts.end(window.text, window.at) is None and not window.ended:
            size += window.more(min(len(window.text) - window.at, MAX_VALUE_BYTES - size + 1))
            if size > MAX_VALUE_BYTES:
                self._refuse(f"longer than {MAX_VALUE_BYTES // 2**20} MB", hint=_SMALLER)
            if parts.count > MAX_VALUE_PARTS:
                self._refuse(f"more than {MAX_VALUE_PARTS:,} values within one", hint=_SMALLER)

    # What is wrong

    def _refuse(self, message: str, hint: str | None = None) -> NoReturn:
        raise InvalidInput(f"line {self._place}: {message}", hint=hint)

    def _refused_line(self, fault: _Fault) -> JsonValue:
        """The line as a value that cannot be read. Raises InvalidInput if the next lines may belong to it."""
        window, message = self._window, self._sentence(fault)
        if not self._is_in_line(fault) and not self._by_line:
            self._refuse(message)
        return JsonValue(self._place, None, window.take_line(), error=InvalidInput(message))

    def _is_in_line(self, fault: _Fault) -> bool:
        return fault.at is None or self._window.line_of(fault.at) == self._window.line

    def _check_end_of_line(self, end: int) -> None:
        """Raises _Fault if something that is no value stands behind a value in its line."""
        window = self._window
        behind = _past(_WITHIN_LINE, window.text, end)
        following = window.text[behind : behind + 1]
        if following not in ("", "\n", "{", "["):
            raise _Fault("not valid JSON: more after the end", behind)
        self._by_line = self._by_line or (following in ("", "\n") and window.line_of(end) == window.line)

    def _end_of_line(self, end: int) -> int:
        """Where the line ends, if nothing follows in it."""
        text = self._window.text
        behind = _past(_WITHIN_LINE, text, end)
        return behind + 1 if text[behind : behind + 1] == "\n" else end

    def _sentence(self, fault: _Fault) -> str:
        window = self._window
        if fault.at is None:
            return fault.message
        line, column = window.line_of(fault.at), window.column(fault.at)
        where = f"column {column}" if line == self._line else f"line {line}, column {column}"
        return f"{fault.message} at {where}{fault.after}"

    def _if_cut(self, at: int, message: str = "") -> str:
        ended = self._window.ended and (at >= len(self._window.text) or message.startswith("Unterminated"))
        return "; the input ends in this line, perhaps in the middle of it" if ended else ""


class _Parts:
    """Look for the end of an object or array, and count what is in it. A number or word ends before what cannot be in
    it."""

    def __init__(self) -> None:
        self.count = 0
        self._depth = 0
        self._done = 0
        """Characters that were looked at."""

    def end(self, text: str, start: int) -> int | None:
        """Return where the value ends that begins at `start`; None if the text is too short."""
        if text[start] not in "{[":
            return _past(_SCALAR, text, start)
        at = start + self._done
        while (match := _PART.match(text, at)) is not None:
            at = match.end()
            if (mark := match[1]) in "}]":
                self._depth -= 1
                if self._depth == 0:
                    return at
            else:
                self._depth += mark != ","
                self.count += 1
                if self.count > MAX_VALUE_PARTS:
                    break
        self._done = at - start
        return None


def _past(what: re.Pattern[str], text: str, at: int) -> int:
    match = what.match(text, at)
    return at if match is None else match.end()
