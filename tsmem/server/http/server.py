"""The server: a listening socket, and a thread for each connection.

Its one rule: it stops cleanly. Nobody new comes in, requests in hand are answered, idle connections are closed, and
when `stop` returns no thread and no socket is left; but for a request that does not end in time, which loses its
connection at once and its thread when it ends.

A thread for each connection, and not aiohttp, because an engine's call blocks. With aiohttp's low-level server and 3 to
64 worker threads, side by side with this one on two busy cores (CPython 3.11, aiohttp 3.14), GetRow had 0.4 to 0.8 of
its rate with one client, 0.5 to 0.9 with 8 and 0.7 to 1.1 with 32; BatchWriteRow of 20 rows about the same rate. It
saved few lines: the limits on connections and on unread answers, a stop that waits for a body on its way, signatures
and the log are not aiohttp's.
"""

from __future__ import annotations

import errno
import math
import os
import resource
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv6Address, ip_address
from types import TracebackType
from typing import Any, Self

from tsmem.clock import Clock
from tsmem.errors import InvalidInput, TsmemError
from tsmem.server.http.connection import Connection
from tsmem.server.http.exchange import Answering, HttpExchange, ServerContext
from tsmem.server.http.log import LogEntry
from tsmem.server.http.settings import Settings
from tsmem.server.http.stop_event import StopEvent

_BACKLOG = 512
_REFUSING = 64
"""Connections beyond the cap that are told so; those beyond these are closed without a word."""
_REFUSING_S = 2.0
"""How long such a one may take to ask."""
_OTHER_FILES = 128
"""Descriptors that are left to the engine and the rest of the process."""
_NO_ROOM_S = 0.05
"""How long nobody is let in when a connection could not be taken: until one ends."""


