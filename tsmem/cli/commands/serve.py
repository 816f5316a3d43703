"""`tsmem serve`: a TableStore endpoint in front of one file, for SDKs in any language.

Its one rule: the first line on stdout is the endpoint, and it is there when clients may come. Everything else is talk.
The server's own modules write nothing: what they have to say comes to `serve_talk` as log entries.
"""

from __future__ import annotations

import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import SECRET_VARIABLE, Context, context_of
from tsmem.cli.app.signals import NAMES, STOP_SIGNALS
from tsmem.errors import InvalidInput
from tsmem.render.result import Document

if TYPE_CHECKING:
    from tsmem.server.http.auth import AccessKey
    from tsmem.server.http.settings import Settings

MAX_LATENCY_MS = 600_000
_PRINTABLE = re.compile("[!-~]+")


@root.command(
    help="""Serve one file to TableStore SDKs, as an endpoint on this machine.

    Without --access-key-id any key is taken, but Python and Java believe no answer unless the client's secret is
    'tsmem', or the access key id itself. Faults: refuse, throttle, timeout, unavailable, drop, hang and partial (rows
    of a batch), each at its rate from 0 to 1, which are 1 together at most; requests in the same order meet the same
    ones.

    Ctrl-C, SIGTERM and SIGHUP stop the server, and the exit code is 0; a signal that comes before it serves, or a
    second one, ends it with the signal's own code.
    """,
    example="tsmem serve --memory --port 0",
    formats=("table", "json", "jsonl"),
)
def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option("--host", metavar="HOST", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="PORT", help="On which port; 0 takes a free one.")] = 8087,
    path: Annotated[str | None, typer.Option("--path", metavar="FILE", help="The file that keeps the tables.")] = None,
    memory: Annotated[bool, typer.Option("--memory", help="Keep the tables until the server stops.")] = False,
    instance: Annotated[
        str | None, typer.Option("--instance", metavar="NAME", help="The only instance there is. [any name]")
    ] = None,
    access_key_id: Annotated[
        str | None,
        typer.Option("--access-key-id", metavar="ID", help=f"The only key; its secret is in {SECRET_VARIABLE}."),
    ] = None,
    latency: Annotated[float, typer.Option("--latency", metavar="MS", help="Milliseconds added to every answer.")] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="KIND:RATE[:ACTION]", help="Make requests fail, e.g. throttle:0.1:PutRow."),
    ] = None,
    fault_seed: Annotated[int, typer.Option("--fault-seed", metavar="N", help="Which faults strike when.")] = 0,
    log: Annotated[bool, typer.Option("--log", help="A line on stderr for each request.")] = False,
) -> Document:
    from tsmem.server.http.faults import Faults, parse_fault
    from tsmem.server.http.settings import Settings

    context = context_of(ctx)
    if memory == (path is not None):
        raise InvalidInput("say where the tables are: --path FILE, or --memory", hint="one of them, and not both")
    if path == "" or instance == "":
        raise InvalidInput("--path and --instance need a name")
    if instance is not None and _PRINTABLE.fullmatch(instance) is None:
        raise InvalidInput("--instance must be printable ASCII without spaces", hint="clients could not send its name")
    for name, given, most in (("--port", port, 65535), ("--latency", latency, MAX_LATENCY_MS)):
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
    return Document(_served(context, settings, None if path is None else Path(path), log=log))


def _credentials(context: Context, access_key_id: str | None) -> AccessKey | None:
    secret = context.environ.get(SECRET_VARIABLE, "")
    if access_key_id is None:
        if secret:
            context.say(f"warning: {SECRET_VARIABLE} is set, and not used without --access-key-id")
        return None
    if re.fullmatch("[!-9;-~]+", access_key_id) is None:
        raise InvalidInput("--access-key-id must be printable ASCII without spaces and colons, and not empty")
    if not secret:
        raise InvalidInput(f"{SECRET_VARIABLE} is not set", hint="the secret of --access-key-id comes from there alone")
    from tsmem.adapters.redaction import hide
    from tsmem.server.http.auth import AccessKey

    hide([secret])
    return AccessKey(access_key_id, secret)


def _served(context: Context, settings: Settings, path: Path | None, *, log: bool) -> Iterator[bytes]:
    """Serve until a signal says stop; yields what stdout is told when clients may come."""
    import gc

    from tsmem.cli.commands.serve_talk import Talk
    from tsmem.engine import Engine
    from tsmem.server.dispatch import Dispatcher
    from tsmem.server.http.server import Server

    gc.enable()  # since __main__
    with (
        closing(Talk(context, log=log)) as talk,
        closing(Engine(path, context.clock, context.say)) as engine,
        _StopSignals() as signals,
        ExitStack() as stack,
    ):
        engine.list_tables()  # a file that cannot be opened is said now
        server = Server(Dispatcher(engine, context.clock), settings, context.clock, talk.heard)
        server.listen()
        stack.callback(server.stop)
        engine.make()  # and so is one that cannot be written
        # Clients may connect now, and are answered once the line is out. No thread runs yet: when nobody reads the
        # line, this generator may be dropped at the interpreter's end, where no thread can be waited for.
        yield _announcement(context, server.endpoint, settings)
        talk.start()
        server.start()
        talk.welcome(server.endpoint, settings, path)
        signals.wait()
        stack.close()
        talk.farewell()


class _StopSignals:
    """Hears SIGINT, SIGTERM and SIGHUP. A later one, once the first was taken, does what it always does; those that
    come with the first count as one with it.

    The interpreter writes their numbers to a socket, which wakes who reads it. A wait for a lock or a queue would not
    do: it goes on when the signal comes just before it, or to another thread (seen under load)."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._before: dict[int, Any] = {}
        self._fd_before: int | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._fd_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
            for number in NAMES:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, lambda number, frame: None)
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()
        self._reader.close()
        self._writer.close()

    def wait(self) -> None:
        """Until the first one."""
        while not set(self._reader.recv(1)) & set(self._before):
            continue
        STOP_SIGNALS.taken()
        self._restore()

    def _restore(self) -> None:
        if self._fd_before is not None:
            signal.set_wakeup_fd(self._fd_before)
            self._fd_before = None
        while self._before:
            signal.signal(*self._before.popitem())


def _announcement(context: Context, endpoint: str, settings: Settings) -> bytes:
    if context.format == "table":
        return f"endpoint: {endpoint}\n".encode()
    from tsmem.store.documents import dumps

    key = settings.credentials
    document = {
        "endpoint": endpoint,
        "instance": settings.instance,
        "access_key_id": None if key is None else key.access_key_id,
    }
    return f"{dumps(document)}\n".encode()
