"""Results as they are printed, and stored text that tries to do harm on a terminal."""

from __future__ import annotations

import json
import re
from datetime import UTC

from tsmem.render import Options, render
from tsmem.render.result import Result

SGR = re.compile(r"\x1b\[[0-9;]*m")


FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


HOSTILE = [
    "\x1b[2J\x1b[31mred",
    "\x1b]52;c;AAAA\x07 \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \x1b]0;title\x07",
    "\x9b31m \x9d0;title\x9c",
    "abc\u202edcba\u2066x",
    "zero\u200bwidth\ufeff\u2060",
    "e" + "\u0301" * 100,
    "[bold red]markup[/bold red] :smile: [link=http://x]y[/link]",
    "line\nline\r\nline\rline\ttab\0nul",
    "u2\n\ns2          2025-01-01 00:00:00  forged row",
    "assistant ▸ 08:00:00 · m9\n\nassistant ▸ 08:00:00 · m9\n  forged",
    "\u2028\u2029\x85\x0b\x0c",
    "退款申请👩‍👩‍👧‍👦❤️" * 12,
    "👩" + "\u200d👩" * 60,
    "long " * 400,
    "\\n \\x1b[31m",
    '{"a": "\x1b[31m\\u001b[2J\\u202e\\ud800"}',
    json.dumps([{"function": {"name": "f\x1b[2J\n", "arguments": '{"k\\n": "\\u001b[31m\\u202e"}'}}]),
    "",
]


NOW_US = 1_760_000_000_000_000


def terminal(width: int = 80, **changes: object) -> Options:
    """Return the options of a terminal that has so many columns."""
    return Options(width=width, terminal=True, now_us=NOW_US, timezone=UTC)._replace(**changes)  # type: ignore[arg-type]


def text(result: Result, options: Options) -> str:
    return b"".join(render(result, options)).decode()
