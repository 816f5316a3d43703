"""The command `tsmem fields`: which columns sessions and messages have, to filter or count by them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context
from tsmem.cli.io.feedback import account, say_why_nothing
from tsmem.render.result import Moment, Noun, Report, Section, Values
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.store.maintenance.fields import FieldSummary, StoreFields, TableFields

_COLUMNS = ("noun", "name", "kind", "rows", "of", "types", "examples")


@root.command(
    help="""List the fields and metadata keys that sessions and messages have.

    Each has its types, the number of rows that have it, and its most frequent values among the first 100 different
    ones; long ones are cut. Every row is read once. stats --by counts all values of a field.
    """,
    example="tsmem fields --user ada",
)
def fields(
    context: Context,
    user: o.UserOption = None,
    session: o.SessionScope = None,
    progress: o.Progress = False,
) -> Report:
    o.refuse_both(user is not None, session is not None, "--user or --session")
    with account(context, "read", asked=progress):
        found = context.store.fields(user_id=user, session_id=session, result=context.result)
    say_why_nothing(context, user, session)
    tables: list[tuple[Noun, TableFields]] = [("session", found.sessions), ("message", found.messages)]
    for noun, table in tables:
        if table.other_values:
            values = quantity(table.other_values, "value")
            context.say(f"only {len(table.fields):,} columns of {noun}s are listed; others have {values}")
    parts = [_section(noun, table) for noun, table in tables if table.rows]
    document = {"user_id": user, "session_id": session, **_document(found)}
    return Report(document, _COLUMNS, list(_rows(tables)), parts=parts, is_read=True)


def _document(found: StoreFields) -> dict[str, object]:
    return {
        name: {
            "rows": table.rows,
            "fields": [
                {
                    "name": each.name,
                    "kind": each.kind,
                    "rows": each.rows,
                    "types": each.types,
                    "examples": _examples(each),
                }
                for each in table.fields
            ],
            "other_values": table.other_values,
        }
        for name, table in found._asdict().items()
    }


def _examples(summary: FieldSummary) -> list[dict[str, object]]:
    return [example._asdict() for example in summary.examples]


def _rows(tables: list[tuple[Noun, TableFields]]) -> Iterator[tuple[object, ...]]:
    for noun, table in tables:
        for each in table.fields:
            yield noun, each.name, each.kind, each.rows, table.rows, each.types, _examples(each)


def _section(noun: Noun, table: TableFields) -> Section:
    rows = []
    for each in table.fields:
        values = [example.value for example in each.examples]
        is_time = each.kind != "metadata" and each.name in ("update_time", "create_time")
        examples = [Moment(value) if is_time and type(value) is int else value for value in values]
        rows.append((each.name, each.kind, ", ".join(each.types), each.rows, Values(examples)))
    columns = ("name", "kind", "type", "rows", "examples")
    return Section(quantity(table.rows, noun), columns, rows, one_line=True)
