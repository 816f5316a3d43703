"""One import: check the whole input where it can be read twice, then write the records that are not settled yet."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tsmem.errors import InvalidInput, PartialFailure
from tsmem.plurals import quantity
from tsmem.store.bulk.bulk import ImportedItem, LoadOptions, OnConflict
from tsmem.transfer.caller import LibraryCaller
from tsmem.transfer.formats import ImportFormat
from tsmem.transfer.formats.conversations import Conversion, note_lines
from tsmem.transfer.input.input_bytes import open_input
from tsmem.transfer.records import ImportSource, read_records
from tsmem.transfer.rejects import Rejects
from tsmem.transfer.resume import ResumePoint, SettledRows
from tsmem.transfer.shared_ids import SharedIds

if TYPE_CHECKING:
    from tsmem.store import MemoryStore
    from tsmem.store.bulk.result import BulkResult
    from tsmem.transfer.caller import Caller
    from tsmem.transfer.input.input_bytes import Input


class ImportOptions(NamedTuple):
    format: ImportFormat = "tsmem"
    user: str | None = None
    """The owner of all sessions. None takes each conversation's own. Not for tsmem's own format."""
    start_time: int | None = None
    """The time of the first message if it has none, in microseconds. None takes that of the file, or now. Not for
    tsmem's own format."""
    on_conflict: OnConflict = "overwrite"
    rejects: str | None = None
    """The file that keeps what cannot be read or is refused. None makes that an error."""
    resume: bool = False
    """Continue where an earlier import of the file was stopped."""

    def check(self, *, is_file: bool) -> None:
        """Raise InvalidInput for options that do not fit together, or do not fit the input."""
        if self.format == "tsmem" and (self.user is not None or self.start_time is not None):
            raise InvalidInput("--user and --start-time are for --format openai; an export contains both")
        if self.resume and not is_file:
            raise InvalidInput("standard input cannot be resumed, because it is read once", hint="import a file")
        if self.resume and self.on_conflict == "fail":
            raise InvalidInput(
                "--resume cannot be combined with --on-conflict fail: rows of the stopped import would be conflicts",
                hint="--on-conflict skip leaves what is there",
            )


