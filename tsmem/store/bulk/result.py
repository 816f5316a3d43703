"""What a bulk command has done so far: kept up to date while it runs, so that an interrupted one can say it, and told
to who shows progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tsmem.errors import PartialFailure, RowFailure, TsmemError
from tsmem.store.model import Message, Session

MAX_REPORTED_FAILURES = 1000
"""Failures kept in detail; all are counted."""

MAX_SHARED_IDS = 5
"""Shared session ids that are named."""


@dataclass(eq=False)
class BulkResult:
    """Counts of rows."""

    sessions: int = 0
    messages: int = 0
    skipped: int = 0
    """Rows left alone on purpose: they exist already, or changed meanwhile."""
    failed: int = 0
    shared: int = 0
    """Sessions whose messages were kept, because another user has a session of the same id."""
    shared_ids: list[str] = field(default_factory=list)
    """The first of their ids."""
    unread: int = 0
    """Of those that failed: lines of an input that could not be read, so that nobody knows what they hold."""
    repeated: int = 0
    """Rows of an input with the key of an earlier one: the later replaces it, unless rows that exist are left alone."""
    unconfirmed: int = 0
    """Rows of writes whose answer was lost or not waited for: they may have been done."""
    bytes: int = 0
    """Of names and values that were written, or of lines that were given out."""
    failures: list[RowFailure] = field(default_factory=list)
    on_change: Callable[[], None] = lambda: None
    """Called now and then while the counts grow."""
    is_part: bool = False
    """Of a part of a command: what was done in all is for the whole to say."""

    def count(self, item: Session | Message) -> None:
        """One item more."""
        if isinstance(item, Session):
            self.sessions += 1
        else:
            self.messages += 1

    def add(self, part: BulkResult) -> None:
        """What a part of the command has done."""
        self.sessions += part.sessions
        self.messages += part.messages
        self.skipped += part.skipped
        self.unconfirmed += part.unconfirmed
        self.failed += part.failed
        self.shared += part.shared
        self.shared_ids += part.shared_ids[: MAX_SHARED_IDS - len(self.shared_ids)]
        self.unread += part.unread
        self.bytes += part.bytes
        self.failures += part.failures[: MAX_REPORTED_FAILURES - len(self.failures)]
        self.on_change()

    def keep_shared(self, session_id: str) -> None:
        """One session whose messages are kept."""
        self.shared += 1
        if len(self.shared_ids) < MAX_SHARED_IDS and session_id not in self.shared_ids:
            self.shared_ids.append(session_id)

    def fail(self, failure: RowFailure) -> None:
        """One row that could not be done."""
        self.failed += 1
        if len(self.failures) < MAX_REPORTED_FAILURES:
            self.failures.append(failure)

    def add_to(self, error: TsmemError) -> None:
        """Let an error that ended everything say how many rows were done before it."""
        said = [f"{self.done:,} rows had been done before"] if self.done else []
        if self.unconfirmed:
            said.append(f"{self.unconfirmed:,} may have been")
        if said and not self.is_part:
            error.message = f"{error.message} ({'; '.join(said)})"
            error.args = (error.message,)

    @property
    def done(self) -> int:
        """Rows written or deleted."""
        return self.sessions + self.messages

    def raise_failures(self, what: str) -> None:
        """Raises PartialFailure when rows failed, or lines that could not be read."""
        if self.failed:
            refused = self.failed - self.unread
            parts = [_of(refused, self.done + refused, "row", f"be {what}")] if refused else []
            parts += [_of(self.unread, self.done + self.failed, "line", "be read")] if self.unread else []
            raise PartialFailure(", and ".join(parts), done=self.done, failures=self.failures)


def _of(count: int, total: int, noun: str, what: str) -> str:
    return f"{count:,} of {total:,} {noun}{'' if total == 1 else 's'} could not {what}"
