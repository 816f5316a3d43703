"""Bringing records in: written in batches, with word of how far the input is settled, so that an import that was ended
can go on there.

A record is settled when its row was written, was there already and is left alone, or was refused and is kept by
somebody; all before it are. Writing one twice changes nothing, so going on too early is safe, and too late never
happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from tsmem.errors import AlreadyExists, ConditionFailed, InvalidInput, PartialFailure, RowFailure, TsmemError
from tsmem.port import TableClient
from tsmem.rows import MUST_NOT_EXIST, UNCONDITIONAL, Condition, Write
from tsmem.store.bulk.batches import BatchWriter, QueuedWrite
from tsmem.store.bulk.result import BulkResult
from tsmem.store.codec import Codecs
from tsmem.store.model import Message, Session

OnConflict = Literal["overwrite", "skip", "fail"]


class ImportedItem(NamedTuple):
    """An item and where it stands in the input."""

    line: int | str | None
    """None where it came from no input."""
    item: Session | Message


class LoadOptions(NamedTuple):
    """How records are brought in."""

    on_conflict: OnConflict = "overwrite"
    """What happens to rows that exist: `fail` stops at the first batch that meets one, and those in flight with it."""
    first: int = 0
    """How many records of the input came before those that are given."""
    on_refused: Callable[[ImportedItem, TsmemError], None] | None = None
    """Keeps what cannot be written; without it, what is wrong in itself is an error."""
    on_settled: Callable[[int], None] = lambda count: None
    """Hears now and then how many records of the input are settled."""

    @property
    def condition(self) -> Condition:
        """Of each write."""
        return UNCONDITIONAL if self.on_conflict == "overwrite" else MUST_NOT_EXIST


class RecentKeys:
    """The keys of the last rows of an input, at least REMEMBERED of them: two rows of one key are one in the store."""

    REMEMBERED = 10_000

    def __init__(self) -> None:
        self._newer: set[int] = set()
        self._older: set[int] = set()

    def repeats(self, writes: list[Write]) -> bool:
        """True if the row that these write has the key of an earlier one."""
        if not writes:
            return False
        key = hash((writes[0].table.name, writes[0].key))
        if key in self._newer or key in self._older:
            return True
        self._newer.add(key)
        if len(self._newer) == self.REMEMBERED:
            self._older, self._newer = self._newer, set()
        return False


class _Placed(NamedTuple):
    place: int
    record: ImportedItem


class Loader:
    """One import."""

    def __init__(self, client: TableClient, codecs: Codecs, options: LoadOptions, result: BulkResult) -> None:
        self._codecs = codecs
        self._options = options
        self._tally = result
        self._keys = RecentKeys()
        self._next = options.first
        self._stuck: int | None = None
        """The first record that was refused and is kept by nobody."""
        self._refused: int | None = None
        """The last record that was refused."""
        self._writer = BatchWriter(
            client,
            codecs.session.table.name,
            result,
            skip_failed_conditions=options.on_conflict == "skip",
            refused=self._on_refused,
        )

    def load(self, records: Iterable[ImportedItem]) -> None:
        """Write records. Raises InvalidInput at a bad one when nothing was written yet, else PartialFailure;
        PartialFailure too when rows are refused; AlreadyExists under `fail`."""
        result = self._tally
        try:
            with self._writer:
                self._add_all(records)
        except InvalidInput as error:
            if result.done == 0:
                raise
            raise PartialFailure(
                f"{error.message}; {result.done:,} rows before it were written", done=result.done, hint=error.hint
            ) from error
        finally:
            self._options.on_settled(self._settled())
        if self._options.on_conflict == "fail":
            _raise_conflicts(result)
        result.raise_failures("written")

    def _add_all(self, records: Iterable[ImportedItem]) -> None:
        fails = self._options.on_conflict == "fail"
        for record in records:
            placed = _Placed(self._next, record)
            writes = self._writes(placed)
            self._tally.repeated += self._keys.repeats(writes)
            for write in writes:
                self._writer.add(write, placed)
            self._next += 1
            if fails and self._tally.failed:
                self._writer.discard()
                return
            if self._next % 200 == 0:
                self._options.on_settled(self._settled())

    def _writes(self, placed: _Placed) -> list[Write]:
        """The writes of a record; none for one that cannot be written, where that is kept."""
        try:
            return self._codecs.writes(placed.record.item, self._options.condition)
        except InvalidInput as error:
            if self._options.on_refused is None:
                raise named(placed.record, error) from error
            self._tally.fail(RowFailure(line_or_key(placed.record), error))
            self._refuse(placed, error)
            return []

    def _on_refused(self, entry: QueuedWrite, error: TsmemError) -> None:
        assert isinstance(entry.tag, _Placed)
        self._refuse(entry.tag, error)

    def _refuse(self, placed: _Placed, error: TsmemError) -> None:
        if self._options.on_refused is None:
            self._stuck = placed.place if self._stuck is None else min(self._stuck, placed.place)
        elif placed.place != self._refused:  # once, of a row in several writes
            self._refused = placed.place
            self._options.on_refused(placed.record, error)

    def _settled(self) -> int:
        oldest = self._writer.oldest
        settled = oldest.place if isinstance(oldest, _Placed) else self._next
        return settled if self._stuck is None else min(settled, self._stuck)


def line_or_key(record: ImportedItem) -> tuple[object, ...]:
    """What a record that cannot be written is named by: its line, or its key where it came from none."""
    if record.line is not None:
        return (f"line {record.line}",)
    item = record.item
    if isinstance(item, Session):
        return item.user_id, item.session_id
    return item.session_id, item.create_time, item.message_id


def named(record: ImportedItem, error: InvalidInput) -> InvalidInput:
    """What is wrong with a record, with its line."""
    return type(error)(f"line {record.line}: {error.message}", hint=error.hint)


def _raise_conflicts(result: BulkResult) -> None:
    there = [failure for failure in result.failures if isinstance(failure.error, ConditionFailed)]
    if not there:
        return
    some = "a row exists" if len(there) == 1 else f"{len(there):,} rows at least exist"
    message = f"{some} already, the first is {'/'.join(map(str, there[0].key))}"
    if result.done == 0:
        raise AlreadyExists(message, hint="--on-conflict skip leaves them, overwrite replaces them")
    raise PartialFailure(f"{message}; {result.done:,} rows were written", done=result.done, failures=result.failures)
