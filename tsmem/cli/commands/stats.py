"""The command `tsmem stats`: count what the store holds, and lay the numbers out for each output format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context
from tsmem.cli.io.feedback import account, say_why_nothing
from tsmem.render.result import Facts, Moment, Part, Plot, Report, Section, Size
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.store.maintenance.statistics import Statistics

_TOTALS = ("sessions", "users", "messages", "bytes", "first_time", "last_time")


@root.command(
    help="""Count sessions, messages (by role and day) and bytes.

    Also list the biggest sessions, and single values of 1.6 MB or more (a value can have up to 2 MB). Every row is read
    once. Days are UTC. If other users have a session with the same id, --user counts all messages of that id.
    """,
    example="tsmem stats --user ada",
)
def stats(
    context: Context,
    user: o.UserOption = None,
    session: o.SessionScope = None,
    progress: o.Progress = False,
) -> Report:
    o.refuse_both(user is not None, session is not None, "--user or --session")
    with account(context, "counted", asked=progress):
        found = context.store.statistics(user_id=user, session_id=session, result=context.result)
    say_why_nothing(context, user, session)
    document = {"user_id": user, "session_id": session, **_document(found)}
    return Report(document, ("measure", "of", "value"), list(_rows(found)), parts=list(_table_parts(found)))


def _document(found: Statistics) -> dict[str, object]:
    """Return the statistics for JSON. Roles and session ids can be any text, so they are values and never keys."""
    return {
        **{name: getattr(found, name) for name in _TOTALS},
        "roles": [{"role": role, "messages": count} for role, count in found.roles.items()],
        "other_roles": found.other_roles,
        "days": [{"day": day.isoformat(), "messages": count} for day, count in found.days.items()],
        "undated": found.undated,
        "biggest_sessions": [session._asdict() for session in found.biggest],
        "near_limit": found.near_limit,
        "cells": [{**cell._asdict(), "key": list(cell.key)} for cell in found.cells],
    }


def _rows(found: Statistics) -> Iterator[tuple[str, object, object]]:
    for name in _TOTALS:
        yield name, None, getattr(found, name)
    yield from (("role", role, count) for role, count in found.roles.items())
    yield "other_roles", None, found.other_roles
    yield from (("day", day.isoformat(), count) for day, count in found.days.items())
    yield "undated", None, found.undated
    for session in found.biggest:
        yield "session_messages", session.session_id, session.messages
        yield "session_bytes", session.session_id, session.bytes
    yield "near_limit", None, found.near_limit
    yield from (("cell_bytes", [cell.kind, *cell.key, cell.column], cell.bytes) for cell in found.cells)


def _table_parts(found: Statistics) -> Iterator[Part]:
    first, last = (None if time is None else Moment(time) for time in (found.first_time, found.last_time))
    yield Facts(
        [
            ("sessions", found.sessions),
            ("users", found.users),
            ("messages", found.messages),
            ("bytes", Size(found.bytes)),
            ("first", first),
            ("last", last),
            ("near 2 MB", quantity(found.near_limit, "cell")),
        ]
    )
    roles = [*found.roles.items(), *([("(others)", found.other_roles)] if found.other_roles else [])]
    if roles:
        yield Section("roles", ("role", "messages"), roles)
    if found.days:
        yield Plot("messages a day (UTC)", list(found.days.items()))
    if found.biggest:
        rows = [(s.session_id, s.messages, Size(s.bytes), Moment(s.last_time)) for s in found.biggest]
        yield Section("biggest sessions", ("session_id", "messages", "bytes", "last"), rows)
    if found.cells:
        cells = [("/".join(map(str, c.key)), c.column, Size(c.bytes)) for c in found.cells]
        yield Section("cells of 80 % of 2 MB or more", ("key", "column", "bytes"), cells)
