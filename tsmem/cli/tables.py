"""`tsmem init-tables` and `tsmem drop-tables`: provisioning, for people and for CI."""

from __future__ import annotations

from typing import Annotated

import typer

from tsmem.cli import options as o
from tsmem.cli.call import Call, call_of
from tsmem.errors import InvalidInput, SchemaMismatch
from tsmem.render.result import Report
from tsmem.store.tables import Plan


def init_tables(
    ctx: typer.Context,
    dry_run: o.DryRun = False,
    check: Annotated[bool, typer.Option("--check", help="Only compare; exit 4 when something differs.")] = False,
    no_search: Annotated[bool, typer.Option("--no-search", help="Leave the search indexes out.")] = False,
) -> Report:
    """Create the tables and indexes that are missing; what exists is left as it is.

    Doing it again changes nothing. Exit 4 when something that exists is not as the profile describes it.
    Example: tsmem init-tables --check -o json
    """
    call = call_of(ctx)
    if dry_run and check:
        raise InvalidInput("--dry-run and --check are two different questions")
    call.say_target("comparing" if dry_run or check else "creating tables in")
    tables = call.store.tables
    plan = tables.plan(search=not no_search) if dry_run or check else tables.apply(search=not no_search)
    return _report(call, plan, check=check)


def drop_tables(ctx: typer.Context, yes: o.Yes = False) -> Report | None:
    """Delete both tables with everything in them, and their indexes.

    Example: tsmem drop-tables --yes
    """
    call = call_of(ctx)
    call.say_target("deleting the tables of")
    if not call.sure(yes, lambda: _question(call)):
        return None
    dropped = call.store.tables.drop(lambda name: call.say(f"deleted {name}"))
    return Report({"dropped": list(dropped)}, ("dropped",), [(name,) for name in dropped])


def _question(call: Call) -> str:
    parts = []
    for table, rows in call.store.tables.count().items():
        parts.append(f"{table} (not there)" if rows is None else f"{table} with {rows:,} row{'' if rows == 1 else 's'}")
    return f"Delete the tables {' and '.join(parts)}?"


def _report(call: Call, plan: Plan, *, check: bool) -> Report:
    steps = [
        {
            "kind": step.kind,
            "name": step.name,
            "table": step.table,
            "state": "created" if step.created else step.state,
            "differences": list(step.differences),
        }
        for step in plan.steps
    ]
    wrong = list(plan.differences)
    if check:
        wrong += [f"{step.kind} {step.name} is missing" for step in plan.missing]
    error = None
    if wrong:
        error = SchemaMismatch(f"{len(wrong)} differences from the profile: {'; '.join(wrong)}")
        error.hint = "tsmem init-tables creates what is missing; what differs is for you to change"
    rows = [(s["kind"], s["name"], s["table"], s["state"], "; ".join(map(str, s["differences"]))) for s in steps]
    document = {"target": call.profile.target, "steps": steps}
    return Report(document, ("kind", "name", "table", "state", "differences"), rows, error)
