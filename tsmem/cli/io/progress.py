"""Show progress on stderr, during a scan (`show_scan`) or a bulk command (`account`, which ends with a summary).

On a terminal, rich draws a line, which is erased before anything else is written. In a pipe, in CI, on a dumb terminal
and with --debug, nothing is shown without --progress, which prints a line every 5 seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tsmem.cli.app.signals import STOP_SIGNALS
from tsmem.render.result import Report
from tsmem.render.values import elapsed, size
from tsmem.words import quantity

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from tsmem.cli.app.context import Context
    from tsmem.cli.io.emptiness import AskedListing
    from tsmem.store.bulk.result import BulkResult

FIRST_AFTER_S = 0.5
AGAIN_AFTER_S = 0.25
LINE_AFTER_S = 5.0


def draws(context: Context) -> bool:
    quiet = context.environ.get("CI") or context.environ.get("TERM") == "dumb" or context.options.debug
    return context.streams.stderr_is_terminal and not quiet


class Progress:
    """The progress line of a run. The working thread draws it; no other thread writes to the terminal."""

    def __init__(self, context: Context, line: Callable[[], str]) -> None:
        context.clear_line()
        context.clear_line = self.clear
        self._context = context
        self._line = line
        self._draws = draws(context)
        self._began_s = context.clock.monotonic_s()
        self._due_s = self._began_s + (FIRST_AFTER_S if self._draws else LINE_AFTER_S)
        self._drawn: RichProgress | None = None

    def draw(self) -> None:
        now_s = self._context.clock.monotonic_s()
        if now_s < self._due_s:
            return
        self._due_s = now_s + (AGAIN_AFTER_S if self._draws else LINE_AFTER_S)
        if not self._draws:
            self._context.say(self._line())
            return
        with STOP_SIGNALS.deferring():  # rich does not erase a line if interrupted while drawing
            if self._drawn is None:
                self._drawn = self._started()
            else:
                self._drawn.update(self._drawn.task_ids[0], description=self._line(), refresh=True)

    def clear(self) -> None:
        if self._drawn is not None:
            with STOP_SIGNALS.deferring():
                self._drawn.stop()
                self._drawn = None

    def _started(self) -> RichProgress:
        from rich.console import Console
        from rich.progress import Progress as RichProgress
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.table import Column

        streams = self._context.streams
        stderr: Any = SimpleNamespace(write=streams.write_stderr, flush=lambda: None)
        width = max(1, streams.width - 1)
        console = Console(file=stderr, force_terminal=True, color_system=None, width=width, height=24, _environ={})
        drawn = RichProgress(
            SpinnerColumn("dots" if streams.unicode else "line"),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="crop")),
            console=console,
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            get_time=self._context.clock.monotonic_s,
        )
        drawn.add_task(self._line(), total=None)
        drawn.tasks[0].start_time = self._began_s
        drawn.start()
        console.show_cursor()  # rich hides the cursor, and a second Ctrl-C would end the process before rich shows it
        return drawn


def show_scan(context: Context, asked: AskedListing) -> None:
    if not (asked.may_scan and draws(context)):
        return
    store = context.store
    reads = (store.sessions.read_progress, store.messages.read_progress)
    progress = Progress(
        context, lambda: f"{store.cost.rows_scanned:,} rows scanned, {sum(read.returned for read in reads):,} found"
    )
    for read in reads:
        read.on_page = progress.draw


@contextmanager
def account(context: Context, verb: str, where: str = "", *, asked: bool, quiet: bool = False) -> Iterator[None]:
    """Show progress during the block, and a summary at its end, which begins with `verb` ("exported"). The block works
    on the stores that are open, or on the run's own store."""
    if quiet or not (asked or draws(context)):
        yield
        return
    began_s = context.clock.monotonic_s()
    progress = Progress(context, lambda: _bulk_line(context, began_s))
    context.result.on_change = progress.draw
    for store in context.opened_stores or [context.store]:
        store.sessions.read_progress.on_page = store.messages.read_progress.on_page = progress.draw
    early = " before it ended early"
    try:
        yield
        early = ""
    finally:
        _, seconds, rates = _figures(context, began_s)
        done, unwritten = counted(context.result), context.unfinished_output
        said = f"{verb} {done}{where}{early}"
        if early and unwritten is not None:
            said = f"read {done}{early}; {unwritten} was not written"
        context.say(f"{said}: {', '.join([elapsed(seconds), *rates])}")


def _bulk_line(context: Context, began_s: float) -> str:
    rows, seconds, rates = _figures(context, began_s)
    scanned = sum(store.cost.rows_scanned for store in context.opened_stores)
    parts = [f"{scanned:,} rows scanned"] if scanned > rows else []
    parts += [f"{rows:,} rows", *rates]
    if context.result.expected is not None and rows:
        left = max(0, context.result.expected - rows)
        parts.append(f"{elapsed(seconds * left / rows)} left")
    return ", ".join(parts)


def _figures(context: Context, began_s: float) -> tuple[int, float, list[str]]:
    result = context.result
    rows = result.done + result.skipped + result.failed
    seconds = context.clock.monotonic_s() - began_s
    words = [f"{rows / seconds:,.0f} rows/s"] if rows and seconds > 0 else []
    if result.bytes:
        words.append(size(result.bytes))
    problems = {"skipped": result.skipped, "failed": result.failed, "in doubt": result.unconfirmed}
    words += [f"{count:,} {name}" for name, count in problems.items() if count]
    return rows, seconds, words


def counted(result: BulkResult) -> str:
    parts = [quantity(result.sessions, "session")] if result.sessions else []
    if result.messages or not parts:
        parts.append(quantity(result.messages, "message"))
    return " and ".join(parts)


def counts(result: BulkResult) -> Report:
    document = {name: getattr(result, name) for name in ("sessions", "messages", "skipped", "failed")}
    return Report(document, tuple(document), (tuple(document.values()),))
