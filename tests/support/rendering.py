"""Renders results to text, and hostile stored texts to render."""

from __future__ import annotations

from datetime import UTC

from tests.support import hostile
from tsmem.render import Options, render
from tsmem.render.result import Result

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
