"""Deleting and moving many: nothing lost, nothing left half done without saying so, each row's outcome looked at."""

from __future__ import annotations

import io

import pytest

from tests.clocks import ManualClock
from tests.contract.faults import Fault, FaultyClient, RefusingClient
from tsmem.clock import Age
from tsmem.errors import AlreadyExists, ConditionFailed, InvalidInput, NotFound, PartialFailure, Throttled, Unavailable
from tsmem.port import TableClient
from tsmem.retry import RetryingClient
from tsmem.rows import MUST_EXIST, MUST_NOT_EXIST, Delete, Put, Update, Value, Write
from tsmem.store import MemoryStore, Message, Metadata, Session
from tsmem.store.bulk.loading import ImportedItem, LoadOptions
from tsmem.store.bulk.result import BulkResult
from tsmem.transfer.exporting import export_lines
from tsmem.transfer.records import ImportSource, read_records

LOST = Unavailable("the answer was lost", ambiguous=True)


def conversation(store: MemoryStore, user: str, session: str, *times: int, update_time: int | None = None) -> None:
    """A session with messages at these times."""
    latest = max(times, default=None) if update_time is None else update_time
    store.sessions.put(Session(user, session, latest))
    for time in times:
        store.messages.put(Message(session, f"m{time}", time))


def left(store: MemoryStore) -> tuple[list[str], list[int]]:
    """Session ids and message times that are there."""
    return [s.session_id for s in store.sessions.iterate(None)], [m.create_time for m in store.messages.iterate(None)]


# Deleting


def test_messages_are_deleted_before_their_session(store: MemoryStore, empty_client: TableClient) -> None:
    """A failure in the middle leaves the session, so that the same command can be repeated and ends the job."""
    conversation(store, "u", "s", 1, 2, 3)
    failing = MemoryStore(FaultyClient(empty_client, Fault("write_rows", Unavailable("gone"))), target="test")
    with pytest.raises(Unavailable):
        failing.sessions.delete("u", "s", with_messages=True)
    assert (["s"], [1, 2, 3]) == left(store)

    failing = MemoryStore(FaultyClient(empty_client, Fault("write_row", Unavailable("gone"))), target="test")
    with pytest.raises(Unavailable):
        failing.sessions.delete("u", "s", with_messages=True)
    assert (["s"], []) == left(store)

    result = store.sessions.delete("u", "s", with_messages=True)
    assert (1, 0) == (result.sessions, result.messages)
    assert ([], []) == left(store)


def test_a_session_that_does_not_exist_takes_no_messages_with_it(store: MemoryStore) -> None:
    """A mistyped user deletes nobody's messages, although their keys carry no user."""
    conversation(store, "u", "s", 1, 2)

    with pytest.raises(NotFound):
        store.sessions.delete("typo", "s", with_messages=True)
    store.sessions.delete("typo", "s", with_messages=True, missing_ok=True)
    assert (["s"], [1, 2]) == left(store)


def test_whether_a_session_is_there_is_asked_of_one_column(store: MemoryStore, empty_client: TableClient) -> None:
    """Before its messages are deleted a session is looked for, and nothing that it holds is read and paid for."""
    store.sessions.put(Session("u", "s", 1, "x" * 100_000))
    client = FaultyClient(empty_client)
    MemoryStore(client, target="test").sessions.delete("u", "s", with_messages=True)

    assert [("user_id",)] == [arguments[2] for name, arguments in client.calls if name == "get_row"]


def test_deleting_a_session_alone_leaves_its_messages(store: MemoryStore) -> None:
    """Messages go only when that is asked for."""
    conversation(store, "u", "s", 1)
    store.sessions.delete("u", "s")

    assert ([], [1]) == left(store)


def test_purge_until_includes_its_end_and_spares_the_timeless(store: MemoryStore) -> None:
    """Sessions up to the time go, later ones and those without a time stay, and other users' stay."""
    for n in range(4):
        store.sessions.put(Session("u", f"s{n}", n))
    store.sessions.put(Session("u", "timeless"))
    store.sessions.put(Session("v", "other", 0))

    assert 2 == store.sessions.purge("u", until=1).sessions
    assert ["s2", "s3", "timeless", "other"] == left(store)[0]
    assert 3 == store.sessions.purge("u").sessions
    assert ["other"] == left(store)[0]


