"""The one place where text is made safe to show. Stored text is hostile: it must not move the cursor, recolour, rewrite
a title, reorder what stands beside it, draw over other lines, hide, or forge a row.

Escaped (`\\n`, `\\x1b`, `\\u202e`): control characters, line and paragraph separators, bidi marks, overrides and
isolates, characters that show nothing, lone surrogates. Kept, because honest text needs them: a joiner (U+200C, U+200D)
between two visible non-ASCII characters, as in emoji, Persian and Hindi; one variation selector after a sign or a
letter without case (emoji, Han, Mongolian); up to four combining marks on a character, whatever joiners stand between
them, and as many marks again that take room. In ids these are escaped too, and so are spaces that cannot be seen or
told from others: two ids that differ look different, unless their letters look alike.

A backslash is not doubled: paths stay readable, and text that spells `\\n` out looks like an escaped newline. That
forgery gains nothing, as either is plain text on its own line; JSON shows the difference.
"""

from __future__ import annotations

import re
import unicodedata

MAX_MARKS = 4
"""Combining marks on one character; Vietnamese and Hebrew need three, and more are drawn over other lines."""

_JOINERS = "\u200c\u200d"
_SUSPECT = re.compile(
    "\r\n|["
    "\x00-\x1f\x7f-\x9f\xad"
    "\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff"
    "\U0001107f\U00013430-\U0001343f\U00016fe4\U0001bc9d\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "]"
)
_JAMO = re.compile("[\u1161-\u11ff\ud7b0-\ud7ff]")
"""Hangul vowels and finals: letters that stand on the letter before them as marks do."""
_MARKS = r"[^\w\s\x00-\x7f]"
"""A superset of all marks, none of which is a word character."""
_MARK_RUN = re.compile(f"{_MARKS}{{{MAX_MARKS + 1},}}")
_MARK_OR_JAMO_RUN = re.compile(f"(?:{_MARKS}|{_JAMO.pattern}){{{MAX_MARKS + 1},}}")
_UNSEEN_SPACE = re.compile(r"^ |(?<= ) | \Z")
"""A space at either end, and each after another."""
_UNSEEN_IN_IDS = re.compile("[\u180b-\u180d\u180f\u2800\ufe00-\ufe0f\U0001d159\U000e0100-\U000e01ef]")
"""Blank characters and variation selectors that Python calls printable."""
_SELECTOR = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180d\u180f]")
_ON_ONE_LINE = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\r\n": "\\r\\n"}
_ON_LINES = {"\n": "\n", "\t": "    ", "\r": "\\r", "\r\n": "\n"}


def visible(text: str, *, keep_newlines: bool = False) -> str:
    """Return the text safe to show: on one line, or on its lines if newlines are kept (tabs are then spaces)."""
    if text.isascii() and text.isprintable():
        return text
    if not text.isascii():
        runs = _MARK_RUN if _JAMO.search(text) is None else _MARK_OR_JAMO_RUN
        text = runs.sub(_bounded, text)
    short = _ON_LINES if keep_newlines else _ON_ONE_LINE

    def shown(match: re.Match[str]) -> str:
        found = match.group()
        if found in short:
            return short[found]
        return found if _is_honest(found, match.string, match.start()) else escaped(found)

    return _SUSPECT.sub(shown, text)


def visible_id(text: str) -> str:
    """Return an id, a user's name or a role as one line in which every character can be seen."""
    shown = _UNSEEN_SPACE.sub(lambda match: escaped(match.group()), visible(text))
    if shown.isascii():
        return shown
    return "".join(c if c.isprintable() and _UNSEEN_IN_IDS.match(c) is None else escaped(c) for c in shown)


def ascii_text(text: str) -> str:
    """Return the text with the number of each character that is not ASCII in its place."""
    return text.encode("ascii", "backslashreplace").decode()


def escaped(character: str) -> str:
    return f"\\x{ord(character):02x}" if character.isascii() else ascii_text(character)


def _is_honest(found: str, text: str, at: int) -> bool:
    """Return True if a joiner joins, or a variation selector varies, what is seen."""
    before = text[at - 1] if at else ""
    if found in _JOINERS:
        kept = _is_honest(before, text, at - 1) if _SELECTOR.match(before) else _is_seen(before)
        return kept and _is_seen(text[at + 1 : at + 2])
    if not _SELECTOR.match(found) or not before:
        return False
    if before.isascii():
        return text[at + 1 : at + 2] == "\u20e3"  # a keycap
    is_cased = before != "\u2139" and unicodedata.category(before) in ("Lu", "Ll", "Lt")
    return not is_cased and _is_seen(before)


def _is_seen(character: str) -> bool:
    return character > "\x7f" and _SUSPECT.match(character) is None


def _bounded(match: re.Match[str]) -> str:
    """Return each character with the marks it may have, and the numbers of further marks and the joiners among them."""
    shown, marks, spacing = [], 0, 0
    for character in match.group():
        if _is_mark(character):
            marks += 1
        elif unicodedata.category(character) == "Mc":
            spacing += 1
        elif character not in _JOINERS:
            marks = spacing = 0
        shown.append(escaped(character) if max(marks, spacing) > MAX_MARKS else character)
    return "".join(shown)


def _is_mark(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Cn":  # it may be one in a later Unicode, which the terminal knows; emoji are no marks
        return not "\U0001f000" <= character < "\U000e0000"
    return category in ("Mn", "Me") or (category == "Lo" and _JAMO.match(character) is not None)
