"""Scores: BM25 over the rows that match.

    score(row) = sum over the tests of idf * tf * (K + 1) / (tf + K * (1 - B + B * length / mean length))
    idf        = ln(1 + (n - df + 0.5) / (df + 0.5))

n is the number of rows of the index, df of those among the matches that pass the test, tf how often the text has what
is looked for. Rows that do not match are not read, so df is not that of the whole index: the order among the matches
stays, and nothing is kept for it. The service's own formula is not known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

K = 1.2
B = 0.75


def bm25(frequencies: Sequence[Sequence[int]], lengths: Sequence[int], rows: int) -> list[float]:
    """Return the score of each match. `frequencies` has, for each match, how often each test was passed; `lengths` the
    characters of its texts; `rows` is the size of the index."""
    mean = max(1.0, sum(lengths) / max(1, len(lengths)))
    weights = [
        math.log(1 + (rows - passed + 0.5) / (passed + 0.5))
        for passed in (sum(map(bool, column)) for column in zip(*frequencies, strict=True))
    ]
    return [
        sum(
            weight * count * (K + 1) / (count + K * (1 - B + B * length / mean))
            for weight, count in zip(weights, counts, strict=True)
            if count
        )
        for counts, length in zip(frequencies, lengths, strict=True)
    ]
