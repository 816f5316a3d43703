"""One run of `tsmem import`: the input is looked at as a whole where it can be, then brought in behind the point where
an earlier run was stopped; what cannot be brought in goes to the rejects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tsmem.errors import InvalidInput, PartialFailure
from tsmem.plurals import quantity
from tsmem.store.bulk.loading import ImportedItem, LoadOptions, OnConflict
from tsmem.transfer.formats.openai import ImportNotes, Rules
from tsmem.transfer.import_notes import note_lines
from tsmem.transfer.records import ImportSource, read_records
from tsmem.transfer.reject_lines import BadLine, ImportFormat
from tsmem.transfer.rejects import Rejects
from tsmem.transfer.resume import ResumePoint, SettledRows
from tsmem.transfer.shared_ids import SharedIds

if TYPE_CHECKING:
    from tsmem.errors import TsmemError
    from tsmem.store import MemoryStore
    from tsmem.store.bulk.result import BulkResult
    from tsmem.transfer.caller import Caller
    from tsmem.transfer.files.inputs import Input


class ImportOptions(NamedTuple):
    """How a file is imported."""

    format: ImportFormat = "tsmem"
    user: str | None = None
    """openai: whose sessions they are."""
    start_time: int | None = None
    """openai: the time of the first message that has none, in microseconds. None: that of the file, or now."""
    on_conflict: OnConflict = "overwrite"
    rejects: str | None = None
    """The file that keeps what cannot be read or is refused; None: that is an error."""
    resume: bool = False
    """Go on where an earlier import of the file was stopped."""

    def check(self, *, is_file: bool) -> None:
        """Raise InvalidInput where they do not fit together, or not the input."""
        if self.format == "tsmem" and (self.user is not None or self.start_time is not None):
            raise InvalidInput("--user and --start-time are for --format openai; an export says both itself")
        if self.resume and not is_file:
            raise InvalidInput("standard input cannot be resumed, because it is read once", hint="import a file")
        if self.resume and self.on_conflict == "fail":
            raise InvalidInput(
                "--resume cannot go with --on-conflict fail: rows of the stopped import would be conflicts",
                hint="--on-conflict skip leaves what is there",
            )


class Extent(Protocol):
    """Hears how much there is to import."""

    total: int | None
    """Records of the input; None where that is not known."""
    before: int
    """Records that an earlier import settled."""


class Import:
    """One import."""

    def __init__(self, caller: Caller, source: Input, options: ImportOptions) -> None:
        """Raises InvalidInput."""
        options.check(is_file=source.path is not None)
        self._caller = caller
        self._store = caller.store
        self._input = source
        self._options = options
        self._ended = False
        """Whether all of the input was looked at."""
        self._notes = ImportNotes()
        self._dated_from = "--start-time"
        """Where the time comes from of messages that have none."""
        self._records = 0
        """Records that were read to be brought in."""

    def dry_run(self) -> BulkResult:
        """Count what would be written, and write nothing. Raises PartialFailure where something would be rejected."""
        rows = SettledRows(0, self._store.bulk.present)
        result = self._checked(self._knowing(self._source(), self._notes), rows)
        self._say_notes(result)
        result.raise_failures("brought in")
        self._say_if_empty(rows.passed)
        return result

    def run(self, extent: Extent) -> BulkResult:
        """Bring it in. Raises PartialFailure when some of it was not."""
        with ExitStack() as stack:
            rejects = None
            if self._options.rejects is not None:  # before anything else: what it may not write is refused at once
                rejects = stack.enter_context(
                    Rejects(self._caller, self._options.rejects, self._input.raw, resume=self._options.resume)
                )
            self._run(extent, rejects)
        self._say_if_empty(self._records)
        return self._caller.result

    def _run(self, extent: Extent, rejects: Rejects | None) -> None:
        reading = self._source()
        point = self._point(reading)
        settled = point.read() if point is not None and self._options.resume else 0
        rows = self._settled_rows(settled, rejects)
        there = None
        if self._input.raw.seekable():
            extent.total = self._look(self._knowing(reading) if settled else reading, rows)
            there = rows.passed
        if self._options.resume:
            self._caller.say(_resuming(settled, rows, point))
        settled = extent.before = settled if rows.complete else 0
        if rejects is not None:
            reading = reading._replace(bad=rejects.line)
        create_tables(self._store, self._caller.say)
        reading = self._knowing(reading, self._notes)
        records = self._behind(settled, self._input.records(read_records(reading)), there, rejects)
        if there is None:  # else the look at the whole input has warned
            records = SharedIds(self._caller.say, self._store).watch(records)
        try:
            self._load(records, settled, rejects, point)
        finally:
            if self._ended or self._caller.result.done:
                self._say_notes(self._caller.result)

    def _say_if_empty(self, records: int) -> None:
        if records == 0:
            self._caller.say(f"nothing to import: {self._input.name} has no sessions and no messages")

    def _behind(
        self, first: int, records: Iterator[ImportedItem], there: int | None, rejects: Rejects | None
    ) -> Iterator[ImportedItem]:
        """The records behind the first ones. Raises InvalidInput where there are fewer than at the first look."""
        for record in records:
            self._records += 1
            if self._records > first:
                yield record
            elif rejects is not None:
                rejects.before(record)
        if there is not None and self._records < there:
            raise InvalidInput(
                f"{self._input.name} was cut short while it was read: of {there:,} records {self._records:,} are left"
            )
        self._ended = True

    def _load(
        self, records: Iterator[ImportedItem], first: int, rejects: Rejects | None, point: ResumePoint | None
    ) -> None:
        last = first

        def settled(count: int) -> None:
            nonlocal last
            last = count
            if rejects is not None:
                rejects.sync()
            if point is not None:
                point.note(count)

        loading = LoadOptions(self._options.on_conflict, first, None if rejects is None else rejects.row, settled)
        try:
            self._store.bulk.load(records, loading, result=self._caller.result)
        except BaseException as error:
            if not (isinstance(error, PartialFailure) and rejects is not None and self._ended):
                self._stopped(point, last)
                raise
            if rejects.lasts:
                self._caller.next_step = f"{self._options.rejects} holds them: import it once the cause is gone"
            _clear(point)
            raise
        _clear(point)

    def _stopped(self, point: ResumePoint | None, settled: int) -> None:
        if point is not None and point.note(settled, now=True):
            self._caller.next_step = "the same command with --resume goes on where this one stopped"

    def _settled_rows(self, settled: int, rejects: Rejects | None) -> SettledRows:
        """The rows that an earlier run wrote. On TableStore, to look for all of them would take more requests than to
        write them again."""
        return SettledRows(
            settled,
            self._store.bulk.present,
            sample=not self._store.is_local,
            is_reject=(lambda record: False) if rejects is None else rejects.known.holds,
        )

    def _look(self, reading: ImportSource, rows: SettledRows) -> int:
        """Read the input to its end and back. Return the number of its records and unreadable lines."""
        start = self._input.raw.tell()
        found = self._checked(reading, rows)
        self._input.raw.seek(start)
        return found.done + found.failed

    def _checked(self, reading: ImportSource, rows: SettledRows) -> BulkResult:
        """What a look at the whole input finds. Raises InvalidInput for what nobody keeps."""
        unreadable = 0

        def count(_: BadLine) -> None:
            nonlocal unreadable
            unreadable += 1

        loading = LoadOptions(self._options.on_conflict)
        if self._options.rejects is not None:
            reading, loading = reading._replace(bad=count), loading._replace(on_refused=_passed_over)
        records = SharedIds(self._caller.say, self._store).watch(self._input.records(read_records(reading)))
        result = self._store.bulk.check(rows.watch(records), loading)
        result.failed += unreadable
        result.unread += unreadable
        return result

    def _source(self) -> ImportSource:
        rules = self._rules() if self._options.format == "openai" else None
        return ImportSource(self._input.raw, self._options.format, rules, name=self._input.name)

    def _rules(self) -> Rules:
        time = self._options.start_time
        if time is None:
            time = self._input.modified_us()
            what = "now" if time is None else "the file"
            time = self._store.clock.now_us() if time is None else time
            self._dated_from = f"{what} (--start-time {time})"
        return Rules(self._options.user, time)

    def _knowing(self, reading: ImportSource, notes: ImportNotes | None = None) -> ImportSource:
        """Reading that looks times up in the store, and counts what is to be said."""
        if reading.rules is None:
            return reading
        stored = self._store.bulk.stored_times()
        return reading._replace(rules=reading.rules._replace(stored=stored, notes=notes))

    def _say_notes(self, result: BulkResult) -> None:
        for line in note_lines(self._notes, self._dated_from):
            self._caller.say(line)
        if result.repeated:
            kept = "the last of each key is kept" if self._options.on_conflict == "overwrite" else "the first is kept"
            self._caller.say(f"{quantity(result.repeated, 'row')} with the key of an earlier row of the input: {kept}")

    def _point(self, reading: ImportSource) -> ResumePoint | None:
        """Where to note how far it is; nowhere for what cannot be gone on with."""
        path = self._input.path
        if path is None or not self._input.raw.seekable() or self._options.on_conflict == "fail":
            if self._options.resume:
                raise InvalidInput(f"{self._input.name} cannot be resumed, because it can be read once only")
            return None
        how = (self._options.format, self._options.user, reading.rules and reading.rules.start_time)
        return ResumePoint(self._caller, self._input.raw, path, how)


def create_tables(store: MemoryStore, say: Callable[[str], None]) -> None:
    """Create the tables of a fresh embedded store, or complete those whose creation was cut short. A store without any
    search index was made so by `init-tables --no-search`, and stays so. On TableStore, where tables cost money, they
    are created by `init-tables` alone."""
    if not store.is_local:
        return
    steps = store.tables.plan().steps
    missing = [step for step in steps if step.state == "missing"]
    if not missing or missing == [step for step in steps if step.kind == "search index"]:
        return
    store.tables.apply()
    what = "the tables" if len(missing) == len(steps) else "what was missing of the tables"
    say(f"created {what} in {store.target}")


def _resuming(settled: int, rows: SettledRows, point: ResumePoint | None) -> str:
    """What an import that is resumed says of where it begins."""
    if settled and not rows.complete:
        return "rows of the stopped import are gone: from the beginning"
    if settled:
        looked_for = f"; looked for {quantity(rows.looked_for, 'row')} of them, all there" if rows.is_sample else ""
        return f"going on behind {quantity(settled, 'record')}{looked_for}"
    if point is not None and not point.is_kept:
        return "no home directory is known, so no earlier run was noted"
    return "nothing to go on from: from the beginning"


def _clear(point: ResumePoint | None) -> None:
    if point is not None:
        point.clear()


def _passed_over(_: ImportedItem, __: TsmemError) -> None:
    """The first look only counts."""
