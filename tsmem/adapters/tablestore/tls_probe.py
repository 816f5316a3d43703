"""Asks a server that answers nothing to plain HTTP whether it speaks TLS."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import Any

_MAX_S = 1.0


def speaks_tls(host: str, address: tuple[Any, ...], timeout_s: float) -> bool:
    """Return True if the server at an address, as getaddrinfo gives it, answers the beginning of a TLS handshake."""
    hello = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    family, kind, protocol, _, where = address
    try:
        with suppress(ssl.SSLWantReadError):
            context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname=host).do_handshake()
        with socket.socket(family, kind, protocol) as made:
            made.settimeout(max(0.0, min(_MAX_S, timeout_s)))
            made.connect(where)
            made.sendall(hello.read())
            return made.recv(2) in (b"\x16\x03", b"\x15\x03")  # a handshake or an alert, of SSL 3 or TLS
    except (OSError, ValueError):
        return False
