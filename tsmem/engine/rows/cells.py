"""A row's cells as one blob, and back, bit for bit and type for type.

The bytes alone say what every cell is. JSON would turn -0.0, NUL and bytes into something else, pickle and marshal
would run or crash on damaged input; this is `struct` and slices, and damage is StorageFailure.

    head    <BHI    format (1), size of the row's key, length of the shape
    shape           for each cell: type, length of its name in bytes, name in UTF-8
    stamps  <q each the cell's version, epoch milliseconds
    slots   <q, <d, <?, <I each: an integer, a double, a boolean, or the length of text or bytes
    data            the texts and bytes, in order

Cells stand in order of name, versions of one name newest first. Rows of one table have few different shapes, so a
bounded cache maps a shape's bytes to its compiled form, and a row decodes with two unpacks and a slice for each text.
The size of a row by TableStore's rule (names, values, key) needs no decoding: the shape has all of it but the lengths
of texts and bytes, and those are what is left of the blob.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from tsmem.errors import StorageFailure
from tsmem.rows import Key, Value

_FORMAT = 1
_HEAD = struct.Struct("<BHI")
_INTEGER, _DOUBLE, _BOOLEAN, _TEXT, _BYTES = range(5)
_KINDS: dict[type, int] = {int: _INTEGER, float: _DOUBLE, bool: _BOOLEAN, str: _TEXT, bytes: _BYTES}
_SLOTS = "qd?II"
_SIZES = (8, 8, 1, 0, 0)  # size of a value by TableStore's rule, without the length of text and bytes
_CACHED_SHAPES = 512
_CACHED_SHAPE_BYTES = 4096
_CACHED_COLUMNS = 64
"""Shapes that are longer or have more columns are compiled each time, so that the caches stay small."""
_UNREADABLE = (struct.error, UnicodeDecodeError, IndexError)


class Cell(NamedTuple):
    """One version of one attribute column."""

    name: str
    value: Value
    version_ms: int
    """The time of the write, in milliseconds since 1970 UTC."""


class CellRow(NamedTuple):
    """A row with the versions of its cells."""

    key: Key
    cells: list[Cell]
    """In order of name, versions newest first."""


class _Shape(NamedTuple):
    raw: bytes
    steps: tuple[tuple[str, int, bool], ...]
    """For each cell: name, kind, and True for the latest version of its name."""
    sizes: tuple[int, ...]
    """For each cell: its size by TableStore's rule, without the length of text and bytes."""
    stamps: struct.Struct
    slots: struct.Struct
    data_at: int
    """Bytes from the end of the shape to the data."""
    fixed_bytes: int
    """The size of the row by TableStore's rule, without its key, and without the length of texts and bytes."""


def _damaged(what: str) -> StorageFailure:
    return StorageFailure(
        f"a stored row is damaged, because {what}",
        hint="it can be neither read, written nor deleted: restore the file from a copy",
    )


def _compile(raw: bytes) -> _Shape:
    steps: list[tuple[str, int, bool]] = []
    sizes: list[int] = []
    at = 0
    while at < len(raw):
        kind, end = raw[at], at + 2 + raw[at + 1]
        if kind > _BYTES or end > len(raw):
            raise _damaged("its columns cannot be read")
        name = raw[at + 2 : end].decode()
        steps.append((name, kind, not steps or steps[-1][0] != name))
        sizes.append(raw[at + 1] + _SIZES[kind])
        at = end
    stamps = struct.Struct(f"<{len(steps)}q")
    slots = struct.Struct("<" + "".join(_SLOTS[kind] for _, kind, _ in steps))
    return _Shape(raw, tuple(steps), tuple(sizes), stamps, slots, stamps.size + slots.size, sum(sizes))


_compile_cached = lru_cache(_CACHED_SHAPES)(_compile)


def _shape_of(names: tuple[str, ...], types: tuple[type, ...]) -> _Shape:
    raw = zip(types, map(str.encode, names), strict=True)
    return _compile(b"".join(bytes((_KINDS[kind], len(name))) + name for kind, name in raw))


_shape_of_cached = lru_cache(_CACHED_SHAPES)(_shape_of)


def _pack(key_bytes: int, names: tuple[str, ...], values: Sequence[Value], stamps: Sequence[int]) -> bytes:
    types = tuple(map(type, values))
    shape = _shape_of_cached(names, types) if len(names) <= _CACHED_COLUMNS else _shape_of(names, types)
    slots: list[Value] = []
    data: list[bytes] = []
    for value in values:
        if type(value) is str or type(value) is bytes:
            part = value.encode() if type(value) is str else value
            data.append(part)  # type: ignore[arg-type]
            slots.append(len(part))
        else:
            slots.append(value)
    head = _HEAD.pack(_FORMAT, key_bytes, len(shape.raw))
    return b"".join((head, shape.raw, shape.stamps.pack(*stamps), shape.slots.pack(*slots), *data))


