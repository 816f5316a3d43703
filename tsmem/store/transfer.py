"""Moving memory: out as lines, and in from records, in constant memory.

An import is checked wholly before its first row is written wherever its input can be read twice; the same input gives
the same keys, so importing it again changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Literal

from tsmem.errors import AlreadyExists, ConditionFailed, InvalidInput, PartialFailure
from tsmem.port import TableClient
from tsmem.rows import MAX, MIN, MUST_NOT_EXIST, UNCONDITIONAL, Comparison, Condition, Op, Range, Write
from tsmem.store.bulk import BatchWriter
from tsmem.store.codec import Codecs
from tsmem.store.documents import export_line
from tsmem.store.layout import Layout
from tsmem.store.messages import Messages
from tsmem.store.model import Message, Session
from tsmem.store.records import VERSION, Record
from tsmem.store.scan import RowScan, Scan
from tsmem.store.sessions import Sessions
from tsmem.store.tally import Tally

OnConflict = Literal["overwrite", "skip", "fail"]


class Transfer:
    """`store.transfer`."""

    def __init__(
        self, client: TableClient, layout: Layout, codecs: Codecs, sessions: Sessions, messages: Messages
    ) -> None:
        self._client = client
        self._layout = layout
        self._codecs = codecs
        self._sessions = sessions
        self._messages = messages

    def items(self, *, user_id: str | None = None, session_id: str | None = None) -> Iterator[Session | Message]:
        """Everything: all sessions, then all messages. Or one user's sessions, then their messages session by session.
        Or the sessions of one id, then its messages (this reads the whole session table: its key begins with the user).

        Cost: ceil(s / 5,000) + ceil(m / 5,000) requests; for a user, one at least for each session."""
        if user_id is not None and session_id is not None:
            raise InvalidInput("a user and a session cannot both be asked for")
        if session_id is not None:
            yield from self._sessions_of(session_id)
            yield from self._messages.iterate(session_id)
        elif user_id is not None:
            yield from self._sessions.iterate(user_id)
            yield from self._messages.of_sessions(each.session_id for each in self._sessions.iterate(user_id))
        else:
            yield from self._sessions.iterate(None)
            yield from self._messages.iterate(None)

    def export(self, items: Iterable[Session | Message], tally: Tally) -> Iterator[bytes]:
        """The lines of an export, from its header to its end. `tally` counts what was given out."""
        yield _line({"kind": "tsmem", "version": VERSION})
        for item in items:
            yield export_line(item)
            tally.count(item)
        yield _line({"kind": "end", "sessions": tally.sessions, "messages": tally.messages})

    def check(self, records: Iterable[Record], *, on_conflict: OnConflict = "overwrite") -> Tally:
        """Count what would be written. Raises InvalidInput, with the line, for what could not be. Sends nothing."""
        tally = Tally()
        for record in records:
            self._writes(record, _condition(on_conflict))
            tally.count(record.item)
        return tally

    def load(self, records: Iterable[Record], *, on_conflict: OnConflict = "overwrite", tally: Tally) -> Tally:
        """Write records. `skip` leaves rows that exist as they are, `fail` stops at the first batch that meets one.

        Raises InvalidInput at a bad record when nothing was written yet, else PartialFailure; PartialFailure too when
        rows are refused; AlreadyExists under `fail`. Cost: ceil(n / 200) requests where 4 MB does not bind."""
        condition = _condition(on_conflict)
        session_table = self._codecs.session.table.name
        try:
            with BatchWriter(
                self._client, session_table, tally, skip_failed_conditions=on_conflict == "skip"
            ) as writer:
                for record in records:
                    for write in self._writes(record, condition):
                        writer.add(write)
                    if on_conflict == "fail" and tally.failed:
                        writer.discard()
                        break
        except InvalidInput as error:
            if tally.done == 0:
                raise
            raise PartialFailure(
                f"{error.message}; {tally.done:,} rows before it were written", done=tally.done, hint=error.hint
            ) from error
        if on_conflict == "fail":
            _raise_conflicts(tally)
        tally.raise_failures("written")
        return tally

    def _writes(self, record: Record, condition: Condition) -> list[Write]:
        try:
            return self._codecs.writes(record.item, condition)
        except InvalidInput as error:
            raise type(error)(f"line {record.line}: {error.message}", hint=error.hint) from error

    def _sessions_of(self, session_id: str) -> Iterator[Session]:
        codec = self._codecs.session
        test = Comparison("session_id", Op.EQ, codec.check_id("session_id", session_id))
        for row in RowScan(self._client, Scan(codec.table, Range((MIN, MIN), (MAX, MAX)), test)):
            yield codec.decode(row)


def _condition(on_conflict: OnConflict) -> Condition:
    return UNCONDITIONAL if on_conflict == "overwrite" else MUST_NOT_EXIST


def _line(document: object) -> bytes:
    return json.dumps(document).encode() + b"\n"


def _raise_conflicts(tally: Tally) -> None:
    there = [failure for failure in tally.failures if isinstance(failure.error, ConditionFailed)]
    if not there:
        return
    some = "a row exists" if len(there) == 1 else f"{len(there):,} rows at least exist"
    message = f"{some} already, the first is {'/'.join(map(str, there[0].key))}"
    if tally.done == 0:
        raise AlreadyExists(message, hint="--on-conflict skip leaves them, overwrite replaces them")
    raise PartialFailure(f"{message}; {tally.done:,} rows were written", done=tally.done, failures=tally.failures)
