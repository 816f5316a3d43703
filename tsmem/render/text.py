"""Make text safe to show. Everything that people see passes through `visible` or `visible_id`, and only through them.

Stored text is hostile: it must not move the cursor, change colours or the window title, reorder or overwrite other
text, hide itself, or forge a row. These characters are escaped (`\\n`, `\\x1b`, `\\u202e`):

- control characters, line and paragraph separators
- bidirectional marks, overrides and isolates
- characters that show nothing
- lone surrogates

Honest text needs some of them, which are kept:

- a joiner (U+200C, U+200D) between two visible characters beyond ASCII, as in emoji, Persian and Hindi
- one variation selector after a symbol or a letter without case (emoji, Han, Mongolian)
- up to MAX_MARKS combining marks on a character, and as many more that take room of their own (category Mc)

In ids, joiners, variation selectors and spaces that are hard to see or to tell apart are escaped too. Two ids that
differ then look different, unless their letters look alike.

A backslash is not doubled, so that paths stay readable. Text that spells out `\\n` therefore looks like an escaped
newline. That is harmless, because both are text on one line, and JSON shows the difference.
"""

from __future__ import annotations

import re
import unicodedata

MAX_MARKS = 4
"""Combining marks allowed on one character. Vietnamese and Hebrew need three; a tall pile is drawn over other lines."""

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
"""Hangul vowels and final consonants: letters that a terminal draws onto the letter before them, like marks."""
_POSSIBLE_MARK = r"[^\w\s\x00-\x7f]"
"""Matches every combining mark, and other signs too: no mark is a word character for `re`."""
_MARK_RUN = re.compile(f"{_POSSIBLE_MARK}{{{MAX_MARKS + 1},}}")
_MARK_OR_JAMO_RUN = re.compile(f"(?:{_POSSIBLE_MARK}|{_JAMO.pattern}){{{MAX_MARKS + 1},}}")
_UNSEEN_SPACE = re.compile(r"^ |(?<= ) | \Z")
"""Spaces that are hard to see in an id: at its beginning, at its end, or after another space."""
_UNSEEN_IN_IDS = re.compile("[\u180b-\u180d\u180f\u2800\ufe00-\ufe0f\U0001d159\U000e0100-\U000e01ef]")
"""Blank characters and variation selectors that `str.isprintable` accepts."""
_VARIATION_SELECTOR = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180d\u180f]")
_LINE_BREAKS_ESCAPED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\r\n": "\\r\\n"}
_LINE_BREAKS_KEPT = {"\n": "\n", "\t": "    ", "\r": "\\r", "\r\n": "\n"}


def visible(text: str, *, keep_newlines: bool = False) -> str:
    """Return the text, safe to show, on one line. With `keep_newlines`, newlines stay and a tab becomes four spaces."""
    if text.isascii() and text.isprintable():
        return text
    if not text.isascii():
        runs = _MARK_RUN if _JAMO.search(text) is None else _MARK_OR_JAMO_RUN
        text = runs.sub(_escape_excess_marks, text)
    line_breaks = _LINE_BREAKS_KEPT if keep_newlines else _LINE_BREAKS_ESCAPED

    def kept_or_escaped(match: re.Match[str]) -> str:
        suspect = match.group()
        if suspect in line_breaks:
            return line_breaks[suspect]
        return suspect if _is_honest(suspect, match.string, match.start()) else _escaped(suspect)

    return _SUSPECT.sub(kept_or_escaped, text)


def visible_id(text: str) -> str:
    """Return an id or a role as one line in which every character can be seen."""
    shown = _UNSEEN_SPACE.sub(lambda match: _escaped(match.group()), visible(text))
    if shown.isascii():
        return shown
    return "".join(c if c.isprintable() and _UNSEEN_IN_IDS.match(c) is None else _escaped(c) for c in shown)


def ascii_text(text: str) -> str:
    """Return the text with an escape such as `\\u9000` for each character that is not ASCII. A terminal without UTF-8
    takes the bytes of a character one by one, and those from 0x80 to 0x9f are control characters."""
    return text.encode("ascii", "backslashreplace").decode()


def _escaped(character: str) -> str:
    return f"\\x{ord(character):02x}" if character.isascii() else ascii_text(character)


def _is_honest(suspect: str, text: str, at: int) -> bool:
    """Return True for a joiner between visible characters and for a variation selector after one that it can vary."""
    before = text[at - 1] if at else ""
    if suspect in _JOINERS:
        follows_visible = _is_honest(before, text, at - 1) if _VARIATION_SELECTOR.match(before) else _is_seen(before)
        return follows_visible and _is_seen(text[at + 1 : at + 2])
    if not _VARIATION_SELECTOR.match(suspect) or not before:
        return False
    if before.isascii():
        return text[at + 1 : at + 2] == "\u20e3"  # a keycap
    is_cased = before != "\u2139" and unicodedata.category(before) in ("Lu", "Ll", "Lt")
    return not is_cased and _is_seen(before)


def _is_seen(character: str) -> bool:
    return character > "\x7f" and _SUSPECT.match(character) is None


def _escape_excess_marks(match: re.Match[str]) -> str:
    """Return a run of marks in which each mark beyond MAX_MARKS on one character is escaped. Joiners between such marks
    are escaped too."""
    shown, marks, spacing = [], 0, 0
    for character in match.group():
        if _is_mark(character):
            marks += 1
        elif unicodedata.category(character) == "Mc":
            spacing += 1
        elif character not in _JOINERS:
            marks = spacing = 0
        shown.append(_escaped(character) if max(marks, spacing) > MAX_MARKS else character)
    return "".join(shown)


def _is_mark(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Cn":  # unknown to Python, but perhaps a mark for the terminal; new emoji are not marks
        return not "\U0001f000" <= character < "\U000e0000"
    return category in ("Mn", "Me") or (category == "Lo" and _JAMO.match(character) is not None)
