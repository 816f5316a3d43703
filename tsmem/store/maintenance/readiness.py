"""Waiting until tables and indexes can be used: a new table is listed at once, and answers seconds later.

Its one rule: the wait is over when its time is, and nothing is asked behind that. What is refused for now is not ready.
Questions of a round share the time that is left, each with whatever is repeated beneath it, and at least `_SHORTEST_S`:
by that the last one may be late, and for less than that no further round is begun. A wait of no time is one round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from tsmem.clock import Clock, time_budget
from tsmem.errors import InvalidInput, InvalidReply, TableNotFound, Unavailable
from tsmem.port import SearchIndexSchema, TableClient
from tsmem.rows import MAX, MIN, Range, TableRef
from tsmem.store.layout import Layout

if TYPE_CHECKING:
    from tsmem.store.tables import Plan

_Question = tuple[str, Callable[[], bool]]
"""A name, and how to ask whether what has it is ready."""
_PAUSE_S = 1.0
"""Between two questions whether something is ready."""
_SHORTEST_S, _LONGEST_S = 0.5, 2.0
"""For one question, with what is repeated beneath it."""


def wait(
    client: TableClient,
    clock: Clock,
    layout: Layout,
    plan: Plan,
    timeout_s: float,
    on_wait: Callable[[Sequence[str]], None],
) -> None:
    """Return when everything of the plan that is present can be used. Raises Unavailable when the time is up."""
    deadline = clock.monotonic_s() + timeout_s
    waiting = _questions(client, layout, plan)
    while waiting := _round(waiting, clock, None if timeout_s == 0 else deadline, on_wait):
        left = deadline - clock.monotonic_s() - _SHORTEST_S
        if left <= 0:
            raise Unavailable(
                f"not ready after {timeout_s:g} s: {', '.join(name for name, _ in waiting)}",
                hint="the same command waits again",
            )
        clock.sleep(min(_PAUSE_S, left))


def _round(
    waiting: Sequence[_Question], clock: Clock, deadline: float | None, on_wait: Callable[[Sequence[str]], None]
) -> list[_Question]:
    """Ask of each whether it is ready; None: shortly of each. Returns those of which nobody said so."""
    still: list[_Question] = []
    for place, (name, is_ready) in enumerate(waiting):
        left = 0.0 if deadline is None else deadline - clock.monotonic_s()
        share = max(_SHORTEST_S, min(_LONGEST_S, left / (len(waiting) - place)))
        if (deadline is not None and left <= 0) or not _ask(is_ready, share):
            if not still:  # what follows may take as long as this one
                on_wait([name for name, _ in waiting[place:]])
            still.append((name, is_ready))
    return still


def _ask(is_ready: Callable[[], bool], seconds: float) -> bool:
    with time_budget(seconds):
        try:
            return is_ready()
        except InvalidReply:
            raise
        except (TableNotFound, Unavailable):
            return False


def _questions(client: TableClient, layout: Layout, plan: Plan) -> list[_Question]:
    """What to wait for."""
    questions: list[_Question] = []
    tables = {table.schema.name: table for table in layout.tables}
    for step in plan.steps:
        if step.state != "present":
            continue
        table = tables[step.table]
        if step.kind == "search index":
            is_ready = partial(_is_in_step, client, table.search)
        elif step.kind == "table":
            is_ready = partial(_answers, client, table.ref)
        else:
            key = table.schema.indexes[0].key
            missing = tuple(name for name in table.ref.key if name not in key)
            is_ready = partial(_answers, client, TableRef(step.name, key + missing))
        questions.append((f"{step.kind} {step.name}", is_ready))
    return questions


def _answers(client: TableClient, ref: TableRef) -> bool:
    """Whether a table or secondary index can be read: an index cannot while it is built, which the service calls an
    invalid parameter."""
    span = Range((MIN,) * len(ref.key), (MAX,) * len(ref.key))
    try:
        client.get_range(ref, span, limit=1, columns=ref.key[:1])
    except InvalidInput as error:
        if "building" in error.message:
            return False
        raise
    return True


def _is_in_step(client: TableClient, wanted: SearchIndexSchema) -> bool:
    return client.describe_search_index(wanted.table, wanted.name).in_step
