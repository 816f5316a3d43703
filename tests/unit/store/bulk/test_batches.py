"""Batches in flight, with a client that replies when the test says so, in any order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any

import pytest

from tsmem import limits
from tsmem.errors import InvalidInput, TsmemError, Unavailable
from tsmem.port import ConcurrencyLimiter, RowOutcome
from tsmem.rows import Key, Put, TableRef, Value, Write
from tsmem.store.bulk import batches as bulk
from tsmem.store.bulk.batches import MAX_BYTES_IN_FLIGHT, BatchWriter
from tsmem.store.bulk.result import BulkResult

TABLE = TableRef("message", ("session_id", "create_time", "message_id"))
ROWS = limits.MAX_ROWS_PER_WRITE
DEADLINE_S = 30


class SentBatch:
    """A batch that was sent and waits for its reply."""

    def __init__(self, writes: Sequence[Write]) -> None:
        self.keys: list[Key] = [write.key for write in writes]
        self.size = sum(limits.check_write(write) for write in writes)
        self.outcomes: Future[list[RowOutcome]] = Future()

    def answer(self, refused: dict[int, TsmemError] | None = None) -> None:
        """Reply that all rows were written except those at these positions. Do nothing if there already is a reply."""
        with suppress(InvalidStateError):
            self.outcomes.set_result([(refused or {}).get(place) for place in range(len(self.keys))])


class ScriptedClient:
    """A client whose batches wait until the test replies to them."""

    def __init__(self, most: int = 16) -> None:
        self.limiter = ConcurrencyLimiter(most)
        self.rows_per_write = ROWS
        self._arrived = threading.Condition()
        self.batches: list[SentBatch] = []
        self._answers: Callable[[SentBatch], None] = lambda batch: None

    def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
        batch = SentBatch(writes)
        with self._arrived:
            self.batches.append(batch)
            self._arrived.notify_all()
        self._answers(batch)
        return batch.outcomes.result(DEADLINE_S)

    def answer_each(self, answers: Callable[[SentBatch], None]) -> None:
        """Call `answers` with every waiting batch now, and with every later batch when it is sent."""
        with self._arrived:
            self._answers = answers
            waiting = list(self.batches)
        for batch in waiting:
            answers(batch)

    def batch(self, key: Key) -> SentBatch:
        """Wait until the batch with this key is sent, and return it."""

        with self._arrived:
            found = self._arrived.wait_for(lambda: [each for each in self.batches if key in each.keys], DEADLINE_S)
        return found[0]


def put(number: int, columns: dict[str, Value] | None = None) -> Put:
    return Put(TABLE, ("s", number, "m"), columns or {})


def writer(client: Any, result: BulkResult, on_refused: Any = lambda key, error: None) -> BatchWriter:
    return BatchWriter(client, result, on_refused=on_refused)


def send_full_batches(writing: BatchWriter, first: int, batches: int) -> None:
    """Add full batches of rows, numbered from `first`, and send them."""
    for number in range(first, first + batches * ROWS):
        writing.add(put(number), number, put(number).key)
        if (number + 1) % ROWS == 0:
            writing.send()


def test_several_batches_are_in_flight_and_can_be_answered_in_any_order() -> None:
    client, result = ScriptedClient(), BulkResult()
    with writer(client, result) as writing:
        send_full_batches(writing, 0, 3)
        for first in (2 * ROWS, ROWS, 0):
            client.batch(("s", first, "m")).answer()

    assert 3 * ROWS == result.messages
    assert [ROWS] * 3 == [len(batch.keys) for batch in client.batches]


def test_sending_waits_at_the_concurrency_limit() -> None:
    """Sending continues after a reply to any batch, not only to the first."""
    client, result = ScriptedClient(most=4), BulkResult()
    with writer(client, result) as writing:
        send_full_batches(writing, 0, 3)
        for first in range(3):
            client.batch(("s", first * ROWS, "m"))
        client.answer_each(lambda batch: batch.answer() if batch.keys[0][1] == ROWS else None)
        send_full_batches(writing, 3 * ROWS, 1)
        assert (ROWS, 4) == (result.messages, len(client.batches))
        client.answer_each(SentBatch.answer)

    assert 4 * ROWS == result.messages


def test_writes_of_one_key_are_never_in_flight_together_and_keep_their_order() -> None:
    """A write whose key is in flight or queued is sent after the replies to all writes before it."""
    client, result = ScriptedClient(), BulkResult()
    seen: list[Key] = []

    def answer(batch: SentBatch) -> None:
        assert len(set(batch.keys)) == len(batch.keys)
        assert all(each.outcomes.done() for each in client.batches if each is not batch)
        seen.extend(batch.keys)
        batch.answer()

    client.answer_each(answer)
    with writer(client, result) as writing:
        for number in (0, 1, 0, 2, 1, 0):
            writing.add(put(number))

    assert [0, 1, 0, 2, 1, 0] == [key[1] for key in seen]
    assert 6 == result.messages


def test_first_unsettled_is_the_first_write_that_is_not_settled() -> None:
    """The first write stays unsettled as long as its batch waits, however many later batches have replies."""
    client, result = ScriptedClient(), BulkResult()
    with writer(client, result) as writing:
        assert writing.first_unsettled is None
        send_full_batches(writing, 0, 3)
        client.batch(("s", 2 * ROWS, "m")).answer()
        while result.messages < ROWS:
            writing.send()
        assert 0 == writing.first_unsettled
        client.batch(("s", 0, "m")).answer()
        while result.messages < 2 * ROWS:
            writing.send()
        assert ROWS == writing.first_unsettled
        writing.add(put(9999), 9999)
        client.batch(("s", ROWS, "m")).answer()
        while result.messages < 3 * ROWS:
            writing.send()
        client.batch(("s", 9999, "m")).answer()

    assert writing.first_unsettled is None


def test_a_batch_that_fails_as_a_whole_ends_the_writer() -> None:
    """The batches in flight are waited for and counted, and nothing more is sent. The failed batch stays unsettled."""
    client, result = ScriptedClient(), BulkResult()
    writing = writer(client, result)

    def run() -> None:
        with writing:
            send_full_batches(writing, 0, 3)
            client.batch(("s", 2 * ROWS, "m")).answer()
            client.batch(("s", 0, "m")).outcomes.set_exception(Unavailable("gone"))
            with suppress(Unavailable):
                writing._in_flight[0].pending.result(DEADLINE_S)
            client.batch(("s", ROWS, "m")).outcomes.set_exception(InvalidInput("the second one is not raised"))
            writing.add(put(9999), 9999)
            writing.send()

    client.answer_each(lambda batch: batch.answer() if batch.keys[0][1] == 9999 else None)
    with pytest.raises(Unavailable, match=rf"gone \({ROWS + 1} rows had been done before\)"):
        run()
    assert (ROWS + 1, 0) == (result.messages, result.unconfirmed)
    assert 0 == writing.first_unsettled


def test_rows_whose_reply_was_lost_are_unconfirmed() -> None:
    client, result = ScriptedClient(), BulkResult()

    def run() -> None:
        with writer(client, result) as writing:
            send_full_batches(writing, 0, 2)
            client.batch(("s", 0, "m")).answer()
            client.batch(("s", ROWS, "m")).outcomes.set_exception(Unavailable("lost", ambiguous=True))

    with pytest.raises(Unavailable, match=f"{ROWS} may have been"):
        run()
    assert (ROWS, ROWS) == (result.messages, result.unconfirmed)


def test_an_error_before_any_row_is_done_says_how_many_rows_may_have_been() -> None:
    client = ScriptedClient()
    writing = writer(client, BulkResult())
    writing.add(put(0))
    client.answer_each(lambda batch: batch.outcomes.set_exception(Unavailable("lost", ambiguous=True)))

    with pytest.raises(Unavailable, match=r"lost \(1 row may have been written or deleted\)"), writing:
        pass


def test_an_interrupt_waits_for_batches_in_flight_and_sends_no_more() -> None:
    client, result = ScriptedClient(), BulkResult()
    with suppress(KeyboardInterrupt), writer(client, result) as writing:
        send_full_batches(writing, 0, 2)
        writing.add(put(2 * ROWS), 2 * ROWS)
        client.batch(("s", ROWS, "m"))
        client.answer_each(SentBatch.answer)
        raise KeyboardInterrupt

    assert (2 * ROWS, 0) == (result.messages, result.unconfirmed)
    assert 2 == len(client.batches)
    assert 2 * ROWS == writing.first_unsettled


def test_an_interrupt_while_a_batch_is_sent_does_not_lose_its_rows_from_the_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C arrives after the batch's thread has started and before the batch is noted as in flight."""
    client, result = ScriptedClient(), BulkResult()
    client.answer_each(SentBatch.answer)
    start = threading.Thread.start

    def interrupting(thread: threading.Thread) -> None:
        start(thread)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupting)
    with suppress(KeyboardInterrupt), writer(client, result) as writing:
        send_full_batches(writing, 0, 2)

    assert (ROWS, 0) == (result.messages, result.unconfirmed)
    assert (1, None) == (len(client.batches), writing.first_unsettled)


