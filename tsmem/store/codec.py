"""Sessions and messages to rows and back. Reading is total, writing is strict, and what was read can be written back.

A field's column that holds another type than the field's leaves the field None and stands in the metadata under its own
name; every other column is metadata. Writing refuses a field's name in the metadata except in just that case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic

from tsmem import limits
from tsmem.errors import InvalidInput, LimitExceeded
from tsmem.rows import MUST_EXIST, PYTHON_TYPES, UNCONDITIONAL, Condition, Key, Put, Row, TableRef, Update, Value, Write
from tsmem.store.layout import Layout, TableLayout
from tsmem.store.metadata import Metadata, check_metadata_key
from tsmem.store.model import Item, Message, Session


class Codec(Generic[Item]):
    """Turns one kind of item into rows of its table and back."""

    def __init__(self, layout: TableLayout, model: type[Item]) -> None:
        self.layout = layout
        self.table = layout.ref
        self._model: type[Item] = model
        self._types = {name: PYTHON_TYPES[kind] for name, kind in layout.fields}
        self._key_types = tuple(PYTHON_TYPES[kind] for _, kind in layout.schema.key)
        self._reserved = layout.reserved

    def decode(self, row: Row) -> Item:
        """The item that a row holds; never fails, whatever another library wrote there."""
        fields: dict[str, object] = dict(zip(self.table.key, row.key, strict=True))
        metadata: dict[str, Value] = {}
        types = self._types
        for name, value in row.columns.items():
            if types.get(name) is type(value):
                fields[name] = value
            else:
                metadata[name] = value
        return self._model(**fields, metadata=Metadata(metadata))  # type: ignore[arg-type]

    def key_types(self, table: TableRef) -> tuple[type, ...]:
        """The types of the key columns of the table or one of its indexes."""
        types = {**self._types, **dict(zip(self.table.key, self._key_types, strict=True))}
        return tuple(types[name] for name in table.key)

    def key(self, *values: object) -> Key:
        """The key of these values in the table's order. Raises InvalidInput for an empty id or a wrong type, and
        LimitExceeded past 1,024 bytes."""
        for name, kind, value in zip(self.table.key, self._key_types, values, strict=True):
            self.check_key_part(name, kind, value)
        limits.check_key(self.table.key, values)  # type: ignore[arg-type]
        return values  # type: ignore[return-value]

    def check_id(self, name: str, value: object) -> str:
        """The id, checked. Raises InvalidInput when it is empty or no text: an empty id never means everyone."""
        self.check_key_part(name, str, value)
        limits.check_key((name,), (value,))  # type: ignore[arg-type]
        return str(value)

    @staticmethod
    def check_key_part(name: str, kind: type, value: object) -> None:
        """Raises InvalidInput for a key column's value that is empty or of another type."""
        what = name.replace("_", " ")
        if type(value) is not kind:
            raise InvalidInput(f"the {what} must be {_type_name(kind)}, not {type(value).__name__}")
        if value == "":
            raise InvalidInput(f"the {what} is empty")

    def key_of(self, item: Item) -> Key:
        """An item's key, checked."""
        return self.key(*(getattr(item, name) for name in self.table.key))

    def encode(self, item: Item, condition: Condition = UNCONDITIONAL) -> Put:
        """The write that stores the item whole. Raises InvalidInput or LimitExceeded when it cannot be stored."""
        put = Put(self.table, self.key_of(item), self._columns(item), condition)
        limits.check_write(put)
        return put

    def writes(self, item: Item, condition: Condition = UNCONDITIONAL) -> list[Write]:
        """The writes that store an item as it was read: a row that grew by updates past what one write may hold is a
        Put and Updates behind it, where there is no condition.

        Raises InvalidInput or LimitExceeded when it cannot be stored."""
        whole = Put(self.table, self.key_of(item), self._columns(item), condition)
        try:
            limits.check_write(whole)
        except LimitExceeded:
            if condition is not UNCONDITIONAL:
                raise
        else:
            return [whole]
        parts = _parts(whole)
        puts: list[Write] = [whole._replace(columns=parts[0])]
        writes = puts + [Update(self.table, whole.key, part, condition=MUST_EXIST) for part in parts[1:]]
        for write in writes:
            limits.check_write(write)
        return writes

    def _columns(self, item: Item) -> dict[str, Value]:
        columns: dict[str, Value] = {}
        for name in self._types:
            value = getattr(item, name)
            if value is not None:
                columns[name] = value
        self.check_fields(columns)
        for name, value in item.metadata.items():
            check_metadata_key(name)
            if name in self._reserved and not self._may_stand_in(name, value, columns):
                raise self._is_reserved(name)
            columns[name] = value
        return columns

    def _may_stand_in(self, name: str, value: Value, columns: Mapping[str, Value]) -> bool:
        kind = self._types.get(name)
        return kind is not None and name not in columns and type(value) is not kind

    def _is_reserved(self, name: str) -> InvalidInput:
        return InvalidInput(
            f"'{name}' is a field of a {self.layout.noun}, so metadata cannot use the name",
            hint=f"reserved: {', '.join(sorted(self._reserved))}",
        )

    def check_fields(self, columns: Mapping[str, object]) -> None:
        """Raises InvalidInput for a field's value of another type than the field's."""
        for name, value in columns.items():
            if type(value) is not self._types[name]:
                raise InvalidInput(f"{name} must be {_type_name(self._types[name])}, not {type(value).__name__}")

    def check_changes(self, metadata: Mapping[str, Value], unset: Iterable[str], fields: Mapping[str, Value]) -> None:
        """Raises InvalidInput for what an update cannot set or remove: a field as metadata, part of the key, no name,
        or one thing both set and removed."""
        for name in metadata:
            check_metadata_key(name)
            if name in self._reserved:
                raise self._is_reserved(name)
        for name in unset:
            check_metadata_key(name)
            if name in self.table.key:
                raise InvalidInput(f"'{name}' is part of the key of a {self.layout.noun}; it cannot be removed")
            if name in metadata or name in fields:
                raise InvalidInput(f"'{name}' is both set and removed")


def _parts(put: Put) -> list[Mapping[str, Value]]:
    """A row's columns in parts that one write may hold each."""
    room = limits.MAX_ROW_BYTES - limits.check_key(put.table.key, put.key)
    parts: list[dict[str, Value]] = [{}]
    size = 0
    for name, value in put.columns.items():
        length = limits.name_bytes(name) + limits.value_bytes(name, value)
        if len(parts[-1]) == limits.MAX_COLUMNS_PER_WRITE or (parts[-1] and size + length > room):
            parts.append({})
            size = 0
        parts[-1][name] = value
        size += length
    return list(parts)


class Codecs:
    """Both codecs of a layout."""

    def __init__(self, layout: Layout) -> None:
        self.session: Codec[Session] = Codec(layout.session, Session)
        self.message: Codec[Message] = Codec(layout.message, Message)

    def writes(self, item: Session | Message, condition: Condition = UNCONDITIONAL) -> list[Write]:
        """The writes that store either kind of item as it was read."""
        if isinstance(item, Session):
            return self.session.writes(item, condition)
        return self.message.writes(item, condition)


def _type_name(kind: type) -> str:
    return {str: "text", int: "an integer", float: "a number", bool: "a boolean", bytes: "bytes"}[kind]
