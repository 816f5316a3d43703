"""`store.bulk`: read, check and write all items of a store, in constant memory. Export, import and copy use it.

So that a stopped import can be resumed, `load` reports how many records at the start of its input are settled. A record
is settled when its row was written, was skipped because it exists, or was refused and handed to `on_refused`. Writing a
record twice changes nothing, so it is safe if the reported number is too low.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

from tsmem import limits
from tsmem.errors import AlreadyExists, InvalidInput, PartialFailure, RowFailure, TableNotFound, TsmemError
from tsmem.port import TableClient, rows_of
from tsmem.rows import MAX, MIN, MUST_NOT_EXIST, UNCONDITIONAL, Key, Range, TableRef, Write
from tsmem.store.bulk.batches import BatchWriter
from tsmem.store.bulk.result import BulkResult
from tsmem.store.codec import Codec
from tsmem.store.concurrency import Pending, submit
from tsmem.store.listing.scan import RowScan, Scan
from tsmem.store.messages import Messages
from tsmem.store.model import Message, OnConflict, Session
from tsmem.store.sessions import Sessions
from tsmem.words import quantity

REMEMBERED_KEYS = 10_000
"""Number of recent rows whose keys are compared with each new row, to count repeated keys."""
MAX_LOOKUPS = 16
"""Maximum number of concurrent lookups of stored times. The importer keeps a conversation in memory for each."""


class ImportedItem(NamedTuple):
    line: int | str | None
    """The item's place in the input; None for an item from another store."""
    item: Session | Message


class LoadOptions(NamedTuple):
    on_conflict: OnConflict = "overwrite"
    """`fail` sends no more batches once a reply says that a row exists."""
    first_position: int = 0
    """Number of records that an earlier run settled. They are not passed again."""
    on_refused: Callable[[ImportedItem, TsmemError], None] | None = None
    """A callback that stores a record that cannot be written. Without it, an invalid record is an error."""
    on_settled: Callable[[int], None] = lambda count: None
    """A callback that gets the number of settled records from time to time."""


