"""Writes while requests fail: what is there at the end is what a run without faults leaves.

Some hundred writes meet each kind of fault alone and all kinds together; the slow run makes 10,000 that meet all.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.backends import MESSAGE, SESSION, everything
from tests.serving import Served, profile_of, serving
from tsmem.adapters.tablestore.client import TablestoreClient
from tsmem.clock import SystemClock
from tsmem.port import TableClient
from tsmem.retry import Deadline, RetryingClient, RetryPolicy
from tsmem.rows import MUST_EXIST, MUST_NOT_EXIST, Condition, Delete, Key, Put, TableRef, Update, Value, Write
from tsmem.server.http.faults import Faults, parse_fault

THREADS = 4
ONE_OF_TEN = ("refuse:0.1", "throttle:0.1", "timeout:0.1", "unavailable:0.1", "drop:0.1", "partial:0.1")
Rows = dict[Key, dict[str, Value]]


class Worker:
    """Writes random rows of its own keys, singly and in batches, and keeps what must be there."""

    def __init__(self, client: TableClient, number: int) -> None:
        self._client = client
        self._random = random.Random(number)
        self._keys: list[Key] = [(f"s{number}", place, f"m{place % 7}") for place in range(40)]
        self.rows: Rows = {}

    def run(self, count: int) -> None:
        """So many writes."""
        while count > 0:
            if self._random.random() < 0.5:
                self._write_one()
                count -= 1
            else:
                count -= self._write_batch(min(count, 25))

    def _write_one(self) -> None:
        write = self._draw(self._random.choice(self._keys))
        self._client.write_row(write)

    def _write_batch(self, count: int) -> int:
        writes = [self._draw(key) for key in self._random.sample(self._keys, count)]
        assert [None] * count == self._client.write_rows(writes)
        return count

    def _draw(self, key: Key) -> Write:
        """A write that a run without faults would do, and what it leaves."""
        there = key in self.rows
        condition = self._random.choice([Condition(), MUST_EXIST if there else MUST_NOT_EXIST])
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
        return Delete(MESSAGE.ref, key, condition if there else Condition())


def impatient(served: Served, *, timeout_s: float = 30, first_pause_s: float = 0.001) -> TableClient:
    """The client that a profile opens, with pauses as short as a test wants them."""
    clock = SystemClock()
    deadline = Deadline(clock)
    client = TablestoreClient(profile_of(served.endpoint), deadline)
    return RetryingClient(client, clock, RetryPolicy(timeout_s, first_pause_s, 0.02), deadline=deadline)


@contextmanager
def faulty(folder: Path, *specs: str) -> Iterator[tuple[Served, TableClient]]:
    """A server with the table made before the first fault, and a client."""
    faults = Faults([parse_fault(spec) for spec in specs], seed=7)
    with serving(folder / "memory.db", faults=faults) as served:
        served.engine.create_table(MESSAGE)
        served.engine.create_table(SESSION)
        client = impatient(served)
        try:
            yield served, client
        finally:
            client.close()


def stored(served: Served, table: TableRef = MESSAGE.ref) -> Rows:
    """Every row, read from the engine itself."""
    from tsmem.engine.requests import GetRange

    rows: Rows = {}
    span = everything(table)
    while True:
        page = served.engine.get_range(GetRange(table, span))
        rows.update({row.key: dict(row.columns) for row in page.rows})
        if page.next_start is None:
            return rows
        span = span._replace(start=page.next_start)


@pytest.mark.parametrize(
    ("specs", "writes"),
    [
        *(((spec,), 600) for spec in ONE_OF_TEN),
        (ONE_OF_TEN, 1_000),
        pytest.param(ONE_OF_TEN, 10_000, marks=pytest.mark.slow),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else f"{value:,}",
)
def test_no_write_is_lost_or_done_twice(tmp_path: Path, specs: tuple[str, ...], writes: int) -> None:
    """Puts, updates and deletes, with and without conditions, from several threads over one client: the rows are those
    of a run without faults, and faults did strike."""
    with faulty(tmp_path, *specs) as (served, client):
        workers = [Worker(client, number) for number in range(THREADS)]
        with ThreadPoolExecutor(THREADS) as pool:
            count = writes // THREADS
            list(pool.map(lambda worker: worker.run(count), workers))

        expected: Rows = {}
        for worker in workers:
            expected.update(worker.rows)
        found = stored(served)

    assert expected == found
    struck = {entry.fault for entry in served.log if entry.fault}
    assert {spec.partition(":")[0] for spec in specs} <= struck


def test_an_answer_that_never_comes_is_waited_for_no_longer_than_an_attempt(tmp_path: Path) -> None:
    """A server that hangs on some requests holds no write up for ever: the attempt ends, and another is made."""
    with faulty(tmp_path) as (served, _):
        served.engine.close()
    faults = Faults([parse_fault("hang:0.4:PutRow")], seed=3)
    with serving(tmp_path / "hang.db", faults=faults, stop_s=1) as served:
        served.engine.create_table(MESSAGE)
        client = impatient(served, timeout_s=3)
        for place in range(3):
            client.write_row(Put(MESSAGE.ref, ("s", place, "m"), {"n": place}))
        client.close()
        found = stored(served)

    assert 3 == len(found)
    assert any(entry.fault == "hang" for entry in served.log)
