"""Retries over a service that fails and loses replies: the final result, the error, and the rows that are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.backends import PLAIN, SESSION, engine_client
from tests.support.clocks import ManualClock
from tests.support.faults import Fault, FaultyClient
from tsmem.clock import deadline, time_left_s
from tsmem.errors import (
    AlreadyExists,
    ConditionFailed,
    Denied,
    InvalidReply,
    LimitExceeded,
    TableNotFound,
    Throttled,
    TsmemError,
    Unavailable,
)
from tsmem.port import IndexSchema, SearchIndexSchema, TableClient
from tsmem.retry import RetryingClient, RetryPolicy
from tsmem.rows import MUST_NOT_EXIST, Comparison, Condition, Key, Op, Put, Row, TableRef, Update, Value, Write
from tsmem.store.layout import KEYWORD

REF = PLAIN.ref
BUSY, LOST = Throttled("busy"), Unavailable("the answer was lost", ambiguous=True)
SEARCH = SearchIndexSchema("session", "s", (("user_id", KEYWORD),))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[TableClient]:
    """The local adapter with the table `plain`."""
    with engine_client(tmp_path) as client:
        client.create_table(PLAIN)
        yield client


def retrying(client: TableClient, clock: ManualClock, policy: RetryPolicy | None = None) -> RetryingClient:
    """Return a retrying client whose pauses take no real time."""
    return RetryingClient(client, clock, policy, seed=1)


def always(operation: str, error: TsmemError) -> list[Fault]:
    return [Fault(operation, error, call=n) for n in range(1, 100)]


Batch = Sequence[Any]
Answer = Callable[[Callable[[Batch], list[Any]], Batch], list[Any]]


class Scripted(FaultyClient):
    """Replies to the first batches with the given functions, each of which receives the real call and the batch."""

    def __init__(self, client: TableClient, *answers: Answer) -> None:
        super().__init__(client)
        self._answers = list(answers)

    def write_rows(self, writes: Sequence[Write]) -> list[Any]:
        return self._answer("write_rows", self._client.write_rows, writes)

    def get_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None) -> list[Any]:
        return self._answer("get_rows", lambda batch: self._client.get_rows(table, batch, columns), keys)

    def _answer(self, name: str, call: Callable[[Any], list[Any]], batch: Batch) -> list[Any]:
        self.calls.append((name, (batch,)))
        return self._answers.pop(0)(call, batch) if self._answers else call(batch)

    def sizes(self) -> list[int]:
        """Return the number of rows of each batch."""
        return [len(arguments[0]) for _, arguments in self.calls]


def refuse_rows(*places: int) -> Answer:
    """Return a reply that refuses the rows at these positions with a temporary error."""

    def answer(call: Callable[[Batch], list[Any]], batch: Batch) -> list[Any]:
        outcomes = iter(call([row for place, row in enumerate(batch) if place not in places]))
        return [BUSY if place in places else next(outcomes) for place in range(len(batch))]

    return answer


def lose_reply(call: Callable[[Batch], list[Any]], batch: Batch) -> list[Any]:
    """Carry out the batch, then raise an error as if the reply was lost."""
    call(batch)
    raise LOST


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("create_table", (PLAIN._replace(name="other"),)),
        ("create_index", ("session", IndexSchema("by_id", ("user_id", "session_id")))),
        ("create_search_index", (SEARCH._replace(name="other"),)),
        ("delete_search_index", ("session", "s")),
        ("delete_index", ("session", "session_by_time")),
        ("delete_table", ("plain",)),
    ],
)
def test_a_creation_or_deletion_whose_reply_was_lost_succeeds_on_retry(
    engine: TableClient, clock: ManualClock, operation: str, arguments: tuple[object, ...]
) -> None:
    engine.create_table(SESSION)
    engine.create_search_index(SEARCH)
    faulty = FaultyClient(engine, Fault(operation, LOST, done=True))
    getattr(retrying(faulty, clock), operation)(*arguments)

    assert [operation] * 2 == faulty.names()
    with pytest.raises((AlreadyExists, TableNotFound)):
        getattr(retrying(faulty, clock), operation)(*arguments)


def test_a_batch_with_a_repeated_key_is_not_retried(engine: TableClient, clock: ManualClock) -> None:
    """A failed write that is retried could undo a later write of the same key."""
    client = Scripted(engine, refuse_rows(0))

    assert [BUSY, None] == retrying(client, clock).write_rows([Put(REF, ("k",), {"x": n}) for n in (1, 2)])
    assert [2] == client.sizes()


def test_a_batch_that_is_too_large_on_the_wire_is_halved_until_it_fits(engine: TableClient, clock: ManualClock) -> None:
    def narrow(call: Callable[[Batch], list[Any]], batch: Batch) -> list[Any]:
        if len(batch) > 3 or ("4",) in [write.key for write in batch]:
            raise LimitExceeded("too large", service_code="OTSRequestBodyTooLarge")
        return call(batch)

    client = Scripted(engine, *[narrow] * 99)
    writes: list[Write] = [Put(REF, (str(n),), {}) for n in range(8)]
    outcomes = retrying(client, clock).write_rows(writes)

    assert [4] == [place for place, outcome in enumerate(outcomes) if outcome is not None]
    assert isinstance(outcomes[4], LimitExceeded)
    assert [8, 4, 2, 2, 4, 2, 1, 1, 2] == client.sizes()
    with pytest.raises(LimitExceeded):
        retrying(client, clock).write_rows(writes[4:5])


def test_a_lost_conditional_batch_is_read_back_in_hundreds(engine: TableClient, clock: ManualClock) -> None:
    engine.write_row(Put(REF, ("007",), {"x": "theirs"}))
    client = Scripted(engine, lose_reply)
    writes: list[Write] = [Put(REF, (f"{n:03d}",), {"x": n}, MUST_NOT_EXIST) for n in range(200)]
    outcomes = retrying(client, clock).write_rows(writes)

    assert [7] == [place for place, outcome in enumerate(outcomes) if outcome is not None]
    assert isinstance(outcomes[7], ConditionFailed)
    assert ["write_rows", "write_rows", "get_rows", "get_rows"] == client.names()


def test_rows_that_cannot_be_read_back_in_time_are_ambiguous(engine: TableClient, clock: ManualClock) -> None:
    def late(call: Callable[[Batch], list[Any]], batch: Batch) -> list[Any]:
        clock.sleep(31)
        return call(batch)

    client = Scripted(engine, lose_reply, late)
    (outcome,) = retrying(client, clock).write_rows([Put(REF, ("a",), {"x": 1}, MUST_NOT_EXIST)])

    assert isinstance(outcome, Unavailable)
    assert outcome.ambiguous
    assert "could not be read back" in outcome.message
    assert ["write_rows", "write_rows"] == client.names()


def test_only_failed_rows_are_read_again_and_the_order_is_kept(engine: TableClient, clock: ManualClock) -> None:
    engine.write_rows([Put(REF, (str(n),), {"x": n}) for n in range(10)])
    client = Scripted(engine, refuse_rows(3, 5), refuse_rows(0))
    rows = retrying(client, clock).get_rows(REF, [(str(n),) for n in range(11)])

    assert [11, 2, 1] == client.sizes()
    assert [*(Row((str(n),), {"x": n}) for n in range(10)), None] == rows


def test_a_row_that_failed_for_good_is_not_sent_again(engine: TableClient, clock: ManualClock) -> None:
    denied = Denied("no")
    client = Scripted(engine, lambda call, batch: [BUSY, denied, None])

    assert [None, denied, None] == retrying(client, clock).write_rows([Put(REF, (key,), {}) for key in "abc"])
    assert [3, 1] == client.sizes()


def test_retry_pauses_are_at_most_max_pause(engine: TableClient, clock: ManualClock) -> None:
    with pytest.raises(Throttled):
        retrying(FaultyClient(engine, *always("get_row", BUSY)), clock, RetryPolicy(max_pause_s=2)).get_row(REF, ("a",))

    assert 1.0 < max(clock.slept_s[:-1]) <= 2.0


def test_a_slow_hopeless_call_is_still_tried_three_times(engine: TableClient, clock: ManualClock) -> None:
    class Slow(FaultyClient):
        def get_row(self, *_: object) -> None:
            clock.sleep(4)
            raise Unavailable("gone", hopeless_after_s=3)

    with pytest.raises(Unavailable, match="tried 3 times"):
        retrying(Slow(engine), clock).get_row(REF, ("a",))


@pytest.mark.parametrize(("error", "cuts"), [(BUSY, 1), (Unavailable("gone"), 0), (LOST, 0)])
def test_only_throttling_lowers_the_concurrency_limit(
    engine: TableClient, clock: ManualClock, error: TsmemError, cuts: int
) -> None:
    retrying(FaultyClient(engine, Fault("get_row", error)), clock).get_row(REF, ("a",))

    assert cuts == engine.limiter.cuts


@pytest.mark.parametrize(("after_s", "attempts", "longest_s"), [(0, 1, 0), (3, 6, 4), (None, 10, 30)])
def test_retries_end_when_an_error_becomes_hopeless(
    engine: TableClient, clock: ManualClock, after_s: float | None, attempts: int, longest_s: float
) -> None:
    client = FaultyClient(engine, *always("get_row", Unavailable("gone", hopeless_after_s=after_s)))
    started = clock.monotonic_s()
    with pytest.raises(Unavailable, match=r"gone \(tried "):
        retrying(client, clock).get_row(REF, ("a",))

    assert attempts <= len(client.calls)
    assert clock.monotonic_s() - started <= longest_s


def test_a_callers_deadline_ends_retries_before_the_timeout(engine: TableClient, clock: ManualClock) -> None:
    started = clock.monotonic_s()
    with deadline(clock, started + 2), pytest.raises(Throttled):
        retrying(FaultyClient(engine, *always("get_row", BUSY)), clock).get_row(REF, ("a",))

    assert clock.monotonic_s() - started <= 2


def test_reading_back_shares_the_deadline_of_the_write(engine: TableClient, clock: ManualClock) -> None:
    faulty = FaultyClient(engine, Fault("write_row", LOST, done=True), *always("get_row", BUSY))
    started = clock.monotonic_s()
    with pytest.raises(Unavailable, match=r"; the request may have been carried out$") as caught:
        retrying(faulty, clock).write_row(Put(REF, ("a",), {}, MUST_NOT_EXIST))

    assert caught.value.ambiguous
    assert clock.monotonic_s() - started <= 30


X_IS_0 = Condition(filter=Comparison("x", Op.EQ, 0))
SET_X, DELETE_Y = Update(REF, ("k",), {"x": 1}, (), X_IS_0), Update(REF, ("k",), {}, ("y",), X_IS_0)


@pytest.mark.parametrize(
    ("update", "found", "ours"),
    [
        (SET_X, {"x": 1}, True),
        (SET_X, {"x": 5}, False),
        (SET_X, {"x": True}, False),
        (DELETE_Y, {"x": 2}, True),
        (DELETE_Y, {"x": 2, "y": 2}, False),
    ],
)
def test_a_lost_conditional_update_is_settled_by_the_columns_it_names(
    engine: TableClient, clock: ManualClock, update: Update, found: dict[str, Value], ours: bool
) -> None:
    faulty = FaultyClient(engine, Fault("write_row", LOST))
    engine.write_row(Put(REF, ("k",), found))
    if ours:
        retrying(faulty, clock).write_row(update)
    else:
        with pytest.raises(ConditionFailed):
            retrying(faulty, clock).write_row(update)

    assert ["write_row", "write_row", "get_row"] == faulty.names()


def test_time_left_is_none_outside_a_deadline(clock: ManualClock) -> None:
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
        ("delete_table", ("plain",), True),
        ("write_rows", ([Put(REF, ("a",), {})],), False),
        ("get_row", (REF, ("a",)), False),
        ("get_range", (REF, REF.range_of()), False),
    ],
)
def test_the_error_of_a_write_whose_reply_was_lost_is_ambiguous(
    engine: TableClient, clock: ManualClock, operation: str, arguments: tuple[object, ...], is_write: bool
) -> None:
    """The message of a failed read does not mention it. For a batch, the writer of the batch reports it."""
    faulty = FaultyClient(engine, Fault(operation, LOST), *always(operation, BUSY))
    with pytest.raises(Unavailable, match=r"^busy \(tried .* s\)") as caught:
        getattr(retrying(faulty, clock), operation)(*arguments)

    assert (Unavailable, True) == (type(caught.value), caught.value.ambiguous)
    assert is_write == caught.value.message.endswith(" s); the request may have been carried out")
    assert is_write == caught.value.message.count("may have been carried out")


@pytest.mark.parametrize("last", [Denied("no"), TableNotFound("no"), InvalidReply("no")])
@pytest.mark.parametrize(
    ("operation", "arguments", "failing"),
    [
        ("write_row", (Put(REF, ("a",), {}),), "write_row"),
        ("write_row", (Put(REF, ("a",), {}, MUST_NOT_EXIST),), "get_row"),
        ("create_table", (PLAIN._replace(name="other"),), "create_table"),
        ("write_rows", ([Put(REF, ("a",), {})],), "write_rows"),
    ],
)
def test_any_error_after_a_lost_reply_is_ambiguous(
    engine: TableClient,
    clock: ManualClock,
    operation: str,
    arguments: tuple[object, ...],
    failing: str,
    last: TsmemError,
) -> None:
    second = Fault(failing, last, call=2 if failing == operation else 1)
    faulty = FaultyClient(engine, Fault(operation, LOST, done=True), second)
    with pytest.raises(type(last)) as caught:
        getattr(retrying(faulty, clock), operation)(*arguments)

    assert caught.value.ambiguous
    assert (operation != "write_rows") == str(caught.value).endswith("no; the request may have been carried out")


def test_of_a_batch_only_the_row_whose_reply_was_lost_is_ambiguous_after_a_denial(
    engine: TableClient, clock: ManualClock
) -> None:
    def deny(call: object, batch: Batch) -> list[Any]:
        raise Denied("no")

    client = Scripted(engine, lambda call, batch: [None, LOST, BUSY], deny)
    written, lost, refused = retrying(client, clock).write_rows([Put(REF, (key,), {}) for key in "abc"])

    assert written is None
    assert isinstance(lost, Denied)
    assert lost.ambiguous
    assert "no; the request may have been carried out" == str(lost)
    assert isinstance(refused, Denied)
    assert (False, "no") == (refused.ambiguous, str(refused))


def test_a_write_that_was_refused_every_time_is_not_ambiguous(engine: TableClient, clock: ManualClock) -> None:
    with pytest.raises(Unavailable, match=r" s\)$") as caught:
        retrying(FaultyClient(engine, *always("write_row", Unavailable("gone"))), clock).write_row(Put(REF, ("a",), {}))

    assert not caught.value.ambiguous


def test_only_rows_whose_reply_was_lost_are_ambiguous(engine: TableClient, clock: ManualClock) -> None:
    client = Scripted(engine, *[lambda call, batch: [LOST if write.key == ("a",) else BUSY for write in batch]] * 99)
    in_doubt, refused = retrying(client, clock).write_rows([Put(REF, ("a",), {}), Put(REF, ("b",), {})])

    assert str(in_doubt).endswith("; the request may have been carried out")
    assert str(refused).endswith(" s)")


@pytest.mark.parametrize("timeout_s", [0.5, 2, 5, 30])
def test_the_last_attempt_begins_shortly_before_the_timeout(
    engine: TableClient, clock: ManualClock, timeout_s: float
) -> None:
    started_s = clock.monotonic_s()
    begun_s: list[float] = []

    class Away(FaultyClient):
        def get_row(self, *_: object) -> None:
            begun_s.append(clock.monotonic_s() - started_s)
            raise BUSY

    with pytest.raises(Throttled):
        retrying(Away(engine), clock, RetryPolicy(timeout_s)).get_row(REF, ("a",))

    assert pytest.approx(timeout_s - min(1, timeout_s / 10), abs=1e-5) == begun_s[-1]