def pack(key_bytes: int, columns: Mapping[str, Value], version_ms: int) -> bytes:
    """Return the blob of a row whose cells all have one version. `key_bytes` is the size of its key, names included."""
    names = tuple(sorted(columns))
    return _pack(key_bytes, names, [columns[name] for name in names], (version_ms,) * len(names))


def pack_cells(key_bytes: int, cells: Sequence[Cell]) -> bytes:
    """Return the blob of a row from its cells, in order of name, versions newest first."""
    if not cells:
        return _HEAD.pack(_FORMAT, key_bytes, 0)
    names, values, stamps = zip(*cells, strict=True)
    return _pack(key_bytes, names, values, stamps)


def _open(blob: bytes) -> tuple[_Shape, int, int]:
    """Return a blob's shape, the size of its key, and where its shape ends."""
    version, key_bytes, length = _HEAD.unpack_from(blob)
    if version != _FORMAT:
        raise _damaged(f"its format is {version}")
    at = _HEAD.size + length
    raw = blob[_HEAD.size : at]
    return (_compile_cached if length <= _CACHED_SHAPE_BYTES else _compile)(raw), key_bytes, at


def size_of(blob: bytes) -> int:
    """Return the size of a row as `unpack` does, without decoding it. Raises StorageFailure for a damaged shape."""
    try:
        shape, key_bytes, at = _open(blob)
    except _UNREADABLE as error:
        raise _damaged("it is cut short, or not valid text") from error
    return key_bytes + shape.fixed_bytes + len(blob) - at - shape.data_at


def unpack(blob: bytes) -> tuple[int, dict[str, Value]]:
    """Return the size of a row, key included, and the latest version of its columns, in order of name. Raises
    StorageFailure for damaged bytes."""
    try:
        shape, key_bytes, at = _open(blob)
        slots = shape.slots.unpack_from(blob, at + shape.stamps.size)
        at += shape.data_at
        size: int = key_bytes + shape.fixed_bytes + len(blob) - at
        columns: dict[str, Value] = {}
        for (name, kind, latest), slot in zip(shape.steps, slots, strict=True):
            if kind < _TEXT:
                if latest:
                    columns[name] = slot
                continue
            end = at + slot
            if latest:
                columns[name] = blob[at:end].decode() if kind == _TEXT else blob[at:end]
            at = end
    except _UNREADABLE as error:
        raise _damaged("it is cut short, or not valid text") from error
    if at != len(blob):
        raise _damaged("its length is wrong")
    return size, columns


def unpack_some(blob: bytes, wanted: Collection[str]) -> tuple[int, dict[str, Value]]:
    """Unpack the wanted columns only: the size counts the key and those columns."""
    size: int
    try:
        shape, size, at = _open(blob)
        slots = shape.slots.unpack_from(blob, at + shape.stamps.size)
        at += shape.data_at
        columns: dict[str, Value] = {}
        for (name, kind, latest), fixed_bytes, slot in zip(shape.steps, shape.sizes, slots, strict=True):
            end = at + slot if kind >= _TEXT else at
            if latest and name in wanted:
                size += fixed_bytes + end - at
                columns[name] = slot if kind < _TEXT else blob[at:end].decode() if kind == _TEXT else blob[at:end]
            at = end
    except _UNREADABLE as error:
        raise _damaged("it is cut short, or not valid text") from error
    if at != len(blob):
        raise _damaged("its length is wrong")
    return size, columns


def unpack_cells(blob: bytes) -> list[Cell]:
    """Return all versions of all cells, in order of name, versions newest first. Raises StorageFailure for damaged
    bytes."""
    try:
        shape, _, at = _open(blob)
        stamps = shape.stamps.unpack_from(blob, at)
        slots = shape.slots.unpack_from(blob, at + shape.stamps.size)
        at += shape.data_at
        cells: list[Cell] = []
        for (name, kind, _), stamp, slot in zip(shape.steps, stamps, slots, strict=True):
            end = at + slot if kind >= _TEXT else at
            value = slot if kind < _TEXT else blob[at:end].decode() if kind == _TEXT else blob[at:end]
            cells.append(Cell(name, value, stamp))
            at = end
    except _UNREADABLE as error:
        raise _damaged("it is cut short, or not valid text") from error
    if at != len(blob):
        raise _damaged("its length is wrong")
    return cells
