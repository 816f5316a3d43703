"""The two tables and their indexes: compare them with the profile, create what is missing, count and drop them.

Nothing that exists is altered; its differences are reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

from tsmem.clock import Clock, deadline
from tsmem.errors import AlreadyExists, InvalidInput, InvalidReply, SchemaMismatch, TableNotFound, Unavailable
from tsmem.port import TableClient, TableSchema
from tsmem.store.layout import FOREIGN_TABLE_HINT, Layout, TableLayout
from tsmem.store.listing.scan import RowScan, Scan
from tsmem.store.maintenance import differences

State = Literal["present", "missing", "different"]
Kind = Literal["table", "secondary index", "search index"]
_PAUSE_S = 1.0
"""Seconds between two rounds of checks for what is not ready."""
_SHORTEST_S, _LONGEST_S = 0.5, 2.0
"""Seconds for one check, retries included."""


class Step(NamedTuple):
    """A table or index that should exist."""

    kind: Kind
    name: str
    table: str
    state: State
    differences: tuple[str, ...] = ()
    """Sentences: the differences from the profile, or why `apply` could not create it."""
    created: bool = False
    """True if `apply` created it."""
    foreign: bool = False
    """True if its table has another key than the layout's, so that `apply` creates nothing there."""

    @property
    def full_name(self) -> str:
        return f"{self.kind} {self.name}"


class Plan(NamedTuple):
    """All tables and indexes that should exist, in the order of creation."""

    steps: tuple[Step, ...]

    @property
    def missing(self) -> tuple[Step, ...]:
        """The tables and indexes that `apply` would create."""
        return tuple(step for step in self.steps if step.state == "missing" and not step.foreign)

    @property
    def differences(self) -> tuple[str, ...]:
        """The differences that `apply` leaves, a sentence each."""
        return tuple(f"{step.full_name}: {text}" for step in self.steps for text in step.differences)


