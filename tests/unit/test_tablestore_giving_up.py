"""Retries that come to nothing: how long they went on, and whether they say that something may have been done."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.clocks import ManualClock
from tests.contract.backends import PLAIN
from tests.contract.faults import Fault, FaultyClient
from tests.unit.test_tablestore_retries import LOST, REF, Scripted, engine, retrying
from tsmem.errors import Throttled, Unavailable
from tsmem.port import RowOutcome, TableClient
from tsmem.retry import RetryingClient, RetryPolicy
from tsmem.rows import MAX, MIN, Delete, Key, Put, Range, Row, TableRef, Update, Write

__all__ = ["engine"]

CHANGES: list[tuple[str, tuple[object, ...]]] = [
    ("write_row", (Put(PLAIN.ref, ("a",), {}),)),
    ("write_row", (Update(PLAIN.ref, ("a",), {"x": 1}),)),
    ("write_row", (Delete(PLAIN.ref, ("a",)),)),
    ("create_table", (PLAIN,)),
    ("delete_table", ("plain",)),
]
OTHERS: list[tuple[str, tuple[object, ...]]] = [
    ("write_rows", ([Put(PLAIN.ref, ("a",), {})],)),
    ("get_row", (PLAIN.ref, ("a",))),
    ("get_rows", (PLAIN.ref, [("a",)])),
    ("get_range", (PLAIN.ref, Range((MIN,), (MAX,)))),
    ("describe_table", ("plain",)),
]


@pytest.mark.parametrize(("operation", "arguments"), CHANGES + OTHERS, ids=[name for name, _ in CHANGES + OTHERS])
def test_a_write_says_that_it_may_have_been_done(
    engine: TableClient, operation: str, arguments: tuple[object, ...]
) -> None:
    """Where an answer was lost and none came after, what changes something says so once. A read has nothing to say, and
    of a whole batch its writer says it, with the number of rows."""
    gone = [Fault(operation, LOST if n == 1 else Unavailable("gone"), call=n) for n in range(1, 99)]
    with pytest.raises(Unavailable) as caught:
        getattr(retrying(FaultyClient(engine, *gone), ManualClock()), operation)(*arguments)

    assert caught.value.ambiguous
    assert ((operation, arguments) in CHANGES) == caught.value.message.endswith(" s); it may have been done")
    assert caught.value.message.count("may have been done") <= 1


def test_a_write_that_was_refused_every_time_says_nothing_more(engine: TableClient) -> None:
    """Where no answer was lost, it was not done."""
    away = [Fault("write_row", Unavailable("gone"), call=n) for n in range(1, 99)]
    with pytest.raises(Unavailable) as caught:
        retrying(FaultyClient(engine, *away), ManualClock()).write_row(Put(PLAIN.ref, ("a",), {}))

    assert (False, False) == (caught.value.ambiguous, "may have been" in caught.value.message)


def test_each_row_of_a_batch_says_whether_it_may_have_been_done(engine: TableClient) -> None:
    """Of two rows that fail to the end, the one whose answer was lost says so, and the other does not."""

    def fails(client: TableClient, writes: Sequence[Write]) -> list[RowOutcome]:
        return [LOST if write.key == ("a",) else Throttled("busy") for write in writes]

    client = Scripted(engine, *[fails] * 99)
    in_doubt, refused = retrying(client, ManualClock()).write_rows([Put(REF, ("a",), {}), Put(REF, ("b",), {})])

    assert str(in_doubt).endswith("; it may have been done")
    assert str(refused).endswith(" s)")


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("timeout_s", [0.5, 2, 5, 30])
def test_the_time_is_used_up(engine: TableClient, timeout_s: float, seed: int) -> None:
    """The last attempt begins when a tenth of the time is left, or a second of a longer one, whatever the pauses were:
    a service that comes back by then is met."""
    clock = ManualClock()
    started_s = clock.monotonic_s()

    class Away(FaultyClient):
        def get_row(self, table: TableRef, key: Key, columns: Sequence[str] | None = None) -> Row | None:
            begun_s.append(clock.monotonic_s() - started_s)
            raise Throttled("busy")

    begun_s: list[float] = []
    client = RetryingClient(Away(engine), clock, RetryPolicy(timeout_s), seed=seed)
    with pytest.raises(Throttled):
        client.get_row(REF, ("a",))

    assert pytest.approx(timeout_s - min(1, timeout_s / 10), abs=1e-5) == begun_s[-1]
