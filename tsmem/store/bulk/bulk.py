"""`store.bulk`: all items of a store, read, checked and written in constant memory. Used by export, import and copy.

A load reports how much of its input is settled, so that a stopped import can go on. A record is settled when its row
was written, was skipped because it exists, or was refused and somebody keeps it. The number reported counts records up
to the first unsettled one. Writing a record twice changes nothing, so a number that is too low is safe.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from tsmem.errors import AlreadyExists, ConditionFailed, InvalidInput, PartialFailure, RowFailure, TsmemError
from tsmem.limits import MAX_ROWS_PER_READ
from tsmem.port import TableClient, rows_of
from tsmem.rows import MUST_NOT_EXIST, UNCONDITIONAL, Key, TableRef, Write
from tsmem.store.bulk.batches import BatchWriter
from tsmem.store.bulk.result import BulkResult
from tsmem.store.bulk.stored_times import StoredTimes
from tsmem.store.codec import Codecs
from tsmem.store.messages import Messages
from tsmem.store.model import Message, Session
from tsmem.store.sessions import Sessions

REMEMBERED_KEYS = 10_000
"""Keys of the latest rows, to notice that one is repeated."""
OnConflict = Literal["overwrite", "skip", "fail"]


class ImportedItem(NamedTuple):
    line: int | str | None
    """None for an item that comes from another store."""
    item: Session | Message


class LoadOptions(NamedTuple):
    on_conflict: OnConflict = "overwrite"
    """The treatment of rows that exist. `fail` stops at the first batch that meets one."""
    first: int = 0
    """Records of the input before the given ones."""
    on_refused: Callable[[ImportedItem, TsmemError], None] | None = None
    """Keeps a record that cannot be written. If None, an invalid record is an error."""
    on_settled: Callable[[int], None] = lambda count: None
    """Called now and then with the number of settled records of the input."""


class Bulk:
    """Reads, checks and writes all items of a store."""

    def __init__(self, client: TableClient, codecs: Codecs, sessions: Sessions, messages: Messages) -> None:
        self._client = client
        self._codecs = codecs
        self._sessions = sessions
        self._messages = messages

    def items(self, *, user_id: str | None = None, session_id: str | None = None) -> Iterator[Session | Message]:
        """Yield all sessions, then all messages. With `user_id`: the user's sessions, then their messages, session by
        session. With `session_id`: the sessions of that id, then its messages.

        Cost: ceil(s / 5,000) + ceil(m / 5,000) requests for s sessions and m messages. For a user, the sessions are
        read twice, and each costs at least 1 more. For a session id the whole session table is read, because its key
        begins with the user."""
        yield from self.sessions(user_id=user_id, session_id=session_id)
        if user_id is not None:
            yield from self._messages.of_sessions(each.session_id for each in self._sessions.iterate(user_id))
        else:
            yield from self._messages.iterate(session_id)

    def sessions(self, *, user_id: str | None = None, session_id: str | None = None) -> Iterator[Session]:
        """Return the sessions among `items`. Raises InvalidInput at once when both ids are given."""
        return map(self._codecs.session.decode, self._sessions.rows(user_id, session_id))

    def check(self, records: Iterable[ImportedItem], options: LoadOptions | None = None) -> BulkResult:
        """Count what would be written, and send nothing. A record that cannot be written raises InvalidInput with its
        line, or counts as failed if `options.on_refused` keeps it."""
        result = BulkResult()
        for record, writes in self._encode(records, options or LoadOptions(), result):
            if writes:
                result.count(record.item)
        return result

    def load(
        self, records: Iterable[ImportedItem], options: LoadOptions | None = None, *, result: BulkResult
    ) -> BulkResult:
        """Write records, and count them in `result`.

        Raises InvalidInput at an invalid record when nothing was written yet, else PartialFailure; PartialFailure when
        rows are refused; AlreadyExists under `fail`. Cost: ceil(n / 200) requests where 4 MB does not bind."""
        options = options or LoadOptions()
        position = options.first
        writer = BatchWriter(
            self._client,
            result,
            skip_failed_conditions=options.on_conflict == "skip",
            on_refused=options.on_refused,
        )

        def report_settled() -> None:
            options.on_settled(position if writer.oldest is None else writer.oldest)

        try:
            with writer:
                for record, writes in self._encode(records, options, result):
                    _add_row(writer, writes, position, record)
                    position += 1
                    if options.on_conflict == "fail" and result.failed:
                        writer.discard()
                        break
                    if position % 200 == 0:
                        report_settled()
        except InvalidInput as error:
            if result.done == 0:
                raise
            raise PartialFailure(
                f"{error.message}; {result.done:,} rows before it were written", done=result.done, hint=error.hint
            ) from error
        finally:
            report_settled()
        if options.on_conflict == "fail":
            _raise_conflicts(result)
        result.raise_failures("written")
        return result

    def _encode(
        self, records: Iterable[ImportedItem], options: LoadOptions, result: BulkResult
    ) -> Iterator[tuple[ImportedItem, list[Write]]]:
        """Yield records with their writes, none for an invalid record that is kept. `result` counts the invalid
        records, and those that repeat a key. Raises InvalidInput, with the line."""
        condition = UNCONDITIONAL if options.on_conflict == "overwrite" else MUST_NOT_EXIST
        recent: OrderedDict[int, None] = OrderedDict()
        for record in records:
            try:
                writes = self._codecs.writes(record.item, condition)
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

    def present(self, items: Iterable[Session | Message]) -> bool:
        """Return True if every item's row exists. Cost: ceil(n / 100) requests for each kind."""
        keys: dict[TableRef, list[Key]] = {}
        for item in items:
            codec = self._codecs.session if isinstance(item, Session) else self._codecs.message
            keys.setdefault(codec.table, []).append(codec.key_of(item))  # type: ignore[arg-type]
        return all(
            row is not None
            for table, wanted in keys.items()
            for start in range(0, len(wanted), MAX_ROWS_PER_READ)
            for row in rows_of(self._client.get_rows(table, wanted[start : start + MAX_ROWS_PER_READ], table.key[:1]))
        )

    def stored_times(self) -> StoredTimes:
        """Return a lookup of the times that the store has for items imported without one."""
        return StoredTimes(self._client, self._codecs)


def key_of(item: Session | Message) -> Key:
    """Return an item's key, unchecked, in the order of its table."""
    if isinstance(item, Session):
        return item.user_id, item.session_id
    return item.session_id, item.create_time, item.message_id


def _add_row(writer: BatchWriter, writes: list[Write], position: int, record: ImportedItem) -> None:
    """Add a row's write. A row too large for one write is written piece by piece, and its rest only if the first piece
    was not refused."""
    if len(writes) > 1:
        writer.flush()
    failed_before = writer.failed
    for write in writes:
        if writer.failed == failed_before:
            writer.add(write, position, record)
        if len(writes) > 1:
            writer.flush()


def _raise_conflicts(result: BulkResult) -> None:
    there = [failure for failure in result.failures if isinstance(failure.error, ConditionFailed)]
    if not there:
        return
    some = "a row exists" if len(there) == 1 else f"{len(there):,} rows at least exist"
    message = f"{some} already, the first is {'/'.join(map(str, there[0].key))}"
    if result.done == 0:
        raise AlreadyExists(message, hint="--on-conflict skip leaves them, overwrite replaces them")
    raise PartialFailure(f"{message}; {result.done:,} rows were written", done=result.done, failures=result.failures)
