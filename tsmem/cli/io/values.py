"""Parse values of the command line: metadata (-m), and the assignments of `profile set`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from tsmem.errors import InvalidInput
from tsmem.limits import MAX_INTEGER, MIN_INTEGER, text_bytes
from tsmem.rows import Value
from tsmem.store.metadata import check_metadata_key

_PROFILE_KEY = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*|tables\.\w+\.search_fields\..+", re.DOTALL)
"""Words joined by dots. After `search_fields.` comes the name of a column, which can have any character but =."""


def parse_metadata(pairs: Sequence[str], read_file: Callable[[str], bytes]) -> dict[str, Value]:
    """Return metadata from `key=text`, `key:=json` (a number or boolean) and `key@file` (the bytes of `read_file`). The
    key ends at the first sign, which alone chooses the type."""
    values: dict[str, Value] = {}
    for pair in pairs:
        match = re.fullmatch(r"(?P<key>.*?)(?P<sign>:=|=|@)(?P<rest>.*)", pair, re.DOTALL)
        if match is None:
            hint = "write KEY=TEXT, KEY:=NUMBER, KEY:=true, KEY:=false or KEY@FILE"
            raise InvalidInput(f"{_shown(pair)} is not KEY=VALUE", hint=hint)
        key, sign, rest = match["key"], match["sign"], match["rest"]
        check_metadata_key(key)
        if key in values:
            raise InvalidInput(f"metadata '{key}' is given twice")
        if sign == "=":
            text_bytes(rest, f"metadata '{key}'")  # raises InvalidInput
            values[key] = rest
        else:
            values[key] = _scalar(key, rest) if sign == ":=" else _content(key, rest, read_file)
    return values


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")


def _content(key: str, name: str, read_file: Callable[[str], bytes]) -> bytes:
    if not name:
        hint = f"write {key}@FILE, or {key}=@ for the text @"
        raise InvalidInput(f"metadata '{key}' has no file name after @", hint=hint)
    try:
        return read_file(name)
    except InvalidInput as error:
        raise InvalidInput(f"metadata '{key}': {error.message}", hint=error.hint) from error


def _scalar(key: str, text: str) -> int | float | bool:
    text = text.strip(" \t\r\n")
    try:
        # Only 21 characters of an integer are read, because int() takes quadratic time. NaN and Infinity are not JSON.
        value = json.loads(text, parse_int=lambda digits: int(digits[:21]), parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, int | float):
        reason = "is not a JSON number or boolean"
    elif value in (float("inf"), float("-inf")):
        reason = "is too large for a 64-bit number"
    elif isinstance(value, int) and not MIN_INTEGER <= value <= MAX_INTEGER:
        reason = "does not fit in a signed 64-bit integer"
    else:
        return value
    raise InvalidInput(f"metadata '{key}': {_shown(text)} {reason}", hint=_hint(key, text))


def _hint(key: str, text: str) -> str:
    if not text:
        return f"write {key}= for empty text"
    if text == "null":
        return f"null cannot be stored; to remove a key from an item that exists, use `update` with --unset {key}"
    if text[0] == '"':
        return f"for text write {key}=TEXT"
    if text[0] in "[{":
        return f"metadata is flat; to keep JSON as text write {key}=TEXT"
    if text.lower() in ("true", "false"):
        return f"write {key}:={text.lower()}"
    finite = "numbers must be finite; " if text.lstrip("+-").lower() in ("nan", "inf", "infinity") else ""
    return f"{finite}{key}=TEXT keeps it as text"


def parse_profile_assignments(pairs: Sequence[str]) -> list[tuple[str, str]]:
    """Return the keys and values of `profile set`. No message contains a value, because it may be a secret."""
    found: dict[str, str] = {}
    for number, pair in enumerate(pairs, 1):
        key, equals, value = pair.partition("=")
        if not equals:
            raise InvalidInput(f"assignment {number} has no =", hint="write KEY=VALUE; KEY= removes a key")
        if _PROFILE_KEY.fullmatch(key) is None:
            raise InvalidInput(f"assignment {number} has no key before the equals sign", hint="for example timeout=10")
        if key in found:
            raise InvalidInput(f"{key!r} is given twice")
        text_bytes(value, f"the value of {key!r}")
        found[key] = value
    return list(found.items())
