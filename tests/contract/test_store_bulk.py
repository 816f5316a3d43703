"""Deletes and imports of many rows: no row is lost, each outcome is checked, and half-done work is reported."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.support.backends import on_engine
from tests.support.clocks import ManualClock
from tests.support.faults import Fault, FaultyClient, RefusingClient
from tests.support.items import ids, load
from tsmem.clock import Age
from tsmem.errors import AlreadyExists, ConditionFailed, InvalidInput, NotFound, PartialFailure, TsmemError, Unavailable
from tsmem.port import TableClient
from tsmem.retry import RetryingClient
from tsmem.rows import MUST_EXIST, MUST_NOT_EXIST, Delete, Put, Update, Value, Write
from tsmem.store import MemoryStore, Message, Metadata, Session
from tsmem.store.bulk.bulk import ImportedItem, LoadOptions
from tsmem.store.bulk.result import BulkResult
from tsmem.transfer.formats.tsmem import export_lines
from tsmem.transfer.importing import ImportSource, read_records

pytestmark = on_engine
LOST = Unavailable("the answer was lost", ambiguous=True)
GONE = Unavailable("gone")
REFUSED = InvalidInput("refused")


def conversation(store: MemoryStore, user: str, session: str, *times: int, update_time: int | None = None) -> None:
    latest = max(times, default=None) if update_time is None else update_time
    load(store, [Session(user, session, latest), *(Message(session, f"m{time}", time) for time in times)])


def remaining(store: MemoryStore) -> tuple[list[str], list[int]]:
    return [s.session_id for s in store.sessions.iterate(None)], [m.create_time for m in store.messages.iterate(None)]


def store_refusing(client: TableClient, **refused: TsmemError) -> MemoryStore:
    return MemoryStore(RefusingClient(client, refused), target="test")


# Deleting


def test_messages_are_deleted_before_their_session(store: MemoryStore, faulty: FaultyClient) -> None:
    """After a failure midway the session still exists, so the same command can be repeated to finish."""
    conversation(store, "u", "s", 1, 2, 3)
    for operation, messages in (("write_rows", [1, 2, 3]), ("write_row", [])):
        faulty.expect(Fault(operation, GONE))
        with pytest.raises(Unavailable):
            store.sessions.delete("u", "s", with_messages=True)
        assert (["s"], messages) == remaining(store)

    faulty.expect()
    result = store.sessions.delete("u", "s", with_messages=True)
    assert (1, 0) == (result.sessions, result.messages)
    assert ([], []) == remaining(store)


def test_deleting_a_missing_session_deletes_no_messages(store: MemoryStore) -> None:
    """A mistyped user id must not delete the messages of others: the key of a message has no user."""
    conversation(store, "u", "s", 1, 2)

    with pytest.raises(NotFound):
        store.sessions.delete("typo", "s", with_messages=True)
    store.sessions.delete("typo", "s", with_messages=True, missing_ok=True)
    assert (["s"], [1, 2]) == remaining(store)
    store.sessions.delete("u", "s")
    assert ([], [1, 2]) == remaining(store)


def test_delete_with_messages_reads_one_column_of_the_session(store: MemoryStore, faulty: FaultyClient) -> None:
    store.sessions.put(Session("u", "s", 1, "x" * 100_000))
    store.sessions.delete("u", "s", with_messages=True)

    assert [("user_id",)] == [arguments[2] for name, arguments in faulty.calls if name == "get_row"]


def test_purge_until_includes_its_end_and_keeps_sessions_without_a_time(store: MemoryStore) -> None:
    sessions = [Session("u", f"s{n}", n) for n in range(4)]
    load(store, [*sessions, Session("u", "timeless"), Session("v", "other", 0)])

    assert 2 == store.sessions.purge("u", until=1).sessions
    assert ["s2", "s3", "timeless", "other"] == remaining(store)[0]
    assert 3 == store.sessions.purge("u").sessions
    assert ["other"] == remaining(store)[0]


def test_purge_until_keeps_sessions_with_later_messages(store: MemoryStore) -> None:
    """The session's own update time does not matter. A dry run counts the same rows and writes nothing."""
    conversation(store, "u", "old", 1, 2)
    conversation(store, "u", "alive", 1, 9, update_time=2)
    conversation(store, "u", "new", 8)

    for dry_run in (True, False):
        assert (["alive", "new", "old"], [1, 9, 8, 1, 2]) == remaining(store)
        result = store.sessions.purge(None, until=5, with_messages=True, dry_run=dry_run)
        assert (1, 2, 1) == (result.sessions, result.messages, result.skipped)
    assert (["alive", "new"], [1, 9, 8]) == remaining(store)


