"""Progress of a bulk command while it runs, and a summary at its end, also if it fails or is stopped. They are written
to stderr if that is a terminal, or if --progress asks for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tsmem.cli.io.counts import counted
from tsmem.cli.io.progress import Progress, draws
from tsmem.render.values import elapsed, size

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.store import MemoryStore


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
