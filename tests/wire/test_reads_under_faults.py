"""Reads, imports and bills while requests fail, over the wire: what comes through, at what cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.contract.backends import PLAIN
from tests.serving import Served, profile_of, serving
from tests.wire.test_writes_under_faults import impatient
from tsmem.clock import SystemClock
from tsmem.errors import ConditionFailed, TableNotFound
from tsmem.port import RowOutcome, TableClient, rows_of
from tsmem.retry import Deadline, RetryingClient, RetryPolicy
from tsmem.rows import MUST_NOT_EXIST, Put, Row, Value, Write
from tsmem.server.http.faults import Fault, Faults, parse_fault

REF = PLAIN.ref


class FirstLost(Faults):
    """The first answer of an action is lost, and what was asked is done."""

    def __init__(self, action: str) -> None:
        super().__init__([parse_fault("drop:0")])
        self._action: str | None = action

    def strike(self, action: str) -> Fault | None:
        """Once."""
        if action != self._action:
            return None
        self._action = None
        return Fault("drop", True, None, 0.5)


@contextmanager
def plain(faults: Faults | None = None, *, timeout_s: float = 30) -> Iterator[tuple[Served, TableClient]]:
    """A server with the table `plain`, and the client that a profile opens, with short pauses."""
    with serving(None, faults=faults or Faults()) as served:
        served.engine.create_table(PLAIN)
        client = impatient(served, timeout_s=timeout_s)
        try:
            yield served, client
        finally:
            client.close()


@pytest.mark.parametrize("rate", ["0.05", "0.3"])
def test_rows_that_fail_alone_are_asked_for_alone(rate: str) -> None:
    """Reading 300 rows of which some fail each time ends with all of them, each batch smaller than the one before."""
    with plain(Faults([parse_fault(f"partial:{rate}:BatchGetRow")], seed=5)) as (served, client):
        rows = [Row((f"{n:03d}",), {"x": n}) for n in range(300)]
        for start in (0, 200):
            client.write_rows([Put(REF, row.key, row.columns) for row in rows[start : start + 200]])
        before = len(served.log)
        found = [
            row
            for start in (0, 100, 200)
            for row in client.get_rows(REF, [row.key for row in rows[start : start + 100]])
        ]
        reads = [entry.rows for entry in served.log[before:]]

    assert rows == found
    assert 3 < len(reads) < 40
    assert 300 == sum(count or 0 for count in reads), "no row was read twice"


@pytest.mark.slow
def test_a_batch_of_many_small_columns_goes_through() -> None:
    """200 rows of 1,023 integers hold to the 4 MB rule and take more on the wire: they are written, in parts."""
    columns: dict[str, Value] = {f"m{n:04d}": n for n in range(1023)}
    with plain(timeout_s=250) as (served, client):  # it takes seconds, on a busy machine many
        outcomes = client.write_rows([Put(REF, (f"{n:03d}",), columns) for n in range(200)])
        first, last = rows_of(client.get_rows(REF, [("000",), ("199",)]))

        assert [None] * 200 == outcomes
        assert columns == (first and first.columns) == (last and last.columns)
        assert len(served.log) == client.meter.total.requests


def test_a_lost_conditional_batch_is_settled_by_two_reads() -> None:
    """200 rows under a condition whose answer was lost cost the batch twice and two reads."""
    with plain(FirstLost("BatchWriteRow")) as (served, client):
        served.log.clear()
        writes: list[Write] = [Put(REF, (f"{n:03d}",), {"x": n}, MUST_NOT_EXIST) for n in range(200)]
        outcomes = client.write_rows(writes)

        assert [None] * 200 == outcomes
        assert ["BatchWriteRow"] * 2 + ["BatchGetRow"] * 2 == served.actions()
        assert 4 == client.meter.total.requests


def test_rows_that_fail_are_written_again_together() -> None:
    """200 rows of which one in five fails each time take a few requests, not one for each."""
    with plain(Faults([parse_fault("partial:0.2:BatchWriteRow")], seed=2)) as (served, client):
        outcomes = client.write_rows([Put(REF, (f"{n:03d}",), {"x": n}) for n in range(200)])

        assert [None] * 200 == outcomes
        assert {"BatchWriteRow"} == set(served.actions())
        assert len(served.log) < 10


@pytest.mark.parametrize("spec", ["refuse:0.3", "throttle:0.3", "unavailable:0.3", "drop:0.3", "partial:0.3"])
def test_what_is_metered_is_what_the_server_saw(spec: str) -> None:
    """The bill counts the requests of the server's log, faults and refusals among them, and none that never left."""
    with plain(Faults([parse_fault(spec)], seed=4)) as (served, client):
        found: list[RowOutcome] = []
        for n in range(30):
            found += client.write_rows([Put(REF, (str(n),), {}), Put(REF, ("x" * 1025,), {})])
            client.get_rows(REF, [(str(n),), ("none",)])
        with pytest.raises(TableNotFound):
            client.describe_table("nope")
        client.write_rows([Put(REF, ("bad",), {"no-name": 1})])

        assert [None] * 30 == found[::2]
        assert len(served.log) == client.meter.total.requests


def test_a_call_out_of_time_says_nothing_of_connections() -> None:
    """When an answer comes too late to read the row back, the row is in doubt, and no request is made up."""
    clock = SystemClock()
    deadline = Deadline(clock)
    with serving(None) as served:
        from tsmem.adapters.tablestore.client import TablestoreClient

        served.engine.create_table(PLAIN)
        client = TablestoreClient(profile_of(served.endpoint), deadline)
        retrying = RetryingClient(client, clock, RetryPolicy(30), deadline=deadline)
        put = Put(REF, ("a",), {"x": 1}, MUST_NOT_EXIST)
        assert [None] == retrying.write_rows([put])
        (refused,) = retrying.write_rows([put])
        with deadline.until(clock.monotonic_s() - 1), pytest.raises(Exception, match="no time left to ask"):
            client.get_row(REF, ("a",))

        assert isinstance(refused, ConditionFailed)
        assert 2 == len(served.log) == client.meter.total.requests
