"""Trigrams: the runs of three characters of a folded text, which the FTS5 table of a search index keeps.

A text that contains another has all of its trigrams. So the trigrams of the text that is searched for propose every row
that contains it. They also propose others: a search checks each row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tsmem.folding import fold

NO_SPACES = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30fa"
    "\u30fc-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff"
)
"""Characters of scripts that are written without spaces, or whose words are often of two characters."""
SINGLE = re.compile(rf"[{NO_SPACES}]")

_PADDING = "\x01"
_NUL = "\x02"
_STEP = 3
"""Every third trigram of a longer text is looked up, and the last: all characters, once. Measured on 200,000 messages:
`quarter to quarter` takes 7 ms so, and 28 ms by all its trigrams; what is proposed wrongly is a few in a hundred."""
MAX_TRIGRAMS = 16  # trigrams of one text that are looked up. The check of the row covers the rest.
MAX_ALTERNATIVES = 64  # texts that are looked up together. More propose no rows: then every row is checked.


def trigram_text(text: str) -> str:
    """Return a text as the trigram table takes it: folded, without NUL, at which SQLite's tokenizer ends.

    Each character of a script without spaces is followed by a padding character, so that two of them make trigrams.
    This is done character by character, so that a part of a text becomes a part of what the text becomes.
    """
    folded = fold(text)
    if not folded.isascii():
        folded = SINGLE.sub(rf"\g<0>{_PADDING}", folded)
    return folded.replace("\0", _NUL)


def trigram_query(part: str) -> str | None:
    """Return an FTS5 query that proposes all texts that contain a part, by some of its trigrams; None if the part is
    too short for one."""
    text = trigram_text(part)
    last = len(text) - 3
    if last < 0:
        return None
    step = max(_STEP, -(-last // MAX_TRIGRAMS)) if last > _STEP else 1
    trigrams = dict.fromkeys(text[at : at + 3].replace('"', '""') for at in (*range(0, last, step), last))
    return " AND ".join(f'"{trigram}"' for trigram in trigrams)


def all_of(parts: Sequence[str]) -> str | None:
    """Return an FTS5 query that proposes all texts that contain every part; None if all parts are too short."""
    found = [query for part in parts[:MAX_ALTERNATIVES] if (query := trigram_query(part)) is not None]
    return " AND ".join(dict.fromkeys(found)) or None


def any_of(queries: Sequence[str | None]) -> str | None:
    """Return an FTS5 query that proposes what any of several does; None if one of them cannot propose."""
    found = [f"({query})" for query in queries if query is not None]
    if len(found) < len(queries) or len(found) > MAX_ALTERNATIVES:
        return None
    return " OR ".join(dict.fromkeys(found))