def test_purge_until_with_messages_keeps_a_session_with_a_later_message(store: MemoryStore) -> None:
    """A session that still speaks after the time is kept whole, whatever its own time says."""
    conversation(store, "u", "old", 1, 2)
    conversation(store, "u", "alive", 1, 9, update_time=2)
    conversation(store, "u", "new", 8)

    result = store.sessions.purge(None, until=5, with_messages=True)

    assert (1, 2, 1) == (result.sessions, result.messages, result.skipped)
    assert (["alive", "new"], [1, 9, 8]) == left(store)


def test_purge_deletes_a_session_only_while_it_is_old(store: MemoryStore, empty_client: TableClient) -> None:
    """A session that was touched after it was read is kept: it is deleted under the condition that it is old."""
    conversation(store, "u", "a", update_time=1)
    conversation(store, "u", "b", update_time=1)
    client = FaultyClient(empty_client)
    client.before["write_rows"] = lambda: store.sessions.update("u", "a", update_time=9)

    result = MemoryStore(client, target="test").sessions.purge("u", until=5)

    assert (1, 1) == (result.sessions, result.skipped)
    assert ["a"] == left(store)[0]


def test_purge_keeps_a_session_to_which_a_message_comes_meanwhile(
    store: MemoryStore, empty_client: TableClient
) -> None:
    """Each session is looked at again when its messages are gone, right before it goes."""
    for name in ("a", "b"):
        conversation(store, "u", name, 1)
    purging = MemoryStore(empty_client, target="test")
    looked: list[str] = []
    original = purging.messages.has_later

    def has_later(session_id: str, time: int) -> bool:
        looked.append(session_id)
        if looked.count("b") == 2 and session_id == "b":
            store.messages.put(Message("b", "m9", 9))
        return original(session_id, time)

    purging.messages.has_later = has_later  # type: ignore[method-assign]
    result = purging.sessions.purge("u", until=5, with_messages=True)

    assert ["a", "a", "b", "b"] == sorted(looked)
    assert (1, 2, 1) == (result.sessions, result.messages, result.skipped)
    assert (["b"], [9]) == left(store)


def test_purge_dry_run_counts_and_does_nothing(store: MemoryStore, empty_client: TableClient) -> None:
    """A dry run counts what a real one deletes, and writes nothing."""
    conversation(store, "u", "s", 1, 2, 3)
    conversation(store, "u", "t", 1, 9)
    client = FaultyClient(empty_client)
    dry = MemoryStore(client, target="test")

    counted = dry.sessions.purge("u", until=5, with_messages=True, dry_run=True)
    assert {"get_range", "search"} == set(client.names())
    done = store.sessions.purge("u", until=5, with_messages=True)
    assert (done.sessions, done.messages, done.skipped) == (counted.sessions, counted.messages, counted.skipped)


def test_purge_reads_keys_only(store: MemoryStore, empty_client: TableClient) -> None:
    """Purging reads keys and the columns of its condition, never contents."""
    for n in range(3):
        store.messages.put(Message("s", f"m{n}", n, content="x" * 1_000_000))
        store.sessions.put(Session("u", f"s{n}", n, metadata=Metadata({"big": "x" * 1_000_000})))
    store_before = store.cost.read_units
    client = FaultyClient(empty_client)
    purging = MemoryStore(client, target="test")
    purging.messages.purge("s")
    purging.sessions.purge("u", until=1)

    scans = [args for name, args in client.calls if name == "get_range"]
    assert 2 == len(scans)
    assert store_before <= store.cost.read_units
    assert ([f"s{n}" for n in (2,)], []) == left(store)


