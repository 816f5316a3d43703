"""Faults on demand, so that anyone's retry code can be tried: answers that are refused, late, lost or cut.

Its one rule: a fault is drawn from one seeded source, in the order in which requests arrive. A client that sends one
request after the other meets the same faults each time; for clients that send at once only the rates are the same.
One draw decides between all kinds that may strike, each of which has its part of [0, 1): so every rate is kept, and
rates of more than 1 together are refused.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from tsmem.errors import InvalidInput
from tsmem.nearest import nearest_names
from tsmem.server.dispatch import ACTIONS, BATCHES, RowFault

PARTIAL = "partial"
"""The kind that strikes rows, not requests."""
KINDS: dict[str, str] = {
    "refuse": "the connection is closed before anything is done",
    "throttle": "refused for now, not done: OTSServerBusy and its like",
    "timeout": "OTSTimeout; done, or not",
    "unavailable": "OTSServerUnavailable or OTSInternalServerError; done, or not",
    "drop": "the connection is cut before the answer, or in the middle of it; done, or not",
    "hang": "no answer until the client goes away; done, or not",
    PARTIAL: "single rows of BatchWriteRow and BatchGetRow fail, each at the rate; done, or not",
}
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
    """A kind of fault, and how often."""

    kind: str
    rate: float
    """From 0 to 1."""
    action: str | None = None
    """The only action that it strikes; None for all."""


class Fault(NamedTuple):
    """What happens to one request."""

    kind: str
    done: bool
    """Whether the request is carried out all the same."""
    error: tuple[str, str] | None
    """Code and message of the answer; None when there is no whole one."""
    part: float
    """From 0 to 1: where the answer is cut."""

    def cut(self, head_bytes: int, body_bytes: int) -> int:
        """How many bytes of an answer are sent: in a third of all cases none, in a third a part of the head."""
        third, part = divmod(self.part * 3, 1)
        if third == 0:
            return 0
        return int(part * head_bytes) if third == 1 else head_bytes + int(part * (body_bytes + 1))


def parse_fault(text: str) -> FaultSpec:
    """A fault from KIND:RATE[:ACTION]. Raises InvalidInput."""
    kind, _, rest = text.partition(":")
    rate_text, colon, action = rest.partition(":")
    _check_known("kind of fault", kind, tuple(KINDS))
    try:
        rate = float(rate_text)
    except ValueError as error:
        raise InvalidInput(f"the rate of '{text}' is not a number", hint=EXAMPLE) from error
    if not 0 <= rate <= 1:
        raise InvalidInput(f"the rate of '{text}' is not between 0 and 1", hint=EXAMPLE)
    if colon:
        _check_known("action", action, ACTIONS)
    if kind == PARTIAL and action and action not in BATCHES:
        raise InvalidInput(
            f"rows fail in batches alone, and {action} is none", hint=f"those are {' and '.join(BATCHES)}"
        )
    return FaultSpec(kind, rate, action or None)


def _check_known(what: str, word: str, known: Sequence[str]) -> None:
    if word in known:
        return
    near = nearest_names(word, known)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)};"
    raise InvalidInput(f"there is no {what} '{word}'", hint=f"{hint} {EXAMPLE}")


def _check_sum(specs: Sequence[FaultSpec], action: str | None) -> None:
    if math.fsum(spec.rate for spec in specs) <= 1:
        return
    *most, last = dict.fromkeys(spec.kind for spec in specs)
    kinds = f"{', '.join(most)} and {last}" if most else last
    of_action = f" for {action}" if any(spec.action for spec in specs) else ""
    raise InvalidInput(
        f"the rates of {kinds}{of_action} are more than 1 together", hint="a request meets one fault at most"
    )


class Faults:
    """Says which requests are struck, and how. Any thread may ask."""

    def __init__(self, specs: Sequence[FaultSpec] = (), seed: int = 0) -> None:
        self._specs = [spec for spec in specs if spec.kind != PARTIAL]
        self._partial = [spec for spec in specs if spec.kind == PARTIAL]
        for kinds in (self._specs, self._partial):
            for action in (None, *ACTIONS):
                _check_sum([spec for spec in kinds if spec.action in (None, action)], action)
        self._random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._lock = threading.Lock()

    def strike(self, action: str) -> Fault | None:
        """What happens to a request."""
        if not self._specs:
            return None
        with self._lock:
            spec = self._drawn([spec for spec in self._specs if spec.action in (None, action)])
            return None if spec is None else self._fault(spec.kind)

    def _drawn(self, specs: Sequence[FaultSpec]) -> FaultSpec | None:
        """At most one of them."""
        draw = self._random.random() if specs else 1.0
        ends = [math.fsum(spec.rate for spec in specs[: at + 1]) for at in range(len(specs))]
        return next((spec for spec, end in zip(specs, ends, strict=True) if draw < end), None)

    def _fault(self, kind: str) -> Fault:
        draw = self._random
        done = kind not in _NEVER_DONE and draw.random() < 0.5
        error = draw.choice(_ERRORS[kind]) if kind in _ERRORS else None
        return Fault(kind, done, error, draw.random())

    def row_fault(self, action: str) -> Callable[[], RowFault | None]:
        """To be asked once for each row of a batch: what happens to it."""
        specs = [spec for spec in self._partial if spec.action in (None, action)]
        if not specs or action not in BATCHES:
            return _no_fault
        return lambda: self._row_fault(specs)

    def _row_fault(self, specs: Sequence[FaultSpec]) -> RowFault | None:
        with self._lock:
            if self._drawn(specs) is None:
                return None
            return self._random.choice((RowFault.REFUSED, RowFault.LOST))


def _no_fault() -> RowFault | None:
    return None
