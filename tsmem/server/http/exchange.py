"""One request and its answer: what is checked in which order, what a fault changes, and what the log is told.

Its one rule: whatever happens, the client gets an answer of the service's own or a closed connection, and the log gets
one entry for each request that came whole or is answered. Nothing of this server's inside, no path and no traceback,
reaches a client. Who may not come in has no body kept for him, and faults strike only those who may.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from tsmem import interruption
from tsmem.clock import Clock
from tsmem.errors import TsmemError
from tsmem.server.actions.context import ActionResult, RowFault
from tsmem.server.http.auth import Authenticator, Identity, check_digest
from tsmem.server.http.connection import Connection
from tsmem.server.http.faults import PARTIAL, Fault
from tsmem.server.http.http_response import (
    UNANSWERED,
    HttpResponse,
    busy,
    crash_response,
    done,
    failure_response,
    stated,
)
from tsmem.server.http.log import LogEntry, utc_text
from tsmem.server.http.messages import CONTINUE, Head, check_request, content_md5, parse_head, raw_body, reply_head
from tsmem.server.http.response_budget import ResponseBudget
from tsmem.server.http.settings import Settings
from tsmem.server.http.work import Turns, Work


class Answering(Protocol):
    """What stands behind the HTTP: the dispatcher."""

    def answer(self, action: str, body: bytes, row_fault: Callable[[], RowFault | None]) -> ActionResult:
        """The answer to one request. Raises TsmemError."""
        ...

    def tables(self, action: str, body: bytes) -> str:
        """The tables that a request names, joined by commas; empty where it cannot be read. For the log of what failed
        or was not done."""
        ...


class ServerContext:
    """What all exchanges of a server share."""

    def __init__(
        self, dispatcher: Answering, settings: Settings, clock: Clock, on_request: Callable[[LogEntry], None] | None
    ) -> None:
        self.dispatcher = dispatcher
        self.settings = settings
        self.clock = clock
        self.gate = Authenticator(settings.credentials, settings.instance, clock)
        self._on_request = on_request
        self._numbers = itertools.count()
        self._nonce = os.urandom(4).hex()
        self.held = ResponseBudget(settings.max_held_bytes)
        self.turns = Turns(settings.max_searches)
        self.busy = busy()
        """Made now: the first error takes a third of a second, for what protobuf loads."""

    def request_id(self, now_us: int) -> str:
        """A new id, in the shape of the service's: the time, then what makes it the only one."""
        text = f"{now_us:016x}{self._nonce}{next(self._numbers) & 0xFFFFFFFF:08x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def record(self, entry: LogEntry) -> None:
        """Tell whoever keeps the log."""
        if self._on_request is not None:
            self._on_request(entry)


