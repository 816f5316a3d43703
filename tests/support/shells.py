"""Real shells on pseudo-terminals, in which tests type, press Tab and press Enter.

`tsmem` is a script there: it passes completion to the real program, and writes the words of any other call to a file.
"""

from __future__ import annotations

import os
import pty
import shlex
import shutil
import signal
import threading
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

import pytest

from tests.support.ptys import pieces, resize
from tests.support.waiting import wait_until

COMPLETIONS = Path(__file__).parents[2] / "completions"
PROMPT = "@@"
_TAB, _ENTER, _CLEAR, _DUMP = b"\t", b"\r", b"\x15", b"\x1d"
_LOOKS_A_PRESS = 20
"""A key is pressed again after this many checks for its result, because fish drops keys while it completes."""

_COMMAND = """\
#!/bin/sh
if [ -n "$_TSMEM_COMPLETE" ]; then exec {program}; fi
printf '%s\\0' "$@" > {folder}/ran.new
mv {folder}/ran.new {folder}/ran
"""
_BASH = """\
PS1='@@ '
bind 'set bell-style none'
bind 'set page-completions off'
bind 'set completion-query-items 1000'
bind 'set enable-bracketed-paste off'
bind -x '"\\C-]": dump'
dump() {{ printf '%s\\0' "$READLINE_LINE" > {folder}/line; }}
. {completions}/tsmem.bash
"""
_ZSH = """\
PS1='@@ '
unsetopt beep
LISTMAX=1000
fpath=({completions} $fpath)
autoload -U compinit
compinit -u -D
dump() {{ printf '%s\\0' "$BUFFER" > {folder}/line }}
zle -N dump
bindkey '^]' dump
bindkey '^U' kill-whole-line
unset zle_bracketed_paste
"""
_FISH = """\
function fish_prompt; echo '@@ '; end
function fish_greeting; end
set -g fish_autosuggestion_enabled 0
bind \\c] 'printf "%s\\0" (commandline -b) > {folder}/line'
source {completions}/tsmem.fish
"""
_SHELLS = {
    "bash": ("bashrc", _BASH, ("bash", "--noprofile", "--rcfile", "{folder}/bashrc", "-i")),
    "zsh": (".zshrc", _ZSH, ("zsh", "-i")),
    "fish": ("fish/config.fish", _FISH, ("fish", "-i")),
}
"""For each shell: its settings file, the text of it, and the command that starts the shell."""
SHELLS = tuple(_SHELLS)


class Shell:
    """An interactive shell in an empty folder."""

    def __init__(self, name: str, program: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
        """`program` is the command that starts tsmem. `folder` holds the shell's files. Skips the test if the shell
        is not installed."""
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
        self.folder = folder / "empty"
        self.folder.mkdir(parents=True)
        self._state = folder
        settings, text, argv = _SHELLS[name]
        self._write(settings, text.format(folder=folder, completions=COMPLETIONS))
        self._write("bin/tsmem", _COMMAND.format(folder=folder, program=shlex.join(program))).chmod(0o755)
        self._variables = {
            **environ,
            "PATH": f"{folder}/bin:{environ['PATH']}",
            "TERM": "xterm",
            "PAGER": "cat",
            "ZDOTDIR": str(folder),
            "XDG_CONFIG_HOME": str(folder),
        }
        self._argv = [word.format(folder=folder) for word in argv]
        self.screen = bytearray()

    def _write(self, name: str, text: str) -> Path:
        path = self._state / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def __enter__(self) -> Shell:
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(self.folder)
            os.execvpe(self._argv[0], self._argv, self._variables)
        resize(self._terminal, columns=200, rows=200)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        wait_until(lambda: PROMPT.encode() in self.screen)
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._reader.join()
        os.close(self._terminal)

    def _read(self) -> None:
        for piece in pieces(self._terminal):
            self.screen += piece

    def complete(self, typed: str, tabs: int = 1) -> str:
        """Type a line, press Tab, and return the resulting line."""
        while self._dumped() != "":
            os.write(self._terminal, _CLEAR)
        os.write(self._terminal, typed.encode() + _TAB * tabs)
        return self._dumped()

    def enter(self) -> list[str]:
        """Press Enter and return the words with which `tsmem` was called."""
        return self._pressed(_ENTER, "ran")

    def _dumped(self) -> str:
        return self._pressed(_DUMP, "line")[0]

    def _pressed(self, key: bytes, result: str) -> list[str]:
        """Press a key, repeatedly if need be, until it has written the result file. Return the texts in it."""
        path = self._state / result
        path.unlink(missing_ok=True)
        looks = count()
        found = b""

        def is_there() -> bool:
            nonlocal found
            if next(looks) % _LOOKS_A_PRESS == 0:
                os.write(self._terminal, key)
            found = path.read_bytes() if path.exists() else b""
            return found.endswith(b"\0")

        wait_until(is_there)
        return found.decode().split("\0")[:-1]
