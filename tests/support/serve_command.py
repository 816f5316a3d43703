"""Runs `tsmem serve` as a process and sends it requests."""

from __future__ import annotations

import re
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from tests.cli.conftest import Processes, Started
from tests.support.raw_http import ots_headers, signed

DEADLINE_S = 60


class ServeProcess(NamedTuple):
    process: Started
    endpoint: str
    line: str
    """The first line of its stdout."""

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.endpoint.removeprefix("http://").split(":")
        return host, int(port)

    def ask(self, action: str = "ListTable", body: bytes = b"", secret: str = "tsmem", key: str = "any") -> bytes:
        """Send a request and return the body of the reply. Raises HTTPError."""
        headers = signed(ots_headers(body, x_ots_accesskeyid=key), secret, f"/{action}")
        request = urllib.request.Request(f"{self.endpoint}/{action}", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as reply:
            answer: bytes = reply.read()
        return answer

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, bytes, str]:
        """Send a signal and wait for the end. Return the exit code, the rest of stdout, and stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, out, (err or b"").decode()


@contextmanager
def serve_command(
    process: Processes, *argv: str, options: dict[str, Any] | None = None, **environ: str
) -> Iterator[ServeProcess]:
    """Start the server and read the first line that it prints."""
    started = process.start("serve", "--port", "0", *argv, **{"env": {**process.environ, **environ}, **(options or {})})
    line = started.stdout.readline().decode()
    if not line:
        pytest.fail(started.communicate(timeout=DEADLINE_S)[1].decode())
    found = re.search(r"http://[^\s\"]+", line)
    assert found is not None
    yield ServeProcess(started, found.group(), line)