def test_purge_of_messages_by_age(store: MemoryStore, clock: ManualClock) -> None:
    """An age counts back from now; one session's messages or all."""
    clock.time_us = 1000
    conversation(store, "u", "s", 1, 500, 900)
    conversation(store, "u", "t", 2, 950)

    assert 2 == store.messages.purge("s", until=Age(500)).messages
    assert 1 == store.messages.purge(None, until=Age(500)).messages
    assert [900, 950] == left(store)[1]


def test_a_failure_in_the_middle_of_a_purge_says_what_was_done(store: MemoryStore, empty_client: TableClient) -> None:
    """When the service goes away after a batch, the error says how many rows were done before."""
    for n in range(250):
        store.messages.put(Message("s", f"m{n}", n))
    failing = MemoryStore(FaultyClient(empty_client, Fault("write_rows", Unavailable("gone"), call=2)), target="test")

    with pytest.raises(Unavailable, match="200 rows had been done before"):
        failing.messages.purge("s")
    assert 50 == len(left(store)[1])


# Rows of a batch


def test_rows_that_are_refused_are_reported_by_key_and_the_others_are_written(
    store: MemoryStore, empty_client: TableClient
) -> None:
    """Each row's outcome is looked at: a refused row is named, its neighbours are there."""
    client = RefusingClient(empty_client, {"m1": InvalidInput("refused"), "m3": InvalidInput("refused too")})
    records = [ImportedItem(n, Message("s", f"m{n}", n)) for n in range(5)]
    result = BulkResult()

    with pytest.raises(PartialFailure, match="2 of 5 rows") as caught:
        MemoryStore(client, target="test").bulk.load(records, result=result)

    assert [("s", 1, "m1"), ("s", 3, "m3")] == [failure.key for failure in caught.value.failures]
    assert [0, 2, 4] == left(store)[1]
    assert (3, 2) == (result.done, result.failed)


def test_a_refused_row_does_not_cost_the_last_batch(store: MemoryStore, empty_client: TableClient) -> None:
    """Rows behind a refused one are written too, down to the last batch, full or not."""
    client = RefusingClient(empty_client, {"m1": InvalidInput("refused")})
    records = [ImportedItem(n, Message("s", f"m{n}", n)) for n in range(450)]
    result = BulkResult()

    with pytest.raises(PartialFailure, match="1 of 450 rows"):
        MemoryStore(client, target="test").bulk.load(records, result=result)
    assert 449 == len(left(store)[1]) == result.done


def test_a_row_that_grew_past_one_write_comes_back(store: MemoryStore, empty_client: TableClient) -> None:
    """Updates can make a row of more columns and bytes than one write holds; export and import keep it all the same."""
    key, table = ("s", 1, "m"), store.layout.message.ref
    for part in range(3):
        columns: dict[str, Value] = {f"c{part}_{n}": n for n in range(500)}
        empty_client.write_row(Update(table, key, {**columns, f"big{part}": "x" * 1_900_000}))
    before = store.messages.get("s", "m")
    exported = b"".join(export_lines(store.bulk.items(), BulkResult()))
    store.messages.purge("s")
    result = store.bulk.load(read_records(ImportSource(io.BytesIO(exported))), result=BulkResult())

    assert before == store.messages.get("s", "m")
    assert 1 == result.messages


def test_rows_that_fail_for_now_are_retried_together(
    store: MemoryStore, empty_client: TableClient, clock: ManualClock
) -> None:
    """The rows of a batch that failed for now make a smaller batch; their neighbours are not written twice."""
    client = RefusingClient(empty_client, {"m1": Throttled("busy"), "m2": LOST})
    records = [ImportedItem(n, Message("s", f"m{n}", n)) for n in range(4)]
    MemoryStore(RetryingClient(client, clock), target="test").bulk.load(records, result=BulkResult())

    assert [4, 2] == [len(args[0]) for name, args in client.calls if name == "write_rows"]
    assert {"write_rows"} == set(client.names())
    assert [0, 1, 2, 3] == left(store)[1]


