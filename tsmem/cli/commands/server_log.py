"""The stderr of `tsmem serve`: how to reach the server, a line for each request, warnings, and a last word.

No request waits for the reader of stderr. Lines are queued for one thread that writes them; when the reader stalls and
the queue is full, lines are dropped, and their number is written when the reader goes on.
"""

from __future__ import annotations

import select
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from tsmem.cli.app.context import SECRET_VARIABLE, Context
from tsmem.errors import TsmemError
from tsmem.plurals import quantity

if TYPE_CHECKING:
    from tsmem.server.http.log import LogEntry
    from tsmem.server.http.settings import Settings

MAX_LINES = 10_000
"""The length of the queue."""
ANY_NAME = "local"
"""The instance name that is suggested where any is taken."""
_POLL_MS = 100
_CLOSE_S = 1.0
"""Seconds that the reader has at the end for the lines in the queue."""
_MAX_FAILURE_CHARS = 400
"""Characters of a line about an error. A line fits into the 4 KB that a pipe with room takes at once."""


class QueuedLines:
    """Lines that one thread writes to stderr. Any thread may add some, also before `start`."""

    def __init__(self, context: Context, max_lines: int = MAX_LINES) -> None:
        self._context = context
        self._max_lines = max_lines
        self._queue: deque[str] = deque()
        self._dropped = 0
        self._deadline_s: float | None = None
        """The time at which writing must end; None before `close`."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._poll: select.poll | None = select.poll()
        """Knows if stderr takes more; None if it is not a file."""
        try:
            self._poll.register(context.streams.stderr.fileno(), select.POLLOUT)
        except (OSError, ValueError):
            self._poll = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._write, name="tsmem-stderr", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            self._thread = None
            from tsmem.server.http.server import no_thread

            raise no_thread() from error

    def add(self, text: str) -> None:
        """Queue a line, or drop it if the queue is full."""
        with self._changed:
            if len(self._queue) < self._max_lines:
                self._queue.append(text)
                self._changed.notify()
            else:
                self._dropped += 1

    def close(self) -> None:
        """Write the lines in the queue, as far as someone reads them."""
        if self._thread is None:
            return
        with self._changed:
            self._deadline_s = self._context.clock.monotonic_s() + _CLOSE_S
            self._changed.notify()
        self._thread.join()
        self._thread = None

    def _write(self) -> None:
        while (line := self._next()) is not None and self._wait_for_reader():
            self._context.say(line)

    def _next(self) -> str | None:
        """Wait for the next line and return it; None if there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._dropped or self._deadline_s is not None)
            if self._queue:
                return self._queue.popleft()
            dropped, self._dropped = self._dropped, 0
        return f"warning: {dropped:,} lines were dropped, because nobody read them" if dropped else None

    def _wait_for_reader(self) -> bool:
        """Return True once stderr takes a line; False if the time is up."""
        while self._poll is not None and not self._poll.poll(_POLL_MS):
            if self._deadline_s is not None and self._context.clock.monotonic_s() > self._deadline_s:
                return False
        return True


class ServerLog(QueuedLines):
    """The sentences that people read on stderr. Any thread may call it."""

    def __init__(self, context: Context, *, each_request: bool) -> None:
        super().__init__(context)
        self._each_request = each_request
        self._lock = threading.Lock()
        self._warned = False
        self._answered = 0

    def add_address(self, endpoint: str, settings: Settings, path: Path | None) -> None:
        """Say how to reach the server."""
        key = settings.credentials
        key_id, secret = ("any", "tsmem") if key is None else (key.access_key_id, f"${SECRET_VARIABLE}")
        self.add(f"serving {'tables that last until it stops' if path is None else path}; Ctrl-C stops it")
        if key is None:
            self.add("any access key id is taken; the secret is 'tsmem', or the access key id itself")
        self.add(
            f"try it with: TABLESTORE_ENDPOINT={endpoint} TABLESTORE_INSTANCE_NAME={settings.instance or ANY_NAME} "
            f"TABLESTORE_ACCESS_KEY_ID={key_id} TABLESTORE_ACCESS_KEY_SECRET={secret} tsmem -p env init-tables"
        )

    def add_end(self) -> None:
        self.add(f"stopped: {quantity(self._answered, 'request')} answered")

    def add_request(self, entry: LogEntry) -> None:
        """Count a request, log it if that is asked for, and say what went wrong with it."""
        with self._lock:
            self._answered += entry.status != 0
            warns = not (entry.is_verified or self._warned)
            self._warned = self._warned or warns
        if warns:
            self.add(
                "warning: a client signs with a secret that this server does not know; Python and Java will say that "
                "the answer's signature is invalid: give them the secret 'tsmem'"
            )
        if self._each_request:
            self.add(log_line(entry))
        if entry.failure is not None:
            self._add_failure(entry.request_id, entry.failure)

    def _add_failure(self, request_id: str, failure: BaseException) -> None:
        from tsmem.adapters.redaction import without_secrets

        text = without_secrets(f"{type(failure).__name__}: {failure}")
        self.add(f"error: request {request_id} failed here: {text}"[:_MAX_FAILURE_CHARS])
        if isinstance(failure, TsmemError) and failure.hint is not None:
            self.add(f"hint: {failure.hint}")
        if self._context.options.debug:
            from tsmem.cli.app.failure import traceback_lines

            for line in map(without_secrets, traceback_lines(failure)):
                self.add(line[:_MAX_FAILURE_CHARS])


def log_line(entry: LogEntry) -> str:
    """Return a request as a line of the log."""
    from tsmem.server.http.log import utc_text

    parts = [
        f"{utc_text(entry.time_us)[:23]}Z",
        str(entry.status or "---"),
        entry.code or ("OK" if entry.status else "-"),
        entry.action[:64] or "-",
        entry.table[:200] or "-",
        f"{entry.rows} rows",
        f"{entry.milliseconds:.1f} ms",
        f"{entry.request_bytes} B in",
        f"{entry.response_bytes} B out",
        entry.request_id,
    ]
    return " ".join([*parts, f"fault {entry.fault}"] if entry.fault else parts)
