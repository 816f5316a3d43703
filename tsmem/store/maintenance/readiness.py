"""Waits until tables and indexes can be used: the service lists a new table at once, and serves it seconds later.

Nothing is checked after the time is up, and an error that may pass means not ready. The checks of a round share the
time that is left, retries included; each gets at least `_SHORTEST_S` seconds, so the last one may end that much late. A
wait of no time is one round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tsmem.clock import Clock, deadline
from tsmem.errors import InvalidInput, InvalidReply, TableNotFound, Unavailable
from tsmem.port import TableClient
from tsmem.rows import TableRef
from tsmem.store.layout import Layout

if TYPE_CHECKING:
    from tsmem.store.tables import Plan, Step

_PAUSE_S = 1.0
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
    waiting = [step for step in plan.steps if step.state == "present"]
    while True:
        unready: list[Step] = []
        for place, step in enumerate(waiting):
            left_s = deadline_s - clock.monotonic_s()
            share_s = max(_SHORTEST_S, min(_LONGEST_S, left_s / (len(waiting) - place)))
            if (left_s > 0 or timeout_s == 0) and _is_ready(client, clock, layout, step, share_s):
                continue
            if not unready:  # the checks after the first failed one may take as long
                on_wait(_names(waiting[place:]))
            unready.append(step)
        if not unready:
            return
        waiting = unready
        left_s = deadline_s - clock.monotonic_s() - _SHORTEST_S
        if left_s <= 0:
            names = ", ".join(_names(waiting))
            raise Unavailable(f"not ready after {timeout_s:g} s: {names}", hint="the same command waits again")
        clock.sleep(min(_PAUSE_S, left_s))


def _names(steps: Sequence[Step]) -> list[str]:
    return [f"{step.kind} {step.name}" for step in steps]


def _is_ready(client: TableClient, clock: Clock, layout: Layout, step: Step, timeout_s: float) -> bool:
    table = next(table for table in layout if table.schema.name == step.table)
    ref = table.ref
    if step.kind == "secondary index":
        key = table.schema.indexes[0].key
        ref = TableRef(step.name, key + tuple(name for name in table.ref.key if name not in key))
    with deadline(clock, clock.monotonic_s() + timeout_s):
        try:
            if step.kind == "search index":
                return client.describe_search_index(step.table, step.name).in_step
            client.get_range(ref, ref.range_of(), limit=1, columns=ref.key[:1])
        except InvalidReply:
            raise
        except (TableNotFound, Unavailable):
            return False
        except InvalidInput as error:
            if "building" not in error.message:  # the service's word for an index that cannot be read yet
                raise
            return False
    return True
