"""`tsmem serve`: a TableStore endpoint in front of one file, for SDKs in any language.

The first line on stdout is the endpoint, written once clients can connect; everything else goes to stderr. The server's
own modules write nothing: they pass log entries to `server_log`.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    return Document(_served(context, settings, None if path is None else Path(path), each_request=log))


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


def _served(context: Context, settings: Settings, path: Path | None, *, each_request: bool) -> Iterator[bytes]:
    """Serve until a signal stops it; yield the line for stdout once clients can connect."""
    import gc

    from tsmem.cli.commands.server_log import ServerLog
    from tsmem.engine import Engine
    from tsmem.server.dispatch import Dispatcher
    from tsmem.server.http.server import Server

    gc.enable()  # since __main__
    with (
        closing(ServerLog(context, each_request=each_request)) as log,
        closing(Engine(path, context.clock, context.say)) as engine,
        _stop_signals() as wait_for_signal,
        ExitStack() as stack,
    ):
        engine.list_tables()  # a file that cannot be opened is reported now
        server = Server(Dispatcher(engine, context.clock), settings, context.clock, log.add_request)
        server.listen()
        stack.callback(server.stop)
        engine.make()  # and so is one that cannot be written
        # Clients may connect now, and are answered once the line is out. No thread runs yet: when nobody reads the
        # line, this generator may be dropped at the interpreter's end, where no thread can be waited for.
        yield _announcement(context, server.endpoint, settings)
        log.start()
        server.start()
        log.add_address(server.endpoint, settings, path)
        wait_for_signal()
        stack.close()
        log.add_end()


@contextmanager
def _stop_signals() -> Iterator[Callable[[], None]]:
    """Hold back SIGINT, SIGTERM and SIGHUP, and yield a function that waits for the first of them. Those that come with
    it count as the same one. After the wait they do again what they did before.

    They are blocked in this thread and in those that it starts, so that none is lost before the wait, and none goes to
    another thread. Ignored ones (nohup) are left out: while they are blocked, `sigwait` would return them."""
    numbers = {number for number in NAMES if signal.getsignal(number) is not signal.SIG_IGN}

    def wait() -> None:
        signal.sigwait(numbers)
        STOP_SIGNALS.taken()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield wait
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)


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
