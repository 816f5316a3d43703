"""The actions of TableStore: what each request asks of the engine, and how its response is filled in.

One function an action, in one module a group of actions. `dispatch` alone calls them: it passes an `ActionContext`, the
request message, and an empty response message to fill in, and encodes that. A function returns the number of rows that
were written or are in the response, for the log, where its action is about rows. Errors are raised as TsmemError, with
the service's code where it has one. Codecs are in `wire`; what a table, a row or an index means is the engine's.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from tsmem.clock import Clock
from tsmem.engine import Engine

if TYPE_CHECKING:
    from tsmem.server.actions.search_actions import ScanSessions


class RowFault(Enum):
    """An injected failure of one row of a batch, with the code and message of its error."""

    REFUSED = ("OTSServerBusy", "Server is busy.")
    """The row is not carried out."""
    LOST = ("OTSTimeout", "Operation timeout.")
    """The row is carried out."""


class ActionContext(NamedTuple):
    """The resources of an action."""

    engine: Engine
    clock: Clock
    scans: ScanSessions
    row_fault: Callable[[], RowFault | None]
    """Draws the fault of the next row of a batch."""
