"""Scores: BM25, with one length for the mean of all texts.

    score(row) = sum over the tests of weight * tf * (K + 1) / (tf + K * (1 - B + B * length / MEAN_LENGTH))
    weight     = ln(1 + (n - df + 0.5) / (df + 0.5))

tf is how often the text has what is looked for, n the number of rows of the index, and df the number of those that the
trigrams propose for the test; half of n where they propose none. So a score is known from the row and the index alone,
and rows are sorted while they are read. The service's own formula is not known.
"""

from __future__ import annotations

import math

K = 1.2
B = 0.75
MEAN_LENGTH = 400
"""Characters."""


def frequency_score(count: int, length: int) -> float:
    """Return the part of a score that one text of so many characters gives."""
    return count * (K + 1) / (count + K * (1 - B + B * length / MEAN_LENGTH)) if count else 0.0


def weight(rows: int, proposed: int) -> float:
    """Return how much a test counts that so many of the rows may pass: the fewer, the more."""
    return math.log(1 + (rows - proposed + 0.5) / (proposed + 0.5))
