"""Retries over a service that loses answers: how they end, what they claim, and what they leave in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.backends import PLAIN, SESSION, engine_client
from tests.support.clocks import ManualClock
from tests.support.faults import Fault, FaultyClient
from tsmem.clock import deadline, time_left_s
from tsmem.errors import (
    AlreadyExists,
    ConditionFailed,
    Denied,
    LimitExceeded,
    TableNotFound,
    Throttled,
    TsmemError,
    Unavailable,
)
from tsmem.port import IndexSchema, RowOutcome, RowRead, SearchIndexSchema, TableClient
from tsmem.retry import RetryingClient, RetryPolicy
from tsmem.rows import (
    MAX,
    MIN,
    MUST_NOT_EXIST,
    Comparison,
    Condition,
    Delete,
    Key,
    Op,
    Put,
    Range,
    Row,
    TableRef,
    Update,
    Value,
    Write,
)
from tsmem.store.layout import KEYWORD

LOST = Unavailable("the answer was lost", ambiguous=True)
SEARCH = SearchIndexSchema("session", "s", (("user_id", KEYWORD),))


def retrying(client: TableClient, clock: ManualClock) -> RetryingClient:
    """Return a client whose pauses take no time."""
    return RetryingClient(client, clock, RetryPolicy(30), seed=1)


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("create_table", (PLAIN,)),
        ("create_index", ("session", IndexSchema("by_id", ("user_id", "session_id")))),
        ("create_search_index", (SEARCH,)),
        ("delete_search_index", ("session", "s")),
        ("delete_index", ("session", "session_by_time")),
        ("delete_table", ("plain",)),
    ],
)
def test_a_creation_or_deletion_whose_reply_was_lost_succeeds_on_retry(
    tmp_path: Path, operation: str, arguments: tuple[object, ...]
) -> None:
    with engine_client(tmp_path) as engine:
        engine.create_table(SESSION)
        if operation.startswith("delete"):
            engine.create_table(PLAIN)
            engine.create_search_index(SEARCH)
        faulty = FaultyClient(engine, Fault(operation, LOST, done=True))
        getattr(retrying(faulty, ManualClock()), operation)(*arguments)

        assert [operation] * 2 == faulty.names()
        with pytest.raises((AlreadyExists, TableNotFound)):
            getattr(retrying(faulty, ManualClock()), operation)(*arguments)


def test_the_last_error_is_ambiguous_if_an_earlier_reply_was_lost(tmp_path: Path) -> None:
    refusals = [Fault("write_row", Throttled("busy."), call=n) for n in range(2, 100)]
    clock = ManualClock()
    with engine_client(tmp_path) as engine, pytest.raises(Unavailable) as caught:
        retrying(FaultyClient(engine, Fault("write_row", LOST), *refusals), clock).write_row(Put(PLAIN.ref, ("a",), {}))

    assert caught.value.ambiguous
    assert not isinstance(caught.value, Throttled)
    assert caught.value.message.startswith("busy (tried ")
    assert caught.value.message.endswith(" s); it may have been done")


class Scripted(FaultyClient):
    """Answers the first batches as it was told to: each answer is made from the client and the batch."""

    def __init__(self, client: TableClient, *answers: Callable[[TableClient, Sequence[Write]], list[RowOutcome]]):
        super().__init__(client)
        self._answers = list(answers)

    def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
        self.calls.append(("write_rows", (writes,)))
        return self._answers.pop(0)(self._client, writes) if self._answers else self._client.write_rows(writes)

    def sizes(self) -> list[int]:
        """Return the number of rows of each batch."""
        return [len(arguments[0]) for name, arguments in self.calls if name == "write_rows"]


def first_refused(client: TableClient, writes: Sequence[Write]) -> list[RowOutcome]:
    """Refuse the first row for now, and write the others."""
    return [Throttled("busy"), *(client.write_rows(writes[1:]) if writes[1:] else [])]


def lost(client: TableClient, writes: Sequence[Write]) -> list[RowOutcome]:
    """Write everything, and lose the reply."""
    client.write_rows(writes)
    raise LOST


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[TableClient]:
    """The local adapter with the table `plain`."""
    with engine_client(tmp_path) as client:
        client.create_table(PLAIN)
        yield client


def where(column: str, value: Value) -> Condition:
    """Return a condition on a column."""
    return Condition(filter=Comparison(column, Op.EQ, value))


REF = PLAIN.ref


def test_a_batch_with_a_repeated_key_is_not_retried(engine: TableClient) -> None:
    """A failed write that is sent again alone could undo the later write of its key."""
    client = Scripted(engine, first_refused)
    refused, done = retrying(client, ManualClock()).write_rows([Put(REF, ("k",), {"x": 1}), Put(REF, ("k",), {"x": 2})])

    assert (Throttled, None) == (type(refused), done)
    assert [2] == client.sizes()


def test_a_batch_that_is_too_large_on_the_wire_is_halved_until_it_fits(engine: TableClient) -> None:
    class Narrow(Scripted):
        def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
            self.calls.append(("write_rows", (writes,)))
            if len(writes) > 3 or ("4",) in [write.key for write in writes]:
                raise LimitExceeded("too large", service_code="OTSRequestBodyTooLarge")
            return self._client.write_rows(writes)

    client = Narrow(engine)
    writes: list[Write] = [Put(REF, (str(n),), {}) for n in range(8)]
    outcomes = retrying(client, ManualClock()).write_rows(writes)

    assert [None] * 4 == outcomes[:4]
    assert isinstance(outcomes[4], LimitExceeded)
    assert [None] * 3 == outcomes[5:]
    assert [8, 4, 2, 2, 4, 2, 1, 1, 2] == client.sizes()
    with pytest.raises(LimitExceeded):
        retrying(client, ManualClock()).write_rows(writes[4:5])


def test_a_lost_conditional_batch_is_read_back_in_hundreds(engine: TableClient) -> None:
    engine.write_row(Put(REF, ("007",), {"x": "theirs"}))
    client = Scripted(engine, lost)
    writes: list[Write] = [Put(REF, (f"{n:03d}",), {"x": n}, MUST_NOT_EXIST) for n in range(200)]
    outcomes = retrying(client, ManualClock()).write_rows(writes)

    assert [7] == [place for place, outcome in enumerate(outcomes) if outcome is not None]
    assert isinstance(outcomes[7], ConditionFailed)
    assert ["write_rows", "write_rows", "get_rows", "get_rows"] == client.names()


def test_rows_that_cannot_be_read_back_in_time_are_ambiguous(engine: TableClient) -> None:
    clock = ManualClock()

    def late(client: TableClient, writes: Sequence[Write]) -> list[RowOutcome]:
        clock.sleep(31)
        return client.write_rows(writes)

    client = Scripted(engine, lost, late)
    (outcome,) = retrying(client, clock).write_rows([Put(REF, ("a",), {"x": 1}, MUST_NOT_EXIST)])

    assert isinstance(outcome, Unavailable)
    assert outcome.ambiguous
    assert "could not be read back" in outcome.message
    assert ["write_rows", "write_rows"] == client.names()


class PartReader(FaultyClient):
    """Fails some rows of reads, each as often as it was told."""

    def __init__(self, client: TableClient, failures: dict[Key, int]) -> None:
        super().__init__(client)
        self._failures = failures
        self.asked: list[int] = []

    def get_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None) -> list[RowRead]:
        self.asked.append(len(keys))
        found: list[RowRead] = []
        for key, row in zip(keys, self._client.get_rows(table, keys, columns), strict=True):
            left = self._failures.get(key, 0)
            self._failures[key] = left - 1
            found.append(Throttled("busy") if left > 0 else row)
        return found


def test_only_rows_that_failed_are_read_again_in_order(engine: TableClient) -> None:
    engine.write_rows([Put(REF, (str(n),), {"x": n}) for n in range(10)])
    client = PartReader(engine, {("3",): 2, ("5",): 1})
    rows = retrying(client, ManualClock()).get_rows(REF, [(str(n),) for n in range(11)])

    assert [11, 2, 1] == client.asked
    assert [Row((str(n),), {"x": n}) for n in range(10)] == rows[:10]
    assert rows[10] is None


def test_a_row_that_failed_for_good_is_not_sent_again(engine: TableClient) -> None:
    client = Scripted(engine, lambda _, writes: [Throttled("busy"), Denied("no"), None])
    outcomes = retrying(client, ManualClock()).write_rows([Put(REF, (key,), {}) for key in "abc"])

    assert [None, Denied, None] == [outcome and type(outcome) for outcome in outcomes]
    assert [3, 1] == client.sizes()


def test_pauses_are_not_longer_than_max_pause(engine: TableClient) -> None:
    clock = ManualClock()
    client = FaultyClient(engine, *(Fault("get_row", Throttled("busy"), call=n) for n in range(1, 100)))
    with pytest.raises(Throttled):
        RetryingClient(client, clock, RetryPolicy(30, max_pause_s=2.0), seed=1).get_row(REF, ("a",))

    assert 1.0 < max(clock.slept_s[:-1]) <= 2.0


def test_a_hopeless_call_is_tried_three_times_however_slow(engine: TableClient) -> None:
    clock = ManualClock()

    class Slow(FaultyClient):
        def get_row(self, *_: object) -> None:
            clock.sleep(4)
            raise Unavailable("gone", hopeless_after_s=3)

    with pytest.raises(Unavailable, match="tried 3 times"):
        retrying(Slow(engine), clock).get_row(REF, ("a",))


@pytest.mark.parametrize(("error", "cuts"), [(Throttled("busy"), 1), (Unavailable("gone"), 0), (LOST, 0)])
def test_only_throttling_lowers_the_concurrency_limit(engine: TableClient, error: TsmemError, cuts: int) -> None:
    retrying(FaultyClient(engine, Fault("get_row", error)), ManualClock()).get_row(REF, ("a",))

    assert cuts == engine.limiter.cuts


@pytest.mark.parametrize(("after_s", "attempts", "longest_s"), [(0, 1, 0), (3, 6, 4), (None, 10, 30)])
def test_an_error_is_raised_when_it_is_hopeless(
    engine: TableClient, after_s: float | None, attempts: int, longest_s: float
) -> None:
    clock = ManualClock()
    away = [Fault("get_row", Unavailable("gone", hopeless_after_s=after_s), call=n) for n in range(1, 100)]
    client = FaultyClient(engine, *away)
    started = clock.monotonic_s()
    with pytest.raises(Unavailable, match=r"gone \(tried "):
        retrying(client, clock).get_row(REF, ("a",))

    assert attempts <= len(client.calls)
    assert clock.monotonic_s() - started <= longest_s


def test_a_callers_deadline_ends_retries_before_the_timeout(engine: TableClient) -> None:
    clock = ManualClock()
    client = FaultyClient(engine, *(Fault("get_row", Throttled("busy"), call=n) for n in range(1, 100)))
    started = clock.monotonic_s()
    with deadline(clock, started + 2), pytest.raises(Throttled):
        retrying(client, clock).get_row(REF, ("a",))

    assert clock.monotonic_s() - started <= 2


def test_reading_back_shares_the_deadline_of_the_write(tmp_path: Path) -> None:
    clock = ManualClock()
    with engine_client(tmp_path) as engine:
        engine.create_table(PLAIN)
        unread: list[Fault] = [Fault("get_row", Throttled("busy"), call=n) for n in range(1, 100)]
        faulty = FaultyClient(engine, Fault("write_row", LOST, done=True), *unread)
        started = clock.monotonic_s()
        with pytest.raises(TsmemError) as caught:
            retrying(faulty, clock).write_row(Put(PLAIN.ref, ("a",), {}, MUST_NOT_EXIST))

    assert isinstance(caught.value, Unavailable)
    assert caught.value.ambiguous
    assert caught.value.message.endswith("; it may have been done")
    assert clock.monotonic_s() - started <= 30


LOST_UPDATES = [
    (Update(REF, ("k",), {"x": 1}, condition=where("x", 0)), {"x": 1}, True),
    (Update(REF, ("k",), {"x": 1}, condition=where("x", 0)), {"x": 5}, False),
    (Update(REF, ("k",), {"x": 1}, condition=where("x", 0)), {"x": True}, False),
    (Update(REF, ("k",), {}, ("y",), where("x", 0)), {"x": 2}, True),
    (Update(REF, ("k",), {}, ("y",), where("x", 0)), {"x": 2, "y": 2}, False),
]


@pytest.mark.parametrize(("update", "found", "ours"), LOST_UPDATES)
def test_a_lost_conditional_update_is_settled_by_the_columns_it_names(
    engine: TableClient, update: Update, found: dict[str, Value], ours: bool
) -> None:
    faulty = FaultyClient(engine, Fault("write_row", LOST))
    engine.write_row(Put(REF, ("k",), found))
    if ours:
        retrying(faulty, ManualClock()).write_row(update)
    else:
        with pytest.raises(ConditionFailed):
            retrying(faulty, ManualClock()).write_row(update)

    assert ["write_row", "write_row", "get_row"] == faulty.names()


def test_the_time_left_is_known_only_within_a_deadline() -> None:
    clock = ManualClock()
    begun_s = clock.monotonic_s()
    with deadline(clock, begun_s + 5), deadline(clock, begun_s + 99):
        clock.sleep(2)
        assert pytest.approx(3) == time_left_s()
        clock.sleep(9)
        assert 0 == time_left_s()
    assert time_left_s() is None


@pytest.mark.parametrize(
    ("operation", "arguments", "is_write"),
    [
        ("write_row", (Put(REF, ("a",), {}),), True),
        ("write_row", (Update(REF, ("a",), {"x": 1}),), True),
        ("write_row", (Delete(REF, ("a",)),), True),
        ("create_table", (PLAIN,), True),
        ("delete_table", ("plain",), True),
        ("write_rows", ([Put(REF, ("a",), {})],), False),
        ("get_row", (REF, ("a",)), False),
        ("get_rows", (REF, [("a",)]), False),
        ("get_range", (REF, Range((MIN,), (MAX,))), False),
        ("describe_table", ("plain",), False),
    ],
)
def test_a_write_whose_reply_was_lost_says_that_it_may_have_been_done(
    engine: TableClient, operation: str, arguments: tuple[object, ...], is_write: bool
) -> None:
    """A read says nothing of it, and neither does a batch: its writer does."""
    gone = [Fault(operation, LOST if n == 1 else Unavailable("gone"), call=n) for n in range(1, 99)]
    with pytest.raises(Unavailable) as caught:
        getattr(retrying(FaultyClient(engine, *gone), ManualClock()), operation)(*arguments)

    assert caught.value.ambiguous
    assert is_write == caught.value.message.endswith(" s); it may have been done")
    assert is_write == caught.value.message.count("may have been done")


def test_a_write_that_was_refused_every_time_is_not_ambiguous(engine: TableClient) -> None:
    away = [Fault("write_row", Unavailable("gone"), call=n) for n in range(1, 99)]
    with pytest.raises(Unavailable) as caught:
        retrying(FaultyClient(engine, *away), ManualClock()).write_row(Put(PLAIN.ref, ("a",), {}))

    assert (False, False) == (caught.value.ambiguous, "may have been" in caught.value.message)


def test_only_rows_whose_reply_was_lost_may_have_been_done(engine: TableClient) -> None:
    def fails(client: TableClient, writes: Sequence[Write]) -> list[RowOutcome]:
        return [LOST if write.key == ("a",) else Throttled("busy") for write in writes]

    client = Scripted(engine, *[fails] * 99)
    in_doubt, refused = retrying(client, ManualClock()).write_rows([Put(REF, ("a",), {}), Put(REF, ("b",), {})])

    assert str(in_doubt).endswith("; it may have been done")
    assert str(refused).endswith(" s)")


@pytest.mark.parametrize(("timeout_s", "seed"), [(0.5, 1), (2, 2), (5, 3), (5, 4), (30, 5), (30, 6)])
def test_the_last_attempt_begins_shortly_before_the_timeout(engine: TableClient, timeout_s: float, seed: int) -> None:
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
