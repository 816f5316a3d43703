"""The tables themselves: what should be there, what is there, what to create.

It creates what is missing and alters nothing that exists; what differs is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeVar

from tsmem.errors import AlreadyExists, TableNotFound
from tsmem.port import FieldType, SearchIndexSchema, TableClient, TableSchema
from tsmem.rows import MAX, MIN, Range
from tsmem.store.layout import Layout, TableLayout
from tsmem.store.scan import RowScan, Scan

State = Literal["present", "missing", "different"]
Found = TypeVar("Found")
Kind = Literal["table", "secondary index", "search index"]


class Step(NamedTuple):
    """One thing that should be there."""

    kind: Kind
    name: str
    table: str
    state: State
    differences: tuple[str, ...] = ()
    """Sentences, where it is there and is not as described."""
    created: bool = False
    """Whether `apply` created it."""


class Plan(NamedTuple):
    """Everything that should be there, in the order of creation."""

    steps: tuple[Step, ...]

    @property
    def missing(self) -> tuple[Step, ...]:
        """What `apply` would create."""
        return tuple(step for step in self.steps if step.state == "missing")

    @property
    def differences(self) -> tuple[str, ...]:
        """What stands in the way and is left as it is, a sentence each."""
        return tuple(f"{step.kind} {step.name}: {text}" for step in self.steps for text in step.differences)


class Tables:
    """`store.tables`."""

    def __init__(self, client: TableClient, layout: Layout) -> None:
        self._client = client
        self._layout = layout

    def plan(self, *, search: bool = True) -> Plan:
        """What is there and what is missing; changes nothing. Cost: 2 requests a table, 1 a search index."""
        return Plan(tuple(step for table in self._layout.tables for step in self._table_steps(table, search=search)))

    def apply(self, *, search: bool = True) -> Plan:
        """Create what is missing, and say what came of it. Doing it twice, or in two places at once, is no error.

        Cost: that of `plan` before and after, and 1 request for each thing that is created."""
        before = self.plan(search=search)
        made = {(step.kind, step.name) for step in before.missing if self._create(step, before)}
        after = self.plan(search=search)
        return Plan(
            tuple(
                Step(s.kind, s.name, s.table, s.state, s.differences, created=(s.kind, s.name) in made)
                for s in after.steps
            )
        )

    def count(self) -> dict[str, int | None]:
        """How many rows each table has, by its name; None for one that is not there. Keys only are read.
        Cost: ceil(n / 5,000) requests a table."""
        counted: dict[str, int | None] = {}
        for table in self._layout.tables:
            ref = table.ref
            span = Range((MIN,) * len(ref.key), (MAX,) * len(ref.key))
            try:
                counted[ref.name] = sum(1 for _ in RowScan(self._client, Scan(ref, span, columns=ref.key[:1])))
            except TableNotFound:
                counted[ref.name] = None
        return counted

    def drop(self, on_dropped: Callable[[str], None] = lambda name: None) -> tuple[str, ...]:
        """Delete both tables with all their rows and indexes; what is not there is passed over. Returns what was
        deleted, and tells `on_dropped` at once. Cost: 2 requests a table, 1 a search index."""
        dropped: list[str] = []
        for table in self._layout.tables:
            name = table.schema.name
            try:
                for index in self._client.list_search_indexes(name):
                    self._client.delete_search_index(name, index)
                    dropped.append(f"search index {index}")
                    on_dropped(dropped[-1])
                self._client.delete_table(name)
            except TableNotFound:
                continue
            dropped.append(f"table {name}")
            on_dropped(dropped[-1])
        return tuple(dropped)

    def _table_steps(self, layout: TableLayout, *, search: bool) -> list[Step]:
        schema, index, wanted = layout.schema, layout.schema.indexes[0], layout.search
        name = schema.name
        try:
            actual: TableSchema | None = self._client.describe_table(name)
        except TableNotFound:
            actual = None
        steps = [_step("table", name, name, actual, lambda found: _table_differences(schema, found))]
        found_index = next((i for i in actual.indexes if i.name == index.name), None) if actual else None
        steps.append(
            _step(
                "secondary index",
                index.name,
                name,
                found_index,
                lambda found: _key_differences(index.key, found.key[: len(index.key)]),
            )
        )
        if search:
            found_search = self._describe_search(wanted) if actual else None
            steps.append(
                _step("search index", wanted.name, name, found_search, lambda found: _field_differences(wanted, found))
            )
        return steps

    def _describe_search(self, wanted: SearchIndexSchema) -> SearchIndexSchema | None:
        try:
            return self._client.describe_search_index(wanted.table, wanted.name)
        except TableNotFound:
            return None

    def _create(self, step: Step, plan: Plan) -> bool:
        """Whether it was created here, and not by someone else at the same time."""
        layout = next(table for table in self._layout.tables if table.schema.name == step.table)
        try:
            if step.kind == "table":
                self._client.create_table(layout.schema)
            elif step.kind == "search index":
                self._client.create_search_index(layout.search)
            elif any(s.kind == "table" and s.name == step.table and s.state == "missing" for s in plan.steps):
                return True  # came with its table
            else:
                self._client.create_index(step.table, layout.schema.indexes[0], layout.schema.defined_columns)
        except AlreadyExists:
            return False
        return True


def _step(
    kind: Kind, name: str, table: str, found: Found | None, differences: Callable[[Found], Sequence[str]]
) -> Step:
    if found is None:
        return Step(kind, name, table, "missing")
    texts = tuple(differences(found))
    return Step(kind, name, table, "different" if texts else "present", texts)


def _key_differences(wanted: object, found: object) -> list[str]:
    return [] if wanted == found else [f"the key is {_shown(found)}, not {_shown(wanted)}"]


def _table_differences(wanted: TableSchema, found: TableSchema) -> list[str]:
    texts = _key_differences(wanted.key, found.key)
    if found.time_to_live_s != wanted.time_to_live_s:
        texts.append(f"time to live is {found.time_to_live_s} s, not {wanted.time_to_live_s}")
    if found.max_versions != wanted.max_versions:
        texts.append(f"max versions is {found.max_versions}, not {wanted.max_versions}")
    return texts


def _field_differences(wanted: SearchIndexSchema, found: SearchIndexSchema) -> list[str]:
    there = dict(found.fields)
    texts = [f"field {name} is not indexed" for name, _ in wanted.fields if name not in there]
    for name, kind in wanted.fields:
        if name in there and there[name] != kind:
            texts.append(f"field {name} is {_type(there[name])}, not {_type(kind)}")
    return texts


def _type(kind: FieldType) -> str:
    size = "" if kind.min_chars is None else f"({kind.min_chars}..{kind.max_chars})"
    return kind.name if kind.analyzer is None else f"{kind.name} {kind.analyzer}{size}"


def _shown(key: object) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    return "(" + ", ".join(" ".join(map(str, p)) if isinstance(p, tuple) else str(p) for p in parts) + ")"