def test_a_key_is_in_flight_once(store: MemoryStore, empty_client: TableClient) -> None:
    """Two writes of one key are never in one batch, and the later one wins."""
    client = FaultyClient(empty_client)
    items = [Message("s", "m", 1, content="first"), Message("s", "n", 1), Message("s", "m", 1, content="second")]
    records = [ImportedItem(place, item) for place, item in enumerate(items)]
    MemoryStore(client, target="test").bulk.load(records, result=BulkResult())

    assert ["write_rows", "write_rows"] == client.names()
    assert "second" == store.messages.get("s", "m").content


def test_batches_are_cut_by_bytes(store: MemoryStore, empty_client: TableClient) -> None:
    """A batch never passes 4 MB, however few rows that are."""
    client = FaultyClient(empty_client)
    records = [ImportedItem(n, Message("s", f"m{n}", n, content="x" * 1_500_000)) for n in range(5)]
    MemoryStore(client, target="test").bulk.load(records, result=BulkResult())

    assert [2, 2, 1] == [len(args[0]) for name, args in client.calls if name == "write_rows"]


@pytest.mark.parametrize(("conflict", "content"), [("overwrite", "new"), ("skip", "old")])
def test_import_meets_what_exists(store: MemoryStore, conflict: str, content: str) -> None:
    """overwrite replaces rows that exist, skip leaves and counts them."""
    store.messages.put(Message("s", "m1", 1, content="old"))
    records = [ImportedItem(n, Message("s", f"m{n}", n, content="new")) for n in range(3)]
    result = store.bulk.load(records, LoadOptions(conflict), result=BulkResult())  # type: ignore[arg-type]

    assert content == store.messages.get("s", "m1").content
    assert 3 == result.done + result.skipped


def test_import_can_fail_on_what_exists(store: MemoryStore) -> None:
    """fail leaves what exists as it is and says what of the rest was written."""
    store.messages.put(Message("s", "m1", 1, content="old"))

    with pytest.raises(AlreadyExists, match="s/1/m1"):
        store.bulk.load([ImportedItem(1, Message("s", "m1", 1))], LoadOptions("fail"), result=BulkResult())
    with pytest.raises(PartialFailure, match="1 rows were written"):
        store.bulk.load(
            [ImportedItem(n, Message("s", f"m{n}", n, content="new")) for n in (1, 2)],
            LoadOptions("fail"),
            result=BulkResult(),
        )
    assert ["old", "new"] == [m.content for m in store.messages.iterate("s")]


def test_export_and_import_give_the_same_rows(store: MemoryStore, empty_client: TableClient) -> None:
    """What was exported, deleted and imported again exports to the same bytes."""
    conversation(store, "u", "s", 1, 2)
    conversation(store, "v", "t", 3)
    store.messages.put(Message("orphan", "m", 0, metadata=Metadata({"x": b"\0\xff", "f": -0.0, "i": 2**63 - 1})))
    exported = b"".join(export_lines(store.bulk.items(), BulkResult()))
    store.tables.drop()
    store.tables.apply()
    result = store.bulk.load(read_records(ImportSource(io.BytesIO(exported))), result=BulkResult())

    assert (2, 4) == (result.sessions, result.messages)
    assert exported == b"".join(export_lines(store.bulk.items(), BulkResult()))


def test_export_of_a_user_or_a_session(store: MemoryStore) -> None:
    """A user's export holds their sessions and messages, a session's export its rows under every user."""
    conversation(store, "u", "s", 1)
    conversation(store, "u", "shared", 2)
    conversation(store, "v", "shared", update_time=3)

    of_user = list(store.bulk.items(user_id="u"))
    of_session = list(store.bulk.items(session_id="shared"))
    assert ["s", "shared", "s", "shared"] == [item.session_id for item in of_user]
    assert ["u", "v"] == [item.user_id for item in of_session if isinstance(item, Session)]
    assert [2] == [item.create_time for item in of_session if isinstance(item, Message)]


# Lost answers


def retrying(client: TableClient, clock: ManualClock) -> RetryingClient:
    """With pauses that cost no time."""
    return RetryingClient(client, clock, seed=1)


