"""A row's cells as one blob, and back, bit for bit and type for type.

Its one rule: the bytes alone say what every cell is. JSON would turn -0.0, NUL and bytes into something else, pickle
and marshal would run or crash on damaged input; this is `struct` and slices, and damage is StorageFailure.

    head    <BHI    format (1), size of the row's key, length of the shape
    shape           for each cell: type, length of its name in bytes, name in UTF-8
    stamps  <q each the cell's version, epoch milliseconds
    slots   <q, <d, <?, <I each: an integer, a double, a boolean, or the length of text or bytes
    data            the texts and bytes, in order

Cells stand in order of name, versions of one name newest first; a reader that wants the latest takes the first. Rows
of one table repeat few shapes, so a bounded cache maps a shape's bytes to its compiled form, and a row decodes with
two unpacks and a slice for each text. The size of a row by TableStore's rule (names, values, key) needs no decoding:
the shape knows all of it but the lengths, and the lengths are what is left of the blob.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from tsmem.errors import StorageFailure
from tsmem.rows import Key, Value

_FORMAT = 1
_HEAD = struct.Struct("<BHI")
_INTEGER, _DOUBLE, _BOOLEAN, _TEXT, _BYTES = range(5)
_KINDS: dict[type, int] = {int: _INTEGER, float: _DOUBLE, bool: _BOOLEAN, str: _TEXT, bytes: _BYTES}
_SLOTS = "qd?II"
_SIZES = (8, 8, 1, 0, 0)
"""What a value counts by TableStore's rule, beside the length of text and bytes."""
_CACHED_SHAPES = 512
_CACHED_SHAPE_BYTES = 4096
"""A longer shape is compiled each time: 512 of them bound the cache to 2 MB of keys."""


class Cell(NamedTuple):
    """One version of one attribute column."""

    name: str
    value: Value
    version_ms: int
    """Its version: epoch milliseconds."""


class CellRow(NamedTuple):
    """A row with the versions of its cells."""

    key: Key
    cells: list[Cell]
    """In order of name, versions newest first."""


class _Shape(NamedTuple):
    raw: bytes
    steps: tuple[tuple[str, int, bool], ...]
    """Name, kind, and whether it is the latest version of its name."""
    sizes: tuple[int, ...]
    """What each cell counts by TableStore's rule, without the length of text and bytes."""
    stamps: struct.Struct
    slots: struct.Struct
    slots_at: int
    """From the end of the shape."""
    data_at: int
    """From the end of the shape."""
    fixed_bytes: int
    """The size of all but texts and bytes, by TableStore's rule."""


_by_raw: dict[bytes, _Shape] = {}
_by_types: dict[tuple[tuple[str, ...], tuple[type, ...]], _Shape] = {}


def _damaged(what: str) -> StorageFailure:
    return StorageFailure(
        f"a stored row is damaged, because {what}",
        hint="it can be neither read, written nor deleted: restore the file from a copy",
    )


def _compile(raw: bytes) -> _Shape:
    """The compiled form of a shape, from the cache if it is there."""
    names: list[str] = []
    kinds: list[int] = []
    sizes: list[int] = []
    at = 0
    while at < len(raw):
        kind, end = raw[at], at + 2 + raw[at + 1]
        if kind > _BYTES or end > len(raw):
            raise _damaged("its columns cannot be read")
        kinds.append(kind)
        names.append(raw[at + 2 : end].decode())
        sizes.append(raw[at + 1] + _SIZES[kind])
        at = end
    stamps = struct.Struct(f"<{len(names)}q")
    slots = struct.Struct("<" + "".join(_SLOTS[kind] for kind in kinds))
    shape = _Shape(
        raw,
        tuple(
            (name, kind, index == 0 or names[index - 1] != name)
            for index, (name, kind) in enumerate(zip(names, kinds, strict=True))
        ),
        tuple(sizes),
        stamps,
        slots,
        stamps.size,
        stamps.size + slots.size,
        sum(sizes),
    )
    if len(raw) <= _CACHED_SHAPE_BYTES:
        if len(_by_raw) >= _CACHED_SHAPES:
            _by_raw.clear()
        _by_raw[raw] = shape
    return shape


def _shape_of(names: tuple[str, ...], types: tuple[type, ...]) -> _Shape:
    shape = _by_types.get((names, types))
    if shape is None:
        raw = zip(types, map(str.encode, names), strict=True)
        shape = _compile(b"".join(bytes((_KINDS[kind], len(name))) + name for kind, name in raw))
        if len(shape.raw) <= _CACHED_SHAPE_BYTES:
            if len(_by_types) >= _CACHED_SHAPES:
                _by_types.clear()
            _by_types[names, types] = shape
    return shape


