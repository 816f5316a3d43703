"""A state machine that runs the same operations on a backend and on a plain dict, and compares each result.

The model is written from the port's contract, not from the engine, and is as simple as possible.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support.checked_client import CheckedClient
from tests.support.filters import service_filter_matches
from tests.support.server_in_process import profile_of, serving
from tsmem import rows as r
from tsmem.adapters import open_client
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.errors import ConditionFailed, InvalidInput
from tsmem.port import IndexSchema, TableClient, TableSchema, rows_of

TABLE = TableSchema(
    "t",
    (("s", r.ColumnType.STRING), ("n", r.ColumnType.INTEGER), ("b", r.ColumnType.BINARY)),
    (IndexSchema("by_key", ("s", "b", "n")), IndexSchema("by_column", ("s", "x", "n", "b"), ("y",))),
    (("x", r.ColumnType.INTEGER), ("y", r.ColumnType.STRING)),
)
REF = TABLE.ref
BY_KEY = r.TableRef("by_key", ("s", "b", "n"))
BY_COLUMN = r.TableRef("by_column", ("s", "x", "n", "b"))

TEXTS = st.sampled_from(["", "a", "a\0", "aa", "b", "é", "😀"])
NUMBERS = st.sampled_from([-(2**63), -1, 0, 1, 2**63 - 1])
BYTES = st.sampled_from([b"", b"\0", b"a", b"\xff"])
KEYS = st.tuples(st.sampled_from("ab"), st.sampled_from([0, 1]), st.just(b"")) | st.tuples(TEXTS, NUMBERS, BYTES)
"""Half of the keys are one of four, so that operations often meet existing rows."""
VALUES: st.SearchStrategy[r.Value] = st.one_of(
    TEXTS, NUMBERS, BYTES, st.booleans(), st.sampled_from([0.0, -0.0, 1.0, 5e-324, -1.5])
)
NAMES = st.sampled_from(["x", "y", "z", "s", "n"])
COLUMNS = st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES)
COMPARISONS = st.builds(r.Comparison, NAMES, st.sampled_from(list(r.Op)), VALUES, st.booleans())
FILTERS: st.SearchStrategy[r.Filter] = st.recursive(
    COMPARISONS,
    lambda parts: st.one_of(
        st.builds(r.Not, parts), st.builds(r.And, st.tuples(parts, parts)), st.builds(r.Or, st.tuples(parts, parts))
    ),
    max_leaves=4,
)
CONDITIONS = st.one_of(
    st.just(r.UNCONDITIONAL), st.builds(r.Condition, st.sampled_from(list(r.Existence)), st.none() | FILTERS)
)
ENDS = st.just(r.MIN) | st.just(r.MAX)
BOUNDS: st.SearchStrategy[r.KeyBound] = KEYS | st.tuples(TEXTS | ENDS, NUMBERS | ENDS, BYTES | ENDS)
INDEX_STARTS: st.SearchStrategy[tuple[r.TableRef, r.KeyBound]] = st.one_of(
    st.tuples(st.just(BY_KEY), st.tuples(TEXTS | ENDS, BYTES | ENDS, NUMBERS | ENDS)),
    st.tuples(st.just(BY_COLUMN), st.tuples(TEXTS | ENDS, NUMBERS | ENDS, NUMBERS | ENDS, BYTES | ENDS)),
)
PUTS = st.builds(r.Put, st.just(REF), KEYS, COLUMNS, CONDITIONS)
UPDATES = st.builds(
    r.Update, st.just(REF), KEYS, COLUMNS, st.sampled_from([(), ("x",), ("y", "z")]), CONDITIONS
).filter(lambda update: bool(update.columns or update.delete) and not set(update.columns) & set(update.delete))
DELETES = st.builds(r.Delete, st.just(REF), KEYS, CONDITIONS)
WRITES: st.SearchStrategy[r.Write] = st.one_of(PUTS, UPDATES, DELETES)
PROJECTIONS = st.none() | st.lists(st.sampled_from(["x", "y", "z", "s", "nope"]), min_size=1, unique=True)


def exactly(row: r.Row | None) -> object:
    """Return a row's columns with their types and signs, which == ignores."""
    return row and (row.key, [(name, type(value), repr(value)) for name, value in row.columns.items()])


