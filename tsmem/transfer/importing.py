"""Import a file: check all of it first, if it can be read twice, then write the records that are not settled yet.

`read_records` reads the input, a `ResumePoint` knows how many records an earlier run has settled (written, or kept as
rejects), and `store.bulk.load` writes the others.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from tsmem.errors import InvalidInput, PartialFailure
from tsmem.store.bulk.bulk import ImportedItem, LoadOptions
from tsmem.store.bulk.result import BulkResult
from tsmem.store.model import OnConflict
from tsmem.transfer.files.outputs import Caller, LibraryCaller
from tsmem.transfer.formats import ImportFormat, openai
from tsmem.transfer.formats.conversations import ConversationReader, Conversion, note_lines, read_conversations
from tsmem.transfer.formats.tsmem import read_tsmem
from tsmem.transfer.input.input_bytes import Input, open_input, text_advice, unpacked_texts
from tsmem.transfer.input.json_values import JsonValue, values
from tsmem.transfer.rejects import Rejects
from tsmem.transfer.resume import ResumePoint, SettledRows
from tsmem.transfer.shared_ids import SharedIds
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.store import MemoryStore

CONVERSATION_READERS: dict[ImportFormat, ConversationReader] = {"openai": openai.read_conversation}
OnBadValue = Callable[[JsonValue, InvalidInput], None]


class ImportOptions(NamedTuple):
    format: ImportFormat = "tsmem"
    user: str | None = None
    """Owner of all imported sessions; None keeps the user that each conversation names. Not for tsmem's own format."""
    start_time: int | None = None
    """Time of the first message, in microseconds, for messages without times. None takes the file's modification time,
    or now for a stream. Not for tsmem's own format."""
    on_conflict: OnConflict = "overwrite"
    rejects: str | None = None
    """Name of a file for what cannot be read or written. If None, the first bad line is an error."""
    resume: bool = False
    """True to continue an earlier import of the same file that was stopped."""

    def check(self, *, is_file: bool) -> None:
        if self.format == "tsmem" and (self.user is not None or self.start_time is not None):
            raise InvalidInput(
                "--user and --start-time are for --format openai; a tsmem export already contains users and times"
            )
        if self.resume and not is_file:
            raise InvalidInput(
                "standard input can be read only once, so the import cannot be resumed", hint="import a file"
            )
        if self.resume and self.on_conflict == "fail":
            raise InvalidInput(
                "--resume cannot be combined with --on-conflict fail: "
                "rows that the stopped import wrote would count as conflicts",
                hint="--on-conflict skip keeps existing rows",
            )


