"""The client of a profile against a server that injects faults: which rows are stored in the end, and at what cost."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.backends import MESSAGE, PLAIN
from tests.support.server_in_process import Served, profile_of, serving
from tsmem.adapters.tablestore.client import TablestoreClient
from tsmem.clock import SystemClock, deadline
from tsmem.errors import ConditionFailed, TableNotFound, Unavailable
from tsmem.port import RowOutcome, TableClient
from tsmem.retry import RetryingClient, RetryPolicy
from tsmem.rows import MUST_EXIST, MUST_NOT_EXIST, Condition, Delete, Key, Put, Update, Value, Write
from tsmem.server.http.faults import Faults, parse_fault

REF = PLAIN.ref
THREADS = 4
ALL = ("refuse:0.1", "throttle:0.1", "timeout:0.1", "unavailable:0.1", "drop:0.1", "partial:0.1")


@contextmanager
def faulty(*specs: str, timeout_s: float = 30) -> Iterator[tuple[Served, TableClient]]:
    """A server with these faults, and the client of a profile for it, with short retry pauses."""
    faults = Faults([parse_fault(spec) for spec in specs], seed=4)
    with serving(None, faults=faults, stop_s=1) as served:
        for table in (MESSAGE, PLAIN):
            served.engine.definitions.create_table(table)
        clock = SystemClock()
        client = TablestoreClient(profile_of(served.endpoint))
        retrying = RetryingClient(client, clock, RetryPolicy(timeout_s, 0.001, 0.02))
        try:
            yield served, retrying
        finally:
            retrying.close()


class RandomWriter:
    """Writes random rows under its own keys, one by one and in batches, and records the rows that must be stored."""

    def __init__(self, client: TableClient, number: int) -> None:
        self._client = client
        self._random = random.Random(number)
        self._keys: list[Key] = [(f"s{number}", place, f"m{place % 7}") for place in range(40)]
        self.rows: dict[Key, dict[str, Value]] = {}

    def run(self, count: int) -> None:
        while count > 0:
            if self._random.random() < 0.5:
                self._client.write_row(self._draw(self._random.choice(self._keys)))
                count -= 1
            else:
                writes = [self._draw(key) for key in self._random.sample(self._keys, min(count, 25))]
                assert [None] * len(writes) == self._client.write_rows(writes)
                count -= len(writes)

    def _draw(self, key: Key) -> Write:
        """Return a write whose condition holds, and record the row that it leaves."""
        exists = key in self.rows
        condition = self._random.choice([Condition(), MUST_EXIST if exists else MUST_NOT_EXIST])
        columns: dict[str, Value] = {"n": self._random.randrange(10**9), "text": "x" * self._random.randrange(300)}
        kind = self._random.random()
        if kind < 0.5:
            self.rows[key] = columns
            return Put(MESSAGE.ref, key, columns, condition)
        if kind < 0.8:
            changed: dict[str, Value] = {"n": columns["n"], "flag": kind < 0.7}
            self.rows[key] = {**self.rows.get(key, {}), **changed}
            return Update(MESSAGE.ref, key, changed, (), condition)
        self.rows.pop(key, None)
        return Delete(MESSAGE.ref, key, condition if exists else Condition())


@pytest.mark.parametrize(
    ("specs", "writes"),
    [
        pytest.param(ALL, 500, id="all"),
        *(pytest.param((spec,), 600, id=spec, marks=pytest.mark.slow) for spec in ALL),
        pytest.param(ALL, 10_000, id="many", marks=pytest.mark.slow),
    ],
)
def test_no_write_is_lost_or_carried_out_twice(specs: tuple[str, ...], writes: int) -> None:
    """Several threads share a client. The stored rows are those of a run without faults."""
    with faulty(*specs) as (served, client):
        workers = [RandomWriter(client, number) for number in range(THREADS)]
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda worker: worker.run(writes // THREADS), workers))
        stored = served.stored(MESSAGE.ref)

    assert {key: row for worker in workers for key, row in worker.rows.items()} == stored
    assert {spec.partition(":")[0] for spec in specs} <= {entry.fault for entry in served.log}


def test_the_meter_counts_the_requests_that_the_server_saw() -> None:
    """Failed and refused requests count; requests that were never sent do not."""
    with faulty(*ALL) as (served, client):
        outcomes: list[RowOutcome] = []
        for n in range(20):
            outcomes += client.write_rows([Put(REF, (str(n),), {}), Put(REF, ("x" * 1025,), {})])
            client.get_rows(REF, [(str(n),), ("none",)])
        with pytest.raises(TableNotFound):
            client.describe_table("nope")
        client.write_rows([Put(REF, ("bad",), {"no-name": 1})])

        assert [None] * 20 == outcomes[::2]
        assert len(served.log) == client.meter.total.requests


def test_a_call_past_its_deadline_sends_nothing() -> None:
    clock = SystemClock()
    with serving(None) as served:
        served.engine.definitions.create_table(PLAIN)
        client = TablestoreClient(profile_of(served.endpoint))
        retrying = RetryingClient(client, clock, RetryPolicy(30))
        put = Put(REF, ("a",), {"x": 1}, MUST_NOT_EXIST)
        assert [None] == retrying.write_rows([put])
        (refused,) = retrying.write_rows([put])
        with deadline(clock, clock.monotonic_s() - 1), pytest.raises(Unavailable, match="no time was left to send"):
            client.get_row(REF, ("a",))
        client.close()

    assert isinstance(refused, ConditionFailed)
    assert 2 == len(served.log) == client.meter.total.requests
