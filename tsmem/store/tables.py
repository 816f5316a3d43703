"""`store.tables`: plan, create, wait for, count and drop the two tables and their indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

from tsmem.clock import Clock, deadline
from tsmem.errors import AlreadyExists, InvalidInput, InvalidReply, SchemaMismatch, TableNotFound, Unavailable
from tsmem.port import FieldType, IndexSchema, KeySchema, SearchIndexSchema, TableClient, TableSchema
from tsmem.store.layout import FOREIGN_TABLE_HINT, Layout, TableLayout
from tsmem.store.listing.scan import RowScan, Scan

State = Literal["present", "missing", "different"]
Kind = Literal["table", "secondary index", "search index"]
_PAUSE_S = 1.0
_SHORTEST_S, _LONGEST_S = 0.5, 2.0
"""Shortest and longest time limit of one check, retries included."""


class Step(NamedTuple):
    kind: Kind
    name: str
    table: str
    state: State
    differences: tuple[str, ...] = ()
    """Sentences that say how it differs from the profile, or why `apply` did not create it."""
    created: bool = False
    is_foreign: bool = False
    """True if the table's key is not the layout's, so that `apply` creates nothing on it."""

    @property
    def full_name(self) -> str:
        return f"{self.kind} {self.name}"


class Plan(NamedTuple):
    """All tables and indexes that should exist, in the order in which they are created."""

    steps: tuple[Step, ...]

    @property
    def missing(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.state == "missing" and not step.is_foreign)

    @property
    def differences(self) -> tuple[str, ...]:
        """A sentence for each difference that `apply` would not remove."""
        return tuple(f"{step.full_name}: {text}" for step in self.steps for text in step.differences)


class Tables:
    def __init__(self, client: TableClient, layout: Layout, clock: Clock) -> None:
        self._client = client
        self._layout = layout
        self._clock = clock

    def plan(self, *, search: bool = True) -> Plan:
        """Compare the tables and indexes with the profile. Cost: 1 request a table, 1 a search index."""
        return Plan(tuple(step for table in self._layout for step in self._steps(table, search=search)))

    def apply(self, *, search: bool = True) -> Plan:
        """Create what is missing, alter nothing that exists, and return the new state. Two processes can do so at once.
        If the service refuses to create something, the refusal is among the differences, and the rest is created.

        Cost: twice that of `plan`, and 1 request for each table or index created."""
        return Plan(tuple(step for table in self._layout for step in self._apply(table, search=search)))

    def _apply(self, layout: TableLayout, *, search: bool) -> Iterator[Step]:
        created: set[Kind] = set()
        refused: dict[Kind, str] = {}
        for step in self._steps(layout, search=search):
            if step.state != "missing" or step.is_foreign:
                continue
            try:
                if step.kind == "table":
                    self._client.create_table(layout.schema)
                elif step.kind == "search index":
                    self._client.create_search_index(layout.search)
                elif "table" not in created:  # a new table was created with its secondary index
                    self._client.create_index(step.table, layout.schema.indexes[0], layout.schema.defined_columns)
                created.add(step.kind)
            except AlreadyExists:  # another process created it in the meantime
                if step.kind == "table" and self._key_difference(layout) is not None:
                    break
            except (InvalidInput, TableNotFound) as error:
                refused[step.kind] = error.message
        for step in self._steps(layout, search=search):
            if step.state != "missing" or step.is_foreign:
                yield step._replace(created=step.kind in created)
            else:
                text = refused.get(step.kind, "it was not created: another thing may have its name")
                yield step._replace(differences=(text,))

    def wait(self, plan: Plan, timeout_s: float, on_wait: Callable[[Sequence[str]], None] = lambda names: None) -> None:
        """Wait until all present tables and indexes are ready: tables and secondary indexes answer a read, and search
        indexes include the rows that existed before them. They are checked in rounds, once if `timeout_s` is 0; in each
        round, `on_wait` is called with the names that are not known to be ready.

        Raises Unavailable, with the names that are not ready, after `timeout_s` seconds and up to 0.5 more. Cost: 1
        request for each check."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        waiting = [step for step in plan.steps if step.state == "present"]
        while True:
            unready: list[Step] = []
            for index, step in enumerate(waiting):
                left_s = deadline_s - self._clock.monotonic_s()
                # The checks of a round share the time that is left, so that one slow check does not use it all up.
                share_s = max(_SHORTEST_S, min(_LONGEST_S, left_s / (len(waiting) - index)))
                if (left_s > 0 or timeout_s == 0) and self._is_ready(step, share_s):
                    continue
                if not unready:  # call it before the remaining checks, which can be slow
                    on_wait([each.full_name for each in waiting[index:]])
                unready.append(step)
            if not unready:
                return
            waiting = unready
            left_s = deadline_s - self._clock.monotonic_s() - _SHORTEST_S
            if left_s <= 0:
                names = ", ".join(step.full_name for step in waiting)
                raise Unavailable(
                    f"not ready after {timeout_s:g} s: {names}", hint="run the same command again to go on waiting"
                )
            self._clock.sleep(min(_PAUSE_S, left_s))

    def _is_ready(self, step: Step, timeout_s: float) -> bool:
        table = next(table for table in self._layout if table.schema.name == step.table)
        ref = table.index_ref if step.kind == "secondary index" else table.ref
        with deadline(self._clock, self._clock.monotonic_s() + timeout_s):
            try:
                if step.kind == "search index":
                    return self._client.describe_search_index(step.table, step.name).in_step
                self._client.get_range(ref, ref.range_of(), limit=1, columns=ref.key[:1])
            except InvalidReply:
                raise
            except (TableNotFound, Unavailable):
                return False
            except InvalidInput as error:
                if "building" not in error.message:  # the service's message for an index that cannot be read yet
                    raise
                return False
        return True

    def count(self) -> dict[str, int | None]:
        """Return the number of rows of each table, by the table's name; None for a missing table. Only keys are read.
        Cost: ceil(n / 5,000) requests a table."""
        counts: dict[str, int | None] = {}
        for table in self._layout:
            ref = table.ref
            try:
                scan = Scan(ref, ref.range_of(), columns=ref.key[:1])
                counts[ref.name] = sum(1 for _ in RowScan(self._client, scan))
            except TableNotFound:
                counts[ref.name] = None
        return counts

    def drop(self, on_dropped: Callable[[str], None] = lambda name: None) -> tuple[str, ...]:
        """Delete both tables with all rows and indexes. Return the names of the deleted tables and search indexes;
        `on_dropped` is called with each. Raises SchemaMismatch before anything is deleted if the key of a table is not
        the layout's. Cost: 3 requests a table, 1 a search index."""
        if differences := self.key_differences():
            raise SchemaMismatch("; ".join(differences), hint=FOREIGN_TABLE_HINT)
        dropped: list[str] = []
        for table in self._layout:
            for name in self._drop(table.schema.name):
                dropped.append(name)
                on_dropped(name)
        return tuple(dropped)

    def key_differences(self) -> tuple[str, ...]:
        """Return a sentence for each table whose key is not the layout's. Cost: 1 request a table."""
        return tuple(text for table in self._layout if (text := self._key_difference(table)) is not None)

    def _key_difference(self, layout: TableLayout) -> str | None:
        found = self._describe(layout.schema.name)
        text = None if found is None else key_difference(layout.schema, found)
        return None if text is None else f"table '{layout.schema.name}' cannot be the {layout.noun} table: {text}"

    def _drop(self, table: str) -> Iterator[str]:
        try:
            indexes = self._client.list_search_indexes(table)
        except TableNotFound:
            return
        for index in indexes:
            with suppress(TableNotFound):
                self._client.delete_search_index(table, index)
                yield f"search index {index}"
        with suppress(TableNotFound):
            self._client.delete_table(table)
            yield f"table {table}"

    def _steps(self, layout: TableLayout, *, search: bool) -> list[Step]:
        schema, index = layout.schema, layout.schema.indexes[0]
        actual = self._describe(schema.name)
        foreign = actual is not None and key_difference(schema, actual) is not None

        def step(kind: Kind, name: str, texts: Sequence[str] | None) -> Step:
            """`texts` are the differences; None if the table or index is missing."""
            state: State = "missing" if texts is None else "different" if texts else "present"
            if texts is None:
                texts = [f"not created, because table {schema.name} has another key"] if foreign else []
            return Step(kind, name, schema.name, state, tuple(texts), is_foreign=foreign)

        of_table = of_index = of_search = None
        if actual is not None:
            of_table = table_differences(schema, actual)
            for found in actual.indexes:
                if found.name == index.name:
                    of_index = index_differences(schema, actual, found)
            if search:
                with suppress(TableNotFound):
                    described = self._client.describe_search_index(schema.name, layout.search.name)
                    of_search = search_differences(layout.search, described, layout.time_column)
        steps = [step("table", schema.name, of_table), step("secondary index", index.name, of_index)]
        return [*steps, step("search index", layout.search.name, of_search)] if search else steps

    def _describe(self, table: str) -> TableSchema | None:
        try:
            return self._client.describe_table(table)
        except TableNotFound:
            return None


