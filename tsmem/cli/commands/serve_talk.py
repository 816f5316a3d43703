"""What `tsmem serve` says on stderr: how to reach it, a line for each request, warnings, and a last word.

Its one rule: no request waits for whoever reads stderr. Lines are kept for one thread that writes them; when a reader
stalls and too many are waiting, lines are dropped, and how many is said when the reader goes on.
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
"""So many may wait to be written."""
ANY_NAME = "local"
"""The name that is suggested where any is taken."""
_LOOK_MS = 100
_LAST_S = 1.0
"""How long a reader has for what is left, at the end."""
_MAX_FAILURE_CHARS = 400
"""Of a line about an error. Whatever is written fits into the 4 KB that a pipe with room takes at once."""


class Lines:
    """Lines on their way to stderr. Any thread may add to them; they are written once it was started."""

    def __init__(self, context: Context, most: int = MAX_LINES) -> None:
        self._call = context
        self._most = most
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._due_s: float | None = None
        """When the writing must end; None while nobody closes."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._room = _room(context)

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._write, name="tsmem-stderr", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            self._thread = None
            from tsmem.server.http.server import no_thread

            raise no_thread() from error

    def say(self, text: str) -> None:
        """Add a line, or drop it when too many wait already."""
        with self._changed:
            if len(self._waiting) < self._most:
                self._waiting.append(text)
                self._changed.notify()
            else:
                self._dropped += 1

    def close(self) -> None:
        """Write what is left, as far as someone reads it."""
        if self._thread is None:
            return
        with self._changed:
            self._due_s = self._call.clock.monotonic_s() + _LAST_S
            self._changed.notify()
        self._thread.join()
        self._thread = None

    def _write(self) -> None:
        while (line := self._next()) is not None and self._await_room():
            self._call.say(line)

    def _next(self) -> str | None:
        """The next line; None when there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._dropped or self._due_s is not None)
            if self._waiting:
                return self._waiting.popleft()
            dropped, self._dropped = self._dropped, 0
        return f"warning: {dropped:,} lines were dropped, because nobody read them" if dropped else None

    def _await_room(self) -> bool:
        """Whether a line can be written without waiting for a reader; False when the time is up."""
        while self._room is not None and not self._room.poll(_LOOK_MS):
            due_s = self._due_s
            if due_s is not None and self._call.clock.monotonic_s() > due_s:
                return False
        return True


def _room(context: Context) -> select.poll | None:
    """Tells whether stderr takes more; None where it is no file."""
    try:
        number = context.streams.stderr.fileno()
    except (OSError, ValueError):
        return None
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return poll


class Talk:
    """What people are told on stderr. Any thread may call it."""

    def __init__(self, context: Context, *, log: bool) -> None:
        self._call = context
        self._log = log
        self._lines = Lines(context)
        self._lock = threading.Lock()
        self._warned = False
        self.answered = 0
        """Requests that got an answer."""

    def start(self) -> None:
        """Begin to talk."""
        self._lines.start()

    def close(self) -> None:
        """Say what is left to say, as far as someone reads it."""
        self._lines.close()

    def farewell(self) -> None:
        """That it stopped, and what it did."""
        self._lines.say(f"stopped: {quantity(self.answered, 'request')} answered")

    def welcome(self, endpoint: str, settings: Settings, path: Path | None) -> None:
        """How to reach the server."""
        key, say = settings.credentials, self._lines.say
        key_id, secret = ("any", "tsmem") if key is None else (key.access_key_id, f"${SECRET_VARIABLE}")
        say(f"serving {'tables that last until it stops' if path is None else path}; Ctrl-C stops it")
        if key is None:
            say("any access key id is taken; the secret is 'tsmem', or the access key id itself")
        say(
            f"try it with: TABLESTORE_ENDPOINT={endpoint} TABLESTORE_INSTANCE_NAME={settings.instance or ANY_NAME} "
            f"TABLESTORE_ACCESS_KEY_ID={key_id} TABLESTORE_ACCESS_KEY_SECRET={secret} tsmem -p env init-tables"
        )

    def heard(self, entry: LogEntry) -> None:
        """One request was answered."""
        with self._lock:
            self.answered += entry.status != 0
            warn, self._warned = not (entry.is_verified or self._warned), self._warned or not entry.is_verified
        if warn:
            self._lines.say(
                "warning: a client signs with a secret that this server does not know; Python and Java will say that "
                "the answer's signature is invalid: give them the secret 'tsmem'"
            )
        if self._log:
            self._lines.say(log_line(entry))
        if entry.failure is not None:
            self._say_failure(entry, entry.failure)

    def _say_failure(self, entry: LogEntry, failure: BaseException) -> None:
        from tsmem.adapters.redaction import without_secrets

        said = without_secrets(f"{type(failure).__name__}: {failure}")
        self._lines.say(f"error: request {entry.request_id} failed here: {said}"[:_MAX_FAILURE_CHARS])
        if isinstance(failure, TsmemError) and failure.hint is not None:
            self._lines.say(f"hint: {failure.hint}")
        if self._call.options.debug:
            from tsmem.cli.app.failure import traceback_lines

            for line in map(without_secrets, traceback_lines(failure)):
                self._lines.say(line[:_MAX_FAILURE_CHARS])


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
