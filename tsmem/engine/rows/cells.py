"""Packs the attribute columns of a row into one blob, and unpacks them with the same types and values.

SQLite stores the blob beside the key. JSON has no bytes, and SQLite's JSON functions cut off text at NUL; pickle and
marshal can run code or crash on damaged input. Here damaged input raises StorageFailure.

    head        <BHI   the format (1), the size of the row's key, the length of the shape
    shape              for each cell: its type, the length of its name in bytes, its name in UTF-8
    versions    <q     for each cell: its version in milliseconds since 1970 UTC
    slots              for each cell: its integer (<q), double (<d) or boolean (<?), or the length of its data (<I)
    data               the texts and bytes of the cells

A cell is one version of a column. Cells are in order of name, and the versions of one column newest first. The rows of
a table have few different shapes, so a bounded cache keeps their compiled forms. Sizes are by TableStore's rule: that
of a row is the size of its key, names and values.
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
_FIXED_BYTES = (8, 8, 1, 0, 0)  # size of a value, without the length of text and bytes
_CACHED_SHAPES = 512
_MAX_CACHED_BYTES = 4096
_MAX_CACHED_COLUMNS = 64
"""A shape that is longer, or has more columns, is not cached, so that the caches stay small."""
_UNREADABLE = (struct.error, UnicodeDecodeError, IndexError)


class Cell(NamedTuple):
    name: str
    value: Value
    version_ms: int


class CellRow(NamedTuple):
    key: Key
    cells: list[Cell]


class _Shape(NamedTuple):
    raw: bytes
    cells: tuple[tuple[str, int, bool], ...]
    """For each cell: its name, its type, and True if it is the latest version of its column."""
    sizes: tuple[int, ...]
    """For each cell: its size, without the length of text and bytes."""
    versions_ms: struct.Struct
    slots: struct.Struct
    data_offset: int
    """Bytes from the end of the shape to the data."""
    fixed_bytes: int


def _damaged(what: str) -> StorageFailure:
    return StorageFailure(f"a stored row is damaged: {what}", hint="restore the file from a copy")


def _compile(raw: bytes) -> _Shape:
    cells: list[tuple[str, int, bool]] = []
    sizes: list[int] = []
    offset = 0
    while offset < len(raw):
        kind, end = raw[offset], offset + 2 + raw[offset + 1]
        if kind > _BYTES or end > len(raw):
            raise _damaged("its columns cannot be read")
        name = raw[offset + 2 : end].decode()
        cells.append((name, kind, not cells or cells[-1][0] != name))
        sizes.append(raw[offset + 1] + _FIXED_BYTES[kind])
        offset = end
    versions_ms = struct.Struct(f"<{len(cells)}q")
    slots = struct.Struct("<" + "".join(_SLOTS[kind] for _, kind, _ in cells))
    return _Shape(raw, tuple(cells), tuple(sizes), versions_ms, slots, versions_ms.size + slots.size, sum(sizes))


_compile_cached = lru_cache(_CACHED_SHAPES)(_compile)


def _shape_of(names: tuple[str, ...], types: tuple[type, ...]) -> _Shape:
    raw = zip(types, map(str.encode, names), strict=True)
    return _compile(b"".join(bytes((_KINDS[kind], len(name))) + name for kind, name in raw))


_shape_of_cached = lru_cache(_CACHED_SHAPES)(_shape_of)


def _pack(key_bytes: int, names: tuple[str, ...], values: Sequence[Value], versions_ms: Sequence[int]) -> bytes:
    types = tuple(map(type, values))
    shape = _shape_of_cached(names, types) if len(names) <= _MAX_CACHED_COLUMNS else _shape_of(names, types)
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
    return b"".join((head, shape.raw, shape.versions_ms.pack(*versions_ms), shape.slots.pack(*slots), *data))


def pack(key_bytes: int, columns: Mapping[str, Value], version_ms: int) -> bytes:
    """`key_bytes` is the size of the row's key. All cells get the same version."""
    names = tuple(sorted(columns))
    return _pack(key_bytes, names, [columns[name] for name in names], (version_ms,) * len(names))


