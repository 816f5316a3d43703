"""What an action answers, beside its bytes: what the request log and the faults need to know of it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class RowFault(StrEnum):
    """How one row of a batch is made to fail."""

    REFUSED = "refused"
    """Not done: OTSServerBusy."""
    LOST = "lost"
    """Done, and said to have timed out: OTSTimeout."""


class ActionResult(NamedTuple):
    """A reply that is not yet HTTP."""

    body: bytes
    """A protobuf message."""
    table: str = ""
    """The tables of the request, joined by commas."""
    rows: int = 0
    """Rows that were written or are in the answer."""
