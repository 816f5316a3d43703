"""A server whose clock is far from today."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from tests.clocks import ManualClock
from tests.serving import serving
from tests.wire.raw_http import read_reply, request
from tsmem.cli.commands.serve import log_line

LAST_US = 253_402_300_799_999_999
"""The end of the year 9999."""


@pytest.mark.parametrize(
    ("time_us", "date"),
    [
        (250_000_000_000_000_001, "9892-03-08T12:26:40.000001Z"),
        (LAST_US, "9999-12-31T23:59:59.999999Z"),
        (LAST_US + 1, "9999-12-31T23:59:59.999999Z"),
        (2**63 - 1, "9999-12-31T23:59:59.999999Z"),
        (-(2**63), "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_a_reply_has_a_date_whatever_the_clock(time_us: int, date: str) -> None:
    """And so has the log; what no calendar holds is its last or first moment."""
    with serving(None, clock=ManualClock(time_us)) as served:
        address = urlsplit(served.endpoint)
        with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
            connection.sendall(request())
            reply = read_reply(connection)

    assert date == reply.headers["x-ots-date"]
    assert log_line(served.log[0]).startswith(f"{date[:23]}Z ")
