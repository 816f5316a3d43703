"""Shows progress on stderr. `listing` and `shown` show it during a scan; `account` shows it during a bulk command, with
a summary at the end.

On a terminal rich draws a line, which is removed before anything else is written. In a pipe, in CI and on a dumb
terminal there is none, unless --progress asks for it: then a line is written every 5 seconds.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any, cast

from tsmem.cli.app.signals import STOP_SIGNALS
from tsmem.cli.io.emptiness import AskedListing, why_empty
from tsmem.plurals import quantity
from tsmem.render.result import Listing, Report
from tsmem.render.values import elapsed, size

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from tsmem.cli.app.context import Context
    from tsmem.store import MemoryStore
    from tsmem.store.bulk.result import BulkResult
    from tsmem.store.listing.scan import ItemStream
    from tsmem.store.model import Message, Session

FIRST_AFTER_S = 0.5
AGAIN_AFTER_S = 0.25
LINE_AFTER_S = 5.0
"""Seconds between two lines where nothing can be drawn over."""


class Progress:
    """The line. The working thread draws it; no other thread writes to the terminal."""

    def __init__(self, context: Context, line: Callable[[], str]) -> None:
        """`line` returns the text to show."""
        self._context = context
        self._line = line
        self._draws = draws(context)
        self._began_s = context.clock.monotonic_s()
        self._due_s = self._began_s + (FIRST_AFTER_S if self._draws else LINE_AFTER_S)
        self._drawn: RichProgress | None = None

    def draw(self) -> None:
        """Show the line, unless that was done just now."""
        now_s = self._context.clock.monotonic_s()
        if now_s < self._due_s:
            return
        self._due_s = now_s + (AGAIN_AFTER_S if self._draws else LINE_AFTER_S)
        if not self._draws:
            self._context.say(self._line())
            return
        with STOP_SIGNALS.waiting():  # rich does not clear a line if it is interrupted while it draws it
            if self._drawn is None:
                self._drawn = _started(self._context, self._line(), self._began_s)
                self._context.clear_line = self.clear
            else:
                self._drawn.update(self._drawn.task_ids[0], description=self._line(), refresh=True)

    def clear(self) -> None:
        """Remove the line from the terminal."""
        if self._drawn is not None:
            with STOP_SIGNALS.waiting():
                self._drawn.stop()
                self._drawn = self._context.clear_line = None


def _started(context: Context, line: str, began_s: float) -> RichProgress:
    """Draw a spinner, the elapsed time and the line."""
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    console = Console(
        file=cast(IO[str], _Stderr(context)),
        force_terminal=True,
        color_system=None,
        legacy_windows=False,
        width=max(1, context.streams.width - 1),
        height=24,
        _environ={},
    )
    drawn = RichProgress(
        SpinnerColumn("dots" if context.streams.unicode else "line"),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="crop")),
        console=console,
        transient=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
        get_time=context.clock.monotonic_s,
    )
    drawn.add_task(line, total=None)
    drawn.tasks[0].start_time = began_s
    drawn.start()
    console.show_cursor()  # rich hides it, and a second Ctrl-C ends the process at once
    return drawn


class _Stderr(io.TextIOBase):
    """Standard error as a file for rich."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def write(self, text: str) -> int:
        self._context.write_stderr(text)
        return len(text)


def draws(context: Context) -> bool:
    """Return True if a line can be drawn over itself on stderr."""
    quiet = context.environ.get("CI") or context.environ.get("TERM") == "dumb" or context.options.debug
    return context.streams.stderr_is_terminal and not quiet


def _scan_progress(context: Context, scans: bool) -> Progress | None:
    """Return progress that is drawn after each page that is read; None if the store does not scan."""
    if not scans or not draws(context):
        return None
    store = context.store
    reads = (store.sessions.read_progress, store.messages.read_progress)
    progress = Progress(
        context,
        lambda: f"{store.cost.rows_scanned:,} rows scanned, {sum(read.returned for read in reads):,} found",
    )
    for read in reads:
        read.on_page = progress.draw
    return progress


@contextmanager
def shown(context: Context, filter: str | None) -> Iterator[None]:  # noqa: A002
    """Show progress while the block scans for rows that match the filter."""
    progress = _scan_progress(context, filter is not None)
    try:
        yield
    finally:
        if progress is not None:
            progress.clear()


