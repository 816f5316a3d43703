"""The command `tsmem serve`: run a TableStore-compatible server for SDKs in any language, until a signal stops it.

stdout gets one line, the endpoint, once clients can connect. Everything else goes to stderr through `ServerLog`, which
queues lines for one thread that writes them, so that no request waits for the reader of stderr.
"""

from __future__ import annotations

import gc
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from queue import Full, Queue
from typing import TYPE_CHECKING, Annotated

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import SECRET_VARIABLE, Context
from tsmem.cli.app.signals import SIGNAL_NAMES, STOP_SIGNALS
from tsmem.errors import InvalidInput, TsmemError
from tsmem.render.result import Document
from tsmem.store.documents import encode_json
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.server.http.auth import AccessKey
    from tsmem.server.http.exchange import LogEntry
    from tsmem.server.http.settings import Settings

MAX_QUEUED_LINES = 10_000
_CLOSE_S = 1.0
"""Seconds that the queued lines have to be written when the server stops."""
_MAX_FAILURE_CHARS = 400
"""Characters of a line about an error, so that it fits into one write of 4 KB to a pipe."""


@root.command(
    help="""Run a TableStore-compatible endpoint on this machine, backed by a file or memory.

    Without --access-key-id the server accepts any key. The Python and Java SDKs, however, check that replies are signed
    with their own secret, and the server tries two: give the SDK the secret 'tsmem', or its access key id as secret.

    Faults: refuse, throttle, timeout, unavailable, drop, hang and partial (some rows of a batch fail), each with a rate
    from 0 to 1; rates must add up to at most 1. With the same --fault-seed, the same requests in the same order get the
    same faults.

    Ctrl-C, SIGTERM and SIGHUP stop the server with exit code 0. A signal while it starts, or a second signal while
    it stops, ends it with that signal's exit code.
    """,
    example="tsmem serve --memory --port 0",
    exit_codes=(),
    formats=("table", "json", "jsonl"),
)
def serve(
    context: Context,
    host: Annotated[str, o.option("--host", "HOST", "Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, o.option("--port", "PORT", "Port to listen on; 0 for any free one.")] = 8087,
    path: Annotated[str | None, o.option("--path", "FILE", "File that stores the tables.", o.complete_file)] = None,
    memory: Annotated[bool, o.flag("--memory", "Keep the tables in memory, until the server stops.")] = False,
    instance: Annotated[str | None, o.option("--instance", "NAME", "Accept only this instance name. [any]")] = None,
    access_key_id: Annotated[
        str | None, o.option("--access-key-id", "ID", f"Accept only this key; its secret is in {SECRET_VARIABLE}.")
    ] = None,
    latency: Annotated[float, o.option("--latency", "MS", "Milliseconds added to every reply.")] = 0,
    fault: Annotated[
        list[str] | None,
        o.option("--fault", "KIND:RATE[:ACTION]", "Inject a fault, e.g. throttle:0.1:PutRow; repeatable."),
    ] = None,
    fault_seed: Annotated[int, o.option("--fault-seed", "N", "Seed that decides which requests get a fault.")] = 0,
    log: Annotated[bool, o.flag("--log", "Print a line to stderr for each request.")] = False,
) -> Document:
    from tsmem.server.http.faults import Faults, parse_fault
    from tsmem.server.http.settings import Settings

    o.refuse_both(path is not None, memory, "--path or --memory")
    if not memory and path is None:
        raise InvalidInput("say where the tables are: --path FILE, or --memory", hint="give exactly one")
    for option, value in (("--path", path), ("--instance", instance)):
        if value == "":
            raise InvalidInput(f"{option} must not be empty")
    if instance is not None and re.fullmatch("[!-~]+", instance) is None:
        raise InvalidInput(
            "--instance must be printable ASCII without spaces", hint="clients cannot send other characters"
        )
    for name, given, most in (("--port", port, 65535), ("--latency", latency, 600_000)):
        if not 0 <= given <= most:
            raise InvalidInput(f"{name} must be from 0 to {most}, not {given:g}")
    settings = Settings(
        host=host,
        port=port,
        instance=instance,
        credentials=_credentials(context, access_key_id),
        faults=Faults([parse_fault(text) for text in fault or ()], fault_seed),
        latency_ms=latency,
    )
    return Document(_serve(context, settings, None if path is None else Path(path), each_request=log))


def _credentials(context: Context, access_key_id: str | None) -> AccessKey | None:
    secret = context.environ.get(SECRET_VARIABLE, "")
    if access_key_id is None:
        if secret:
            context.say(f"warning: {SECRET_VARIABLE} is set, but not used without --access-key-id")
        return None
    if re.fullmatch("[!-9;-~]+", access_key_id) is None:
        raise InvalidInput("--access-key-id must be printable ASCII without spaces and colons, and not empty")
    if not secret:
        raise InvalidInput(
            f"{SECRET_VARIABLE} is not set", hint="the secret of --access-key-id is read only from this variable"
        )
    from tsmem.adapters.redaction import hide
    from tsmem.server.http.auth import AccessKey

    hide([secret])
    return AccessKey(access_key_id, secret)


def _serve(context: Context, settings: Settings, path: Path | None, *, each_request: bool) -> Iterator[bytes]:
    """Yield the endpoint once clients can connect, then serve until a signal comes."""
    from tsmem.engine import Engine
    from tsmem.server.dispatch import Dispatcher
    from tsmem.server.http.server import Server

    gc.enable()  # `__main__` disabled it for a fast start
    # `sigwait` would also return signals that the process ignores, such as SIGHUP under nohup.
    stopping = {number for number in SIGNAL_NAMES if signal.getsignal(number) is not signal.SIG_IGN}
    with (
        closing(ServerLog(context, each_request=each_request)) as log,
        closing(Engine(path, context.clock, context.say)) as engine,
        ExitStack() as stack,
    ):
        # Threads inherit the blocked signals, so each signal waits for `sigwait` in this thread.
        signal.pthread_sigmask(signal.SIG_BLOCK, stopping)
        stack.callback(signal.pthread_sigmask, signal.SIG_UNBLOCK, stopping)
        engine.list_tables()  # fails here if the file cannot be opened
        server = Server(Dispatcher(engine, context.clock), settings, context.clock, log.add_request)
        server.listen()
        stack.callback(server.stop)
        engine.create_file()  # fails here if the file cannot be written
        # Clients can connect now; they are answered after the yield. No thread runs before it: if nobody reads the
        # line, this generator may be dropped while the interpreter ends, when no thread can be joined.
        yield _announcement(context, server.endpoint, settings)
        log.start()
        server.start()
        log.add_address(server.endpoint, settings, path)
        signal.sigwait(stopping)
        STOP_SIGNALS.note_signal()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stopping)  # from here a second signal ends the process
        stack.close()
        log.add(f"stopped: {quantity(log.answered, 'request')} answered")


def _announcement(context: Context, endpoint: str, settings: Settings) -> bytes:
    if context.format == "table":
        return f"endpoint: {endpoint}\n".encode()
    key_id = None if settings.credentials is None else settings.credentials.access_key_id
    document = {"endpoint": endpoint, "instance": settings.instance, "access_key_id": key_id}
    return f"{encode_json(document)}\n".encode()


class ServerLog:
    """A queue of lines and the thread that writes them to stderr. Any thread can add lines, even before `start`. When
    the queue is full, lines are dropped; their number is written once it is empty."""

    def __init__(self, context: Context, *, each_request: bool, max_lines: int = MAX_QUEUED_LINES) -> None:
        self._context = context
        self._each_request = each_request
        self._queue: Queue[str | None] = Queue(max_lines)  # None ends the thread
        self._lock = threading.Lock()
        self._dropped = 0
        self._warned_of_signature = False
        self.answered = 0
        self._thread = threading.Thread(target=self._write, name="tsmem-stderr", daemon=True)

    def start(self) -> None:
        try:
            self._thread.start()
        except RuntimeError as error:
            from tsmem.server.http.server import no_thread

            raise no_thread() from error

    def add(self, text: str) -> None:
        try:
            self._queue.put_nowait(text)
        except Full:
            with self._lock:
                self._dropped += 1

    def close(self) -> None:
        if self._thread.is_alive():
            with suppress(Full):
                self._queue.put(None, timeout=_CLOSE_S)
            self._thread.join(_CLOSE_S)

    def _write(self) -> None:
        line: str | None = ""
        while line is not None:
            line = self._queue.get()
            if line is not None:
                self._context.say(line)
            if self._queue.empty() and self._dropped:
                with self._lock:
                    dropped, self._dropped = self._dropped, 0
                self._context.say(f"warning: {dropped:,} log lines were dropped because stderr was not read")

    def add_address(self, endpoint: str, settings: Settings, path: Path | None) -> None:
        key = settings.credentials
        key_id, secret = ("any", "tsmem") if key is None else (key.access_key_id, f"${SECRET_VARIABLE}")
        self.add(f"serving {'tables that last until it stops' if path is None else path}; press Ctrl-C to stop")
        if key is None:
            self.add("any access key id is accepted; the secret is 'tsmem', or the access key id itself")
        self.add(
            f"try it with: TABLESTORE_ENDPOINT={endpoint} TABLESTORE_INSTANCE_NAME={settings.instance or 'local'} "
            f"TABLESTORE_ACCESS_KEY_ID={key_id} TABLESTORE_ACCESS_KEY_SECRET={secret} tsmem -p env init-tables"
        )

    def add_request(self, entry: LogEntry) -> None:
        with self._lock:
            self.answered += entry.status != 0
            should_warn = not (entry.is_verified or self._warned_of_signature)
            self._warned_of_signature |= should_warn
        if should_warn:
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
    from tsmem.server.http.exchange import utc_text

    code = entry.code or ("OK" if entry.status else "-")
    line = (
        f"{utc_text(entry.time_us)[:23]}Z {entry.status or '---'} {code} {entry.action[:64] or '-'} "
        f"{entry.table[:200] or '-'} {entry.rows} rows {entry.milliseconds:.1f} ms {entry.request_bytes} B in "
        f"{entry.response_bytes} B out {entry.request_id}"
    )
    return f"{line} fault {entry.fault}" if entry.fault else line