# Differences from the layout


def table_differences(wanted: TableSchema, found: TableSchema) -> list[str]:
    """Like the functions below, return only what makes a command fail, return wrong results or cost money."""
    key = key_difference(wanted, found)
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


def key_difference(wanted: TableSchema, found: TableSchema) -> str | None:
    return (
        None if wanted.key == found.key else f"its primary key is {_key_text(found.key)}, not {_key_text(wanted.key)}"
    )


def index_differences(table: TableSchema, found_table: TableSchema, found: IndexSchema) -> list[str]:
    """A column defined with another type matters, because the index would lack the rows with a value of our type."""
    wanted = table.indexes[0]
    appended = tuple(name for name, _ in table.key if name not in wanted.key)
    texts = []
    if found.key not in (wanted.key, wanted.key + appended):  # the service's description can list these too
        texts.append(f"the key is {_key_text(found.key)}, not {_key_text(wanted.key)}")
    if found.is_global:
        texts.append("it is a global index, which lags behind its table")
    defined = dict(found_table.defined_columns)
    for name, kind in table.defined_columns:
        if name in wanted.key and defined.get(name, kind) is not kind:
            texts.append(f"column {name} is defined as {defined[name]}, not {kind}")
    return texts


def search_differences(wanted: SearchIndexSchema, found: SearchIndexSchema, time: str) -> list[str]:
    fields = dict(found.fields)
    texts = [f"field {name} is not indexed" for name, _ in wanted.fields if name not in fields]
    for name, kind in wanted.fields:
        if name in fields and fields[name] != kind:
            texts.append(f"field {name} is {_field_text(fields[name])}, not {_field_text(kind)}")
        if name in found.not_indexed:
            texts.append(f"field {name} is kept and not indexed (index is false)")
        if name in found.arrays:
            texts.append(f"field {name} holds lists of values (is_array is true)")
        if name == time and name in found.not_sorted:
            texts.append(f"field {name} cannot be sorted by (enable_sort_and_agg is false)")
    return texts


def _field_text(kind: FieldType) -> str:
    size = "" if kind.min_chars is None else f"({kind.min_chars}..{kind.max_chars})"
    return kind.name if kind.analyzer is None else f"{kind.name} {kind.analyzer}{size}"


def _key_text(key: KeySchema | tuple[str, ...]) -> str:
    return "(" + ", ".join(part if isinstance(part, str) else " ".join(part) for part in key) + ")"
