"""The commands `export`, `import` and `copy`. Their work is done in `tsmem.transfer` and `copying.py`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from itertools import islice
from typing import TYPE_CHECKING, Annotated, cast

import typer

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context, context_of
from tsmem.cli.app.exit_codes import OPENS_STORE, PARTLY_DONE
from tsmem.cli.app.suggest import complete_profile, complete_user, suggest_words
from tsmem.cli.io.counts import counted, counts
from tsmem.cli.io.emptiness import why_nothing
from tsmem.cli.io.progress_summary import account
from tsmem.errors import InvalidInput
from tsmem.render.documents import join_lines
from tsmem.render.result import Document, Report
from tsmem.transfer.exporting import export_lines
from tsmem.transfer.files.descriptors import names_stdout
from tsmem.transfer.files.outputs import ForbiddenFiles, Output
from tsmem.transfer.formats import FORMATS
from tsmem.transfer.input.input_bytes import Input, open_input

if TYPE_CHECKING:
    from tsmem.store.bulk.loading import OnConflict

File = Annotated[str, typer.Argument(metavar="[FILE]", help="A file, .gz compressed; - or none: standard streams.")]


@root.command(
    help="""Write sessions and messages as JSON lines: everything, one user's, or one session's.

    A file is written whole or not at all. A message's key has no user: where users share a session id, --user writes
    the messages of all of them.
    """,
    example="tsmem export memory.jsonl.gz --user ada",
    exit_codes=OPENS_STORE,
    formats=("table", "jsonl"),
)
def export(
    ctx: typer.Context,
    file: File = "-",
    user: o.UserOption = None,
    session: o.SessionOption = None,
    progress: o.Progress = False,
) -> Document | None:
    context = context_of(ctx)
    _check_whose(user, session)
    if names_stdout(file):
        with suppress(OSError, ValueError):  # a stream without a descriptor
            descriptor = context.streams.stdout.fileno()
            ForbiddenFiles(context.protected_files()).check_descriptor("standard output", descriptor)
        return Document(join_lines(_to_stdout(context, user, session, asked=progress)))
    with Output(context, file) as output:
        lines = export_lines(context.store.bulk.items(user_id=user, session_id=session), context.result)
        with account(context, "exported", f" to {file}", asked=progress) as summary:
            output.write_whole(lines)
    if not summary.speaks:
        context.say(f"exported {counted(context.result)} to {file}")
    if not context.result.done:
        context.say(why_nothing(context, user=user, session=session))
    return None


def _to_stdout(context: Context, user: str | None, session: str | None, *, asked: bool) -> Iterator[bytes]:
    """Yield the lines of an export: the header together with the next line, so that an export that cannot begin leaves
    its output empty."""
    lines = export_lines(context.store.bulk.items(user_id=user, session_id=session), context.result)
    with account(context, "exported", asked=asked, quiet=context.streams.stdout_is_terminal):
        yield b"".join(islice(lines, 2))
        yield from lines
    if not context.result.done:
        context.say(why_nothing(context, user=user, session=session))


def _check_whose(user: str | None, session: str | None) -> None:
    if user is not None and session is not None:
        raise InvalidInput("--user and --session cannot both be asked for")


@root.command(
    help="""Read sessions and messages from JSON lines and write them.

    A file is checked wholly before its first row is written; importing it twice changes nothing. With --rejects, what
    cannot be read or is refused is kept in a file that can be imported again, and the rest is written. A fresh
    embedded store gets its tables. A warning names session ids that other users have too: they share the messages.
    """,
    example="tsmem import chats.jsonl --format openai --user ada",
    exit_codes=(*OPENS_STORE, PARTLY_DONE),
)
def import_(
    ctx: typer.Context,
    file: File = "-",
    format: Annotated[  # noqa: A002
        str,
        typer.Option("--format", metavar="FORMAT", help="tsmem or openai.", autocompletion=suggest_words(*FORMATS)),
    ] = "tsmem",
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="USER", help="openai: whose sessions they are.", autocompletion=complete_user),
    ] = None,
    start_time: Annotated[
        str | None,
        typer.Option("--start-time", metavar="T", help="openai: the first message's time. [the file's own]"),
    ] = None,
    on_conflict: Annotated[
        str,
        typer.Option(
            "--on-conflict",
            metavar="WHAT",
            help="What exists already: overwrite, skip or fail.",
            autocompletion=suggest_words("overwrite", "skip", "fail"),
        ),
    ] = "overwrite",
    rejects: Annotated[
        str | None, typer.Option("--rejects", metavar="FILE", help="Keep what cannot be read or written there.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an import of the file was stopped.")] = False,
    dry_run: o.DryRun = False,
    progress: o.Progress = False,
) -> Report:
    from tsmem.transfer.importing import Import, ImportOptions

    context = context_of(ctx)
    if format not in FORMATS:
        raise InvalidInput(f"there is no import format '{format}'", hint=f"the formats are {' and '.join(FORMATS)}")
    if on_conflict not in ("overwrite", "skip", "fail"):
        raise InvalidInput(f"--on-conflict is overwrite, skip or fail, not '{on_conflict}'")
    options = ImportOptions(
        format,
        user,
        context.point(start_time, "--start-time"),
        cast("OnConflict", on_conflict),
        rejects,
        resume,
    )
    options.check(is_file=file != "-")  # before the input is opened
    if file == "-" and context.streams.stdin_is_terminal:
        context.say("reading what is typed here; Ctrl-D ends it")
    stdin = Input("standard input", context.streams.stdin)
    with nullcontext(stdin) if file == "-" else open_input(file) as source:
        job = Import(context, source, options)
        with account(context, "imported", asked=progress, quiet=dry_run) as summary:

            def show_extent(total: int, settled: int) -> None:
                summary.total, summary.before = total, settled

            if dry_run:
                context.say_target("a dry run on")
                return counts(job.dry_run())
            return counts(job.run(show_extent))


@root.command(
    help="""Copy sessions and messages from one profile's store to another's, or compare both.

    Everything, one user's, or one session's. Rows that exist are overwritten. --check names what is missing, surplus or
    different, and ends with 4. Where users share a session id, --user copies the messages of all of them; a warning
    names ids that other users have in the target.
    """,
    example="tsmem copy --from local --to local --check",
    exit_codes=(*OPENS_STORE, PARTLY_DONE),
)
def copy(
    ctx: typer.Context,
    source: Annotated[
        str, typer.Option("--from", metavar="PROFILE", help="Where to read.", autocompletion=complete_profile)
    ],
    target: Annotated[
        str, typer.Option("--to", metavar="PROFILE", help="Where to write.", autocompletion=complete_profile)
    ],
    user: o.UserOption = None,
    session: o.SessionOption = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; compare both sides row by row.")] = False,
    progress: o.Progress = False,
) -> Report | None:
    from tsmem.cli.commands.copying import Copying

    context = context_of(ctx)
    _check_whose(user, session)
    job = Copying(context, source, target, user_id=user, session_id=session)
    with account(context, "compared" if check else "copied", asked=progress, stores=(job.source, job.target)):
        return job.check() if check else job.run()