def _pack(key_bytes: int, names: tuple[str, ...], values: Sequence[Value], stamps: Sequence[int]) -> bytes:
    shape = _shape_of(names, tuple(map(type, values)))
    slots: list[Value] = []
    data: list[bytes] = []
    for value in values:
        if type(value) is str:
            text = value.encode()
            data.append(text)
            slots.append(len(text))
        elif type(value) is bytes:
            data.append(value)
            slots.append(len(value))
        else:
            slots.append(value)
    head = _HEAD.pack(_FORMAT, key_bytes, len(shape.raw))
    return b"".join((head, shape.raw, shape.stamps.pack(*stamps), shape.slots.pack(*slots), *data))


def pack(key_bytes: int, columns: Mapping[str, Value], version_ms: int) -> bytes:
    """The blob of a row whose cells were all written at once. `key_bytes` is the size of its key, names included."""
    names = tuple(sorted(columns))
    return _pack(key_bytes, names, [columns[name] for name in names], (version_ms,) * len(names))


def pack_cells(key_bytes: int, cells: Sequence[Cell]) -> bytes:
    """The blob of a row from its cells, which stand in order of name, versions newest first."""
    if not cells:
        return _HEAD.pack(_FORMAT, key_bytes, 0)
    names, values, stamps = zip(*cells, strict=True)
    return _pack(key_bytes, names, values, stamps)


def _open(blob: bytes) -> tuple[_Shape, int, int]:
    """A blob's shape, the size of its key, and where its shape ends."""
    version, key_bytes, length = _HEAD.unpack_from(blob)
    if version != _FORMAT:
        raise _damaged(f"its format is {version}")
    at = _HEAD.size + length
    raw = blob[_HEAD.size : at]
    return _by_raw.get(raw) or _compile(raw), key_bytes, at


def unpack(blob: bytes) -> tuple[int, dict[str, Value]]:
    """The size of a row, key included, and the latest version of its columns, in order of name.

    Raises StorageFailure for damaged bytes."""
    try:
        shape, key_bytes, at = _open(blob)
        slots = shape.slots.unpack_from(blob, at + shape.slots_at)
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
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise _damaged("its bytes end too early, or are no text") from error
    if at != len(blob):
        raise _damaged("its length is not what it says")
    return size, columns


def size_of(blob: bytes) -> int:
    """The size of a row as `unpack` gives it, without its columns. Raises StorageFailure for a damaged shape."""
    try:
        shape, key_bytes, at = _open(blob)
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise _damaged("its bytes end too early, or are no text") from error
    return key_bytes + shape.fixed_bytes + len(blob) - at - shape.data_at


def unpack_some(blob: bytes, wanted: Collection[str]) -> tuple[int, dict[str, Value]]:
    """As `unpack`, of the wanted columns alone: the size counts the key and those columns."""
    try:
        shape, key_bytes, at = _open(blob)
        slots = shape.slots.unpack_from(blob, at + shape.slots_at)
        at += shape.data_at
        size: int = key_bytes
        columns: dict[str, Value] = {}
        for (name, kind, latest), fixed_bytes, slot in zip(shape.steps, shape.sizes, slots, strict=True):
            end = at + slot if kind >= _TEXT else at
            if latest and name in wanted:
                size += fixed_bytes + end - at
                columns[name] = slot if kind < _TEXT else blob[at:end].decode() if kind == _TEXT else blob[at:end]
            at = end
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise _damaged("its bytes end too early, or are no text") from error
    if at != len(blob):
        raise _damaged("its length is not what it says")
    return size, columns


def unpack_cells(blob: bytes) -> list[Cell]:
    """All versions of all cells, in order of name, versions newest first. Raises StorageFailure for damaged bytes."""
    try:
        shape, _, at = _open(blob)
        stamps = shape.stamps.unpack_from(blob, at)
        slots = shape.slots.unpack_from(blob, at + shape.slots_at)
        at += shape.data_at
        cells: list[Cell] = []
        for (name, kind, _), stamp, slot in zip(shape.steps, stamps, slots, strict=True):
            end = at + slot if kind >= _TEXT else at
            value = slot if kind < _TEXT else blob[at:end].decode() if kind == _TEXT else blob[at:end]
            cells.append(Cell(name, value, stamp))
            at = end
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise _damaged("its bytes end too early, or are no text") from error
    if at != len(blob):
        raise _damaged("its length is not what it says")
    return cells