class Server:
    """TableStore's HTTP in front of a dispatcher. Used with `with`, or started and stopped.

    `on_request` is called by the connections' threads, one call a request, before its answer is sent; it must not fail.
    """

    def __init__(
        self,
        dispatcher: Answering,
        settings: Settings,
        clock: Clock,
        on_request: Callable[[LogEntry], None] | None = None,
    ) -> None:
        self._settings = settings
        self._max_connections = settings.max_connections
        self._refusing = replace(settings, idle_s=_REFUSING_S, request_s=_REFUSING_S)
        self._clock = clock
        self._desk = ServerContext(dispatcher, settings, clock, on_request)
        self.endpoint = ""
        """What clients are told, once it was started: http://ADDRESS:PORT."""
        self._connections: set[_Connection] = set()
        self._ended: list[_Connection] = []
        """Those whose threads may be in their last steps."""
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._wake: StopEvent | None = None
        self._thread: threading.Thread | None = None

    def listen(self) -> None:
        """Take the address: clients may connect, and wait for the start. Raises InvalidInput for an address that may
        not be used, TsmemError for one that cannot be."""
        settings = self._settings
        family, address = _resolve(settings)
        try:
            self._listener = socket.create_server(address, family=family, backlog=_BACKLOG)
        except OSError as error:
            raise _cannot_listen(settings, error) from error
        self._listener.setblocking(False)
        self.endpoint = _endpoint(self._listener)

    def start(self) -> Self:
        """Listen, and answer who comes. Raises as `listen` does."""
        if self._listener is None:
            self.listen()
        self._max_connections = min(self._settings.max_connections, _room())
        self._wake = StopEvent()
        self._thread = threading.Thread(
            target=self._accept, args=(self._listener, self._wake), name="tsmem-accept", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError as error:
            self._thread = None
            raise no_thread() from error
        return self

    def stop(self) -> None:
        """Take no new connection, answer what is in hand, close everything. Stopping twice is no error."""
        listener, self._listener = self._listener, None
        wake, self._wake = self._wake, None
        if self._thread is not None and wake is not None:
            wake.set()
            self._thread.join()
            self._thread = None
        if listener is not None:
            listener.close()
        with self._lock:
            left = [*self._connections, *self._ended]
        _join(left, self._settings.stop_s)
        for connection in left:
            connection.wire.cut()
        _join(left, 1.0)
        with self._lock:
            self._ended.clear()
            if wake is not None and not self._connections:  # else the last of them does it
                wake.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _accept(self, listener: socket.socket, wake: StopEvent) -> None:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        poll.register(wake, select.POLLIN)
        with listener:
            while True:
                poll.poll()
                if wake.is_set:
                    return
                try:
                    client, address = listener.accept()
                except (BlockingIOError, ConnectionError):
                    continue
                except OSError:  # no descriptors left
                    wake.wait(_NO_ROOM_S)
                    continue
                self._take(client, str(address[0]), wake)

    def _take(self, client: socket.socket, peer: str, wake: StopEvent) -> None:
        with self._lock:
            self._ended = [each for each in self._ended if each.thread.is_alive()]
            refused = not self._has_place(peer)
            if refused and sum(each.refused for each in self._connections) >= _REFUSING:
                client.close()
                return
            wire = Connection(client, self._refusing if refused else self._settings, self._clock, wake)
            connection = _Connection(wire, peer, self._desk, self._forget, refused=refused)
            self._connections.add(connection)
        try:
            connection.thread.start()
        except RuntimeError:  # no thread can be started: the others wait while one request of this client is answered
            connection.wire = Connection(client, self._refusing, self._clock, wake)
            connection.run_once()

    def _has_place(self, peer: str) -> bool:
        """True if one more connection of a peer may be served. Where all places of the server or the peer are taken,
        the connection that has waited longest for a whole request gives up its place. The lock is held."""
        served = [each for each in self._connections if not each.refused]
        of_peer = [each for each in served if each.peer == peer]
        if len(of_peer) >= self._settings.max_peer_connections:
            return self._freed(of_peer)
        return len(served) < self._max_connections or self._freed(served)

    def _freed(self, among: list[_Connection]) -> bool:
        latest_s = self._clock.monotonic_s() - self._settings.yield_after_s
        waiting = [(since_s, each) for each in among if (since_s := each.wire.waits_since_s) is not None]
        since_s, longest = min(waiting, key=lambda pair: pair[0], default=(math.inf, None))
        if longest is None or since_s > latest_s or not longest.wire.give_up():
            return False
        self._connections.discard(longest)
        self._ended.append(longest)
        return True

    def _forget(self, connection: _Connection) -> None:
        with self._lock:
            if connection in self._connections:
                self._connections.remove(connection)
                self._ended.append(connection)
            if self._thread is None and not self._connections:  # the last one of a server that stopped
                connection.wire.wake.close()


class _Connection:
    """A client, and the thread that serves it."""

    def __init__(
        self, wire: Connection, peer: str, desk: ServerContext, ended: Callable[[_Connection], None], *, refused: bool
    ) -> None:
        self.wire = wire
        self.peer = peer
        """The client's address."""
        self._desk = desk
        self._ended = ended
        self.refused = refused
        """Whether it is only told that the server is busy."""
        self.thread = threading.Thread(target=self._run, name="tsmem-connection", daemon=True)

    def run_once(self) -> None:
        """Answer one request in the calling thread, and close the connection."""
        self._run(last=True)

    def _run(self, *, last: bool = False) -> None:
        try:
            if self.refused:
                HttpExchange(self._desk, self.wire).refuse()
            while not self.refused and HttpExchange(self._desk, self.wire, last=last).run():
                pass
        except OSError:  # the client went away
            pass
        finally:
            self.wire.close()
            self._ended(self)


def no_thread() -> TsmemError:
    """What to say where a thread that is needed cannot be started."""
    return TsmemError(
        "cannot start a thread: the limit on processes is reached",
        hint="raise it (ulimit -u, or the container's limit on processes), or end other processes",
    )


def _join(connections: list[_Connection], seconds: float) -> None:
    """Wait for the threads, in small parts: Ctrl-C does not end a wait when another thread takes the signal."""
    due_s = time.monotonic() + seconds
    for connection in connections:
        while connection.thread.is_alive() and (left_s := due_s - time.monotonic()) > 0:
            connection.thread.join(min(left_s, 0.1))


def _room() -> int:
    """How many connections this process has descriptors for, those that are refused aside."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(1, files - _OTHER_FILES - _REFUSING)


def _resolve(settings: Settings) -> tuple[socket.AddressFamily, Any]:
    """The address to listen on; without credentials it must be this machine's own."""
    host = settings.host
    try:
        found = socket.getaddrinfo(host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise InvalidInput(f"there is no address '{host}' to listen on") from error
    family, _, _, _, address = found[0]
    mapped = _mapped(str(address[0]))
    if mapped is not None:  # IPv4 in the writing of IPv6, which a socket of IPv6 alone does not take
        family, address = socket.AF_INET, (mapped, settings.port)
    if settings.credentials is None and not _is_loopback(str(address[0])):
        raise InvalidInput(
            f"'{host}' can be reached from other machines, which takes an access key",
            hint="set one, or listen on 127.0.0.1",
        )
    return family, address


def _endpoint(listener: socket.socket) -> str:
    """How clients on this machine reach it, also where it listens everywhere."""
    host, port = listener.getsockname()[:2]
    address = ip_address(host.partition("%")[0])
    if address.is_unspecified:
        host = "::1" if address.version == 6 else "127.0.0.1"
    return f"http://{f'[{host}]' if address.version == 6 else host}:{port}"


def _is_loopback(host: str) -> bool:
    return ip_address(host.partition("%")[0]).is_loopback


def _mapped(host: str) -> str | None:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    address = ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return None if mapped is None else str(mapped)


def _cannot_listen(settings: Settings, error: OSError) -> TsmemError:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return TsmemError(f"{where} is in use", hint="choose another port; port 0 takes a free one")
    reason = os.strerror(error.errno) if error.errno else str(error)
    return TsmemError(f"cannot listen on {where}: {reason}")