def test_batches_without_a_reply_after_an_interrupt_are_unconfirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "GRACE_S", 0.0)
    client, result = ScriptedClient(), BulkResult()
    with suppress(KeyboardInterrupt), writer(client, result) as writing:
        send_full_batches(writing, 0, 3)
        client.batch(("s", ROWS, "m")).answer()
        while not result.messages:
            writing.send()
        raise KeyboardInterrupt
    client.answer_each(SentBatch.answer)

    assert (ROWS, 2 * ROWS) == (result.messages, result.unconfirmed)


def test_bytes_in_flight_are_bounded() -> None:
    client, result = ScriptedClient(), BulkResult()
    lock = threading.Lock()
    waiting: list[SentBatch] = []

    def hold(batch: SentBatch) -> None:
        """Reply to the oldest batches until another batch fits into the limit."""
        with lock:
            waiting.append(batch)
            while sum(each.size for each in waiting) > MAX_BYTES_IN_FLIGHT - limits.MAX_BATCH_BYTES:
                waiting.pop(0).answer()

    client.answer_each(hold)
    for _ in range(200):
        client.limiter.answered()
    rows = 60
    with writer(client, result) as writing:
        for number in range(rows):
            writing.add(put(number, {"content": "x" * 1_900_000}))
            assert sum(batch.bytes for batch in writing._in_flight) <= MAX_BYTES_IN_FLIGHT
        client.answer_each(SentBatch.answer)

    assert rows == result.messages


def test_a_batch_of_exactly_4_mb_is_not_split() -> None:
    half = limits.MAX_BATCH_BYTES // 2
    for more, sizes in ((0, [2]), (1, [1, 1])):
        client = ScriptedClient()
        client.answer_each(SentBatch.answer)
        with writer(client, BulkResult()) as writing:
            for number in range(2):
                room = half - limits.check_write(put(number, {"x": ""})) + more * number
                writing.add(put(number, {"x": "x" * room}))
        assert sizes == [len(batch.keys) for batch in client.batches]


def test_a_refused_row_that_cannot_be_saved_as_a_reject_is_not_settled() -> None:
    """The other rows of its batch are counted all the same."""
    client, result = ScriptedClient(), BulkResult()

    def full(key: Key, error: TsmemError) -> None:
        raise OSError("no room to keep it")

    writing = writer(client, result, full)
    client.answer_each(lambda batch: batch.answer({3: InvalidInput("refused")}))
    with suppress(OSError), writing:
        send_full_batches(writing, 0, 1)

    assert (ROWS - 1, 1) == (result.messages, result.failed)
    assert 0 == writing.first_unsettled