def import_file(
    store: MemoryStore,
    name: str,
    options: ImportOptions | None = None,
    *,
    resume_folder: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> BulkResult:
    """Read sessions and messages from a file and write them. Importing a file again changes nothing.

    The file is checked wholly before its first row is written. Return how much was written. The resume point is kept in
    `resume_folder`, for `options.resume`. `say` is called with warnings. Raises InvalidInput, with the line;
    PartialFailure where rows were refused, or it failed when some were written. Cost: ceil(n / 200) requests for n
    rows."""
    with open_input(name) as source:
        caller = LibraryCaller(store, say or (lambda text: None), resume_folder)
        return Import(caller, source, options or ImportOptions()).run()


class Import:
    def __init__(self, caller: Caller, source: Input, options: ImportOptions) -> None:
        options.check(is_file=source.is_file)
        self._caller = caller
        self._store = caller.store
        self._input = source
        self._options = options
        self._start_time, self._dated_from = options.start_time or 0, "--start-time"
        """The time of the first message if it has none, and where that comes from."""
        if options.start_time is None:
            time, what = self._store.clock.now_us(), "now"
            if source.is_file:
                time, what = os.fstat(source.raw.fileno()).st_mtime_ns // 1000, "the file"
            self._start_time, self._dated_from = time, f"{what} (--start-time {time})"
        self._rejects: Rejects | None = None
        self._point: ResumePoint | None = None
        self._notes: Counter[str] = Counter()
        self._records = 0
        self._ended = False

    def dry_run(self) -> BulkResult:
        """Count what would be written, and write nothing. Raises PartialFailure where something would be rejected."""
        result = self._check(None, looks_up=True, notes=self._notes)
        self._records = result.done
        self._say_notes(result)
        result.raise_failures("brought in")
        return result

    def run(self) -> BulkResult:
        """Import. Raises PartialFailure when some records were not written."""
        say = self._caller.say
        with ExitStack() as stack:
            if self._options.rejects is not None:  # before anything else: what it may not write is refused at once
                file, form, resume = self._options.rejects, self._options.format, self._options.resume
                self._rejects = stack.enter_context(Rejects(self._caller, file, self._input, form, resume=resume))
            self._point = self._resume_point()
            settled, readable = self._look_ahead()
            create_tables(self._store, say)
            records = self._unsettled(settled, readable)
            if readable is None:  # otherwise the check has warned
                records = SharedIds(say, self._store).watch(records)
            try:
                self._load(records, settled)
            finally:
                if self._ended or self._caller.result.done:
                    self._say_notes(self._caller.result)
        return self._caller.result

    def _resume_point(self) -> ResumePoint | None:
        options, folder = self._options, self._caller.resume_folder
        if not self._input.is_file or not self._input.raw.seekable() or options.on_conflict == "fail":
            if options.resume:
                raise InvalidInput(f"{self._input.name} cannot be resumed, because it can be read once only")
            return None
        start_time = None if options.format == "tsmem" else self._start_time
        how = (options.format, options.user, start_time)
        return None if folder is None else ResumePoint(self._store, folder, self._input.raw, self._input.name, how)

    def _look_ahead(self) -> tuple[int, int | None]:
        """Check the input if it can be read twice. Return how many records are settled, and how many can be read; None
        if it was not checked."""
        settled = self._point.read() if self._point is not None and self._options.resume else 0
        rows = SettledRows(self._store, settled, self._rejects)
        found = None
        if self._input.raw.seekable():
            start = self._input.raw.tell()
            found = self._check(rows if settled else None, looks_up=settled > 0)
            self._input.raw.seek(start)
        if self._options.resume:
            self._caller.say(_resume_message(settled, rows, is_noted=self._point is not None))
        if not rows.complete:
            settled = 0
        if found is None:
            return settled, None
        self._caller.result.expected = found.done + found.failed - settled
        return settled, found.done + found.failed - found.unread

    def _source(
        self, keep: Callable[[Any, InvalidInput], None] | None, *, looks_up: bool, notes: Counter[str] | None = None
    ) -> ImportSource:
        """Return the input as a source of records. With `looks_up`, messages keep the times they have in the store."""
        conversion = None
        if self._options.format != "tsmem":
            stored = self._store.bulk.stored_times() if looks_up else None
            conversion = Conversion(self._options.user, self._start_time, stored, notes)
        return ImportSource(self._input.raw, self._options.format, conversion, keep, self._input.name)

    def _check(self, rows: SettledRows | None, *, looks_up: bool, notes: Counter[str] | None = None) -> BulkResult:
        """Read the whole input and count it. Raises InvalidInput for what would not be kept as a reject."""
        keep = None if self._options.rejects is None else lambda item, error: None
        source = self._source(keep, looks_up=looks_up, notes=notes)
        records = SharedIds(self._caller.say, self._store).watch(read_records(source))
        if rows is not None:
            records = rows.watch(records)
        result = self._store.bulk.check(records, LoadOptions(self._options.on_conflict, on_refused=keep))
        result.failed += source.unreadable
        result.unread += source.unreadable
        return result

    def _unsettled(self, settled: int, expected: int | None) -> Iterator[ImportedItem]:
        """Yield the records behind the settled ones. Raises InvalidInput where there are fewer than the check found."""
        keep = None if self._rejects is None else self._rejects.value
        for record in read_records(self._source(keep, looks_up=True, notes=self._notes)):
            self._records += 1
            if self._records > settled:
                yield record
            elif self._rejects is not None:
                self._rejects.count_again(record)
        if expected is not None and self._records < expected:
            raise InvalidInput(
                f"{self._input.name} was cut short while it was read: "
                f"of {expected:,} records {self._records:,} are left"
            )
        self._ended = True

    def _load(self, records: Iterator[ImportedItem], first: int) -> None:
        rejects, point, last = self._rejects, self._point, first

        def on_settled(count: int) -> None:
            nonlocal last
            last = count
            if rejects is not None:
                rejects.sync()
            if point is not None:
                point.note(count)

        options = LoadOptions(self._options.on_conflict, first, None if rejects is None else rejects.row, on_settled)
        try:
            self._store.bulk.load(records, options, result=self._caller.result)
        except BaseException as error:
            if isinstance(error, PartialFailure) and rejects is not None and self._ended:
                if rejects.lasts:
                    self._caller.next_step = f"{self._options.rejects} holds them: import it once the cause is fixed"
                if point is not None:
                    point.clear()
            elif point is not None and point.note(last, now=True):
                self._caller.next_step = "run the command with --resume to continue where this one stopped"
            raise
        if point is not None:
            point.clear()

    def _say_notes(self, result: BulkResult) -> None:
        for line in note_lines(self._notes, self._dated_from):
            self._caller.say(line)
        if result.repeated:
            kept = "the last of each key is kept" if self._options.on_conflict == "overwrite" else "the first is kept"
            self._caller.say(f"{quantity(result.repeated, 'row')} with the key of an earlier row of the input: {kept}")
        if self._records == 0 and not result.failed:
            self._caller.say(f"nothing to import: {self._input.name} has no sessions and no messages")


def create_tables(store: MemoryStore, say: Callable[[str], None]) -> None:
    """Create the tables of a fresh embedded store, or complete those whose creation was cut short.

    A store without any search index was made so by `init-tables --no-search`, and stays so. On TableStore, where tables
    cost money, only `init-tables` creates them."""
    if not store.is_local:
        return
    steps = store.tables.plan().steps
    missing = [step for step in steps if step.state == "missing"]
    if not missing or missing == [step for step in steps if step.kind == "search index"]:
        return
    store.tables.apply()
    what = "the tables" if len(missing) == len(steps) else "what was missing of the tables"
    say(f"created {what} in {store.target}")


def _resume_message(settled: int, rows: SettledRows, *, is_noted: bool) -> str:
    if settled and not rows.complete:
        return "rows of the stopped import are gone: starting from the beginning"
    if settled:
        looked_for = f"; looked for {quantity(rows.looked_for, 'row')} of them, all there" if rows.is_sample else ""
        return f"continuing after {quantity(settled, 'record')}{looked_for}"
    if not is_noted:
        return "no home directory is known, so no earlier run was recorded"
    return "nothing to resume: starting from the beginning"
