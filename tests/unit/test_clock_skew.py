"""What is known of the service's clock, from what an answer says of the time."""

from __future__ import annotations

import pytest

from tsmem.adapters.tablestore.transport import clock_skew_s


@pytest.mark.parametrize(
    ("text", "skew_s"),
    [
        ("1970-01-01T00:01:41.000Z", 0.0),
        ("1970-01-01T00:01:51.500000Z", 10.5),
        ("1970-01-01T00:00:00.000Z", -101.0),
        ("1970-01-01T00:01:41Z", None),
        ("soon", None),
        ("", None),
        ("9" * 10_000, None),
    ],
)
def test_the_skew_is_held_against_the_middle_of_the_exchange(text: str, skew_s: float | None) -> None:
    """The answer was made between the question and its coming; what is no time says nothing."""
    assert skew_s == clock_skew_s(text, 100.0, 102.0)