def test_a_conditional_put_whose_answer_was_lost_is_settled_by_reading_back(
    store: MemoryStore, empty_client: TableClient, clock: ManualClock
) -> None:
    """The second attempt fails on the first one's own row: a row equal to ours was written, so that is success."""
    faulty = FaultyClient(empty_client, Fault("write_row", LOST, done=True))
    MemoryStore(retrying(faulty, clock), target="test").sessions.put(Session("u", "s", 1), if_absent=True)

    assert ["write_row", "write_row", "get_row"] == faulty.names()
    assert 1 == store.sessions.get("u", "s").update_time


def test_a_conditional_put_that_met_another_row_is_a_conflict(
    store: MemoryStore, empty_client: TableClient, clock: ManualClock
) -> None:
    """When the row that stands there is not ours, a lost answer does not turn the conflict into success."""
    store.sessions.put(Session("u", "s", 2))
    faulty = FaultyClient(empty_client, Fault("write_row", LOST))

    with pytest.raises(AlreadyExists):
        MemoryStore(retrying(faulty, clock), target="test").sessions.put(Session("u", "s", 1), if_absent=True)
    assert 2 == store.sessions.get("u", "s").update_time


def test_a_delete_whose_answer_was_lost_is_settled_by_its_absence(
    store: MemoryStore, empty_client: TableClient, clock: ManualClock
) -> None:
    """An absent row was deleted."""
    store.sessions.put(Session("u", "s", 1))
    faulty = FaultyClient(empty_client, Fault("write_row", LOST, done=True))
    MemoryStore(retrying(faulty, clock), target="test").sessions.delete("u", "s")

    assert store.sessions.find("u", "s") is None


def test_an_update_whose_answer_was_lost_is_done_once(
    store: MemoryStore, empty_client: TableClient, clock: ManualClock
) -> None:
    """Repeating an update leaves what one update leaves; a failed condition is read back too."""
    store.sessions.put(Session("u", "s", 1))
    faulty = FaultyClient(empty_client, Fault("write_row", LOST, done=True))
    MemoryStore(retrying(faulty, clock), target="test").sessions.touch("u", "s", 5)

    assert 5 == store.sessions.get("u", "s").update_time


def test_a_batch_whose_answer_was_lost_is_settled_row_by_row(
    store: MemoryStore, empty_client: TableClient, clock: ManualClock
) -> None:
    """After a lost answer each row of a conditional batch is settled: ours were written, others' are conflicts."""
    table = store.layout.message.ref
    empty_client.write_row(Put(table, ("s", 2, "theirs"), {"content": "theirs"}))
    faulty = FaultyClient(empty_client, Fault("write_rows", LOST, done=True))
    writes: list[Write] = [
        Put(table, ("s", 1, "ours"), {"content": "ours", "x": -0.0}, MUST_NOT_EXIST),
        Put(table, ("s", 2, "theirs"), {"content": "ours"}, MUST_NOT_EXIST),
        Delete(table, ("s", 3, "gone"), MUST_EXIST),
        Update(table, ("s", 4, "none"), {"content": "x"}, condition=MUST_EXIST),
    ]
    outcomes = retrying(faulty, clock).write_rows(writes)

    assert outcomes[0] is None
    assert isinstance(outcomes[1], ConditionFailed)
    assert outcomes[2] is None
    assert isinstance(outcomes[3], ConditionFailed)


def test_retries_end_with_the_deadline(store: MemoryStore, empty_client: TableClient, clock: ManualClock) -> None:
    """A service that stays away ends in Unavailable within the time that was set, pauses growing."""
    faults = [Fault("get_row", Throttled("busy"), call=n) for n in range(1, 200)]
    client = retrying(FaultyClient(empty_client, *faults), clock)
    started = clock.monotonic_s()

    with pytest.raises(Throttled):
        MemoryStore(client, target="test").sessions.get("u", "s")
    assert 20 < clock.monotonic_s() - started <= 30
    assert clock.slept_s[0] < clock.slept_s[4] <= 3.0


