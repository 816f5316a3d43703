"""The tables themselves: what should be there, what is there, what to create.

It creates what is missing and alters nothing that exists; what differs is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple, TypeVar

from tsmem.clock import Clock
from tsmem.errors import AlreadyExists, InvalidInput, SchemaMismatch, TableNotFound
from tsmem.port import SearchIndexSchema, TableClient, TableSchema
from tsmem.rows import MAX, MIN, Range
from tsmem.store.layout import NOT_OURS, Layout, TableLayout
from tsmem.store.listing.pages import Scan
from tsmem.store.listing.scan import RowScan
from tsmem.store.maintenance import differences

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
    """Sentences: how what is there is not as described, or why `apply` could not create it."""
    created: bool = False
    """Whether `apply` created it."""
    foreign: bool = False
    """True if its table has another key than the layout's, so that `apply` creates nothing there."""


class Plan(NamedTuple):
    """Everything that should be there, in the order of creation."""

    steps: tuple[Step, ...]

    @property
    def missing(self) -> tuple[Step, ...]:
        """What `apply` would create."""
        return tuple(step for step in self.steps if step.state == "missing" and not step.foreign)

    @property
    def differences(self) -> tuple[str, ...]:
        """What stands in the way and is left as it is, or could not be created, a sentence each."""
        return tuple(f"{step.kind} {step.name}: {text}" for step in self.steps for text in step.differences)


class Tables:
    """`store.tables`. Nothing is created on a table whose key is not the layout's, and it is not dropped."""

    def __init__(self, client: TableClient, layout: Layout, clock: Clock) -> None:
        self._client = client
        self._layout = layout
        self._clock = clock

    def plan(self, *, search: bool = True) -> Plan:
        """What is there and what is missing; changes nothing. Cost: 1 request a table, 1 a search index."""
        return Plan(tuple(step for table in self._layout.tables for step in self._table_steps(table, search=search)))

    def apply(self, *, search: bool = True) -> Plan:
        """Create what is missing, and say what came of it. Doing it twice, or in two places at once, is no error; nor
        is what the service refuses to create: the rest is created, and the refusal is among the differences.

        Cost: that of `plan` before and after, and 1 request for each thing that is created."""
        made: set[tuple[str, str]] = set()
        refused: dict[tuple[str, str], str] = {}
        foreign: set[str] = set()
        for step in self.plan(search=search).missing:
            if step.table in foreign:
                continue
            try:
                if self._create(step, made):
                    made.add((step.kind, step.name))
                elif step.kind == "table" and self._key_difference(step.table) is not None:
                    foreign.add(step.table)  # somebody else created it just now
            except (InvalidInput, TableNotFound) as error:
                refused[step.kind, step.name] = error.message
        return Plan(tuple(_after(step, made, refused) for step in self.plan(search=search).steps))

    def wait(self, plan: Plan, timeout_s: float, on_wait: Callable[[Sequence[str]], None] = lambda names: None) -> None:
        """Wait until what is there as described can be used: tables and secondary indexes answer a read, and search
        indexes hold the rows that were there before them. `on_wait` hears in each round what may not be
        ready, as soon as one thing is not.

        Raises Unavailable that names what is not ready after `timeout_s` seconds. Cost: 1 request for each and more
        while they are refused, as often as it takes."""
        from tsmem.store.maintenance.readiness import wait

        wait(self._client, self._clock, self._layout, plan, timeout_s, on_wait)

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
        deleted, and tells `on_dropped` at once. Raises SchemaMismatch, with nothing deleted, where a table has another
        key than the layout's. Cost: 3 requests a table, 1 a search index."""
        if differences := self.key_differences():
            raise SchemaMismatch("; ".join(differences), hint=NOT_OURS)
        dropped: list[str] = []
        for table in self._layout.tables:
            for what in self._drop(table.schema.name):
                dropped.append(what)
                on_dropped(what)
        return tuple(dropped)

    def key_differences(self) -> tuple[str, ...]:
        """Name each table whose key is not the layout's, and the difference. Cost: 1 request a table."""
        found = (self._key_difference(table.schema.name) for table in self._layout.tables)
        return tuple(text for text in found if text is not None)

    def _key_difference(self, name: str) -> str | None:
        wanted = next(table.schema for table in self._layout.tables if table.schema.name == name)
        try:
            found = self._client.describe_table(name)
        except TableNotFound:
            return None
        text = differences.of_key(wanted, found)
        return None if text is None else f"table {name} is not one of tsmem's: {text}"

    def _drop(self, table: str) -> Iterator[str]:
        """Delete a table and its search indexes, and tell of each. What someone else deletes meanwhile is gone, too."""
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

    def _table_steps(self, layout: TableLayout, *, search: bool) -> list[Step]:
        schema, index, wanted = layout.schema, layout.schema.indexes[0], layout.search
        name = schema.name
        try:
            actual: TableSchema | None = self._client.describe_table(name)
        except TableNotFound:
            actual = None
        steps = [_step("table", name, name, actual, lambda found: differences.of_table(schema, found))]
        found_index = next((i for i in actual.indexes if i.name == index.name), None) if actual else None
        steps.append(
            _step(
                "secondary index",
                index.name,
                name,
                found_index,
                lambda found: differences.of_index(index, found, schema, actual),
            )
        )
        if search:
            found_search = self._describe_search(wanted) if actual else None
            steps.append(
                _step(
                    "search index",
                    wanted.name,
                    name,
                    found_search,
                    lambda found: differences.of_search(wanted, found, layout.time),
                )
            )
        if actual is not None and differences.of_key(schema, actual) is not None:
            return [_foreign(step) for step in steps]
        return steps

    def _describe_search(self, wanted: SearchIndexSchema) -> SearchIndexSchema | None:
        try:
            return self._client.describe_search_index(wanted.table, wanted.name)
        except TableNotFound:
            return None

    def _create(self, step: Step, made: set[tuple[str, str]]) -> bool:
        """Whether it was created here, and not by someone else at the same time."""
        layout = next(table for table in self._layout.tables if table.schema.name == step.table)
        try:
            if step.kind == "table":
                self._client.create_table(layout.schema)
            elif step.kind == "search index":
                self._client.create_search_index(layout.search)
            elif ("table", step.table) not in made:  # else it came with its table
                self._client.create_index(step.table, layout.schema.indexes[0], layout.schema.defined_columns)
        except AlreadyExists:
            return False
        return True


def _after(step: Step, made: set[tuple[str, str]], refused: dict[tuple[str, str], str]) -> Step:
    """A step once everything was tried."""
    name = (step.kind, step.name)
    if step.state != "missing" or step.foreign:
        return step._replace(created=name in made)
    return step._replace(differences=(refused.get(name, "it was not created: another thing may have its name"),))


def _foreign(step: Step) -> Step:
    """A step of a table that has another key: what is missing is left out."""
    texts = (f"not created, because table {step.table} has another key",) if step.state == "missing" else ()
    return step._replace(foreign=True, differences=(*step.differences, *texts))


def _step(
    kind: Kind, name: str, table: str, found: Found | None, differences: Callable[[Found], Sequence[str]]
) -> Step:
    if found is None:
        return Step(kind, name, table, "missing")
    texts = tuple(differences(found))
    return Step(kind, name, table, "different" if texts else "present", texts)
