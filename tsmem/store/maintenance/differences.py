"""Describe how an existing table or index differs from the layout, in sentences. `store.tables` uses it.

Only differences that matter are described: those that make a command fail, return wrong results or cost money. More
indexes, or more fields in a search index, do not matter.
"""

from __future__ import annotations

from tsmem.port import FieldType, IndexSchema, SearchIndexSchema, TableSchema


def of_table(wanted: TableSchema, found: TableSchema) -> list[str]:
    """Return the differences of a table's key and options."""
    key = of_key(wanted, found)
    texts = [] if key is None else [key]
    if found.time_to_live_s != wanted.time_to_live_s:
        texts.append(f"time to live is {found.time_to_live_s} s, not {wanted.time_to_live_s}")
    if found.max_versions != wanted.max_versions:
        texts.append(f"max versions is {found.max_versions}, not {wanted.max_versions}")
    if not found.allow_update:
        texts.append("updates are not allowed")
    if found.deviation_s != wanted.deviation_s:
        texts.append(f"cell versions may be {found.deviation_s} s from now, not {wanted.deviation_s}")
    if found.reserved_units != wanted.reserved_units:
        units = "{} read and {} write units".format(*found.reserved_units)
        texts.append("reserved throughput is {}, which cost money, not {} and {}".format(units, *wanted.reserved_units))
    return texts


def of_key(wanted: TableSchema, found: TableSchema) -> str | None:
    return None if wanted.key == found.key else f"the key is {_key_text(found.key)}, not {_key_text(wanted.key)}"


def of_index(wanted: IndexSchema, found: IndexSchema, table: TableSchema, found_table: TableSchema) -> list[str]:
    """Return the differences of a secondary index's key, kind and column types. A column defined with another type
    matters, because the index would lack the rows with a value of our type."""
    appended = tuple(
        name for name, _ in table.key if name not in wanted.key
    )  # the service's description can list these too
    texts = []
    if found.key not in (wanted.key, wanted.key + appended):
        texts.append(f"the key is {_key_text(found.key)}, not {_key_text(wanted.key)}")
    if found.is_global:
        texts.append("it is a global index, which lags behind its table")
    defined = dict(found_table.defined_columns)
    for name, kind in table.defined_columns:
        if name in wanted.key and defined.get(name, kind) is not kind:
            texts.append(f"column {name} is defined as {defined[name]}, not {kind}")
    return texts


def of_search(wanted: SearchIndexSchema, found: SearchIndexSchema, time: str) -> list[str]:
    """Return the differences of a search index's fields. Searches sort by the field `time`."""
    fields = dict(found.fields)
    texts = [f"field {name} is not indexed" for name, _ in wanted.fields if name not in fields]
    for name, kind in wanted.fields:
        if name in fields and fields[name] != kind:
            texts.append(f"field {name} is {_type(fields[name])}, not {_type(kind)}")
        if name in found.not_indexed:
            texts.append(f"field {name} is kept and not indexed (index is false)")
        if name in found.arrays:
            texts.append(f"field {name} holds lists of values (is_array is true)")
        if name == time and name in found.not_sorted:
            texts.append(f"field {name} cannot be sorted by (enable_sort_and_agg is false)")
    return texts


def _type(kind: FieldType) -> str:
    size = "" if kind.min_chars is None else f"({kind.min_chars}..{kind.max_chars})"
    return kind.name if kind.analyzer is None else f"{kind.name} {kind.analyzer}{size}"


def _key_text(key: tuple[object, ...]) -> str:
    """Write out a key of columns, or of pairs of a column and its type."""
    return "(" + ", ".join(" ".join(map(str, part)) if isinstance(part, tuple) else str(part) for part in key) + ")"