def import_file(
    store: MemoryStore,
    name: str,
    options: ImportOptions | None = None,
    *,
    resume_folder: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> BulkResult:
    """Read sessions and messages from a file and write them to a store. Importing a file again adds no rows.

    A file that can be read twice is checked completely before the first row is written. `resume_folder` is where an
    import saves how far it has come, for a later one with `options.resume`. `say` is called with warnings.

    Raises InvalidInput, with the line, for a file that cannot be read; PartialFailure if some rows were written and
    others were not. Cost: at least ceil(n / 200) requests for n rows."""
    options = options or ImportOptions()
    options.check(is_file=True)
    with open_input(name) as source:
        caller = LibraryCaller(store, say or (lambda text: None), resume_folder)
        return Import(caller, source, options).run()


class Import:
    """One import of one input. The caller has called `ImportOptions.check`."""

    def __init__(self, caller: Caller, source: Input, options: ImportOptions) -> None:
        self._caller = caller
        self._store = caller.store
        self._input = source
        self._options = options
        self._start_time, self._dated_from = options.start_time or 0, "--start-time"
        if options.start_time is None:
            time, origin = self._store.clock.now_us(), "now"
            if source.is_file:
                time, origin = os.fstat(source.raw.fileno()).st_mtime_ns // 1000, "the file"
            self._start_time, self._dated_from = time, f"{origin} (--start-time {time})"
        self._rejects: Rejects | None = None
        self._resume_point: ResumePoint | None = None
        self._notes: Counter[str] = Counter()
        self._records_read = 0
        self._is_read_to_end = False

    def dry_run(self) -> BulkResult:
        """Count what would be written. Raises PartialFailure if some rows would be rejected."""
        result = self._check(None, looks_up=True, notes=self._notes)
        self._records_read = result.done
        self._say_notes(result)
        result.raise_failures("brought in")
        return result

    def run(self) -> BulkResult:
        """Raise PartialFailure if some records were not written."""
        say, options = self._caller.say, self._options
        with ExitStack() as stack:
            if options.rejects is not None:  # first of all, so that a forbidden file is refused at once
                rejects = Rejects(self._caller, options.rejects, self._input, options.format, resume=options.resume)
                self._rejects = stack.enter_context(rejects)
            self._resume_point = self._find_resume_point()
            settled, readable = self._check_first()
            create_tables(self._store, say)
            records = self._unsettled(settled, readable)
            if readable is None:  # otherwise the check has already warned about shared ids
                records = SharedIds(say, self._store).watch(records)
            try:
                self._load(records, settled)
            finally:
                if self._is_read_to_end or self._caller.result.done:
                    self._say_notes(self._caller.result)
        return self._caller.result

    def _find_resume_point(self) -> ResumePoint | None:
        options, folder = self._options, self._caller.resume_folder
        can_read_again = self._input.is_file and self._input.raw.seekable()
        if options.resume and not can_read_again:
            raise InvalidInput(f"'{self._input.name}' can be read only once, so the import cannot be resumed")
        if folder is None or not can_read_again or options.on_conflict == "fail":
            return None
        start_time = None if options.format == "tsmem" else self._start_time
        reading = (options.format, options.user, start_time)
        return ResumePoint(self._store, folder, self._input.raw, self._input.name, reading)

    def _check_first(self) -> tuple[int, int | None]:
        """Check the whole input if it can be read twice. Return the number of records that are settled, and the number
        that can be read: None if nothing was checked."""
        settled = self._resume_point.read() if self._resume_point is not None and self._options.resume else 0
        rows = SettledRows(self._store, settled, self._rejects)
        found = None
        if self._input.raw.seekable():
            start = self._input.raw.tell()
            found = self._check(rows if settled else None, looks_up=settled > 0)
            self._input.raw.seek(start)
        if self._options.resume:
            self._caller.say(_resume_message(settled, rows, has_resume_point=self._resume_point is not None))
        if not rows.all_found:
            settled = 0
        if found is None:
            return settled, None
        self._caller.result.expected = found.done + found.failed - settled
        return settled, found.done + found.failed - found.unread

    def _source(
        self, on_bad_value: OnBadValue | None, *, looks_up: bool, notes: Counter[str] | None = None
    ) -> ImportSource:
        """`looks_up` is True if times that the input lacks are looked up in the store."""
        conversion = None
        if self._options.format != "tsmem":
            stored = self._store.bulk if looks_up else None
            conversion = Conversion(self._options.user, self._start_time, stored, notes)
        return ImportSource(self._input.raw, self._options.format, conversion, on_bad_value, self._input.name)

    def _check(self, rows: SettledRows | None, *, looks_up: bool, notes: Counter[str] | None = None) -> BulkResult:
        ignore = None if self._options.rejects is None else lambda item, error: None
        source = self._source(ignore, looks_up=looks_up, notes=notes)
        records = SharedIds(self._caller.say, self._store).watch(read_records(source))
        if rows is not None:
            records = rows.watch(records)
        result = self._store.bulk.check(records, LoadOptions(self._options.on_conflict, on_refused=ignore))
        result.failed += source.bad_values
        result.unread += source.bad_values
        return result

    def _unsettled(self, settled: int, readable: int | None) -> Iterator[ImportedItem]:
        keep = None if self._rejects is None else self._rejects.add_value
        for record in read_records(self._source(keep, looks_up=True, notes=self._notes)):
            self._records_read += 1
            if self._records_read > settled:
                yield record
            elif self._rejects is not None:
                self._rejects.count_again(record)
        if readable is not None and self._records_read < readable:
            raise InvalidInput(
                f"{self._input.name} was cut short while it was read: "
                f"of {readable:,} records {self._records_read:,} are left"
            )
        self._is_read_to_end = True

    def _load(self, records: Iterator[ImportedItem], first: int) -> None:
        """`first` is the place of the first record in the input, counted from 0."""
        rejects, resume_point, last = self._rejects, self._resume_point, first

        def on_settled(count: int) -> None:
            nonlocal last
            last = count
            if rejects is not None:
                rejects.sync()
            if resume_point is not None:
                resume_point.save(count)

        on_refused = None if rejects is None else rejects.add_row
        options = LoadOptions(self._options.on_conflict, first, on_refused, on_settled)
        try:
            self._store.bulk.load(records, options, result=self._caller.result)
        except BaseException as error:
            if isinstance(error, PartialFailure) and rejects is not None and self._is_read_to_end:
                if rejects.is_importable:
                    self._caller.next_step = f"{self._options.rejects} holds them: import it once the cause is fixed"
                if resume_point is not None:
                    resume_point.clear()
            elif resume_point is not None and resume_point.save(last, now=True):
                self._caller.next_step = "run the command with --resume to continue where this one stopped"
            raise
        if resume_point is not None:
            resume_point.clear()

    def _say_notes(self, result: BulkResult) -> None:
        for line in note_lines(self._notes, self._dated_from):
            self._caller.say(line)
        if result.repeated:
            kept = "the last of each key is kept" if self._options.on_conflict == "overwrite" else "the first is kept"
            self._caller.say(f"{quantity(result.repeated, 'row')} with the key of an earlier row of the input: {kept}")
        if self._records_read == 0 and not result.failed:
            self._caller.say(f"nothing to import: {self._input.name} has no sessions and no messages")


def create_tables(store: MemoryStore, say: Callable[[str], None]) -> None:
    """Create the tables of a new embedded store, or those that are missing because their creation was interrupted.

    An embedded store that lacks only search indexes is left alone: `init-tables --no-search` made it so. On TableStore,
    where tables cost money, only `init-tables` creates tables."""
    if not store.is_local:
        return
    steps = store.tables.plan().steps
    missing = [step for step in steps if step.state == "missing"]
    if not missing or missing == [step for step in steps if step.kind == "search index"]:
        return
    store.tables.apply()
    what = "the tables" if len(missing) == len(steps) else "what was missing of the tables"
    say(f"created {what} in {store.target}")


def _resume_message(settled: int, rows: SettledRows, *, has_resume_point: bool) -> str:
    if settled and not rows.all_found:
        return "rows of the stopped import are gone: starting from the beginning"
    if settled:
        looked_for = f"; looked for {quantity(rows.looked_for, 'row')} of them, all there" if rows.is_sample else ""
        return f"continuing after {quantity(settled, 'record')}{looked_for}"
    if not has_resume_point:
        return "no home directory is known, so no earlier run was recorded"
    return "nothing to resume: starting from the beginning"


@dataclass
class ImportSource:
    stream: BinaryIO
    format: ImportFormat = "tsmem"
    conversion: Conversion | None = None
    """Converts conversations; None for tsmem's own format."""
    on_bad_value: OnBadValue | None = None
    """Called with each value that cannot be read. If None, the first such value ends the import."""
    name: str = "the input"
    bad_values: int = 0

    def values(self) -> Iterator[JsonValue]:
        is_first = True
        for member, chunks in unpacked_texts(self.stream, self.name):
            for value in values(chunks, member):
                error = value.error
                if error is None:
                    yield value
                else:
                    if is_first and not value.text.startswith(("{", "[", '"')):
                        error = InvalidInput(error.message, hint=text_advice(value.text))
                    self.report_bad_value(value, error)
                is_first = False
                del value  # free its memory before the next value is parsed

    def report_bad_value(self, value: JsonValue, error: InvalidInput) -> None:
        if self.on_bad_value is None:
            raise InvalidInput(f"line {value.place}: {error.message}", hint=error.hint) from error
        self.bad_values += 1
        self.on_bad_value(value, error)


def read_records(source: ImportSource) -> Iterator[ImportedItem]:
    """Return the sessions and messages one by one. Without `on_bad_value`, a bad value raises InvalidInput."""
    if source.conversion is None:
        return read_tsmem(source)
    return read_conversations(source, source.conversion, CONVERSATION_READERS[source.format])
