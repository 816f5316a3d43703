"""Names the differences between an existing table or index and the profile's description, a sentence for each.

A difference is what would make a command fail or return wrong results, or cost money unasked. Additions to what was
asked for (further fields of a search index, further indexes) are none.
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
        there = "{} read and {} write units".format(*found.reserved_units)
        texts.append("reserved throughput is {}, which cost money, not {} and {}".format(there, *wanted.reserved_units))
    return texts


def of_key(wanted: TableSchema, found: TableSchema) -> str | None:
    return None if wanted.key == found.key else f"the key is {_shown(found.key)}, not {_shown(wanted.key)}"


def of_index(wanted: IndexSchema, found: IndexSchema, table: TableSchema, actual: TableSchema | None) -> list[str]:
    """Return the differences of a secondary index's key, its kind, and the types of its columns in the `actual` table:
    a row whose value is of another type is not in the index. The service may show the key columns that it appended."""
    appended = tuple(name for name, _ in table.key if name not in wanted.key)
    texts = []
    if found.key not in (wanted.key, wanted.key + appended):
        texts.append(f"the key is {_shown(found.key)}, not {_shown(wanted.key)}")
    if found.is_global:
        texts.append("it is a global index, which lags behind its table")
    there = dict(actual.defined_columns) if actual is not None else {}
    for name, kind in table.defined_columns:
        if name in wanted.key and there.get(name, kind) is not kind:
            texts.append(f"column {name} is defined as {there[name]}, not {kind}")
    return texts


def of_search(wanted: SearchIndexSchema, found: SearchIndexSchema, time: str) -> list[str]:
    """Return the differences of a search index's fields. `time` is the field that rows are sorted by."""
    there = dict(found.fields)
    texts = [f"field {name} is not indexed" for name, _ in wanted.fields if name not in there]
    for name, kind in wanted.fields:
        if name in there and there[name] != kind:
            texts.append(f"field {name} is {_type(there[name])}, not {_type(kind)}")
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


def _shown(key: tuple[object, ...]) -> str:
    return "(" + ", ".join(" ".join(map(str, p)) if isinstance(p, tuple) else str(p) for p in key) + ")"
