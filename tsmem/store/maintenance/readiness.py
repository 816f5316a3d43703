"""Waits until tables and indexes can be used: the service lists a new table at once, and serves it seconds later.

Nothing is checked after the time is up, and an error that may pass means not ready. The checks of a round share the
time that is left, retries included; each gets at least `_SHORTEST_S` seconds, so the last one may end that much late. A
wait of no time is one round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tsmem.clock import Clock, time_budget
from tsmem.errors import InvalidInput, InvalidReply, TableNotFound, Unavailable
from tsmem.port import TableClient
from tsmem.rows import MAX, MIN, Range, TableRef
from tsmem.store.layout import Layout

if TYPE_CHECKING:
    from tsmem.store.tables import Plan, Step

_PAUSE_S = 1.0
"""Seconds between two rounds."""
_SHORTEST_S, _LONGEST_S = 0.5, 2.0
"""Seconds for one check, retries included."""


def wait(
    client: TableClient,
    clock: Clock,
    layout: Layout,
    plan: Plan,
    timeout_s: float,
    on_wait: Callable[[Sequence[str]], None],
) -> None:
    """Return when everything of the plan that is present can be used. Raises Unavailable when the time is up."""
    deadline_s = clock.monotonic_s() + timeout_s
    waiting = [_Check(client, layout, step) for step in plan.steps if step.state == "present"]
    while True:
        unready: list[_Check] = []
        for place, check in enumerate(waiting):
            left_s = deadline_s - clock.monotonic_s()
            share_s = max(_SHORTEST_S, min(_LONGEST_S, left_s / (len(waiting) - place)))
            if (left_s > 0 or timeout_s == 0) and check.is_ready(share_s):
                continue
            if not unready:  # the checks after the first failed one may take as long
                on_wait([each.name for each in waiting[place:]])
            unready.append(check)
        if not unready:
            return
        waiting = unready
        left_s = deadline_s - clock.monotonic_s() - _SHORTEST_S
        if left_s <= 0:
            raise Unavailable(
                f"not ready after {timeout_s:g} s: {', '.join(check.name for check in waiting)}",
                hint="the same command waits again",
            )
        clock.sleep(min(_PAUSE_S, left_s))


class _Check(NamedTuple):
    """The check whether one thing of a plan can be used."""

    client: TableClient
    layout: Layout
    step: Step

    @property
    def name(self) -> str:
        return f"{self.step.kind} {self.step.name}"

    def is_ready(self, budget_s: float) -> bool:
        with time_budget(budget_s):
            try:
                return self._is_ready()
            except InvalidReply:
                raise
            except (TableNotFound, Unavailable):
                return False

    def _is_ready(self) -> bool:
        table = next(table for table in self.layout.tables if table.schema.name == self.step.table)
        if self.step.kind == "search index":
            return self.client.describe_search_index(table.search.table, table.search.name).in_step
        ref = table.ref
        if self.step.kind == "secondary index":
            key = table.schema.indexes[0].key
            ref = TableRef(self.step.name, key + tuple(name for name in table.ref.key if name not in key))
        span = Range((MIN,) * len(ref.key), (MAX,) * len(ref.key))
        try:
            self.client.get_range(ref, span, limit=1, columns=ref.key[:1])
        except InvalidInput as error:  # the service's error for an index that is being built
            if "building" in error.message:
                return False
            raise
        return True
