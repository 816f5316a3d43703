"""Shows progress on stderr. On a terminal rich draws a line, which is removed before anything else is written. In a
pipe, in CI and on a dumb terminal there is none, unless --progress asks for it: then a line is written every 5 seconds.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from tsmem.cli.app.signals import STOP_SIGNALS
from tsmem.render.result import Listing, Noun

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from tsmem.cli.app.context import Context
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


def _scan_progress(context: Context, filter: str | None) -> Progress | None:  # noqa: A002
    """Return progress that is drawn after each page that is read; None without a filter, which makes the store scan."""
    if filter is None or not draws(context):
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
    progress = _scan_progress(context, filter)
    try:
        yield
    finally:
        if progress is not None:
            progress.clear()


def listing(
    context: Context,
    noun: Noun,
    stream: ItemStream[Session] | ItemStream[Message],
    filter: str | None,  # noqa: A002
    why_empty: Callable[[], str] | None = None,
) -> Listing:
    """Return a stream as a result that shows progress while the next item or the page token is looked for."""
    progress = _scan_progress(context, filter)
    if progress is None:
        return Listing(noun, stream, stream.token_after, why_empty=why_empty)

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

    return Listing(noun, items(), token_after, why_empty=why_empty)