class Model:
    """The port's contract, implemented with a dict."""

    def __init__(self) -> None:
        self.rows: dict[r.Key, dict[str, r.Value]] = {}

    def write(self, write: r.Write) -> bool:
        """Carry out a write. Return False if its condition fails."""
        old = self.rows.get(write.key)
        condition = write.condition
        if condition.existence is r.Existence.EXPECT_EXIST and old is None:
            return False
        if condition.existence is r.Existence.EXPECT_NOT_EXIST and old is not None:
            return False
        seen = {**dict(zip(REF.key, write.key, strict=True)), **(old or {})}
        if condition.filter is not None and not service_filter_matches(condition.filter, seen):
            return False
        if isinstance(write, r.Delete):
            self.rows.pop(write.key, None)
        elif isinstance(write, r.Put):
            self.rows[write.key] = dict(write.columns)
        elif old is not None or write.columns:
            kept = {name: value for name, value in (old or {}).items() if name not in write.delete}
            self.rows[write.key] = {**kept, **write.columns}
        return True

    def table(self, ref: r.TableRef) -> dict[r.Key, dict[str, r.Value]]:
        if ref == REF:
            return self.rows
        found: dict[r.Key, dict[str, r.Value]] = {}
        for (s, n, b), columns in self.rows.items():
            if ref == BY_KEY:
                found[s, b, n] = {}
            elif type(x := columns.get("x")) is int:
                found[s, x, n, b] = {name: value for name, value in columns.items() if name == "y"}
        return found

    def get(self, ref: r.TableRef, key: r.Key, wanted: list[str] | None) -> r.Row | None:
        columns = self.table(ref).get(key)
        if columns is None:
            return None
        picked = {name: columns[name] for name in sorted(columns) if wanted is None or name in wanted}
        if wanted is not None and not picked and not set(wanted) & set(ref.key):
            return None
        return r.Row(key, picked)


def rank(bound: r.KeyBound) -> list[tuple[int, r.KeyValue]]:
    """Return a value for a key or bound that sorts in key order."""
    ranks: list[tuple[int, r.KeyValue]] = []
    for value in bound:
        if isinstance(value, r.Bound):
            return [*ranks, (-1 if value is r.MIN else 1, 0)]
        ranks.append((0, value.encode() if isinstance(value, str) else value))
    return ranks