class Bulk:
    def __init__(self, client: TableClient, sessions: Sessions, messages: Messages) -> None:
        self._client = client
        self._sessions = sessions
        self._messages = messages

    def items(self, *, user_id: str | None = None, session_id: str | None = None) -> Iterator[Session | Message]:
        """Yield sessions, then their messages: everything, one user's, or those with one session id.

        Cost: ceil(s / 5,000) + ceil(m / 5,000) requests for s sessions and m messages. For a user, the sessions are
        read twice, and the messages of each session cost at least 1 request. For a session id, the whole session table
        is read, because its key begins with the user."""
        yield from self.sessions(user_id=user_id, session_id=session_id)
        if user_id is not None:
            yield from self._messages.of_sessions(each.session_id for each in self._sessions.iterate(user_id))
        else:
            yield from self._messages.iterate(session_id)

    def sessions(self, *, user_id: str | None = None, session_id: str | None = None) -> Iterator[Session]:
        """Return the sessions that `items` yields. Raises InvalidInput if both ids are given, when it is called."""
        return map(self._sessions.codec.decode, self._sessions.rows(user_id, session_id))

    def check(self, records: Iterable[ImportedItem], options: LoadOptions | None = None) -> BulkResult:
        """Count the records that `load` would write, without sending anything. Raises InvalidInput, with the line, for
        an invalid record, unless there is an `on_refused`; then the record counts as failed."""
        result = BulkResult()
        for record, writes in self._encode(records, options or LoadOptions(), result):
            if writes:
                result.count(record.item)
        return result

    def load(
        self, records: Iterable[ImportedItem], options: LoadOptions | None = None, *, result: BulkResult
    ) -> BulkResult:
        """Write records, and count them in `result`. Cost: that of `BatchWriter`.

        Raises InvalidInput, with the line, for an invalid record if there is no `on_refused`, and AlreadyExists if
        `on_conflict` is "fail" and a row exists. Either becomes PartialFailure if other rows were written. Raises
        PartialFailure if rows are refused."""
        options = options or LoadOptions()
        position = options.first_position
        writer = BatchWriter(
            self._client,
            result,
            skip_failed_conditions=options.on_conflict == "skip",
            on_refused=options.on_refused,
        )

        def report_settled() -> None:
            first_unsettled = writer.first_unsettled
            options.on_settled(position if first_unsettled is None else first_unsettled)

        try:
            with writer:
                for record, writes in self._encode(records, options, result):
                    _add_row(writer, writes, position, record)
                    position += 1
                    if options.on_conflict == "fail" and writer.conflicts:
                        writer.discard()
                        break
                    if position % 200 == 0:
                        report_settled()
        except InvalidInput as error:
            if result.done == 0:
                raise
            written = f"{quantity(result.done, 'row')} {'was' if result.done == 1 else 'were'} written"
            message = f"{error.message}; {written}, and no others"
            raise PartialFailure(message, done=result.done, hint=error.hint) from error
        finally:
            report_settled()
        if options.on_conflict == "fail" and writer.conflicts:
            raise _conflict_error(writer.conflicts, result)
        result.raise_failures("written")
        return result

    def _encode(
        self, records: Iterable[ImportedItem], options: LoadOptions, result: BulkResult
    ) -> Iterator[tuple[ImportedItem, list[Write]]]:
        """Yield each record with its writes. An invalid record that went to `on_refused` has none."""
        condition = UNCONDITIONAL if options.on_conflict == "overwrite" else MUST_NOT_EXIST
        recent: OrderedDict[int, None] = OrderedDict()
        for record in records:
            try:
                writes = self._codec_of(record.item).writes(record.item, condition)
            except InvalidInput as error:
                if options.on_refused is None:
                    raise type(error)(f"line {record.line}: {error.message}", hint=error.hint) from error
                where = key_of(record.item) if record.line is None else (f"line {record.line}",)
                result.fail(RowFailure(where, error))
                options.on_refused(record, error)
                yield record, []
                continue
            key = hash((writes[0].table.name, writes[0].key))
            if key in recent:
                result.repeated += 1
            else:
                recent[key] = None
                if len(recent) > REMEMBERED_KEYS:
                    recent.popitem(last=False)
            yield record, writes

    def has_all(self, items: Iterable[Session | Message]) -> bool:
        """Return True if the rows of all these items, at most 100, exist. Cost: 1 request a table."""
        keys: dict[TableRef, list[Key]] = {}
        for item in items:
            codec = self._codec_of(item)
            keys.setdefault(codec.table, []).append(codec.key_of(item))
        return all(
            row is not None
            for table, wanted in keys.items()
            for row in rows_of(self._client.get_rows(table, wanted, table.key[:1]))
        )

    def _codec_of(self, item: Session | Message) -> Codec[Any]:
        return self._sessions.codec if isinstance(item, Session) else self._messages.codec

    # Stored times, for imported items without a time. Otherwise, importing a conversation again would give its messages
    # new times, and so store each of them twice. A missing table counts as an empty one.

    @property
    def lookup_width(self) -> int:
        """Number of lookups of stored times that may run at once."""
        return min(self._client.limiter.width, MAX_LOOKUPS)

    def session_time(self, user_id: str, session_id: str) -> int | None:
        if not _is_key(user_id=user_id, session_id=session_id):
            return None
        try:
            row = self._client.get_row(self._sessions.codec.table, (user_id, session_id), ("update_time",))
        except TableNotFound:
            return None
        time = None if row is None else row.columns.get("update_time")
        return time if type(time) is int else None

    def message_times(self, session_id: str, message_ids: Collection[str]) -> Pending[dict[str, list[int]]] | None:
        """Start to look up the times of messages: the result maps each id that exists to its times, in order. Return
        None if no id is valid.

        Cost: ceil(n / 5,000) requests, where n messages of the session have ids from the smallest to the largest one
        asked for."""
        usable = frozenset(each for each in message_ids if _is_key(session_id=session_id, message_id=each))
        return submit(self._client.limiter, lambda: self._times(session_id, usable)) if usable else None

    def _times(self, session_id: str, ids: frozenset[str]) -> dict[str, list[int]]:
        index, table = self._messages.codec.layout.index_ref, self._messages.codec.table
        span = Range((session_id, min(ids), MIN), (session_id, max(ids), MAX))
        for ref, part in ((index, span), (table, table.range_of(session_id))):
            at_id, at_time = ref.key.index("message_id"), ref.key.index("create_time")
            times: dict[str, list[int]] = {}
            try:
                for row in RowScan(self._client, Scan(ref, part, columns=("session_id",))):
                    if row.key[at_id] in ids:
                        times.setdefault(str(row.key[at_id]), []).append(int(row.key[at_time]))
            except TableNotFound:  # the index is missing, so read the table
                continue
            return times
        return {}


def key_of(item: Session | Message) -> Key:
    """Return an item's primary key without checking it."""
    if isinstance(item, Session):
        return item.user_id, item.session_id
    return item.session_id, item.create_time, item.message_id


def _add_row(writer: BatchWriter, writes: list[Write], position: int, record: ImportedItem) -> None:
    """Add the writes of one row. A row that is too large for one write has several: each is sent alone, and only if the
    ones before it were not refused."""
    if len(writes) > 1:
        writer.flush()
    failed_before = writer.failed
    for write in writes:
        if writer.failed == failed_before:
            writer.add(write, position, record)
        if len(writes) > 1:
            writer.flush()


def _conflict_error(existing: list[Key], result: BulkResult) -> AlreadyExists | PartialFailure:
    first = "/".join(map(str, existing[0]))
    message = f"row {first} already exists"
    if len(existing) > 1:
        message = f"at least {len(existing):,} rows already exist; the first is {first}"
    if result.done == 0:
        return AlreadyExists(
            message, hint="--on-conflict skip keeps existing rows; --on-conflict overwrite replaces them"
        )
    written = f"{quantity(result.done, 'row')} {'was' if result.done == 1 else 'were'} written"
    return PartialFailure(f"{message}; {written}", done=result.done, failures=result.failures)


def _is_key(**parts: str) -> bool:
    try:
        limits.check_key(tuple(parts), tuple(parts.values()))
    except InvalidInput:
        return False
    return all(parts.values())
