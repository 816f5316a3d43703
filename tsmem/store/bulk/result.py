"""The counts of a bulk command, kept up to date while it runs, so that progress and an interrupt can show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tsmem.errors import PartialFailure, RowFailure, TsmemError
from tsmem.plurals import quantity
from tsmem.store.model import Message, Session

MAX_REPORTED_FAILURES = 1000
"""Failures that are kept in detail; all are counted."""
MAX_SHARED_IDS = 5
"""Shared session ids that are kept; all are counted."""


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
    unread: int = 0
    """Failed lines of an input that could not be read, so that their rows are unknown."""
    repeated: int = 0
    """Rows of an input with the key of an earlier one. The later one replaces it, unless existing rows are kept."""
    unconfirmed: int = 0
    """Rows that may have been written: their reply was lost, or not waited for."""
    expected: int | None = None
    """Rows that there are to write; None if unknown."""
    bytes: int = 0
    """The size of names and values written, or of lines exported."""
    failures: list[RowFailure] = field(default_factory=list)
    on_change: Callable[[], None] = lambda: None
    """Called now and then while the counts grow."""
    is_told: bool = False
    """True once an error has the counts."""

    def count(self, item: Session | Message) -> None:
        if isinstance(item, Session):
            self.sessions += 1
        else:
            self.messages += 1

    def keep_shared(self, session_id: str) -> None:
        self.shared += 1
        if len(self.shared_ids) < MAX_SHARED_IDS and session_id not in self.shared_ids:
            self.shared_ids.append(session_id)

    def fail(self, failure: RowFailure) -> None:
        self.failed += 1
        if len(self.failures) < MAX_REPORTED_FAILURES:
            self.failures.append(failure)

    def add_to(self, error: TsmemError) -> None:
        """Append to an error that ended the command how many rows were done before it, unless it has counts already."""
        counts = [f"{self.done:,} rows had been done before"] if self.done else []
        if self.unconfirmed:
            counts.append(f"{self.unconfirmed:,} may have been")
        if counts and not self.is_told and not isinstance(error, PartialFailure):
            self.is_told = True
            error.message = f"{error.message} ({'; '.join(counts)})"
            error.args = (error.message,)

    @property
    def done(self) -> int:
        return self.sessions + self.messages

    def raise_failures(self, what: str) -> None:
        """Raise PartialFailure if rows failed, or lines could not be read."""
        if not self.failed:
            return
        refused = self.failed - self.unread
        parts = []
        if refused:
            parts.append(f"{refused:,} of {quantity(self.done + refused, 'row')} could not be {what}")
        if self.unread:
            parts.append(f"{self.unread:,} of {quantity(self.done + self.failed, 'line')} could not be read")
        raise PartialFailure(", and ".join(parts), done=self.done, failures=self.failures)