def test_purge_keeps_a_session_that_is_touched_meanwhile(store: MemoryStore, faulty: FaultyClient) -> None:
    conversation(store, "u", "a", update_time=1)
    conversation(store, "u", "b", update_time=1)
    faulty.before["write_rows"] = lambda: store.sessions.update("u", "a", update_time=9)

    result = store.sessions.purge("u", until=5)

    assert (1, 1) == (result.sessions, result.skipped)
    assert ["a"] == remaining(store)[0]


def test_purge_keeps_a_session_that_gets_a_message_meanwhile(store: MemoryStore, faulty: FaultyClient) -> None:
    """Purge looks for messages again right before it deletes the session."""
    for name in ("a", "b"):
        conversation(store, "u", name, 1)

    def arrive() -> None:
        if list(store.messages.iterate("b")):
            faulty.before["get_range"] = arrive
        else:
            store.messages.put(Message("b", "m9", 9))

    faulty.before["get_range"] = arrive
    result = store.sessions.purge("u", until=5, with_messages=True)

    assert (1, 2, 1) == (result.sessions, result.messages, result.skipped)
    assert (["b"], [9]) == remaining(store)


def test_purge_of_messages_by_age(store: MemoryStore, clock: ManualClock) -> None:
    clock.time_us = 1000
    conversation(store, "u", "s", 1, 500, 900)
    conversation(store, "u", "t", 2, 950)

    assert 2 == store.messages.purge("s", until=Age(500)).messages
    assert 1 == store.messages.purge(None, until=Age(500)).messages
    assert [900, 950] == remaining(store)[1]


def test_a_purge_that_fails_midway_says_how_much_was_deleted(store: MemoryStore, faulty: FaultyClient) -> None:
    load(store, [Message("s", f"m{n}", n) for n in range(250)])

    faulty.expect(Fault("write_rows", GONE, call=2))
    with pytest.raises(Unavailable, match="200 rows had been done before"):
        store.messages.purge("s")
    assert 50 == len(remaining(store)[1])


@pytest.mark.parametrize("until", [None, 9])
def test_purge_keeps_a_session_if_one_of_its_messages_cannot_be_deleted(
    store: MemoryStore, empty_client: TableClient, until: int | None
) -> None:
    conversation(store, "u", "a", 1, 2)
    conversation(store, "u", "b", 3)

    with pytest.raises(PartialFailure):
        store_refusing(empty_client, m2=REFUSED).sessions.purge("u", until=until, with_messages=True)
    sessions, messages = remaining(store)
    assert ("a" in sessions, 2 in messages) == (True, True)
    store.sessions.purge("u", until=until, with_messages=True)
    assert ([], []) == remaining(store)


def test_purge_goes_on_after_a_session_that_cannot_be_deleted(store: MemoryStore, empty_client: TableClient) -> None:
    load(store, [Session("u", f"s{n:03d}", n) for n in range(250)])

    with pytest.raises(PartialFailure, match="1 of 250 rows"):
        store_refusing(empty_client, s000=REFUSED).sessions.purge("u")
    assert ["s000"] == remaining(store)[0]


# Importing


def test_import_names_refused_rows_and_writes_all_others(store: MemoryStore, empty_client: TableClient) -> None:
    client = store_refusing(empty_client, m1=REFUSED, m3=InvalidInput("refused too"))
    result = BulkResult()

    with pytest.raises(PartialFailure, match="2 of 450 rows") as caught:
        load(client, [Message("s", f"m{n}", n) for n in range(450)], result=result)

    assert [("s", 1, "m1"), ("s", 3, "m3")] == [failure.key for failure in caught.value.failures]
    assert [0, 2, *range(4, 450)] == remaining(store)[1]
    assert (448, 2) == (result.done, result.failed)


def test_a_row_too_large_for_one_write_is_exported_and_imported(store: MemoryStore, empty_client: TableClient) -> None:
    """Several updates can give a row more columns and bytes than one write can hold."""
    key, table = ("s", 1, "m"), store.layout.message.ref
    for part in range(3):
        columns: dict[str, Value] = {f"c{part}_{n}": n for n in range(500)}
        empty_client.write_row(Update(table, key, {**columns, f"big{part}": "x" * 1_400_000}))
    before = store.messages.get("s", "m")
    exported = b"".join(export_lines(store.bulk.items(), BulkResult()))
    store.messages.purge("s")
    result = store.bulk.load(read_records(ImportSource(io.BytesIO(exported))), result=BulkResult())

    assert before == store.messages.get("s", "m")
    assert 1 == result.messages


