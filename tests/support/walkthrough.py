"""Runs a shell session that is written as text and inserts the output of its commands.

The text has prose, commands after `  $ ` (continued after `  > `), and below each command its output, indented by four
spaces, with the exit code in brackets if it failed. One bash runs all commands in order, on a pseudo-terminal. Every
question is answered with yes.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support.progress import progress_lines
from tests.support.ptys import open_terminal, pieces

COLUMNS = 80
SUBSTITUTIONS = (
    (r"127\.0\.0\.1:\d{5}", "127.0.0.1:NNNNN"),
    (r"[\d.]+ s, [\d,]+ rows/s", "0.0 s, N rows/s"),
    (r"--page-token \S+", "--page-token TOKEN"),
    (r"--start-time \d+", "--start-time N"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "YYYY-MM-DD hh:mm:ss"),
    (r"\d{4}-\d\d-\d\d, \w+day", "YYYY-MM-DD, Weekday"),
    (r"(?<= on )\d{4}-\d\d-\d\d(?=, and on no)", "YYYY-MM-DD"),
    (r"(?<=▸ )\d\d:\d\d:\d\d", "hh:mm:ss"),
    (r"(?<=create time )\d{16}|\d{16}(?=, \d+ h ago)", "N" * 16),
    (r"/\S*/tsmem-demo-\w+/", "/tmp/tsmem-demo-X/"),
    (r"\S*/cli/commands/demo\.jsonl", "demo.jsonl"),
)
"""Patterns of text that differs from run to run, each with a replacement of the same width."""
_BEGIN, _END, _OVER = "\x1e", "\x1f", "\x1c"


class Step(NamedTuple):
    prose: str
    """The lines before the command."""
    command: str
    """The command as typed; empty for the prose after the last command."""

    def typed(self) -> str:
        first, *more = self.command.split("\n")
        return "".join((f"  $ {first}\n", *(f"  > {line}".rstrip() + "\n" for line in more)))


def steps(text: str) -> list[Step]:
    """Split a text into prose and commands, without the output of the commands."""
    found: list[Step] = []
    prose: list[str] = []
    for line in text.splitlines():
        if line.startswith("  $ "):
            found.append(Step("".join(prose), line[4:]))
            prose = []
        elif line.startswith("  > ") or line == "  >":
            found[-1] = found[-1]._replace(command=f"{found[-1].command}\n{line[4:]}")
        elif not line.startswith("    "):
            prose.append(f"{line}\n")
        else:  # output, and the empty lines before it belong to it
            prose = []
    return [*found, Step("".join(prose), "")]


def run_walkthrough(text: str, folder: Path, environ: Mapping[str, str]) -> str:
    """Run the commands of a text in a folder, and return the text with their new output."""
    *typed, last = steps(text)
    outputs = list(_outputs([step.command for step in typed], folder, environ))
    assert len(outputs) == len(typed), "".join(outputs)
    told = (step.prose + step.typed() + output for step, output in zip(typed, outputs, strict=True))
    return "".join((*told, last.prose))


def _outputs(commands: list[str], folder: Path, environ: Mapping[str, str]) -> Iterator[str]:
    script = "".join(f"printf '{_BEGIN}'\n{command}\nprintf '{_END}%d\\n' $?\n" for command in commands)
    shown = _on_terminal(f"{script}printf '{_OVER}'", folder, environ).replace("\r\n", "\n")
    for output, code in re.findall(f"{_BEGIN}([^{_END}]*){_END}(\\d+)\n", shown):
        lines = _same(output, folder).rstrip("\n").split("\n") + [f"[{code}]"] * (code != "0")
        yield "".join(f"    {line}".rstrip() + "\n" for line in lines).removeprefix("\n")


def _same(output: str, folder: Path) -> str:
    _, output = progress_lines(output.replace(str(folder), "~"))
    for pattern, instead in SUBSTITUTIONS:
        output = re.sub(pattern, instead, output)
    return output


def _on_terminal(script: str, folder: Path, environ: Mapping[str, str]) -> str:
    """Run a script with bash, and return everything that the terminal was sent."""
    ours, theirs = open_terminal(COLUMNS)
    argv = ["bash", "--norc", "-c", script]
    shell = subprocess.Popen(
        argv, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environ, start_new_session=True
    )
    os.close(theirs)
    try:
        return "".join(_said(ours))
    finally:
        os.killpg(shell.pid, signal.SIGTERM)
        os.close(ours)
        shell.wait()


def _said(terminal: int) -> Iterator[str]:
    """Yield what is written to the terminal, and answer every question with yes."""
    for piece in pieces(terminal):
        said = piece.decode(errors="replace")
        yield said
        if said.endswith("[y/N] "):
            os.write(terminal, b"y\n")
        if said.endswith(_OVER):
            return
