"""The one place where text is made safe to show. Stored text is hostile: it must not move the cursor, recolour, rewrite
a title, reorder what stands beside it, draw over other lines, hide, or forge a row.

Shown as escapes (`\\n`, `\\x1b`, `\\u202e`, `\\U000e0041`): control characters, C0 and C1 and DEL; line and paragraph
separators; bidi marks, overrides and isolates; characters that show nothing (zero-width space, word joiner, byte order
mark, soft hyphen, fillers, interlinear and musical controls, tags); lone surrogates.

Kept, because honest text needs them: a joiner (U+200C, U+200D) between two visible non-ASCII characters, as in emoji,
Persian and Hindi; one variation selector after another character; up to four combining marks in a row. More of these,
or elsewhere, are escaped.

A backslash is not doubled: paths and patterns stay readable, and text that spells `\\n` out looks like an escaped
newline. That forgery gains nothing, as either is plain text on its own line; who needs the difference reads JSON.
"""

from __future__ import annotations

import re
import unicodedata

MAX_MARKS = 4
"""Combining marks on one character; Vietnamese and Hebrew need three, and more are drawn over other lines."""
TAB = "    "
"""A tab where newlines are kept."""

_JOINERS = "\u200c\u200d"
_SUSPECT = re.compile(
    "\r\n|["
    "\x00-\x1f\x7f-\x9f\xad"
    "\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\ud800-\udfff"
    "\U0001d173-\U0001d17a\U000e0000-\U000e007f\U000e0100-\U000e01ef"
    "]"
)
_MARK_RUN = re.compile(rf"[^\w\s\x00-\x7f]{{{MAX_MARKS + 1},}}")
"""Where too many marks may stand: no mark is a word character."""
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\r\n": "\\r\\n"}
_KEPT = {"\n": "\n", "\r\n": "\n", "\t": TAB}


def visible(text: str, *, keep_newlines: bool = False) -> str:
    """The text as it may stand on a terminal: one line, or lines when newlines are kept (tabs are then spaces)."""
    if text.isascii() and text.isprintable():
        return text
    text = _SUSPECT.sub(_line_shown if keep_newlines else _shown, text)
    return text if text.isascii() else _MARK_RUN.sub(_bounded, text)


def escaped(character: str) -> str:
    """A character by its number, as Python would write it."""
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _shown(match: re.Match[str]) -> str:
    found = match.group()
    if (short := _SHORT.get(found)) is not None:
        return short
    return found if _is_honest(found, match.string, match.start()) else escaped(found)


def _line_shown(match: re.Match[str]) -> str:
    return _KEPT.get(match.group()) or _shown(match)


def _is_honest(found: str, text: str, at: int) -> bool:
    """Whether a joiner joins, or a variation selector varies, what is seen."""
    before = text[at - 1] if at else ""
    if found in _JOINERS:
        return _is_seen(before) and _is_seen(text[at + 1 : at + 2])
    return _is_selector(found) and before != "" and not _is_selector(before) and before not in _JOINERS


def _is_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _is_seen(character: str) -> bool:
    return character > "\x7f" and (_is_selector(character) or _SUSPECT.match(character) is None)


def _bounded(match: re.Match[str]) -> str:
    shown, run = [], 0
    for character in match.group():
        run = run + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        shown.append(character if run <= MAX_MARKS else escaped(character))
    return "".join(shown)