def test_a_row_of_several_writes_is_abandoned_after_a_refused_write(
    store: MemoryStore, empty_client: TableClient
) -> None:
    columns = Metadata({f"c{n}": n for n in range(1500)})

    with pytest.raises(PartialFailure):
        load(store_refusing(empty_client, m=REFUSED), [Message("s", "m", 1, metadata=columns), Message("s", "n", 2)])
    assert ["n"] == ids(store.messages.iterate("s"))


def test_a_row_of_several_writes_cannot_be_imported_with_on_conflict_skip(store: MemoryStore) -> None:
    records = [ImportedItem(7, Message("s", "m", 1, metadata=Metadata({f"c{n}": n for n in range(1500)})))]

    assert 1 == store.bulk.check(records).messages
    with pytest.raises(InvalidInput, match="line 7"):
        store.bulk.check(records, LoadOptions("skip"))


def test_an_invalid_row_after_one_that_was_written_is_a_partial_failure(store: MemoryStore) -> None:
    large = Message("s", "m", 1, metadata=Metadata({f"c{n}": n for n in range(1500)}))

    with pytest.raises(PartialFailure, match="; 1 row was written, and no others"):
        load(store, [large, Message("s", "", 2)])


@pytest.mark.parametrize(("conflict", "content"), [("overwrite", "new"), ("skip", "old")])
def test_import_overwrites_or_skips_existing_rows(store: MemoryStore, conflict: Any, content: str) -> None:
    store.messages.put(Message("s", "m1", 1, content="old"))
    result = load(store, [Message("s", f"m{n}", n, content="new") for n in range(3)], LoadOptions(conflict))

    assert content == store.messages.get("s", "m1").content
    assert 3 == result.done + result.skipped


def test_import_can_fail_on_existing_rows(store: MemoryStore) -> None:
    store.messages.put(Message("s", "m1", 1, content="old"))

    with pytest.raises(AlreadyExists, match="s/1/m1"):
        load(store, [Message("s", "m1", 1)], LoadOptions("fail"))
    with pytest.raises(PartialFailure, match="1 row was written"):
        load(store, [Message("s", f"m{n}", n, content="new") for n in (1, 2)], LoadOptions("fail"))
    assert ["old", "new"] == [m.content for m in store.messages.iterate("s")]


def test_import_with_on_conflict_fail_writes_all_rows_beside_an_invalid_one(store: MemoryStore) -> None:
    refused: list[ImportedItem] = []
    options = LoadOptions("fail", on_refused=lambda record, error: refused.append(record))

    with pytest.raises(PartialFailure, match="1 of 3 rows could not be written"):
        load(store, [Message("s", "m1", 1), Message("s", "", 2), Message("s", "m3", 3)], options)
    assert ["m1", "m3"] == ids(store.messages.iterate("s"))
    assert [""] == [record.item.message_id for record in refused if isinstance(record.item, Message)]


def test_export_of_a_user_includes_messages_and_of_a_session_all_its_users(store: MemoryStore) -> None:
    conversation(store, "u", "s", 1)
    conversation(store, "u", "shared", 2)
    conversation(store, "v", "shared", update_time=3)

    of_user = list(store.bulk.items(user_id="u"))
    of_session = list(store.bulk.items(session_id="shared"))
    assert ["s", "shared", "s", "shared"] == [item.session_id for item in of_user]
    assert ["u", "v"] == [item.user_id for item in of_session if isinstance(item, Session)]
    assert [2] == [item.create_time for item in of_session if isinstance(item, Message)]


def test_a_batch_whose_reply_was_lost_is_settled_row_by_row(
    store: MemoryStore, empty_client: TableClient, clock: ManualClock
) -> None:
    """The rows are read back: a row equal to ours was written by us, any other is a conflict."""
    table = store.layout.message.ref
    empty_client.write_row(Put(table, ("s", 2, "theirs"), {"content": "theirs"}))
    client = FaultyClient(empty_client, Fault("write_rows", LOST, done=True))
    writes: list[Write] = [
        Put(table, ("s", 1, "ours"), {"content": "ours", "x": -0.0}, MUST_NOT_EXIST),
        Put(table, ("s", 2, "theirs"), {"content": "ours"}, MUST_NOT_EXIST),
        Delete(table, ("s", 3, "gone"), MUST_EXIST),
        Update(table, ("s", 4, "none"), {"content": "x"}, condition=MUST_EXIST),
    ]
    outcomes = RetryingClient(client, clock, seed=1).write_rows(writes)

    assert [type(None), ConditionFailed, type(None), ConditionFailed] == list(map(type, outcomes))
