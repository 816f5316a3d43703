"""The command `tsmem stats`: count what the store holds, and lay the numbers out for each output format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import field_names, root
from tsmem.cli.app.context import Context
from tsmem.cli.commands import items
from tsmem.cli.io.feedback import AskedListing, account, say_why_nothing, why_empty
from tsmem.errors import InvalidInput
from tsmem.render.result import Facts, Moment, Part, Plot, Report, Section, Size, Values
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.store.maintenance.groups import GroupedCounts
    from tsmem.store.maintenance.statistics import Statistics

_TOTALS = ("sessions", "users", "messages", "bytes", "first_time", "last_time")
_COUNTS = ("sessions", "messages")
_COUNTED_BY = o.suggest_words("role", "day", "user_id", "session_id")


@root.command(
    help="""Count sessions, messages (by role and day) and bytes, or rows by the values of fields.

    Also list the biggest sessions, and single values of 1.6 MB or more (a value can have up to 2 MB). --by counts by
    role, day, user_id, session_id or any metadata key instead (tsmem fields lists them), most frequent first. Every row
    is read once. Days are UTC. If other users have a session with the same id, --user counts all messages of that id.
    """,
    example="tsmem stats --by name --errors --since 7d",
)
def stats(
    context: Context,
    user: o.UserOption = None,
    session: o.SessionScope = None,
    by: Annotated[
        str | None,
        o.option("--by", "FIELD,...", "Count by these fields, e.g. role,day or metadata.topic.", _COUNTED_BY),
    ] = None,
    since: o.Since = None,
    until: o.Until = None,
    errors: Annotated[bool, o.flag("--errors", "With --by: only tool messages that report an error.")] = False,
    progress: o.Progress = False,
) -> Report:
    o.refuse_both(user is not None, session is not None, "--user or --session")
    if errors and by is None:
        raise InvalidInput("--errors needs --by, as in --by name --errors")
    scope: dict[str, Any] = {"user_id": user, "session_id": session}
    options = {**scope, **items.time_options(context, since, until), "result": context.result}
    asked = AskedListing("message", session, user=user, since=since, until=until, errors=errors or None)
    with account(context, "counted", asked=progress):
        if by is not None:
            fields = field_names(by)
            groups = _count_by(context, fields, failed=errors, **options)
        else:
            found = context.store.statistics(**options)
    if not asked.conditions:
        say_why_nothing(context, user, session)
    elif not context.result.done:
        context.say(why_empty(context, asked))
    if by is not None:
        if context.result.done:
            _say_what_is_left_out(context, groups, asked)
        return _report_by(scope, fields, groups)
    document = {**scope, **_document(found)}
    return Report(document, ("measure", "of", "value"), list(_rows(found)), parts=list(_table_parts(found)))


def _count_by(context: Context, fields: tuple[str, ...], **options: Any) -> GroupedCounts:
    try:
        return context.store.count_by(fields, **options)
    except InvalidInput as error:
        raise InvalidInput(f"--by: {error.message}", hint=error.hint) from error


def _say_what_is_left_out(context: Context, groups: GroupedCounts, asked: AskedListing) -> None:
    for name, near in groups.unknown:
        question = "" if near is None else f"; did you mean '{near}'?"
        context.say(f"no session and no message has the field '{name}'{question}")
    others = {"session": groups.other_sessions, "message": groups.other_messages}
    counted = " and ".join(quantity(count, noun) for noun, count in others.items() if count)
    if counted:
        context.say(f"{counted} not shown: a value is long, or there are too many different ones")
    elif not groups.groups and not groups.unknown:
        if groups.has_messages:
            context.say(why_empty(context, asked))
        else:
            context.say("no session and no message has all of these fields")


def _report_by(scope: dict[str, Any], fields: tuple[str, ...], found: GroupedCounts) -> Report:
    from tsmem.store.documents import value_document

    counts = [name for name, has in zip(_COUNTS, (found.has_sessions, found.has_messages), strict=True) if has]
    titles = [f"metadata.{field}" if field in _COUNTS else field for field in fields]
    rows = [
        (
            *(None if value is None else value_document(value) for value in group.values),
            *(getattr(group, name) if name in counts else None for name in _COUNTS),
        )
        for group in found.groups
    ]
    document = {
        **scope,
        "by": list(fields),
        "groups": [
            {"values": values, "sessions": sessions, "messages": messages} for *values, sessions, messages in rows
        ],
        "others": {"sessions": found.other_sessions, "messages": found.other_messages},
    }
    cells = [
        (*(None if v is None else Values((v,)) for v in group.values), *(getattr(group, name) for name in counts))
        for group in found.groups
    ]
    table = Section("", (*titles, *counts), cells)
    return Report(document, (*titles, *_COUNTS), rows, parts=[table] if cells else [], is_read=True)


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
