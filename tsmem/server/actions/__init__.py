"""The actions of TableStore: what each request asks of the engine, and how its response is filled in.

`dispatch` calls the function of an action with an `ActionContext`, the request message, and an empty response message
to fill in. The function returns the number of rows, tables or indexes that it wrote or returned, if there are any to
count. It raises TsmemError, with a code of the service unless the failure is the server's own.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from tsmem.clock import Clock
from tsmem.engine import Engine


class RowFault(Enum):
    """An injected failure of one row of a batch, with the code and message of its error."""

    REFUSED = ("OTSServerBusy", "Server is busy.")  # the write is not carried out
    LOST = ("OTSTimeout", "Operation timeout.")  # the write is carried out all the same


class ActionContext(NamedTuple):
    engine: Engine
    clock: Clock
    draw_row_fault: Callable[[], RowFault | None]  # draws the injected fault of the next row of a batch
