"""Progress of what takes long, on stderr: on a terminal a line that is drawn over itself, and gone before anything else
is said or written. In a pipe, in CI and on a dumb terminal there is none, unless it is asked for: then it is a line
now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tsmem.render.result import Listing, Noun

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.store.listing.scan import ItemStream
    from tsmem.store.model import Message, Session

FIRST_AFTER_S = 0.5
AGAIN_AFTER_S = 0.25
LINE_AFTER_S = 5.0
"""Between two lines where nothing can be drawn over."""
_CLEAR = b"\r\x1b[K"


class Progress:
    """The line."""

    def __init__(self, call: Context, line: Callable[[], str]) -> None:
        """`line` says how far it is."""
        self._call = call
        self._line = line
        self._over = draws(call)
        self._due = call.clock.monotonic_s() + (FIRST_AFTER_S if self._over else LINE_AFTER_S)
        self._drawn = False

    def draw(self) -> None:
        """Say how far it is, unless that was said just now."""
        now = self._call.clock.monotonic_s()
        if now < self._due:
            return
        line = self._line()
        if self._over:
            self._due = now + AGAIN_AFTER_S
            self._drawn = True  # first: an interrupt may come while it is written
            self._call.clear_line = self.clear
            self._write(_CLEAR + line[: self._call.streams.width - 1].encode())
        else:
            self._due = now + LINE_AFTER_S
            self._call.say(line)

    def clear(self) -> None:
        """Leave nothing of it."""
        if self._drawn:
            self._write(_CLEAR)
            self._drawn = False
            self._call.clear_line = None

    def _write(self, data: bytes) -> None:
        with suppress(OSError, ValueError):  # a stderr that went away is no reason to fail
            self._call.streams.stderr.write(data)
            self._call.streams.stderr.flush()


def draws(call: Context) -> bool:
    """Whether stderr is a place for a line that is drawn over itself."""
    quiet = call.environ.get("CI") or call.environ.get("TERM") == "dumb" or call.options.debug
    return call.streams.stderr_is_terminal and not quiet


def _of_scans(call: Context) -> Progress:
    """Progress that hears of each page that a scan of the call's store has read."""
    store = call.store

    def line() -> str:
        found = store.sessions.watch.returned + store.messages.watch.returned
        return f"{store.cost.rows_scanned:,} rows scanned, {found:,} found"

    progress = Progress(call, line)
    for items in (store.sessions, store.messages):
        items.watch.on_page = progress.draw
    return progress


def _wanted(call: Context, filter: str | None) -> bool:  # noqa: A002
    return filter is not None and draws(call)


@contextmanager
def shown(call: Context, filter: str | None) -> Iterator[None]:  # noqa: A002
    """Shows progress while the block runs, where a filter makes it scan."""
    if not _wanted(call, filter):
        yield
        return
    progress = _of_scans(call)
    try:
        yield
    finally:
        progress.clear()


def listing(
    call: Context,
    noun: Noun,
    stream: ItemStream[Session] | ItemStream[Message],
    filter: str | None,  # noqa: A002
    why_empty: Callable[[], str] | None = None,
) -> Listing:
    """A stream as a result, with progress while its next item, or its token, is looked for."""
    if not _wanted(call, filter):
        return Listing(noun, stream, stream.token_after, why_empty=why_empty)
    progress = _of_scans(call)
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
