"""A listening socket, and a thread for each connection.

It does not use aiohttp, because a call of the engine blocks its thread. GetRow requests a second of aiohttp's low-level
server, divided by ours: 0.4 to 0.8 with one client, 0.5 to 0.9 with 8 clients, 0.7 to 1.1 with 32 (measured side by
side on two busy cores, CPython 3.11, aiohttp 3.14, 3 to 64 worker threads). Nor would aiohttp save much code: it has no
limit on the connections of one address or on unread responses, and no stop that waits for the rest of a request.
"""

from __future__ import annotations

import errno
import math
import os
import resource
import select
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv6Address, ip_address
from threading import Thread
from typing import Any

from tsmem.clock import Clock
from tsmem.errors import InvalidInput, TsmemError
from tsmem.server.dispatch import Dispatcher
from tsmem.server.http.connection import Connection, StopEvent
from tsmem.server.http.exchange import HttpExchange, OnRequest, ServerContext
from tsmem.server.http.settings import Settings

_BACKLOG = 512
_REFUSED_CONNECTIONS = 64  # open connections over the limit that get OTSServerBusy; any more are closed without it
_REFUSED_S = 2.0  # seconds in which a connection over the limit must send its request
_RESERVED_FILES = 128  # file descriptors kept free for the engine and the rest of the process
_RETRY_ACCEPT_S = 0.05


