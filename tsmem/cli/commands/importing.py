"""One run of `tsmem import`: the input is looked at as a whole where it can be, then brought in behind the point where
an earlier run was stopped; what cannot be brought in goes to the rejects."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, cast

from tsmem.cli.commands.import_notes import note_lines
from tsmem.cli.commands.rejects import Rejects
from tsmem.cli.commands.resume import ResumePoint, SettledRows
from tsmem.cli.commands.sharing import SharedIds
from tsmem.cli.io.counts import quantity
from tsmem.errors import InvalidInput, PartialFailure
from tsmem.store.loading import Loading, OnConflict
from tsmem.store.openai import ImportNotes, Rules
from tsmem.store.records import ImportedItem, ImportSource, read_records
from tsmem.store.rejects import BadLine, ImportFormat

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.cli.io.files import Input
    from tsmem.cli.io.progress_summary import ProgressSummary
    from tsmem.errors import TsmemError
    from tsmem.profiles import Profile
    from tsmem.store import MemoryStore
    from tsmem.store.bulk.result import BulkResult


class Import:
    """What was asked for, checked."""

    def __init__(
        self,
        call: Context,
        file: str,
        format: str,  # noqa: A002 - the option's own name
        user: str | None,
        start_time: str | None,
        on_conflict: str,
        rejects: str | None,
        resume: bool,
    ) -> None:
        """Raises InvalidInput."""
        if format not in ("tsmem", "openai"):
            raise InvalidInput(f"there is no import format '{format}'", hint="the formats are tsmem and openai")
        if on_conflict not in ("overwrite", "skip", "fail"):
            raise InvalidInput(f"--on-conflict is overwrite, skip or fail, not '{on_conflict}'")
        if format == "tsmem" and (user is not None or start_time is not None):
            raise InvalidInput("--user and --start-time are for --format openai; an export says both itself")
        if resume and file == "-":
            raise InvalidInput("standard input cannot be resumed, because it is read once", hint="import a file")
        if resume and on_conflict == "fail":
            raise InvalidInput(
                "--resume cannot go with --on-conflict fail: rows of the stopped import would be conflicts",
                hint="--on-conflict skip leaves what is there",
            )
        self._call = call
        self._file = file
        self._format = cast(ImportFormat, format)
        self._user = user
        self._start_time = start_time
        self._on_conflict = cast(OnConflict, on_conflict)
        self._rejects = rejects
        self._resume = resume
        self._ended = False
        """Whether all of the input was looked at."""
        self._notes = ImportNotes()
        self._dated_from = "--start-time"
        """Where the time comes from of messages that have none."""
        self._records = 0
        """Records that were read to be brought in."""

    def dry_run(self, source: Input) -> BulkResult:
        """Count what would be written, and write nothing. Raises PartialFailure where something would be rejected."""
        call = self._call
        call.say_target("a dry run on")
        rows = SettledRows(0, call.store.transfer.present)
        tally = self._checked(source, self._knowing(self._source(source), self._notes), rows)
        self._say_notes(tally)
        tally.raise_failures("brought in")
        self._say_if_empty(source, rows.passed)
        return tally

    def run(self, source: Input, told: ProgressSummary) -> BulkResult:
        """Bring it in. Raises PartialFailure when some of it was not."""
        with ExitStack() as stack:
            rejects = None
            if self._rejects is not None:  # before anything else: what it may not write is refused at once
                rejects = stack.enter_context(Rejects(self._call, self._rejects, source.raw, resume=self._resume))
            self._run(source, told, rejects)
        self._say_if_empty(source, self._records)
        return self._call.tally

    def _run(self, source: Input, told: ProgressSummary, rejects: Rejects | None) -> None:
        call = self._call
        reading = self._source(source)
        point = self._point(source, reading)
        settled = point.read() if point is not None and self._resume else 0
        rows = self._settled_rows(settled, rejects)
        there = None
        if source.raw.seekable():
            told.total = self._look(source, self._knowing(reading) if settled else reading, rows)
            there = rows.passed
        if self._resume:
            call.say(_resuming(settled, rows, point))
        settled = told.before = settled if rows.complete else 0
        if rejects is not None:
            reading = reading._replace(bad=rejects.line)
        create_tables(call, call.store, call.profile)
        reading = self._knowing(reading, self._notes)
        records = self._behind(settled, source.records(read_records(reading)), there, rejects)
        if there is None:  # else the look at the whole input has warned
            records = SharedIds(call, call.store).watch(records)
        try:
            self._load(records, settled, rejects, point)
        finally:
            if self._ended or call.tally.done:
                self._say_notes(call.tally)

    def _say_if_empty(self, source: Input, records: int) -> None:
        if records == 0:
            self._call.say(f"nothing to import: {source.name} has no sessions and no messages")

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
                f"{self._file} was cut short while it was read: of {there:,} records {self._records:,} are left"
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

        loading = Loading(self._on_conflict, first, None if rejects is None else rejects.row, settled)
        try:
            self._call.store.transfer.load(records, loading, tally=self._call.tally)
        except BaseException as error:
            if not (isinstance(error, PartialFailure) and rejects is not None and self._ended):
                self._stopped(point, last)
                raise
            if rejects.lasts:
                self._call.next_step = f"{self._rejects} holds them: import it once the cause is gone"
            _clear(point)
            raise
        _clear(point)

    def _stopped(self, point: ResumePoint | None, settled: int) -> None:
        if point is not None and point.note(settled, now=True):
            self._call.next_step = "the same command with --resume goes on where this one stopped"

    def _settled_rows(self, settled: int, rejects: Rejects | None) -> SettledRows:
        """The rows that an earlier run wrote. On TableStore, to look for all of them would take more requests than to
        write them again."""
        return SettledRows(
            settled,
            self._call.store.transfer.present,
            sample=self._call.profile.backend != "local",
            is_reject=(lambda record: False) if rejects is None else rejects.known.holds,
        )

    def _look(self, source: Input, reading: ImportSource, rows: SettledRows) -> int:
        """Read the input to its end and back. Return the number of its records and unreadable lines."""
        start = source.raw.tell()
        found = self._checked(source, reading, rows)
        source.raw.seek(start)
        return found.done + found.failed

    def _checked(self, source: Input, reading: ImportSource, rows: SettledRows) -> BulkResult:
        """What a look at the whole input finds. Raises InvalidInput for what nobody keeps."""
        unreadable = 0

        def count(_: BadLine) -> None:
            nonlocal unreadable
            unreadable += 1

        loading = Loading(self._on_conflict)
        if self._rejects is not None:
            reading, loading = reading._replace(bad=count), loading._replace(refused=_passed_over)
        records = SharedIds(self._call, self._call.store).watch(source.records(read_records(reading)))
        tally = self._call.store.transfer.check(rows.watch(records), loading)
        tally.failed += unreadable
        tally.unread += unreadable
        return tally

    def _source(self, source: Input) -> ImportSource:
        rules = self._rules(source) if self._format == "openai" else None
        return ImportSource(source.raw, self._format, rules, name=source.name)

    def _rules(self, source: Input) -> Rules:
        call = self._call
        time = call.point(self._start_time, "--start-time")
        if time is None:
            from_file = self._file != "-"
            time = os.fstat(source.raw.fileno()).st_mtime_ns // 1000 if from_file else call.clock.now_us()
            self._dated_from = f"{'the file' if from_file else 'now'} (--start-time {time})"
        return Rules(self._user, time)

    def _knowing(self, reading: ImportSource, notes: ImportNotes | None = None) -> ImportSource:
        """Reading that looks times up in the store, and counts what is to be said."""
        if reading.rules is None:
            return reading
        stored = self._call.store.transfer.stored_times()
        return reading._replace(rules=reading.rules._replace(stored=stored, notes=notes))

    def _say_notes(self, tally: BulkResult) -> None:
        for line in note_lines(self._notes, self._dated_from):
            self._call.say(line)
        if tally.repeated:
            kept = "the last of each key is kept" if self._on_conflict == "overwrite" else "the first is kept"
            self._call.say(f"{quantity(tally.repeated, 'row')} with the key of an earlier row of the input: {kept}")

    def _point(self, source: Input, reading: ImportSource) -> ResumePoint | None:
        """Where to note how far it is; nowhere for what cannot be gone on with."""
        if self._file == "-" or not source.raw.seekable() or self._on_conflict == "fail":
            if self._resume:
                raise InvalidInput(f"{self._file} cannot be resumed, because it can be read once only")
            return None
        how = (self._format, self._user, reading.rules and reading.rules.start_time)
        return ResumePoint(self._call, source.raw, self._file, how)


def create_tables(call: Context, store: MemoryStore, profile: Profile) -> None:
    """Create the tables of a fresh embedded store, or complete those whose creation was cut short. A store without any
    search index was made so by `init-tables --no-search`, and stays so. On TableStore, where tables cost money, they
    are created by `init-tables` alone."""
    if profile.backend != "local":
        return
    steps = store.tables.plan().steps
    missing = [step for step in steps if step.state == "missing"]
    if not missing or missing == [step for step in steps if step.kind == "search index"]:
        return
    store.tables.apply()
    what = "the tables" if len(missing) == len(steps) else "what was missing of the tables"
    call.say(f"created {what} in {profile.target}")


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
