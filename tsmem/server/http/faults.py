"""Injected faults, for trying a client's retries: responses that are refused, late, lost or cut.

All faults are drawn from one seeded source, in the order in which requests arrive, so a client that sends one request
after another meets the same faults each time. One draw decides between all kinds that apply to a request.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from tsmem.errors import InvalidInput
from tsmem.nearest import nearest_names
from tsmem.server.actions import RowFault
from tsmem.server.dispatch import ACTIONS, BATCHES
from tsmem.server.http.log import LogEntry

PARTIAL = "partial"  # applies to rows, not to requests
KINDS = ("refuse", "throttle", "timeout", "unavailable", "drop", "hang", PARTIAL)
EXAMPLE = "a fault is KIND:RATE[:ACTION], for example timeout:0.1:PutRow"

_ERRORS: dict[str, tuple[tuple[str, str], ...]] = {
    "throttle": (
        ("OTSServerBusy", "Server is busy."),
        ("OTSServerBusy", "Server is busy."),
        ("OTSPartitionUnavailable", "The partition is not available."),
        ("OTSNotEnoughCapacityUnit", "Remaining capacity unit is not enough."),
        ("OTSRowOperationConflict", "Data is being modified by the other request."),
    ),
    "timeout": (("OTSTimeout", "Operation timeout."),),
    "unavailable": (
        ("OTSServerUnavailable", "Server is not available."),
        ("OTSInternalServerError", "Internal server error."),
    ),
}
_NEVER_DONE = ("refuse", "throttle")


class FaultSpec(NamedTuple):
    """A kind of fault, and how often it happens."""

    kind: str
    rate: float
    action: str | None = None  # the only one that it applies to; None means all


class Fault(NamedTuple):
    """The fault of one request."""

    kind: str
    done: bool  # the request is carried out all the same
    error: tuple[str, str] | None  # code and message of the response; None if there is no whole response
    part: float  # the place where the response is cut, from 0 to 1

    def cut(self, head_bytes: int, body_bytes: int) -> int:
        """Return how many bytes of a response are sent: none in a third of all cases, part of the head in another."""
        third, part = divmod(self.part * 3, 1)
        if third == 0:
            return 0
        return int(part * head_bytes) if third == 1 else head_bytes + int(part * (body_bytes + 1))


def parse_fault(text: str) -> FaultSpec:
    """Parse KIND:RATE[:ACTION]. Raises InvalidInput."""
    kind, _, rest = text.partition(":")
    rate_text, colon, action = rest.partition(":")
    _check_known("kind of fault", kind, KINDS)
    try:
        rate = float(rate_text)
    except ValueError as error:
        raise InvalidInput(f"the rate of '{text}' is not a number", hint=EXAMPLE) from error
    if not 0 <= rate <= 1:
        raise InvalidInput(f"the rate of '{text}' is not between 0 and 1", hint=EXAMPLE)
    if colon:
        _check_known("action", action, ACTIONS)
    if kind == PARTIAL and action and action not in BATCHES:
        hint = f"those are {' and '.join(BATCHES)}"
        raise InvalidInput(f"`partial` applies only to batches, and {action} is none", hint=hint)
    return FaultSpec(kind, rate, action or None)


def _check_known(what: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        near = nearest_names(word, known)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)};"
        raise InvalidInput(f"there is no {what} '{word}'", hint=f"{hint} {EXAMPLE}")


class Faults:
    """Draws the faults of requests and rows. Any thread may call it."""

    def __init__(self, specs: Sequence[FaultSpec] = (), seed: int = 0) -> None:
        """Raises InvalidInput for rates of more than 1 together."""
        self._specs = [spec for spec in specs if spec.kind != PARTIAL]
        self._partial = [spec for spec in specs if spec.kind == PARTIAL]
        for kinds in (self._specs, self._partial):
            for action in (None, *ACTIONS):
                _check_rates([spec for spec in kinds if spec.action in (None, action)], action)
        self._random = Random(seed)  # noqa: S311 - to be repeatable, not secret
        self._lock = threading.Lock()

    def strike(self, action: str) -> Fault | None:
        """Draw the fault of a request."""
        if not self._specs:
            return None
        with self._lock:
            spec = self._draw([spec for spec in self._specs if spec.action in (None, action)])
            if spec is None:
                return None
            done = spec.kind not in _NEVER_DONE and self._random.random() < 0.5
            error = self._random.choice(_ERRORS[spec.kind]) if spec.kind in _ERRORS else None
            return Fault(spec.kind, done, error, self._random.random())

    def row_fault(self, action: str, entry: LogEntry) -> Callable[[], RowFault | None]:
        """Return a function that draws the fault of one row of a batch, and notes it for the log."""
        specs = [spec for spec in self._partial if spec.action in (None, action)]
        if not specs or action not in BATCHES:
            return lambda: None

        def draw() -> RowFault | None:
            with self._lock:
                if self._draw(specs) is None:
                    return None
                entry.fault = entry.fault or PARTIAL
                return self._random.choice((RowFault.REFUSED, RowFault.LOST))

        return draw

    def _draw(self, specs: Sequence[FaultSpec]) -> FaultSpec | None:
        """Draw at most one of some faults."""
        draw = self._random.random() if specs else 1.0
        for count, spec in enumerate(specs, 1):
            if draw < math.fsum(each.rate for each in specs[:count]):
                return spec
        return None


def _check_rates(specs: Sequence[FaultSpec], action: str | None) -> None:
    if math.fsum(spec.rate for spec in specs) <= 1:
        return
    *most, last = dict.fromkeys(spec.kind for spec in specs)
    kinds = f"{', '.join(most)} and {last}" if most else last
    of_action = f" for {action}" if any(spec.action for spec in specs) else ""
    raise InvalidInput(
        f"the rates of {kinds}{of_action} add up to more than 1",
        hint="a request meets at most one fault, so rates must add up to at most 1",
    )
