"""Progress of what takes long, on stderr: on a terminal rich draws it, and it is gone before anything else is said or
written. In a pipe, in CI and on a dumb terminal there is none, unless it is asked for: then it is a line now and then.
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
"""Between two lines where nothing can be drawn over."""


class Progress:
    """The line, drawn from the thread that works: no other thread writes to the terminal."""

    def __init__(self, context: Context, line: Callable[[], str]) -> None:
        """`line` says how far it is."""
        self._call = context
        self._line = line
        self._over = draws(context)
        self._began_s = context.clock.monotonic_s()
        self._due_s = self._began_s + (FIRST_AFTER_S if self._over else LINE_AFTER_S)
        self._drawn: RichProgress | None = None

    def draw(self) -> None:
        """Say how far it is, unless that was said just now."""
        now_s = self._call.clock.monotonic_s()
        if now_s < self._due_s:
            return
        self._due_s = now_s + (AGAIN_AFTER_S if self._over else LINE_AFTER_S)
        if not self._over:
            self._call.say(self._line())
            return
        with STOP_SIGNALS.waiting(lambda: True):  # rich does not clear what it was stopped in drawing
            if self._drawn is None:
                self._drawn = _started(self._call, self._line(), self._began_s)
                self._call.clear_line = self.clear
            else:
                self._drawn.update(self._drawn.task_ids[0], description=self._line(), refresh=True)
        STOP_SIGNALS.check()

    def clear(self) -> None:
        """Leave nothing of it."""
        if self._drawn is not None:
            with STOP_SIGNALS.waiting(lambda: True):
                self._drawn.stop()
                self._drawn = self._call.clear_line = None
            STOP_SIGNALS.check()


def _started(context: Context, line: str, began_s: float) -> RichProgress:
    """Draw a spinner, the time that went by, and the line."""
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
    """Standard error as rich writes to it. One that went away is no reason to fail."""

    def __init__(self, context: Context) -> None:
        self._call = context

    def write(self, text: str) -> int:
        self._call.talk(text)
        return len(text)


def draws(context: Context) -> bool:
    """Whether stderr is a place for a line that is drawn over itself."""
    quiet = context.environ.get("CI") or context.environ.get("TERM") == "dumb" or context.options.debug
    return context.streams.stderr_is_terminal and not quiet


def _of_scans(context: Context) -> Progress:
    """Progress that hears of each page that a scan of the call's store has read."""
    store = context.store

    def line() -> str:
        found = store.sessions.read_progress.returned + store.messages.read_progress.returned
        return f"{store.cost.rows_scanned:,} rows scanned, {found:,} found"

    progress = Progress(context, line)
    for items in (store.sessions, store.messages):
        items.read_progress.on_page = progress.draw
    return progress


def _wanted(context: Context, filter: str | None) -> bool:  # noqa: A002
    return filter is not None and draws(context)


@contextmanager
def shown(context: Context, filter: str | None) -> Iterator[None]:  # noqa: A002
    """Shows progress while the block runs, where a filter makes it scan."""
    if not _wanted(context, filter):
        yield
        return
    progress = _of_scans(context)
    try:
        yield
    finally:
        progress.clear()


def listing(
    context: Context,
    noun: Noun,
    stream: ItemStream[Session] | ItemStream[Message],
    filter: str | None,  # noqa: A002
    why_empty: Callable[[], str] | None = None,
) -> Listing:
    """A stream as a result, with progress while its next item, or its token, is looked for."""
    if not _wanted(context, filter):
        return Listing(noun, stream, stream.token_after, why_empty=why_empty)
    progress = _of_scans(context)
    return Listing(noun, _items(progress, stream), _token(progress, stream.token_after), why_empty=why_empty)


def _items(progress: Progress, stream: ItemStream[Session] | ItemStream[Message]) -> Iterator[Any]:
    try:
        for item in stream:
            progress.clear()
            yield item
    finally:
        progress.clear()


def _token(progress: Progress, token: Callable[[int | None], str | None]) -> Callable[[int | None], str | None]:
    def cleared(count: int | None) -> str | None:
        try:
            return token(count)
        finally:
            progress.clear()

    return cleared
