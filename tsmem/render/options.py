"""How a result is to be shown: chosen once by the command line, from flags and the streams it was given."""

from __future__ import annotations

from datetime import tzinfo
from typing import NamedTuple

from tsmem.render.result import Format


class Options(NamedTuple):
    """What no formatter may find out for itself, so that every output can be had in a test."""

    format: Format = "table"
    fields: tuple[str, ...] | None = None
    """The fields asked for, in order; None for all."""
    width: int | None = None
    """Cells in a line of the terminal; None where nothing may be cut or wrapped."""
    color: bool = False
    terminal: bool = False
    """Whether a person's terminal reads this, not a file or a program."""
    unicode: bool = True
    """Whether the terminal can show lines, arrows and the ellipsis."""
    now_us: int = 0
    """For ages; microseconds since 1970 UTC."""
    timezone: tzinfo | None = None
    """None for the machine's own."""
    marks: str | None = None
    """The text of a search, marked where it stands in content."""
