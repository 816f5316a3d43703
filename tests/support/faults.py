"""A TableClient that wraps another and fails on request: before the call is made, or after it, as if the reply was
lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tsmem import adapters
from tsmem.errors import TsmemError
from tsmem.limits import MAX_ROWS_PER_WRITE
from tsmem.port import RowOutcome, TableClient
from tsmem.rows import Write


@dataclass
class Fault:
    operation: str
    error: TsmemError
    call: int = 1
    """The number of the call of `operation` that fails, counted from 1."""
    done: bool = False


class FaultyClient:
    """Passes calls on to the wrapped client, records them, and fails where a Fault says."""

    def __init__(self, client: TableClient, *faults: Fault) -> None:
        self._client = client
        self._faults = faults
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.before: dict[str, Callable[[], None]] = {}
        """Functions by method name. Each runs once, before the next call of the method, to act as another client."""
        self.meter = client.meter
        self.limiter = client.limiter
        self.rows_per_write = MAX_ROWS_PER_WRITE

    def expect(self, *faults: Fault) -> None:
        """Clear the recorded calls, and replace the faults by these."""
        self._faults = faults
        self.calls.clear()

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            meanwhile = self.before.pop(name, None)
            if meanwhile is not None:
                meanwhile()
            self.calls.append((name, args))
            fault = self._due(name)
            if fault is not None and not fault.done:
                raise fault.error
            result = method(*args, **kwargs)
            if fault is not None:
                raise fault.error
            return result

        return call

    def _due(self, name: str) -> Fault | None:
        count = self.names().count(name)
        return next((f for f in self._faults if f.operation == name and f.call == count), None)


class RefusingClient(FaultyClient):
    """Refuses some rows of batches, each with its own error, and writes the others."""

    def __init__(self, client: TableClient, refused: dict[str, TsmemError]) -> None:
        super().__init__(client)
        self._refused = dict(refused)
        """Errors by the last value of a row's key."""
        self.always = False
        """True if the rows are refused every time, not only once."""

    def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
        self.calls.append(("write_rows", (writes,)))
        take = self._refused.get if self.always else self._refused.pop
        refused = {place: take(str(w.key[-1]), None) for place, w in enumerate(writes)}
        rest = [write for place, write in enumerate(writes) if refused[place] is None]
        outcomes = iter(self._client.write_rows(rest) if rest else [])
        return [next(outcomes) if refused[place] is None else refused[place] for place in range(len(writes))]


@contextmanager
def every_client(wrap: Callable[[TableClient], TableClient]) -> Iterator[None]:
    """Wrap every client that is opened while the block runs."""
    opened = adapters.open_client
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapters, "open_client", lambda *args: wrap(opened(*args)))
        yield
