"""Scores: BM25 with a fixed mean length.

    score(row) = sum over the tests of weight * tf * (K + 1) / (tf + K * (1 - B + B * length / MEAN_LENGTH))
    weight     = ln(1 + (n - df + 0.5) / (df + 0.5))

tf is how often the text has what is looked for, n the number of rows of the index, and df the number of those that the
trigrams propose for the test; half of n where they propose none. So no text is read
before the first row is scored. The service's own formula is not known.
"""

from __future__ import annotations

import math

K = 1.2
B = 0.75
MEAN_LENGTH = 400
"""Characters."""


def frequency_score(count: int, length: int) -> float:
    """Return the score, without a weight, of a text of `length` characters that passes a test `count` times."""
    return count * (K + 1) / (count + K * (1 - B + B * length / MEAN_LENGTH))


def weight(rows: int, proposed: int) -> float:
    """Return the weight of a test for which `proposed` of `rows` are candidates."""
    return math.log(1 + (rows - proposed + 0.5) / (proposed + 0.5))
