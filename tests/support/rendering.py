"""Renders results to text, and hostile stored texts to render."""

from __future__ import annotations

import re
from datetime import UTC

from tests.support import hostile
from tsmem.render import Options, render
from tsmem.render.result import Result

SGR = re.compile(r"\x1b\[[0-9;]*m")
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
HOSTILE = [
    *hostile.id_packs(), "", "long " * 400,
    '{"a": "\x1b[31m\\u001b[2J\\u202e\\ud800"}', hostile.tool_calls("f\x1b[2J\n\u202e"),
]  # fmt: skip
NOW_US = 1_760_000_000_000_000


def terminal(width: int = 80, **changes: object) -> Options:
    """Return the options for a terminal of this width."""
    return Options(width=width, is_terminal=True, now_us=NOW_US, timezone=UTC)._replace(**changes)  # type: ignore[arg-type]


def rendered_text(result: Result, options: Options) -> str:
    return b"".join(render(result, options)).decode()
