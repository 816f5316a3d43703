"""The actions of TableStore: what each request asks of the engine, and how its response is filled in.

`dispatch` calls one function an action, with an `ActionContext`, the request message, and an empty response message to
fill in. Where its action is about rows, it returns how many were written or are in the response. Errors are TsmemError,
with the service's code where it has one.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from tsmem.clock import Clock
from tsmem.engine import Engine


class RowFault(Enum):
    """An injected failure of one row of a batch, with the code and message of its error."""

    REFUSED = ("OTSServerBusy", "Server is busy.")  # the row is not carried out
    LOST = ("OTSTimeout", "Operation timeout.")  # the row is carried out


class ActionContext(NamedTuple):
    engine: Engine
    clock: Clock
    row_fault: Callable[[], RowFault | None]  # draws the fault of the next row of a batch