def test_a_batch_has_one_deadline(store: MemoryStore, empty_client: TableClient, clock: ManualClock) -> None:
    """However many rows of a batch stay throttled, the batch ends within the time that was set, each row named."""
    busy = [f"m{n}" for n in range(50)]
    client = RefusingClient(empty_client, {name: Throttled("busy") for name in busy})
    client.always = True
    started = clock.monotonic_s()
    outcomes = retrying(client, clock).write_rows([Put(store.layout.message.ref, ("s", 1, name), {}) for name in busy])

    assert all(isinstance(outcome, Throttled) for outcome in outcomes)
    assert clock.monotonic_s() - started <= 31


def test_what_is_wrong_is_not_retried(store: MemoryStore, empty_client: TableClient, clock: ManualClock) -> None:
    """Only unavailability is tried again."""
    faulty = FaultyClient(empty_client, Fault("get_row", InvalidInput("no")))

    with pytest.raises(InvalidInput):
        MemoryStore(retrying(faulty, clock), target="test").sessions.get("u", "s")
    assert ["get_row"] == faulty.names()


def test_a_message_that_cannot_be_deleted_keeps_its_session(store: MemoryStore, empty_client: TableClient) -> None:
    """A purge never deletes a session whose messages are still there: what failed can be repeated."""
    conversation(store, "u", "a", 1, 2)
    conversation(store, "u", "b", 3)
    client = RefusingClient(empty_client, {"m2": InvalidInput("refused")})

    with pytest.raises(PartialFailure):
        MemoryStore(client, target="test").sessions.purge("u", with_messages=True)
    assert (["a", "b"], [2]) == left(store)
    store.sessions.purge("u", with_messages=True)
    assert ([], []) == left(store)


def test_a_purge_of_everything_shares_batches(store: MemoryStore, empty_client: TableClient) -> None:
    """Without a time limit the messages of many sessions share batches, and so do the sessions behind them."""
    for n in range(6):
        conversation(store, "u", f"s{n}", 1, 2)
    client = FaultyClient(empty_client)
    MemoryStore(client, target="test").sessions.purge(None, with_messages=True)

    assert [12, 6] == [len(args[0]) for name, args in client.calls if name == "write_rows"]
    assert 7 == client.names().count("get_range")


def test_a_session_that_cannot_be_deleted_does_not_stop_the_others(
    store: MemoryStore, empty_client: TableClient
) -> None:
    """A refused session is named; all later ones go."""
    for n in range(250):
        store.sessions.put(Session("u", f"s{n:03d}", n))
    client = RefusingClient(empty_client, {"s000": InvalidInput("refused")})

    with pytest.raises(PartialFailure, match="1 of 250 rows"):
        MemoryStore(client, target="test").sessions.purge("u")
    assert ["s000"] == left(store)[0]


def test_a_row_whose_beginning_was_refused_gets_no_rest(store: MemoryStore, empty_client: TableClient) -> None:
    """The Updates behind a Put that was refused are not sent: no row is made up of its rest."""
    columns: dict[str, Value] = {f"c{n}": n for n in range(1500)}
    client = RefusingClient(empty_client, {"m": InvalidInput("refused")})
    result = BulkResult()

    with pytest.raises(PartialFailure):
        MemoryStore(client, target="test").bulk.load(
            [ImportedItem(1, Message("s", "m", 1, metadata=Metadata(columns))), ImportedItem(2, Message("s", "n", 2))],
            result=result,
        )
    assert ["n"] == [message.message_id for message in store.messages.iterate("s")]


def test_the_first_look_knows_what_will_be_written(store: MemoryStore) -> None:
    """A row that needs several writes is refused by the check where rows that exist are to be left alone."""
    columns: dict[str, Value] = {f"c{n}": n for n in range(1500)}
    records = [ImportedItem(7, Message("s", "m", 1, metadata=Metadata(columns)))]

    assert 1 == store.bulk.check(records).messages
    with pytest.raises(InvalidInput, match="line 7"):
        store.bulk.check(records, LoadOptions("skip"))
