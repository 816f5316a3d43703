"""What a bulk command says of itself on stderr: how far it is while it runs, and one line at its end in every case,
also when it fails or is stopped. On a terminal, or where `--progress` asks for it.
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
    """Counts, rates and what is left, out of the call's tally."""

    def __init__(self, context: Context, done: str, where: str = "") -> None:
        """`done` is the verb of what is done, `where` what follows the counts."""
        self._call = context
        self._done = done
        self._where = where
        self._started_s = context.clock.monotonic_s()
        self.stores: Sequence[MemoryStore] = ()
        """Where rows are read."""
        self.total: int | None = None
        """Rows there are in all, where that is known."""
        self.before = 0
        """Rows of them that were done by an earlier run."""
        self.speaks = False
        """Whether it is told to anybody."""

    @property
    def _rows(self) -> int:
        result = self._call.result
        return result.done + result.skipped + result.failed

    def line(self) -> str:
        """How far it is."""
        seconds = self._call.clock.monotonic_s() - self._started_s
        scanned = sum(store.cost.rows_scanned for store in self.stores)
        parts = [f"{scanned:,} rows scanned"] if scanned > self._rows else []
        parts += [f"{self._rows:,} rows", *self._rates(seconds)]
        if self.total is not None and self._rows:
            left = max(0, self.total - self.before - self._rows)
            parts.append(f"{elapsed(seconds * left / self._rows)} left")
        return ", ".join(parts)

    def summary(self, *, ended: bool) -> str:
        """What was done in all."""
        seconds = self._call.clock.monotonic_s() - self._started_s
        rates = ", ".join([elapsed(seconds), *self._rates(seconds)])
        counts = counted(self._call.result)
        if not ended and self._call.whole_file is not None:
            return f"read {counts} before it ended early; {self._call.whole_file} was not written: {rates}"
        so_far = "" if ended else " before it ended early"
        return f"{self._done} {counts}{self._where}{so_far}: {rates}"

    def _rates(self, seconds: float) -> list[str]:
        result = self._call.result
        parts = [f"{self._rows / seconds:,.0f} rows/s"] if self._rows and seconds > 0 else []
        if result.bytes:
            parts.append(size(result.bytes))
        for count, what in ((result.skipped, "skipped"), (result.failed, "failed"), (result.unconfirmed, "in doubt")):
            if count:
                parts.append(f"{count:,} {what}")
        return parts


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
    """An account of what happens inside, in the call's store or these. `quiet` says nothing, where the output is drawn
    on the same terminal."""
    it = ProgressSummary(context, done, where)
    if quiet or not (asked or draws(context)):
        yield it
        return
    it.speaks = True
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