class Tables:
    """`store.tables`. A table whose key is not the layout's is never changed or dropped."""

    def __init__(self, client: TableClient, layout: Layout, clock: Clock) -> None:
        self._client = client
        self._layout = layout
        self._clock = clock

    def plan(self, *, search: bool = True) -> Plan:
        """Compare the tables and indexes with the profile. Cost: 1 request a table, 1 a search index."""
        return Plan(tuple(step for table in self._layout for step in self._steps(table, search=search)))

    def apply(self, *, search: bool = True) -> Plan:
        """Create what is missing and return the new state. Calling it twice, or in two places at once, is no error. If
        the service refuses to create one thing, the rest is created and the refusal is among the differences.

        Cost: twice that of `plan`, and 1 request for each thing created."""
        return Plan(tuple(step for table in self._layout for step in self._apply(table, search=search)))

    def _apply(self, layout: TableLayout, *, search: bool) -> Iterator[Step]:
        made: set[Kind] = set()
        refused: dict[Kind, str] = {}
        for step in self._steps(layout, search=search):
            if step.state != "missing" or step.foreign:
                continue
            try:
                if step.kind == "table":
                    self._client.create_table(layout.schema)
                elif step.kind == "search index":
                    self._client.create_search_index(layout.search)
                elif "table" not in made:  # else its table brought it
                    self._client.create_index(step.table, layout.schema.indexes[0], layout.schema.defined_columns)
                made.add(step.kind)
            except AlreadyExists:  # somebody else created it just now
                if step.kind == "table" and self._key_difference(layout) is not None:
                    break
            except (InvalidInput, TableNotFound) as error:
                refused[step.kind] = error.message
        for step in self._steps(layout, search=search):
            if step.state != "missing" or step.foreign:
                yield step._replace(created=step.kind in made)
            else:
                text = refused.get(step.kind, "it was not created: another thing may have its name")
                yield step._replace(differences=(text,))

    def wait(self, plan: Plan, timeout_s: float, on_wait: Callable[[Sequence[str]], None] = lambda names: None) -> None:
        """Wait until everything that exists as described is ready: tables and secondary indexes answer a read, and
        search indexes hold the rows that are older than they. `on_wait` is called in each round with the names that may
        not be ready. The checks of a round share the time that is left, so the last one may end `_SHORTEST_S` seconds
        late. Without any time there is one round.

        Raises Unavailable with the names that are not ready after `timeout_s` seconds. Cost: 1 request each, repeated
        while they are refused."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        waiting = [step for step in plan.steps if step.state == "present"]
        while True:
            unready: list[Step] = []
            for place, step in enumerate(waiting):
                left_s = deadline_s - self._clock.monotonic_s()
                share_s = max(_SHORTEST_S, min(_LONGEST_S, left_s / (len(waiting) - place)))
                if (left_s > 0 or timeout_s == 0) and self._is_ready(step, share_s):
                    continue
                if not unready:  # the checks after the first failed one may take as long
                    on_wait([each.full_name for each in waiting[place:]])
                unready.append(step)
            if not unready:
                return
            waiting = unready
            left_s = deadline_s - self._clock.monotonic_s() - _SHORTEST_S
            if left_s <= 0:
                names = ", ".join(step.full_name for step in waiting)
                raise Unavailable(f"not ready after {timeout_s:g} s: {names}", hint="the same command waits again")
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
                if "building" not in error.message:  # the service's word for an index that cannot be read yet
                    raise
                return False
        return True

    def count(self) -> dict[str, int | None]:
        """Return the number of rows of each table by its name; None for a missing table. Only keys are read.
        Cost: ceil(n / 5,000) requests a table."""
        counted: dict[str, int | None] = {}
        for table in self._layout:
            ref = table.ref
            try:
                scan = Scan(ref, ref.range_of(), columns=ref.key[:1])
                counted[ref.name] = sum(1 for _ in RowScan(self._client, scan))
            except TableNotFound:
                counted[ref.name] = None
        return counted

    def drop(self, on_dropped: Callable[[str], None] = lambda name: None) -> tuple[str, ...]:
        """Delete both tables with all rows and indexes, and return the names of what was deleted. `on_dropped` is
        called after each. Raises SchemaMismatch, with nothing deleted, if a table has another key than the layout's.
        Cost: 3 requests a table, 1 a search index."""
        if differences := self.key_differences():
            raise SchemaMismatch("; ".join(differences), hint=FOREIGN_TABLE_HINT)
        dropped: list[str] = []
        for table in self._layout:
            for name in self._drop(table.schema.name):
                dropped.append(name)
                on_dropped(name)
        return tuple(dropped)

    def key_differences(self) -> tuple[str, ...]:
        """Return a sentence for each table with another key than the layout's. Cost: 1 request a table."""
        return tuple(text for table in self._layout if (text := self._key_difference(table)) is not None)

    def _key_difference(self, layout: TableLayout) -> str | None:
        found = self._describe(layout.schema.name)
        text = None if found is None else differences.of_key(layout.schema, found)
        return None if text is None else f"table {layout.schema.name} is not one of tsmem's: {text}"

    def _drop(self, table: str) -> Iterator[str]:
        """Delete a table and its search indexes. What somebody else deletes meanwhile is no error."""
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
        foreign = actual is not None and differences.of_key(schema, actual) is not None

        def step(kind: Kind, name: str, texts: Sequence[str] | None) -> Step:
            """`texts` are the differences; None if the thing is missing."""
            state: State = "missing" if texts is None else "different" if texts else "present"
            if texts is None:
                texts = [f"not created, because table {schema.name} has another key"] if foreign else []
            return Step(kind, name, schema.name, state, tuple(texts), foreign=foreign)

        texts = None
        for found in () if actual is None else actual.indexes:
            if found.name == index.name:
                texts = differences.of_index(index, found, schema, actual)
        steps = [
            step("table", schema.name, None if actual is None else differences.of_table(schema, actual)),
            step("secondary index", index.name, texts),
        ]
        if search:
            texts = None
            if actual is not None:
                with suppress(TableNotFound):
                    described = self._client.describe_search_index(schema.name, layout.search.name)
                    texts = differences.of_search(layout.search, described, layout.time_column)
            steps.append(step("search index", layout.search.name, texts))
        return steps

    def _describe(self, table: str) -> TableSchema | None:
        try:
            return self._client.describe_table(table)
        except TableNotFound:
            return None
