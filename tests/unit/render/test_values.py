"""Times, ages, sizes and metadata values for people."""

from __future__ import annotations

import pytest

from tsmem.render.values import elapsed, size


@pytest.mark.parametrize(
    ("length", "shown"),
    [(999_949, "999.9 KB"), (999_950, "1.0 MB"), (999_949_999, "999.9 MB"), (999_950_000, "1.00 GB")],
)
def test_a_size_that_rounds_to_a_thousand_is_shown_in_the_next_unit(length: int, shown: str) -> None:
    assert shown == size(length)


@pytest.mark.parametrize(("seconds", "shown"), [(59.94, "59.9 s"), (59.97, "1 min")])
def test_seconds_that_round_to_sixty_are_shown_as_a_minute(seconds: float, shown: str) -> None:
    assert shown == elapsed(seconds)
