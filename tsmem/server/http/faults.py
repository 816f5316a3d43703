"""Injected faults, with which a client's retries can be tested: errors, lost or cut responses, and failed rows.

All draws come from one seeded source, so a client that sends its requests one after another meets the same faults each
time. One draw for each request decides between no fault and the kinds that apply to it, except `partial`. Each row of
a batch has a draw of its own for `partial`, so a request with a fault can have failed rows, too.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from tsmem.errors import InvalidInput
from tsmem.server.actions import RowFault
from tsmem.server.dispatch import ACTIONS, BATCHES
from tsmem.words import did_you_mean

PARTIAL = "partial"  # the one kind that rows of batches meet, and not requests
KINDS = ("refuse", "throttle", "timeout", "unavailable", "drop", "hang", PARTIAL)
EXAMPLE = "a fault is KIND:RATE[:ACTION], for example timeout:0.1:PutRow"

_ERRORS: dict[str, tuple[tuple[str, str], ...]] = {
    "throttle": (
        ("OTSServerBusy", "Server is busy."),
        ("OTSServerBusy", "Server is busy."),  # twice, because services throttle with it most often
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
_NEVER_CARRIED_OUT = ("refuse", "throttle")


class FaultSpec(NamedTuple):
    kind: str
    rate: float  # probability that a request, or a row for `partial`, meets the fault
    action: str | None = None  # the only action that it applies to; None for all actions


class Fault(NamedTuple):
    kind: str
    is_carried_out: bool  # True if the request is carried out before it fails
    error: tuple[str, str] | None  # code and message of the response; None for `drop` and `hang`, which send none
    cut_draw: float  # a random number from 0 to 1, which decides where a `drop` cuts the response

    def sent_bytes(self, head_bytes: int, body_bytes: int) -> int:
        """Return how many bytes of a cut response are sent: with equal probability nothing, a part of the head, or the
        head and up to the whole body."""
        third, part = divmod(self.cut_draw * 3, 1)
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
        raise InvalidInput(f"`partial` applies only to {' and '.join(BATCHES)}, not to {action}", hint=EXAMPLE)
    return FaultSpec(kind, rate, action or None)


def _check_known(what: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        hint = f"known: {', '.join(known)}; {EXAMPLE}"
        raise InvalidInput(f"there is no {what} '{word}'{did_you_mean(word, known)}", hint=hint)


class Faults:
    """Any thread may call it."""

    def __init__(self, specs: Sequence[FaultSpec] = (), seed: int = 0) -> None:
        """Raises InvalidInput if the rates of the faults that one action can meet add up to more than 1."""
        self._request_specs = [spec for spec in specs if spec.kind != PARTIAL]
        self._row_specs = [spec for spec in specs if spec.kind == PARTIAL]
        for applicable in (self._request_specs, self._row_specs):
            for action in (None, *ACTIONS):
                _check_rates([spec for spec in applicable if spec.action in (None, action)], action)
        self._random = Random(seed)  # noqa: S311 - faults must be repeatable, not secret
        self._lock = threading.Lock()

    def draw_fault(self, action: str) -> Fault | None:
        with self._lock:
            spec = self._draw_spec(self._request_specs, action)
            if spec is None:
                return None
            is_carried_out = spec.kind not in _NEVER_CARRIED_OUT and self._random.random() < 0.5
            error = self._random.choice(_ERRORS[spec.kind]) if spec.kind in _ERRORS else None
            return Fault(spec.kind, is_carried_out, error, self._random.random())

    def draw_row_fault(self, action: str) -> RowFault | None:
        if not self._row_specs or action not in BATCHES:
            return None
        with self._lock:
            is_hit = self._draw_spec(self._row_specs, action) is not None
            return self._random.choice((RowFault.REFUSED, RowFault.LOST)) if is_hit else None

    def _draw_spec(self, specs: Sequence[FaultSpec], action: str) -> FaultSpec | None:
        applicable = [spec for spec in specs if spec.action in (None, action)]
        if not applicable:
            return None
        rates = [spec.rate for spec in applicable]
        return self._random.choices([*applicable, None], [*rates, max(0.0, 1 - math.fsum(rates))])[0]


def _check_rates(specs: Sequence[FaultSpec], action: str | None) -> None:
    if math.fsum(spec.rate for spec in specs) <= 1:
        return
    *most, last = dict.fromkeys(spec.kind for spec in specs)
    kinds = f"{', '.join(most)} and {last}" if most else last
    of_action = f" for {action}" if any(spec.action for spec in specs) else ""
    raise InvalidInput(
        f"the rates of {kinds}{of_action} add up to more than 1",
        hint="a request, or a row for `partial`, meets at most one fault, so rates must add up to at most 1",
    )
