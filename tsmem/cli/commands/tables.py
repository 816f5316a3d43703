"""The commands `tsmem init-tables` and `tsmem drop-tables`, which create, compare and delete the tables and indexes."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import CONFLICT, DENIED, UNAVAILABLE, root
from tsmem.cli.app.context import Context
from tsmem.cli.app.shell_words import command_hint
from tsmem.errors import InvalidInput, SchemaMismatch
from tsmem.render.result import Report
from tsmem.store.tables import Plan
from tsmem.words import quantity

MAX_WAIT_S = 86400
_COLUMNS = ("kind", "name", "table", "state", "differences")


@root.command(
    help="""Create missing tables and indexes; existing ones are never changed.

    It is safe to run this command again. The exit code is 4 if something exists but differs from the profile.
    """,
    example="tsmem init-tables --check -o json",
    exit_codes=(CONFLICT, DENIED, UNAVAILABLE),
)
def init_tables(
    context: Context,
    dry_run: o.DryRun = False,
    check: Annotated[bool, o.flag("--check", "Only compare; exit code 4 if something is missing or differs.")] = False,
    no_search: Annotated[bool, o.flag("--no-search", "Do not create search indexes.")] = False,
    wait: Annotated[float | None, o.option("--wait", "S", "Wait up to S seconds until everything is ready.")] = None,
) -> Report:
    o.refuse_both(dry_run, check, "--dry-run or --check")
    compare_only = dry_run or check
    if wait is not None and compare_only:
        raise InvalidInput("--wait cannot be combined with --dry-run or --check, which create nothing")
    if wait is not None and not 0 <= wait <= MAX_WAIT_S:
        raise InvalidInput(f"--wait must be 0 to {MAX_WAIT_S} seconds")
    context.say_target("comparing" if compare_only else "creating tables in")
    tables = context.store.tables
    plan = tables.plan(search=not no_search) if compare_only else tables.apply(search=not no_search)
    if wait is not None:
        say_once = cache(context.say)  # `wait` repeats the same names in each round
        tables.wait(plan, wait, lambda names: say_once(f"waiting for {', '.join(names)}"))
    return _report(context, plan, check=check)


@root.command(
    help="Delete both tables, their data and their indexes.",
    example="tsmem drop-tables --yes",
    exit_codes=(CONFLICT, DENIED, UNAVAILABLE),
)
def drop_tables(context: Context, yes: o.YesDelete = False) -> Report | None:
    def question() -> str:
        tables = [
            f"{table} (not there)" if rows is None else f"{table} with {quantity(rows, 'row')}"
            for table, rows in context.store.tables.count().items()
        ]
        return f"Delete the tables {' and '.join(tables)}?"

    if not context.confirm(yes, question, doing="deleting the tables of"):
        return None
    dropped = context.store.tables.drop(lambda name: context.say(f"deleted {name}"))
    if not dropped:
        context.say("there was nothing to delete")
    if context.format == "table" and context.streams.stdout_is_terminal and context.streams.stderr_is_terminal:
        return None  # the person at the terminal has just read each name
    return Report({"dropped": list(dropped)}, ("dropped",), [(name,) for name in dropped])


def _report(context: Context, plan: Plan, *, check: bool) -> Report:
    missing = [f"{step.full_name} is missing" for step in plan.missing] if check else []
    differences = [*missing, *plan.differences]
    error = None
    if differences:
        sentence = f"{quantity(len(differences), 'difference')} from the profile: {'; '.join(differences)}"
        error = SchemaMismatch(sentence, hint="tsmem never alters existing tables; change this by hand")
        if missing:
            command = command_hint(context, "init-tables")
            error.hint = f"{command} creates what is missing; what differs must be changed by hand"
    steps = [(s.kind, s.name, s.table, "created" if s.created else s.state, s.differences) for s in plan.steps]
    document = {"target": context.profile.target, "steps": [dict(zip(_COLUMNS, s, strict=True)) for s in steps]}
    return Report(document, _COLUMNS, [(*step, "; ".join(texts)) for *step, texts in steps], error)
