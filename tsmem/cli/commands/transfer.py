"""The commands `export`, `import` and `copy`: memory into a file, out of a file, and from one profile to another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from itertools import islice
from typing import TYPE_CHECKING, Annotated

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import OPENS_STORE, PARTLY_DONE, root
from tsmem.cli.app.context import Context
from tsmem.cli.app.shell_words import command_hint
from tsmem.cli.io.feedback import account, counted, counts, draws, say_why_nothing
from tsmem.errors import Conflict, InvalidInput, TableNotFound
from tsmem.render.documents import join_lines
from tsmem.render.result import Document, Report
from tsmem.store.bulk.bulk import ImportedItem, LoadOptions
from tsmem.store.bulk.comparing import Difference, compare
from tsmem.store.model import OnConflict
from tsmem.transfer.files.descriptors import names_stdin, names_stdout
from tsmem.transfer.files.outputs import ForbiddenFiles, Output
from tsmem.transfer.formats import FORMATS
from tsmem.transfer.formats.tsmem import export_lines
from tsmem.transfer.importing import Import, ImportOptions, create_tables
from tsmem.transfer.input.input_bytes import Input, open_input
from tsmem.transfer.shared_ids import SharedIds
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.profiles import Profile

MAX_DIFFERENCES = 10_000
"""Differences that `copy --check` names. It counts the rest."""


@root.command(
    help="""Write sessions and messages to a file of JSON lines.

    A file is written whole or not at all. Messages belong to a session id, not to a user: if other users have a session
    with the same id, --user writes all messages of that id.
    """,
    example="tsmem export memory.jsonl.gz --user ada",
    formats=("table", "jsonl"),
)
def export(
    context: Context,
    file: Annotated[
        str,
        o.argument(
            "[FILE]",
            "File to write, compressed if its name ends in .gz; - or omitted: standard output.",
            o.complete_file,
        ),
    ] = "-",
    user: o.UserOption = None,
    session: o.SessionScope = None,
    progress: o.Progress = False,
) -> Document | None:
    o.refuse_both(user is not None, session is not None, "--user or --session")
    if names_stdout(file):
        with suppress(OSError, ValueError):  # a stream without a descriptor
            descriptor = context.streams.stdout.fileno()
            ForbiddenFiles(context.protected_files()).check_descriptor("standard output", descriptor)
        return Document(join_lines(_to_stdout(context, user, session, asked=progress)))
    with Output(context, file) as output:
        lines = export_lines(context.store.bulk.items(user_id=user, session_id=session), context.result)
        with account(context, "exported", f" to {file}", asked=progress):
            output.write_whole(lines)
    if not (progress or draws(context)):
        context.say(f"exported {counted(context.result)} to {file}")
    say_why_nothing(context, user, session)
    return None


def _to_stdout(context: Context, user: str | None, session: str | None, *, asked: bool) -> Iterator[bytes]:
    """Yield the lines of an export, the first two together: if the store cannot be read, not even the header is
    written."""
    lines = export_lines(context.store.bulk.items(user_id=user, session_id=session), context.result)
    with account(context, "exported", asked=asked, quiet=context.streams.stdout_is_terminal):
        yield b"".join(islice(lines, 2))
        yield from lines
    say_why_nothing(context, user, session)


@root.command(
    help="""Read sessions and messages from a file into the store.

    A file is checked completely before the first row is written. Importing it again adds no rows. With --rejects
    FILE, rows that cannot be read or written are saved to FILE, which can be mended and imported later; all other rows
    are imported. If the store is a new local file, import creates its tables. A warning lists session ids that other
    users have too: users who have the same session id share its messages.
    """,
    example="tsmem import chats.jsonl --format openai --user ada",
    exit_codes=(*OPENS_STORE, PARTLY_DONE),
)
def import_(
    context: Context,
    file: Annotated[
        str, o.argument("[FILE]", "File to read (.gz is decompressed); - or omitted: standard input.", o.complete_file)
    ] = "-",
    format: Annotated[  # noqa: A002
        str, o.option("--format", "FORMAT", "tsmem or openai.", o.suggest_words(*FORMATS))
    ] = "tsmem",
    user: Annotated[
        str | None, o.option("--user", "USER", "User whose sessions these are (format openai).", o.complete_user)
    ] = None,
    start_time: Annotated[
        str | None,
        o.option(
            "--start-time",
            "T",
            "Time of the first message, if messages lack one (format openai). [default: the file's modification time]",
        ),
    ] = None,
    on_conflict: Annotated[
        OnConflict, o.option("--on-conflict", "WHAT", "What to do with rows that exist: overwrite, skip or fail.")
    ] = "overwrite",
    rejects: Annotated[
        str | None,
        o.option("--rejects", "FILE", "Save to FILE the rows that cannot be read or written.", o.complete_file),
    ] = None,
    resume: Annotated[bool, o.flag("--resume", "Continue a stopped import of the same file.")] = False,
    dry_run: o.DryRun = False,
    progress: o.Progress = False,
) -> Report:
    if format not in FORMATS:
        raise InvalidInput(f"there is no import format '{format}'", hint=f"the formats are {' and '.join(FORMATS)}")
    start_us = context.time_us(start_time, "--start-time")
    options = ImportOptions(format, user, start_us, on_conflict, rejects, resume)
    is_stdin = names_stdin(file)
    options.check(is_file=not is_stdin)  # before the input is opened
    if is_stdin and context.streams.stdin_is_terminal:
        context.say("reading from the terminal; press Ctrl-D to end")
    stdin = Input("standard input", context.streams.stdin)
    with nullcontext(stdin) if is_stdin else open_input(file) as source:
        job = Import(context, source, options)
        with account(context, "imported", asked=progress, quiet=dry_run):
            if dry_run:
                context.say_target("dry run: nothing is written to")
            return counts(job.dry_run() if dry_run else job.run())


@root.command(
    help="""Copy sessions and messages from one profile to another, or compare the two stores.

    Existing rows are overwritten. --check lists rows that are missing, surplus or different, and exits with code 4 if
    there are any. If other users have a session with the same id, --user copies all messages of that id. A
    warning lists session ids that other users already have in the target, because users with the same session id share
    its messages.
    """,
    example="tsmem copy --from local --to staging --user ada",
    exit_codes=(*OPENS_STORE, PARTLY_DONE),
)
def copy(
    context: Context,
    source: Annotated[str, o.option("--from", "PROFILE", "Where to read.", o.complete_profile)],
    target: Annotated[str, o.option("--to", "PROFILE", "Where to write.", o.complete_profile)],
    user: o.UserOption = None,
    session: o.SessionScope = None,
    check: Annotated[bool, o.flag("--check", "Write nothing; compare both stores row by row.")] = False,
    progress: o.Progress = False,
) -> Report | None:
    o.refuse_both(user is not None, session is not None, "--user or --session")
    profiles = context.profile_named(source), context.profile_named(target)
    for profile in profiles:
        context.open(profile)
    run = _compare if check else _copy
    with account(context, "compared" if check else "copied", asked=progress):
        return run(context, profiles, user, session)


def _copy(context: Context, profiles: tuple[Profile, Profile], user: str | None, session: str | None) -> Report:
    source, target = context.opened_stores
    # Different paths may lead to one file.
    places = [each.target if each.path is None else os.path.realpath(each.path) for each in profiles]
    if places[0] == places[1] and source.layout == target.layout:
        raise InvalidInput("both profiles name the same store", hint="choose another profile with --to")
    context.say(f"copying from {source.target} to {target.target}")
    create_tables(target, context.say)

    def records() -> Iterator[ImportedItem]:
        with _naming_init_tables(context, profiles[0]):
            for item in source.bulk.items(user_id=user, session_id=session):
                yield ImportedItem(None, item)

    options = LoadOptions(on_refused=lambda record, error: None)  # go on; `load` raises PartialFailure at its end
    with _naming_init_tables(context, profiles[1]):
        target.bulk.load(SharedIds(context.say, target).watch(records()), options, result=context.result)
    say_why_nothing(context, user, session)
    return counts(context.result)


def _compare(
    context: Context, profiles: tuple[Profile, Profile], user: str | None, session: str | None
) -> Report | None:
    source, target = context.opened_stores
    result = context.result
    found = dict.fromkeys(("missing", "surplus", "different"), 0)
    named: list[Difference] = []
    with _naming_init_tables(context, *profiles):
        for difference in compare(source, target, result, user_id=user, session_id=session):
            found[difference.state] += 1
            if len(named) < MAX_DIFFERENCES:
                named.append(difference)
    count = sum(found.values())
    error = None
    if count:
        parts = ", ".join(f"{number:,} {state}" for state, number in found.items() if number)
        more = f"; the first {MAX_DIFFERENCES:,} are named" if count > MAX_DIFFERENCES else ""
        error = Conflict(f"{quantity(count, 'difference')} in {target.target}: {parts}{more}")
        if found["surplus"] < count:
            error.hint = "run the command without --check to write what is missing or different"
    else:
        say_why_nothing(context, user, session)
        context.say(f"{source.target} and {target.target} are equal: {counted(result)} compared")
        if context.format == "table":
            return None
    differences = [difference._asdict() for difference in named]
    document = {"sessions": result.sessions, "messages": result.messages, **found, "differences": differences}
    rows = [(kind, "/".join(map(str, key)), state, ", ".join(columns)) for kind, key, state, columns in named]
    return Report(document, Difference._fields, rows, error)


@contextmanager
def _naming_init_tables(context: Context, *profiles: Profile) -> Iterator[None]:
    try:
        yield
    except TableNotFound as error:
        commands = " or ".join(command_hint(context, "init-tables", profile=each.name) for each in profiles)
        error.hint = error.hint or f"create what is missing with: {commands}"
        raise
