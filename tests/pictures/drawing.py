"""Draws a picture: runs its commands on a pseudo-terminal, over the demo's conversations and with a fixed clock, and
draws what the terminal was sent."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from html import unescape
from pathlib import Path
from typing import NamedTuple

from tests.support.ptys import open_terminal, pieces

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
SAMPLE = ROOT / "tsmem" / "cli" / "commands" / "demo.jsonl"
NOW_US = 1_775_206_800_000_000
"""2026-04-03 09:00 UTC, a few hours after the last conversation of the demo."""
COLUMNS = 100


class Picture(NamedTuple):
    """The name of a file, and the commands that it shows."""

    name: str
    commands: tuple[tuple[str, ...], ...]

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.svg"


PICTURES = (
    Picture("show", (("show", "trip-kyoto", "--user", "ada"),)),
    Picture(
        "find",
        (
            ("session", "recent", "--user", "ada"),
            ("message", "search", "kq7-114"),
            ("session", "update", "ada", "invoice-march", "-m", "status=refunded"),
        ),
    ),
)
_PROGRAM = f"""
import sys
from tests.support.clocks import ManualClock
from tsmem.cli.app.main import main
sys.exit(main(sys.argv[1:], clock=ManualClock({NOW_US})))
"""


def draw(picture: Picture, folder: Path) -> str:
    """Return the picture as SVG. The folder holds the store; it can be reused for further pictures."""
    from rich.console import Console
    from rich.text import Text

    environ = _environ(folder)
    if not any(folder.iterdir()):
        _on_terminal(("import", str(SAMPLE), "--format", "openai", "--user", "ada"), environ)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    for place, argv in enumerate(picture.commands):
        console.print(Text.assemble("\n" * (place > 0), ("$ ", "dim"), (shlex.join(("tsmem", *argv)), "bold")))
        console.print(Text.from_ansi(_on_terminal(argv, environ).rstrip("\n")))
    drawn = console.export_svg(title="tsmem", unique_id=picture.name)
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)  # a picture loads nothing from other hosts


def shown(drawing: str) -> list[tuple[str, str]]:
    """Return the texts of a drawing with their styles. All else depends on the version of rich."""
    words = re.finditer(r'<text class="([^"]*)"[^>]*>([^<]*)</text>', drawing)
    return [(word[1], unescape(word[2])) for word in words]


def _environ(folder: Path) -> dict[str, str]:
    return {
        "HOME": str(folder),
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
        "TZ": "Asia/Tokyo",
        "PAGER": "cat",
    }


def _on_terminal(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    ours, theirs = open_terminal(COLUMNS)
    program = [sys.executable, "-c", _PROGRAM, *argv]
    with subprocess.Popen(program, env=environ, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        sent = b"".join(pieces(ours)).decode().replace("\r\n", "\n")
    os.close(ours)
    assert process.returncode == 0, sent
    return sent