def listing(
    context: Context,
    asked: AskedListing,
    stream: ItemStream[Session] | ItemStream[Message],
    page_token: str | None,
    text: str | None = None,
) -> Listing:
    """Return a stream as a result that shows progress while the next item or the page token is looked for. A search for
    a text without words may scan, as a filter may. A page that follows another has no reason for being empty."""
    reason = partial(why_empty, context, asked) if page_token is None else None
    progress = _scan_progress(context, asked.filter is not None or text is not None)
    if progress is None:
        return Listing(asked.noun, stream, stream.token_after, why_empty=reason)

    def items() -> Iterator[Any]:
        try:
            for item in stream:
                progress.clear()
                yield item
        finally:
            progress.clear()

    def token_after(count: int | None) -> str | None:
        try:
            return stream.token_after(count)
        finally:
            progress.clear()

    return Listing(asked.noun, items(), token_after, why_empty=reason)


class ProgressSummary:
    """Makes the texts out of the run's counts."""

    def __init__(self, context: Context, verb: str, where: str = "") -> None:
        """`verb` is the past participle of what is done; `where` follows the counts."""
        self._context = context
        self._verb = verb
        self._where = where
        self._started_s = context.clock.monotonic_s()
        self.stores: Sequence[MemoryStore] = ()
        """The stores that are read."""
        self.total: int | None = None
        """Rows of the input; None if unknown."""
        self.before = 0
        """Rows of the input that an earlier run has done."""
        self.speaks = False
        """True if progress and summary are shown."""

    def line(self) -> str:
        """Return how far it is."""
        rows, seconds, rates = self._figures()
        scanned = sum(store.cost.rows_scanned for store in self.stores)
        parts = [f"{scanned:,} rows scanned"] if scanned > rows else []
        parts += [f"{rows:,} rows", *rates]
        if self.total is not None and rows:
            left = max(0, self.total - self.before - rows)
            parts.append(f"{elapsed(seconds * left / rows)} left")
        return ", ".join(parts)

    def summary(self, *, ended: bool) -> str:
        """Return what was done in all; `ended` is False if it failed or was stopped."""
        _, seconds, rates = self._figures()
        figures = ", ".join([elapsed(seconds), *rates])
        done, unwritten = counted(self._context.result), self._context.whole_file
        if ended:
            return f"{self._verb} {done}{self._where}: {figures}"
        if unwritten is not None:
            return f"read {done} before it ended early; {unwritten} was not written: {figures}"
        return f"{self._verb} {done}{self._where} before it ended early: {figures}"

    def _figures(self) -> tuple[int, float, list[str]]:
        """Return the number of rows, the seconds, and rate, size and problems in words."""
        result = self._context.result
        rows = result.done + result.skipped + result.failed
        seconds = self._context.clock.monotonic_s() - self._started_s
        words = [f"{rows / seconds:,.0f} rows/s"] if rows and seconds > 0 else []
        if result.bytes:
            words.append(size(result.bytes))
        problems = {"skipped": result.skipped, "failed": result.failed, "in doubt": result.unconfirmed}
        words += [f"{count:,} {name}" for name, count in problems.items() if count]
        return rows, seconds, words


@contextmanager
def account(
    context: Context,
    done: str,
    where: str = "",
    *,
    asked: bool = False,
    quiet: bool = False,
    stores: Sequence[MemoryStore] = (),
) -> Iterator[ProgressSummary]:
    """Show progress while the block works on the run's store, or on `stores`, and a summary at its end.

    `quiet` says nothing, for output that is drawn on the same terminal."""
    it = ProgressSummary(context, done, where)
    it.speaks = not quiet and (asked or draws(context))
    if not it.speaks:
        yield it
        return
    progress = Progress(context, it.line)
    context.result.on_change = progress.draw
    it.stores = stores or (context.store,)
    for store in it.stores:
        store.sessions.read_progress.on_page = store.messages.read_progress.on_page = progress.draw
    ended = False
    try:
        yield it
        ended = True
    finally:
        progress.clear()
        context.say(it.summary(ended=ended))


def counted(result: BulkResult) -> str:
    """Return sessions and messages in words."""
    parts = [quantity(result.sessions, "session")] if result.sessions else []
    if result.messages or not parts:
        parts.append(quantity(result.messages, "message"))
    return " and ".join(parts)


def counts(result: BulkResult) -> Report:
    """Return all counts as a result."""
    document = {name: getattr(result, name) for name in ("sessions", "messages", "skipped", "failed")}
    return Report(document, tuple(document), (tuple(document.values()),))