class Server:
    """The thread of a connection calls `on_request` once for each request, just before it sends the response.
    `on_request` must not raise an error."""

    def __init__(self, dispatcher: Dispatcher, settings: Settings, clock: Clock, on_request: OnRequest) -> None:
        self.endpoint = ""  # http://ADDRESS:PORT once the server listens
        self._settings = settings
        self._refused_settings = replace(settings, idle_s=_REFUSED_S, request_s=_REFUSED_S)
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        available = math.inf if files == resource.RLIM_INFINITY else files - _RESERVED_FILES - _REFUSED_CONNECTIONS
        self._max_connections = min(settings.max_connections, max(1, available))
        self._clock = clock
        self._context = ServerContext(dispatcher, settings, clock, on_request)
        self._connections: list[Connection] = []  # includes closed ones whose threads still run
        self._listener: socket.socket | None = None
        self._on_stop = ExitStack()

    def listen(self) -> None:
        """Open the address, so that clients can connect. They get no response before `start`. Raises TsmemError."""
        settings = self._settings
        family, address = _resolve(settings)
        try:
            listener = socket.create_server(address, family=family, backlog=_BACKLOG)
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            if error.errno == errno.EADDRINUSE:
                raise TsmemError(
                    f"{where} is in use", hint="choose another port; with port 0 a free one is chosen"
                ) from error
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise TsmemError(f"cannot listen on {where}: {reason}") from error
        self._listener = self._on_stop.enter_context(listener)
        listener.setblocking(False)
        host, port = listener.getsockname()[:2]
        ip = ip_address(host.partition("%")[0])
        if ip.is_unspecified:
            host = "::1" if ip.version == 6 else "127.0.0.1"
        self.endpoint = f"http://{f'[{host}]' if ip.version == 6 else host}:{port}"

    def start(self) -> None:
        """Begin to answer requests, after `listen`. Raises TsmemError."""
        stop_event = StopEvent()
        thread = Thread(target=self._accept, args=(self._listener, stop_event), name="tsmem-accept", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise no_thread() from error
        self._on_stop.callback(thread.join)
        self._on_stop.callback(stop_event.set)

    def stop(self) -> None:
        """Accept no more connections, close idle ones, and wait for the requests that are being answered. Connections
        that are still open after `stop_s` seconds are shut down. Their threads end when the engine returns."""
        self._on_stop.close()  # sets the stop event, joins the thread that accepts, and closes the listener
        remaining, self._connections = self._connections, []
        _join(remaining, self._settings.stop_s)
        for connection in remaining:
            connection.shut_down()
        _join(remaining, 1.0)

    def _accept(self, listener: socket.socket, stop_event: StopEvent) -> None:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        poll.register(stop_event, select.POLLIN)
        while True:
            poll.poll()
            if stop_event.is_set:
                return
            try:
                accepted, address = listener.accept()
            except (BlockingIOError, ConnectionError):
                continue
            except OSError:  # no descriptors are left
                stop_event.wait(_RETRY_ACCEPT_S)
                continue
            self._add_connection(accepted, str(address[0]), stop_event)

    def _add_connection(self, accepted: socket.socket, address: str, stop_event: StopEvent) -> None:
        self._connections = [each for each in self._connections if each.is_open or each.thread.is_alive()]
        is_refused = not self._make_room(address)
        if is_refused and sum(each.is_refused for each in self._open_connections()) >= _REFUSED_CONNECTIONS:
            accepted.close()
            return
        settings = self._refused_settings if is_refused else self._settings
        connection = Connection(accepted, settings, self._clock, stop_event, address)
        connection.is_refused = is_refused
        connection.thread = Thread(target=self._serve, args=(connection,), name="tsmem-connection", daemon=True)
        self._connections.append(connection)
        try:
            connection.thread.start()
        except RuntimeError:  # no thread can be started: answer one request in this thread, while new clients wait
            connection.settings, connection.is_closing = self._refused_settings, True
            self._serve(connection)

    def _serve(self, connection: Connection) -> None:
        try:
            while HttpExchange(self._context, connection).run():
                pass
        except OSError:  # the client has left
            pass
        finally:
            connection.close()

    def _open_connections(self) -> list[Connection]:
        return [each for each in self._connections if each.is_open]

    def _make_room(self, address: str) -> bool:
        """Return True if there is room for a connection from an address. If a limit is reached, close the connection
        that has been idle longest to make room."""
        served = [each for each in self._open_connections() if not each.is_refused]
        of_address = [each for each in served if each.address == address]
        if len(of_address) >= self._settings.max_peer_connections:
            candidates = of_address
        elif len(served) >= self._max_connections:
            candidates = served
        else:
            return True
        waiting = [(since_s, each) for each in candidates if (since_s := each.awaiting_request_since_s) is not None]
        since_s, longest = min(waiting, key=lambda pair: pair[0], default=(math.inf, None))
        latest_s = self._clock.monotonic_s() - self._settings.evict_after_s
        return longest is not None and since_s <= latest_s and longest.evict_if_awaiting_request()


def no_thread() -> TsmemError:
    return TsmemError(
        "cannot start a thread: the limit on processes is reached",
        hint="raise it (ulimit -u, or the container's limit on processes), or end other processes",
    )


def _join(connections: Sequence[Connection], seconds: float) -> None:
    """Wait for the threads of connections, but no longer than `seconds` in all, in short steps: a signal that reaches
    another thread does not interrupt a join."""
    due_s = time.monotonic() + seconds
    for each in connections:
        while each.thread.is_alive() and (left_s := due_s - time.monotonic()) > 0:
            each.thread.join(min(left_s, 0.1))


def _resolve(settings: Settings) -> tuple[socket.AddressFamily, Any]:
    """Return the address to listen on. Raises InvalidInput if other machines can reach it and no key is required."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise InvalidInput(f"cannot listen on '{settings.host}': there is no such address") from error
    family, _, _, _, address = found[0]
    ip = ip_address(str(address[0]).partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    if mapped is not None:  # an IPv4 address in IPv6 notation, to which an IPv6 socket cannot be bound
        ip, family, address = mapped, socket.AF_INET, (str(mapped), settings.port)
    if settings.credentials is None and not ip.is_loopback:
        raise InvalidInput(
            f"'{settings.host}' can be reached from other machines, so an access key is required",
            hint="set one, or listen on 127.0.0.1",
        )
    return family, address
