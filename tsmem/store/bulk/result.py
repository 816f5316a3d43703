"""The counts of a bulk command, which progress lines and the message of an interrupt read while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tsmem.errors import PartialFailure, RowFailure, TsmemError
from tsmem.store.model import Message, Session
from tsmem.words import quantity

MAX_REPORTED_FAILURES = 1000
"""Maximum number of failures that are kept. All are counted."""
MAX_SHARED_IDS = 5


@dataclass(eq=False)
class BulkResult:
    sessions: int = 0
    messages: int = 0
    skipped: int = 0
    """Rows that were left alone on purpose: they existed already, or were too new for a purge."""
    failed: int = 0
    """Rows that were refused, and lines that could not be read."""
    shared: int = 0
    """Sessions whose messages were kept because another user has a session with the same id."""
    shared_ids: list[str] = field(default_factory=list)
    unread: int = 0
    """The part of `failed` that is lines."""
    repeated: int = 0
    """Rows of an input that have the key of an earlier row, if at most 10,000 other rows are between the two."""
    unconfirmed: int = 0
    """Rows that might have been written: their reply was lost, or the command did not wait for it."""
    expected: int | None = None
    bytes: int = 0
    """Size of the names and values written, or of the lines exported."""
    failures: list[RowFailure] = field(default_factory=list)
    on_change: Callable[[], None] = lambda: None
    """A callback that is called from time to time while the counts grow."""
    is_reported: bool = False
    """True once the counts are part of an error's message."""

    def count(self, item: Session | Message) -> None:
        if isinstance(item, Session):
            self.sessions += 1
        else:
            self.messages += 1

    def count_shared(self, session_id: str) -> None:
        self.shared += 1
        if len(self.shared_ids) < MAX_SHARED_IDS and session_id not in self.shared_ids:
            self.shared_ids.append(session_id)

    def fail(self, failure: RowFailure) -> None:
        self.failed += 1
        if len(self.failures) < MAX_REPORTED_FAILURES:
            self.failures.append(failure)

    def append_counts_to(self, error: TsmemError) -> None:
        """Append the counts to the message of the error that ended the command, unless an error already has them."""
        counts = [f"{quantity(self.done, 'row')} had been done before"] if self.done else []
        if self.unconfirmed:
            rest = f"{self.unconfirmed:,} may have been"
            counts.append(
                rest if self.done else f"{quantity(self.unconfirmed, 'row')} may have been written or deleted"
            )
        if counts and not self.is_reported and not isinstance(error, PartialFailure):
            self.is_reported = True
            error.message = f"{error.message} ({'; '.join(counts)})"

    @property
    def done(self) -> int:
        return self.sessions + self.messages

    def raise_failures(self, what: str) -> None:
        """Raise PartialFailure if any row or line failed. `what` is a verb: rows could not be "written"."""
        if not self.failed:
            return
        refused = self.failed - self.unread
        parts = []
        if refused:
            parts.append(f"{refused:,} of {quantity(self.done + refused, 'row')} could not be {what}")
        if self.unread:
            parts.append(f"{self.unread:,} of {quantity(self.done + self.failed, 'line')} could not be read")
        raise PartialFailure(", and ".join(parts), done=self.done, failures=self.failures)