class HttpExchange:
    """One request on a connection, and its answer."""

    def __init__(self, desk: ServerContext, wire: Connection, *, last: bool = False) -> None:
        """`last` closes the connection behind the answer."""
        self._desk = desk
        self._wire = wire
        self._last = last
        self._head: Head | None = None
        self._identity: Identity | None = None
        self._fault: Fault | None = None
        self._rows_struck = False
        self._read_s = 0.0
        self._now_us = 0
        self._id = ""

    def run(self) -> bool:
        """Answer the next request there is; whether another may follow. Raises OSError when the client is gone."""
        try:
            data = self._wire.head()
            if data is None:
                return False
            self._begin()
            head = self._head = parse_head(data)
            check_request(head)
            body = self._admitted_body(head)
            return self._send(body) if isinstance(body, HttpResponse) else self._answer(head, body)
        except TsmemError as error:  # what follows on the connection is not known to be a request
            self._send(failure_response(error), close=True)
        except OSError:
            raise
        except Exception as error:  # a bug
            self._send(crash_response(error), close=True)
        self._wire.linger()
        return False

    def refuse(self) -> None:
        """Say that the server is busy, whatever is asked; nothing to who asks nothing."""
        with suppress(TsmemError):
            if self._wire.head() is None:
                return
        self._send(self._desk.busy, close=True)
        self._wire.linger()

    def _begin(self) -> None:
        self._read_s = self._desk.clock.monotonic_s()
        self._now_us = self._desk.clock.now_us()
        self._id = self._desk.request_id(self._now_us)

    def _admitted_body(self, head: Head) -> bytes | HttpResponse:
        """The body of a request that may come in, or why it may not."""
        try:
            self._identity = self._desk.gate.admit(head)
        except TsmemError as error:
            if head.expects_continue:
                raise
            self._wire.skip(head.length)
            return failure_response(error)
        if head.expects_continue and head.length:
            self._wire.send(CONTINUE)
        body = self._wire.body(head.length)
        self._wire.take_in_hand()
        self._read_s = self._desk.clock.monotonic_s()
        try:
            check_digest(head, body)
            return raw_body(head, body)
        except TsmemError as error:
            return failure_response(error)

    def _answer(self, head: Head, body: bytes) -> bool:
        fault = self._fault = self._desk.settings.faults.strike(head.action)
        was = self._perform(head, body) if fault is None or fault.done else self._undone(head, body)
        if was.status == UNANSWERED.status:
            self._record(was, 0)
            return False
        if fault is None:
            return self._send(was)
        if fault.error is not None:
            return self._send(stated(*fault.error)._replace(table=was.table, rows=was.rows))
        cut = UNANSWERED._replace(table=was.table, rows=was.rows)
        if fault.kind == "drop":
            # The head promises a byte more than there is: whatever is sent, no client takes it for the whole.
            promised = self._head_bytes(was, len(was.body) + 1, close=False)
            part = (promised + was.body)[: fault.cut(len(promised), len(was.body))]
            self._pause()
            self._record(cut, len(part))
            self._wire.send(part)
            return False
        self._record(cut, 0)
        if fault.kind == "hang":
            self._wire.await_end(self._desk.settings.hang_s)
        return False

    def _perform(self, head: Head, body: bytes) -> HttpResponse:
        desk = self._desk
        work = Work(self._wire, desk.settings, desk.clock)
        try:
            with desk.turns.taken(head.action, work.check), interruption.ending_by(work.check):
                return done(desk.dispatcher.answer(head.action, body, self._row_fault(head.action)))
        except TsmemError as error:
            outcome = UNANSWERED if work.is_abandoned else failure_response(error)
        except Exception as error:  # a bug: the log has it, the client is told no more than that
            outcome = crash_response(error)
        return outcome._replace(table=desk.dispatcher.tables(head.action, body))

    def _row_fault(self, action: str) -> Callable[[], RowFault | None]:
        """Draws the fault of each row of a batch, and notes that one was struck."""
        draw = self._desk.settings.faults.row_fault(action)

        def noted() -> RowFault | None:
            fault = draw()
            self._rows_struck |= fault is not None
            return fault

        return noted

    def _undone(self, head: Head, body: bytes) -> HttpResponse:
        """What is known of a request that a fault keeps from being carried out."""
        return done(ActionResult(b"", self._desk.dispatcher.tables(head.action, body)))

    def _send(self, outcome: HttpResponse, *, close: bool = False) -> bool:
        """Send an answer, or one that the server is busy; whether another request may follow."""
        with self._desk.held.holding(len(outcome.body)) as fits:
            if not fits:
                outcome = self._desk.busy._replace(table=outcome.table)
            return self._send_held(outcome, close=close)

    def _send_held(self, outcome: HttpResponse, *, close: bool) -> bool:
        if not self._id:
            self._begin()
        if self._identity is not None:
            self._pause()
        close = close or self._last or self._head is None or not self._head.keep_alive or self._wire.stopping
        data = self._head_bytes(outcome, len(outcome.body), close=close) + outcome.body
        self._record(outcome, len(data))  # before it is sent: who has an answer finds it in the log
        self._wire.send(data)
        return not close

    def _pause(self) -> None:
        if self._desk.settings.latency_ms:
            self._wire.pause(self._desk.settings.latency_ms / 1000)

    def _head_bytes(self, outcome: HttpResponse, length: int, *, close: bool) -> bytes:
        headers = {
            "x-ots-contentmd5": content_md5(outcome.body),
            "x-ots-contenttype": "protocol buffer",
            "x-ots-date": utc_text(self._desk.clock.now_us()),
            "x-ots-requestid": self._id,
        }
        signature = None if self._identity is None else self._identity.authorization(headers)
        return reply_head(outcome.status, length, headers, signature, close=close)

    def _record(self, outcome: HttpResponse, response_bytes: int) -> None:
        head = self._head
        fault = self._fault.kind if self._fault else PARTIAL if self._rows_struck else ""
        entry = LogEntry(
            time_us=self._now_us,
            request_id=self._id,
            action="" if head is None else head.action,
            table=outcome.table,
            rows=outcome.rows,
            status=outcome.status,
            code=outcome.code,
            milliseconds=(self._desk.clock.monotonic_s() - self._read_s) * 1000,
            request_bytes=0 if head is None else head.length,
            response_bytes=response_bytes,
            fault=fault,
            believed=self._identity is None or self._identity.believed,
            failure=outcome.failure,
        )
        self._desk.record(entry)
