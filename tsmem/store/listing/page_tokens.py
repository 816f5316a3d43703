"""Pack the position of a page into a page token, and unpack it again.

A token is base64url, without padding, of these bytes:

    1 byte    the version of the format
    6 bytes   a digest of the query, to refuse the token of another query
    the rest  integers, texts and bytes, one after another; their number and types follow from the query

An integer is zigzag coded, and then a varint, as in Protocol Buffers. A text in UTF-8 or bytes follow their length,
which is a varint.

A token can be forged. What cannot be unpacked is refused here; the caller checks the values.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

from tsmem.errors import InvalidInput

VERSION = 2
"""Version 1 was JSON, so its first byte is `{`. The first letter of a token of version 2 is A, never a hyphen, which
would make it an option of a command line."""
DIGEST_BYTES = 6
MAX_TOKEN_LENGTH = 40_000
"""A key of four columns with 1,024 bytes each takes 5,500 characters. The rest is for the service's own token, whose
length is not documented."""
START_AGAIN = "start again without a page token"
_MAX_VARINT_BYTES = 10
_64_BITS = 1 << 64

Packable = int | str | bytes


def pack_token(query_digest: bytes, values: Iterable[Packable]) -> str:
    """Return a token. Integers must fit in 64 bits with a sign."""
    record = bytes((VERSION, *query_digest))
    for value in values:
        if isinstance(value, int):
            record += _varint(value << 1 if value >= 0 else (~value << 1) | 1)
        else:
            content = value.encode() if isinstance(value, str) else value
            record += _varint(len(content)) + content
    return _base64(record)


def unpack_token(token: str, query_digest: bytes, types: Iterable[type[Packable]]) -> Iterator[Packable]:
    """Return the values of a token, which have these types. Raises InvalidInput for a damaged token or one of another
    query."""
    record = _record(token)
    if record[0] != VERSION:
        raise InvalidInput("the page token was made by another version of tsmem", hint=START_AGAIN)
    if record[1 : 1 + DIGEST_BYTES] != query_digest:
        raise InvalidInput(
            "the page token belongs to another query", hint="use the options of the listing that printed the token"
        )
    rest = record[1 + DIGEST_BYTES :]
    values: list[Packable] = []
    try:
        for each in types:
            value, rest = _read(rest, each)
            values.append(value)
    except ValueError as error:
        raise damaged_token() from error
    if rest:
        raise damaged_token()
    return iter(values)


def damaged_token() -> InvalidInput:
    return InvalidInput("the page token is damaged", hint="pass it exactly as it was printed")


def _record(token: str) -> bytes:
    if not token or len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise damaged_token()
    try:
        record = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError as error:
        raise damaged_token() from error
    if not record or _base64(record) != token:  # Python skips what is not base64, and the last letter has spare bits
        raise damaged_token()
    return record


def _base64(record: bytes) -> str:
    return base64.urlsafe_b64encode(record).decode().rstrip("=")


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _read(data: bytes, kind: type[Packable]) -> tuple[Packable, bytes]:
    """Return the value at the beginning of the data, and the data after it. Raises ValueError."""
    number, rest = _read_varint(data)
    if kind is int:
        return (number >> 1) ^ -(number & 1), rest
    if number > len(rest):
        raise ValueError
    content, rest = rest[:number], rest[number:]
    return content if kind is bytes else content.decode(), rest


def _read_varint(data: bytes) -> tuple[int, bytes]:
    """Only the shortest form of a number is accepted, so that a position has only one token."""
    number = 0
    for place, byte in enumerate(data[:_MAX_VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * place
        if byte <= 0x7F:
            if number >= _64_BITS or (byte == 0 and place > 0):
                break
            return number, data[place + 1 :]
    raise ValueError
