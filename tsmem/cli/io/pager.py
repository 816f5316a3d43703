"""Send output that is longer than the screen through a pager: `$TSMEM_PAGER`, `$PAGER` or `less -FRX`.

The output is held back until it has more lines than the screen; only then is the pager started. `cat` or an empty
variable means no pager. The pager gets no shell, so its command is split as a shell would split it.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context

DEFAULT = "less -FRX"
VARIABLES = ("TSMEM_PAGER", "PAGER")


class Pager:
    """A writer in place of stdout. `close` waits until the reader has left the pager."""

    def __init__(self, context: Context, command: list[str]) -> None:
        self._context = context
        self._command = command
        self._height = context.streams.height or 0
        self._held = bytearray()
        self._process: subprocess.Popen[bytes] | None = None
        self._handler: Any = signal.SIG_DFL

    def write(self, chunk: bytes) -> None:
        """Raises BrokenPipeError once the reader has left the pager."""
        self._held += chunk
        if self._process is None and self._held.count(b"\n") < self._height:
            return
        if self._process is None:
            self._process = self._start()
        self._flush()

    def close(self) -> None:
        try:
            self._flush()
        except BrokenPipeError:
            pass
        finally:
            self._wait()

    def _start(self) -> subprocess.Popen[bytes] | None:
        environ = {"LESS": "FRX", "LV": "-c", **self._context.environ}
        try:
            out = self._context.streams.stdout
            process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=out, env=environ)  # noqa: S603
            self._handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the pager decides what Ctrl-C means
            return process
        except OSError as error:
            if shlex.join(self._command) != DEFAULT:
                self._context.say(f"warning: cannot start the pager {self._command[0]}: {error.strerror}")
            self._height = 2**63
            return None

    def _flush(self) -> None:
        held, self._held = bytes(self._held), bytearray()
        out = self._context.streams.stdout if self._process is None else self._process.stdin
        assert out is not None
        out.write(held)
        out.flush()

    def _wait(self) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        try:
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()
        finally:
            signal.signal(signal.SIGINT, self._handler)


def pager_command(context: Context) -> list[str] | None:
    """Return the words of the pager's command; None if nothing is paged."""
    streams = context.streams
    if not streams.stdout_is_terminal or streams.height is None or context.environ.get("TERM") == "dumb":
        return None
    if context.options.no_pager:
        return None
    text = next((context.environ[name] for name in VARIABLES if name in context.environ), DEFAULT)
    try:
        words = shlex.split(text)
    except ValueError as error:
        context.say(f"warning: cannot read the pager's command {text!r}: {error}")
        return None
    return None if words in ([], ["cat"]) else words
