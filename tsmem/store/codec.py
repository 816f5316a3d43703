"""Convert sessions and messages to rows, and back.

Decoding never fails, because other libraries can write anything: if a field's column has a value of another type, the
field is None and the value becomes metadata under the column's name. Encoding is strict, and refuses the name of a
field as a metadata key. The exception is a value that decoding would put there, so that every decoded item can be
encoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic

from tsmem import limits
from tsmem.errors import InvalidInput, LimitExceeded
from tsmem.rows import MUST_EXIST, PYTHON_TYPES, UNCONDITIONAL, Condition, Key, Put, Row, TableRef, Update, Value, Write
from tsmem.store.layout import TableLayout
from tsmem.store.metadata import Metadata, check_metadata_key
from tsmem.store.model import Item


class Codec(Generic[Item]):
    def __init__(self, layout: TableLayout, model: type[Item]) -> None:
        self.layout = layout
        self.table = layout.ref
        self._model: type[Item] = model
        self._types = {name: PYTHON_TYPES[kind] for name, kind in layout.fields}
        self._key_types = {name: PYTHON_TYPES[kind] for name, kind in layout.schema.key}
        self._reserved = layout.reserved_names

    def decode(self, row: Row) -> Item:
        fields: dict[str, object] = dict(zip(self.table.key, row.key, strict=True))
        metadata: dict[str, Value] = {}
        types = self._types
        for name, value in row.columns.items():
            if types.get(name) is type(value):
                fields[name] = value
            else:
                metadata[name] = value
        return self._model(**fields, metadata=Metadata(metadata))  # type: ignore[arg-type]

    def key_types(self, table: TableRef) -> dict[str, type]:
        types = {**self._types, **self._key_types}
        return {name: types[name] for name in table.key}

    def key(self, *values: object) -> Key:
        """Return the values as a key. Raises InvalidInput for an empty id, a wrong type or more than 1,024 bytes."""
        for (name, kind), value in zip(self._key_types.items(), values, strict=True):
            _check_key_value(name, kind, value)
        limits.check_key(self.table.key, values)  # type: ignore[arg-type]
        return values  # type: ignore[return-value]

    def check_id(self, name: str, value: object) -> str:
        """Return an id. Raises InvalidInput for an empty one, which never means everyone."""
        _check_key_value(name, str, value)
        limits.check_key((name,), (value,))  # type: ignore[arg-type]
        return str(value)

    def key_of(self, item: Item) -> Key:
        return self.key(*(getattr(item, name) for name in self.table.key))

    def encode(self, item: Item, condition: Condition = UNCONDITIONAL) -> Put:
        """Return the write that stores an item. Raises InvalidInput, also for an item too large for one write."""
        put = self._put(item, condition)
        limits.check_write(put)
        return put

    def writes(self, item: Item, condition: Condition = UNCONDITIONAL) -> list[Write]:
        """Return the writes that store an item, usually one Put. Updates can make a row larger than one write may be;
        without a condition, an item of that size becomes a Put and Updates. Raises InvalidInput."""
        put = self._put(item, condition)
        try:
            limits.check_write(put)
        except LimitExceeded:
            if condition is not UNCONDITIONAL:
                raise
            first, *rest = _split_columns(put)
            updates = (Update(self.table, put.key, columns, condition=MUST_EXIST) for columns in rest)
            writes: list[Write] = [put._replace(columns=first), *updates]
            for write in writes:
                limits.check_write(write)
            return writes
        return [put]

    def _put(self, item: Item, condition: Condition) -> Put:
        key = self.key_of(item)
        fields = {name: getattr(item, name) for name in self._types}
        columns: dict[str, Value] = {name: value for name, value in fields.items() if value is not None}
        self.check_fields(columns)
        for name, value in item.metadata.items():
            check_metadata_key(name)
            if name in self._reserved:
                kind = self._types.get(name)
                if kind is None or name in columns or type(value) is kind:
                    raise self._reserved_name(name)
            columns[name] = value
        return Put(self.table, key, columns, condition)

    def _reserved_name(self, name: str) -> InvalidInput:
        return InvalidInput(
            f"'{name}' is a field of a {self.layout.noun}, so metadata cannot use the name",
            hint=f"reserved: {', '.join(sorted(self._reserved))}",
        )

    def check_fields(self, columns: Mapping[str, object]) -> None:
        for name, value in columns.items():
            if type(value) is not self._types[name]:
                raise InvalidInput(f"{name} must be {_TYPE_NAMES[self._types[name]]}, not {type(value).__name__}")

    def check_changes(self, metadata: Mapping[str, Value], unset: Iterable[str], fields: Mapping[str, Value]) -> None:
        for name in metadata:
            check_metadata_key(name)
            if name in self._reserved:
                raise self._reserved_name(name)
        for name in unset:
            check_metadata_key(name)
            if name in self.table.key:
                raise InvalidInput(f"'{name}' is part of the key of a {self.layout.noun}; it cannot be removed")
            if name in metadata or name in fields:
                raise InvalidInput(f"'{name}' is both set and removed")


_TYPE_NAMES = {str: "text", int: "an integer"}


def _check_key_value(name: str, kind: type, value: object) -> None:
    what = name.replace("_", " ")
    if type(value) is not kind:
        raise InvalidInput(f"the {what} must be {_TYPE_NAMES[kind]}, not {type(value).__name__}")
    if value == "":
        raise InvalidInput(f"the {what} is empty")


def _split_columns(put: Put) -> list[Mapping[str, Value]]:
    max_bytes = limits.MAX_ROW_BYTES - limits.check_key(put.table.key, put.key)
    parts: list[Mapping[str, Value]] = []
    part: dict[str, Value] = {}
    part_bytes = 0
    for name, value in put.columns.items():
        column_bytes = limits.name_bytes(name) + limits.value_bytes(name, value)
        if len(part) == limits.MAX_COLUMNS_PER_WRITE or (part and part_bytes + column_bytes > max_bytes):
            parts.append(part)
            part, part_bytes = {}, 0
        part[name] = value
        part_bytes += column_bytes
    return [*parts, part]
