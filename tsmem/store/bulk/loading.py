"""Writes the records of an import, and reports how much of the input is settled, so that a stopped import can go on.

A record is settled when its row was written, was skipped because it exists, or was refused and somebody keeps it. The
number reported counts records up to the first unsettled one. Writing a record twice changes nothing, so a number that
is too low is safe.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from tsmem.errors import AlreadyExists, ConditionFailed, InvalidInput, PartialFailure, RowFailure, TsmemError
from tsmem.port import TableClient
from tsmem.rows import MUST_NOT_EXIST, UNCONDITIONAL, Condition, Key, Write
from tsmem.store.bulk.batches import BatchWriter
from tsmem.store.bulk.result import BulkResult
from tsmem.store.codec import Codecs
from tsmem.store.model import Message, Session

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

    @property
    def condition(self) -> Condition:
        return UNCONDITIONAL if self.on_conflict == "overwrite" else MUST_NOT_EXIST


def encode(
    codecs: Codecs, records: Iterable[ImportedItem], options: LoadOptions, result: BulkResult
) -> Iterator[tuple[ImportedItem, list[Write]]]:
    """Yield records with their writes, none for an invalid record that is kept. `result` counts the invalid records,
    and those that repeat a key. Raises InvalidInput, with the line."""
    recent: OrderedDict[int, None] = OrderedDict()
    for record in records:
        try:
            writes = codecs.writes(record.item, options.condition)
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


def load(
    client: TableClient, codecs: Codecs, records: Iterable[ImportedItem], options: LoadOptions, result: BulkResult
) -> None:
    """Write records. Raises as `Bulk.load`."""
    position = options.first
    skip, fail = options.on_conflict == "skip", options.on_conflict == "fail"
    writer = BatchWriter(
        client, codecs.session.table.name, result, skip_failed_conditions=skip, on_refused=options.on_refused
    )

    def report_settled() -> None:
        options.on_settled(position if writer.oldest is None else writer.oldest)

    try:
        with writer:
            for record, writes in encode(codecs, records, options, result):
                for write in writes:
                    writer.add(write, position, record)
                position += 1
                if fail and result.failed:
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
    if fail:
        _raise_conflicts(result)
    result.raise_failures("written")


def key_of(item: Session | Message) -> Key:
    """Return an item's key, unchecked, in the order of its table."""
    if isinstance(item, Session):
        return item.user_id, item.session_id
    return item.session_id, item.create_time, item.message_id


def _raise_conflicts(result: BulkResult) -> None:
    there = [failure for failure in result.failures if isinstance(failure.error, ConditionFailed)]
    if not there:
        return
    some = "a row exists" if len(there) == 1 else f"{len(there):,} rows at least exist"
    message = f"{some} already, the first is {'/'.join(map(str, there[0].key))}"
    if result.done == 0:
        raise AlreadyExists(message, hint="--on-conflict skip leaves them, overwrite replaces them")
    raise PartialFailure(f"{message}; {result.done:,} rows were written", done=result.done, failures=result.failures)