def pack_cells(key_bytes: int, cells: Sequence[Cell]) -> bytes:
    """The cells must be in order of name, the versions of one column newest first."""
    if not cells:
        return _HEAD.pack(_FORMAT, key_bytes, 0)
    names, values, versions_ms = zip(*cells, strict=True)
    return _pack(key_bytes, names, values, versions_ms)


def _read_shape(blob: bytes) -> tuple[_Shape, int, int]:
    """Return a blob's shape, the size of its key, and the offset of the shape's end."""
    blob_format, key_bytes, length = _HEAD.unpack_from(blob)
    if blob_format != _FORMAT:
        raise _damaged(f"its format is {blob_format}")
    end = _HEAD.size + length
    raw = blob[_HEAD.size : end]
    return (_compile_cached if length <= _MAX_CACHED_BYTES else _compile)(raw), key_bytes, end


def size_of(blob: bytes) -> int:
    """Return the size of a row without unpacking it."""
    try:
        shape, key_bytes, offset = _read_shape(blob)
    except _UNREADABLE as error:
        raise _damaged("it is cut short, or not valid text") from error
    return key_bytes + shape.fixed_bytes + len(blob) - offset - shape.data_offset


def unpack(blob: bytes) -> tuple[int, dict[str, Value]]:
    """Return a row's size and the latest versions of its columns, in order of name."""
    try:
        shape, key_bytes, offset = _read_shape(blob)
        slots = shape.slots.unpack_from(blob, offset + shape.versions_ms.size)
        offset += shape.data_offset
        size: int = key_bytes + shape.fixed_bytes + len(blob) - offset
        columns: dict[str, Value] = {}
        for (name, kind, is_latest), slot in zip(shape.cells, slots, strict=True):
            if kind < _TEXT:
                if is_latest:
                    columns[name] = slot
                continue
            end = offset + slot
            if is_latest:
                columns[name] = blob[offset:end].decode() if kind == _TEXT else blob[offset:end]
            offset = end
    except _UNREADABLE as error:
        raise _damaged("it is cut short, or not valid text") from error
    if offset != len(blob):
        raise _damaged("its length is wrong")
    return size, columns


def unpack_columns(blob: bytes, wanted: Collection[str]) -> tuple[int, dict[str, Value]]:
    """Return the wanted columns as `unpack` does, and the size of the key and these columns."""
    try:
        shape, size, offset = _read_shape(blob)
        slots = shape.slots.unpack_from(blob, offset + shape.versions_ms.size)
        offset += shape.data_offset
        columns: dict[str, Value] = {}
        for (name, kind, is_latest), fixed_bytes, slot in zip(shape.cells, shape.sizes, slots, strict=True):
            end = offset + slot if kind >= _TEXT else offset
            if is_latest and name in wanted:
                size += fixed_bytes + end - offset
                data = slot if kind < _TEXT else blob[offset:end]
                columns[name] = data.decode() if kind == _TEXT else data
            offset = end
    except _UNREADABLE as error:
        raise _damaged("it is cut short, or not valid text") from error
    if offset != len(blob):
        raise _damaged("its length is wrong")
    return size, columns


def unpack_cells(blob: bytes) -> list[Cell]:
    try:
        shape, _, offset = _read_shape(blob)
        versions_ms = shape.versions_ms.unpack_from(blob, offset)
        slots = shape.slots.unpack_from(blob, offset + shape.versions_ms.size)
        offset += shape.data_offset
        cells: list[Cell] = []
        for (name, kind, _), version_ms, slot in zip(shape.cells, versions_ms, slots, strict=True):
            start = offset
            if kind >= _TEXT:
                offset += slot
            data = slot if kind < _TEXT else blob[start:offset]
            cells.append(Cell(name, data.decode() if kind == _TEXT else data, version_ms))
    except _UNREADABLE as error:
        raise _damaged("it is cut short, or not valid text") from error
    if offset != len(blob):
        raise _damaged("its length is wrong")
    return cells
