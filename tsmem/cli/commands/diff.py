"""The command `tsmem diff`: compare two conversations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context
from tsmem.cli.app.shell_words import command_hint
from tsmem.cli.io.feedback import nearest_session, read_session
from tsmem.errors import Conflict, NotFound
from tsmem.render.result import Differences, Report
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.store.differences import ConversationDifferences, ValueDifference
    from tsmem.store.model import Message, Session

_COLUMNS = ("change", "role", "first_id", "second_id", "what", "first", "second")


@root.command(
    help="""Compare two conversations, and show what differs.

    Messages are aligned, and those that are equal are left out: they have the same role, content, tool calls and
    metadata. Ids and times are not compared. Tool calls are compared argument by argument. The exit code is 4 if the
    conversations differ.
    """,
    example="tsmem diff trip-7 trip-8",
)
def diff(
    context: Context,
    first: Annotated[str, o.argument("FIRST", "The id of a session.", o.complete_session)],
    second: Annotated[str, o.argument("SECOND", "The id of the session to compare it with.", o.complete_session)],
    user: Annotated[
        str | None, o.option("--user", "USER", "The sessions' user. By default it is looked up.", o.complete_user)
    ] = None,
    full: o.Full = False,
) -> Report:
    from tsmem.store.differences import compare_conversations

    our_session, ours = read_session(context, first, lambda whole: _read(context, whole, user), user)
    their_session, theirs = read_session(context, second, lambda whole: _read(context, whole, user), user)
    comparison = compare_conversations(ours, theirs, (our_session, their_session))
    shown = Differences((ours[0].session_id, theirs[0].session_id), comparison, full)
    document = {"sessions": list(shown.session_ids), **_document(comparison)}
    return Report(document, _COLUMNS, list(_rows(comparison)), _error(comparison), (shown,), is_read=True)


def _read(context: Context, session_id: str, user: str | None) -> tuple[Session | None, Sequence[Message]]:
    """Raises NotFound for a session without messages."""
    store = context.store
    lookup = None if user is not None else store.sessions.start_lookup(session_id)
    found = None if user is None else store.sessions.get(user, session_id)
    messages = list(store.messages.iterate(session_id))
    if lookup is not None:
        found = next(iter(lookup.result()), None)
    if not messages:
        near = nearest_session(store, session_id).removeprefix("; ")
        hint = near or f"{command_hint(context, 'session', 'list')} shows what there is"
        raise NotFound(f"session '{session_id}' has no messages", hint=hint)
    return found, messages


def _error(comparison: ConversationDifferences) -> Conflict | None:
    found = comparison.differences
    changed = sum(1 for each in found if each.first is not None and each.second is not None)
    counts = {
        "changed": changed,
        "only in the first": sum(1 for each in found if each.second is None),
        "only in the second": sum(1 for each in found if each.first is None),
    }
    parts = [f"{quantity(count, 'message')} {name}" for name, count in counts.items() if count]
    if comparison.metadata:
        parts.append(f"{quantity(len(comparison.metadata), 'metadata value')} of the sessions changed")
    return Conflict(f"the conversations differ: {', '.join(parts)}") if parts else None


def _document(comparison: ConversationDifferences) -> dict[str, Any]:
    from tsmem.store.documents import item_document

    def message(value: Message | None) -> Mapping[str, Any] | None:
        return None if value is None else item_document(value)

    return {
        "equal": comparison.equal,
        "metadata": list(map(_value_document, comparison.metadata)),
        "messages": [
            {
                "first": message(each.first),
                "second": message(each.second),
                "metadata": list(map(_value_document, each.metadata)),
                "calls": [
                    {"tool": call.tool, "arguments": list(map(_value_document, call.arguments))} for call in each.calls
                ],
            }
            for each in comparison.differences
        ],
    }


def _value_document(difference: ValueDifference) -> dict[str, Any]:
    """Return the values by side; a side without the value has no key."""
    sides = {"first": difference.first, "second": difference.second}
    return {"name": difference.name} | {side: json.loads(text) for side, text in sides.items() if text is not None}


def _rows(comparison: ConversationDifferences) -> Iterator[tuple[object, ...]]:
    for name, first, second in comparison.metadata:
        yield "session", None, None, None, f"metadata.{name}", first, second
    for each in comparison.differences:
        change = "removed" if each.second is None else "added" if each.first is None else "changed"
        either = each.first or each.second
        role = None if either is None else either.role
        ids = [None if message is None else message.message_id for message in (each.first, each.second)]
        contents = [None if message is None else message.content for message in (each.first, each.second)]
        if change != "changed" or contents[0] != contents[1]:
            yield change, role, *ids, "content", *contents
        yield from ((change, role, *ids, f"metadata.{name}", *sides) for name, *sides in each.metadata)
        for call in each.calls:
            yield from ((change, role, *ids, f"{call.tool}.{name}", *sides) for name, *sides in call.arguments)
