"""Rows into PlainBuffer: what the server answers.

Its one rule: every attribute cell carries its timestamp, in order of name and versions newest first, because clients
that keep versions expect it. A row that is not there is no bytes at all: a header without a row breaks two of the SDKs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tsmem.engine.rows.cells import Cell
from tsmem.rows import KeyBound, Value
from tsmem.server.wire.crc8 import crc8
from tsmem.server.wire.plainbuffer import HEADER, LENGTH, SIGNED, payload_of

_KNOWN_NAMES = 4096
_prefixes: dict[str, tuple[bytes, bytes]] = {}


def row(names: Sequence[str], key: KeyBound, cells: Sequence[Cell] = ()) -> bytes:
    """One row with its header; without cells it is a key alone."""
    return HEADER + _body(names, key, cells)


def rows(names: Sequence[str], found: Iterable[tuple[KeyBound, Sequence[Cell]]]) -> bytes:
    """Rows back to back behind one header; nothing at all for none."""
    bodies = b"".join([_body(names, key, cells) for key, cells in found])
    return HEADER + bodies if bodies else b""


def _body(names: Sequence[str], key: KeyBound, cells: Sequence[Cell]) -> bytes:
    parts = [b"\x01"]
    sums = bytearray()
    for name, value in zip(names, key, strict=True):
        head, raw_name = _named(name)
        payload = payload_of(value)
        total = crc8(raw_name + payload)
        parts += (head, LENGTH.pack(len(payload)), payload, b"\x0a", bytes((total,)))
        sums.append(total)
    if cells:
        parts.append(b"\x02")
        for cell in cells:
            _add(parts, sums, cell.name, cell.value, SIGNED.pack(cell.version_ms))
    sums.append(0)
    parts += (b"\x09", bytes((crc8(bytes(sums)),)))
    return b"".join(parts)


def _add(parts: list[bytes], sums: bytearray, name: str, value: Value, stamp: bytes) -> None:
    head, raw_name = _named(name)
    payload = payload_of(value)
    total = crc8(raw_name + payload + stamp)
    parts += (head, LENGTH.pack(len(payload)), payload, b"\x07", stamp, b"\x0a", bytes((total,)))
    sums.append(total)


def _named(name: str) -> tuple[bytes, bytes]:
    """A cell's bytes up to its value's length, and the name alone."""
    known = _prefixes.get(name)
    if known is None:
        raw = name.encode()
        known = (b"\x03\x04" + LENGTH.pack(len(raw)) + raw + b"\x05", raw)
        if len(_prefixes) >= _KNOWN_NAMES:
            _prefixes.clear()
        _prefixes[name] = known
    return known
