"""Trigrams: all runs of three characters in a folded text, which the FTS5 table of a search index keeps.

The trigrams of a search text find every row that contains the text, and some rows that do not. The search checks each
row that they find.
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
"""Characters of scripts that are written without spaces, or whose words often have only two characters."""
NO_SPACES_CHARACTER = re.compile(rf"[{NO_SPACES}]")

_PADDING = "\x01"
_NUL_REPLACEMENT = "\x02"
_STEP = 3
"""The distance between the trigrams of a text that are looked up. On 200,000 messages, `quarter to quarter` takes 7 ms
this way and 28 ms with all its trigrams; a few in a hundred of the rows found do not match (measured)."""
MAX_TRIGRAMS = 16  # trigrams of one text that are looked up. The check of each row covers the rest of the text.
MAX_ALTERNATIVES = 64  # texts that one FTS5 query looks up. A search for more alternatives checks every row instead.


def trigram_text(text: str) -> str:
    """Return the form of a text in the trigram table: folded, and with NUL replaced, because SQLite's tokenizer stops
    at it. Each character of a script without spaces is followed by a padding character, so that two of them have
    trigrams, and the form of a part of a text is a part of the form of the text."""
    folded = fold(text)
    if not folded.isascii():
        folded = NO_SPACES_CHARACTER.sub(rf"\g<0>{_PADDING}", folded)
    return folded.replace("\0", _NUL_REPLACEMENT)


def trigram_query(part: str) -> str | None:
    """Return an FTS5 query that finds all texts that contain a part; None if the part is too short."""
    text = trigram_text(part)
    last = len(text) - 3
    if last < 0:
        return None
    step = max(_STEP, -(-last // MAX_TRIGRAMS)) if last > _STEP else 1
    trigrams = dict.fromkeys(text[at : at + 3].replace('"', '""') for at in (*range(0, last, step), last))
    return " AND ".join(f'"{trigram}"' for trigram in trigrams)


def all_of(parts: Sequence[str]) -> str | None:
    """Return None if all parts are too short."""
    found = [query for part in parts[:MAX_ALTERNATIVES] if (query := trigram_query(part)) is not None]
    return " AND ".join(dict.fromkeys(found)) or None


def any_of(queries: Sequence[str | None]) -> str | None:
    """Return None if one query is None, or if there are too many."""
    if None in queries or len(queries) > MAX_ALTERNATIVES:
        return None
    return " OR ".join(f"({query})" for query in dict.fromkeys(queries))
