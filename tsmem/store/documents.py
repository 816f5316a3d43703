"""Convert sessions and messages to JSON documents and back. Exports write them, imports read them, render prints them.

Nothing is lost: an integer stays an integer, and 5.0 stays a float. Bytes become {"$bytes": base64}, which is
unambiguous because metadata values are never objects. Characters that could deceive a terminal are escaped: DEL, C1
controls, bidi marks and overrides, line separators and lone surrogates.
"""

from __future__ import annotations

import binascii
import json
import math
import re
import sys
from collections import Counter
from typing import Any, Literal, NoReturn

from tsmem.errors import InvalidInput
from tsmem.limits import MAX_INTEGER, MIN_INTEGER, text_bytes
from tsmem.rows import Value
from tsmem.store.metadata import EMPTY, Metadata, check_metadata_key
from tsmem.store.model import Message, Session

FIELDS: dict[Literal["session", "message"], tuple[str, ...]] = {
    "session": ("user_id", "session_id", "update_time", "search_content", "metadata"),
    "message": ("session_id", "message_id", "create_time", "role", "content", "search_content", "metadata"),
}

PREVIEW_FIELDS = ("title", "messages")
"""Further fields of a `PreviewedSession`."""

_REQUIRED_FIELDS = {"session": ("user_id", "session_id"), "message": ("session_id", "message_id", "create_time")}

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_pretty_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=2)
_ESCAPED = "[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
"""Compiled on first use, because ASCII text does not need it."""


def item_document(item: Session | Message) -> dict[str, Any]:
    document = {name: getattr(item, name) for name in FIELDS["session" if isinstance(item, Session) else "message"]}
    document["metadata"] = {name: value_document(value) for name, value in item.metadata.items()}
    return document


def value_document(value: Value) -> str | int | float | dict[str, str]:
    return {"$bytes": binascii.b2a_base64(value, newline=False).decode()} if isinstance(value, bytes) else value


def encode_json(document: object, *, pretty: bool = False) -> str:
    """Return JSON text that is safe to print on a terminal."""
    text = (_pretty_encoder if pretty else _encoder).encode(document)
    if text.isascii() and "\x7f" not in text:
        return text
    return re.sub(_ESCAPED, lambda match: f"\\u{ord(match.group()):04x}", text)


def export_line(item: Session | Message) -> bytes:
    kind = "session" if isinstance(item, Session) else "message"
    return f"{encode_json({'kind': kind, **item_document(item)})}\n".encode()


def decode_json(text: str | bytes) -> object:
    """Return the value of a JSON text on one line. Raises InvalidInput for text that is not JSON, and for NaN, numbers
    that are too large for a float, repeated keys and bytes that are not UTF-8."""
    try:
        return JSON_DECODER.decode(text if isinstance(text, str) else text.decode())
    except UnicodeDecodeError as error:
        raise InvalidInput(f"not valid UTF-8 at byte {error.start + 1}") from error
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{describe_json_error(error)} at column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(describe_json_error(error)) from error


def describe_json_error(error: ValueError | RecursionError) -> str:
    """Describe an error of `JSON_DECODER`, without its line and column."""
    if isinstance(error, RecursionError):
        return "not usable JSON: nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON: {error.msg.removesuffix(' at')}"
    reason = str(error)
    if reason.startswith("Exceeds the limit"):  # the limit of sys.set_int_max_str_digits
        return f"not usable JSON: a number has more than {sys.get_int_max_str_digits():,} digits"
    return f"not usable JSON: {reason}"


def item_from_document(document: object) -> Session | Message:
    """Return the item of a document, such as a line of an export. Keys whose value can be null can be missing. Raises
    InvalidInput."""
    if not isinstance(document, dict):
        raise InvalidInput(f"a session or message must be an object, not {_describe(document)}")
    kind: object = document.get("kind")
    if kind is None:
        kind = "message" if "message_id" in document else "session" if "user_id" in document else None
        if kind is None:
            raise InvalidInput("neither a session (no user_id) nor a message (no message_id)")
    if kind != "session" and kind != "message":
        raise InvalidInput(f'kind is {brief(repr(kind))}; only "session" and "message" are known')
    for name in document:
        if name not in FIELDS[kind] and name not in ("kind", "rejected"):
            raise InvalidInput(
                f"'{brief(str(name))}' is not a field of a {kind}; fields: {', '.join(FIELDS[kind])}",
                hint="put everything else under metadata",
            )
    for name in _REQUIRED_FIELDS[kind]:
        if document.get(name) is None:
            raise InvalidInput(f"{name} is {'null' if name in document else 'missing'}; every {kind} has one")
    values: dict[str, Any] = {name: _decode_field(name, document.get(name)) for name in FIELDS[kind]}
    return Session(**values) if kind == "session" else Message(**values)


def _decode_field(name: str, value: object) -> object:
    if name == "metadata":
        if value is None:
            return EMPTY
        if not isinstance(value, dict):
            raise InvalidInput(f"metadata is {_describe(value)}; it must be an object")
        return Metadata({check_metadata_key(key): _decode_value(f"metadata.{key}", v) for key, v in value.items()})
    if value is None:
        return None
    if name in ("update_time", "create_time"):
        if type(value) is not int:
            raise InvalidInput(f"{name} is {_describe(value)}; it must be an integer, in microseconds since 1970 UTC")
        return _checked_integer(name, value)
    if not isinstance(value, str):
        raise InvalidInput(f"{name} is {_describe(value)}; it must be text")
    text_bytes(value, name)
    return value


def _decode_value(where: str, value: object) -> Value:
    match value:
        case bool() | float():
            return value
        case str():
            text_bytes(value, where)
            return value
        case int():
            return _checked_integer(where, value)
        case {"$bytes": str(text), **rest} if not rest:
            try:
                return binascii.a2b_base64(text, strict_mode=True)
            except ValueError as error:
                raise InvalidInput(f"{where} is not valid base64") from error
    raise InvalidInput(
        f"{where} is {_describe(value)}; only text, numbers, booleans and bytes can be stored",
        hint='bytes are written {"$bytes": "<base64>"}' if isinstance(value, dict) else None,
    )


def _checked_integer(where: str, value: int) -> int:
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise InvalidInput(f"{where} does not fit in a signed 64-bit integer")
    return value


def brief(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:80]}..."


def _describe(value: object) -> str:
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "text", dict: "an object", list: "a list"}
    return "null" if value is None else kinds.get(type(value), f"a {type(value).__name__}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _parse_finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is too large")
    return value


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        repeated = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {brief(_encoder.encode(repeated))} is given twice")
    return document


JSON_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_parse_finite, object_pairs_hook=_unique_keys
)