class EngineBesideModel(RuleBasedStateMachine):
    """Sends the same requests to the model and to the embedded engine."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.opened = ExitStack()
        self.client: TableClient = CheckedClient(self.open())

    def open(self) -> TableClient:
        client = LocalClient(None, SystemClock())
        self.opened.callback(client.close)
        return client

    @initialize()
    def create(self) -> None:
        self.client.create_table(TABLE)

    def teardown(self) -> None:
        self.opened.close()

    @rule(write=WRITES)
    def write(self, write: r.Write) -> None:
        try:
            self.client.write_row(write)
            done = True
        except ConditionFailed:
            done = False
        assert done is self.model.write(write)

    @rule(writes=st.lists(WRITES, min_size=1, max_size=12))
    def write_batch(self, writes: list[r.Write]) -> None:
        """Both write the same rows of a batch, and both refuse a batch that repeats a key beside an existence
        condition."""
        repeated = len({write.key for write in writes}) < len(writes)
        if repeated and any(write.condition.existence is not r.Existence.IGNORE for write in writes):
            with pytest.raises(InvalidInput):
                self.client.write_rows(writes)
            return
        outcomes = self.client.write_rows(writes)
        assert [outcome is None for outcome in outcomes] == [self.model.write(write) for write in writes]

    @rule(keys=st.lists(KEYS, min_size=1, max_size=5), wanted=PROJECTIONS)
    def read(self, keys: list[r.Key], wanted: list[str] | None) -> None:
        expected = [exactly(self.model.get(REF, key, wanted)) for key in keys]
        assert [exactly(row) for row in rows_of(self.client.get_rows(REF, keys, wanted))] == expected
        assert exactly(self.client.get_row(REF, keys[0], wanted)) == expected[0]

    @rule(one=BOUNDS, other=BOUNDS, backward=st.booleans(), limit=st.none() | st.integers(1, 6),
          wanted=PROJECTIONS, test=st.none() | FILTERS)  # fmt: skip
    def read_range(self, one: r.KeyBound, other: r.KeyBound, backward: bool, limit: int | None,
                   wanted: list[str] | None, test: r.Filter | None) -> None:  # fmt: skip
        self.compare_page(REF, r.Range(one, other, backward), limit, wanted, test)

    @rule(start=INDEX_STARTS, backward=st.booleans(), limit=st.none() | st.integers(1, 6))
    def read_index(self, start: tuple[r.TableRef, r.KeyBound], backward: bool, limit: int | None) -> None:
        ref, first = start
        end = (r.MIN if backward else r.MAX,) * len(first)
        self.compare_page(ref, r.Range(first, end, backward), limit, None, None)

    @invariant()
    def indexes_are_in_step(self) -> None:
        for ref in (BY_KEY, BY_COLUMN):
            self.compare_page(ref, ref.range_of(), None, None, None)

    def compare_page(
        self, ref: r.TableRef, span: r.Range, limit: int | None, wanted: list[str] | None, test: r.Filter | None
    ) -> None:
        low, high = (span.end, span.start) if span.backward else (span.start, span.end)
        if not rank(low) < rank(high):
            with pytest.raises(InvalidInput):
                self.client.get_range(ref, span, limit=limit, columns=wanted, filter=test)
            return
        keys = sorted(self.model.table(ref), key=rank, reverse=span.backward)
        if span.backward:
            left = [key for key in keys if rank(low) < rank(key) <= rank(high)]
        else:
            left = [key for key in keys if rank(low) <= rank(key) < rank(high)]
        expected: list[object] = []
        while left and len(expected) != limit:
            key = left.pop(0)
            row = self.model.get(ref, key, wanted)
            if row is None:
                continue
            seen = {**dict(zip(ref.key, key, strict=True)), **row.columns}
            if test is None or service_filter_matches(test, seen):
                expected.append(exactly(row))
        page = self.client.get_range(ref, span, limit=limit, columns=wanted, filter=test)
        assert [exactly(row) for row in page.rows] == expected
        assert page.next_start == (left[0] if left else None)


class SdkBesideModel(EngineBesideModel):
    """Sends the same requests to the model and, through the real SDK, to our server."""

    def open(self) -> TableClient:
        served = self.opened.enter_context(serving(None))
        client = open_client(profile_of(served.endpoint), SystemClock())
        self.opened.callback(client.close)
        return client


class EngineAtLength(EngineBesideModel):
    """The same, more often."""


class SdkAtLength(SdkBesideModel):
    """The same, more often."""


_AT_LENGTH = settings(
    max_examples=60, stateful_step_count=30, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], database=None,
)  # fmt: skip

TestEngineBesideModel = EngineBesideModel.TestCase
TestEngineBesideModel.settings = settings(_AT_LENGTH, max_examples=12)
TestSdkBesideModel = SdkBesideModel.TestCase
TestSdkBesideModel.settings = settings(_AT_LENGTH, max_examples=5)

TestEngineAtLength = pytest.mark.slow(EngineAtLength.TestCase)
TestEngineAtLength.settings = _AT_LENGTH
TestSdkAtLength = pytest.mark.slow(SdkAtLength.TestCase)
TestSdkAtLength.settings = settings(_AT_LENGTH, max_examples=40)
