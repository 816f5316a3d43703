"""`tsmem export`, `import` and `copy`: memory as JSON lines, out and in, and from one profile to another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Annotated

import typer

from tsmem.cli.app import options as o
from tsmem.cli.app.context import Context, call_of
from tsmem.cli.app.groups import help_text
from tsmem.cli.app.suggest import complete_profile, complete_user, suggest_words
from tsmem.cli.io.counts import counted, counts
from tsmem.cli.io.descriptors import names_stdout
from tsmem.cli.io.emptiness import why_nothing
from tsmem.cli.io.files import open_input
from tsmem.cli.io.outputs import Output, check_stdout
from tsmem.cli.io.progress_summary import account
from tsmem.errors import InvalidInput
from tsmem.render.result import Document, Report
from tsmem.render.stream import join_lines

File = Annotated[str, typer.Argument(metavar="[FILE]", help="A file, .gz compressed; - or none: standard streams.")]


@help_text(
    """Write sessions and messages as JSON lines: everything, one user's, or one session's.

    A file is written whole or not at all. A message's key has no user: where users share a session id, --user writes
    the messages of all of them.
    Example: tsmem export memory.jsonl.gz --user ada
    """
)
def export(
    ctx: typer.Context,
    file: File = "-",
    user: o.UserOption = None,
    session: o.SessionOption = None,
    progress: o.Progress = False,
) -> Document | None:
    call = call_of(ctx)
    _check_whose(user, session)
    why = partial(why_nothing, call, user=user, session=session)
    if names_stdout(file):
        check_stdout(call)
        return Document(join_lines(_told(call, _lines(call, user, session), why, asked=progress)))
    with Output(call, file) as output:
        lines = _lines(call, user, session)
        with account(call, "exported", f" to {file}", asked=progress) as told:
            output.write_whole(lines)
    if not told.speaks:
        call.say(f"exported {counted(call.tally)} to {file}")
    if not call.tally.done:
        call.say(why())
    return None


def _lines(call: Context, user: str | None, session: str | None) -> Iterator[bytes]:
    transfer = call.store.transfer
    return transfer.export(transfer.items(user_id=user, session_id=session), call.tally)


def _check_whose(user: str | None, session: str | None) -> None:
    if user is not None and session is not None:
        raise InvalidInput("--user and --session cannot both be asked for")


def _told(call: Context, lines: Iterator[bytes], why: Callable[[], str], *, asked: bool) -> Iterator[bytes]:
    """The lines, with an account of them unless the terminal shows them themselves; the header with the one behind it,
    so that an export that cannot begin leaves its output empty."""
    with account(call, "exported", asked=asked, quiet=call.streams.stdout_is_terminal):
        yield b"".join(islice(lines, 2))
        yield from lines
    if not call.tally.done:
        call.say(why())


@help_text(
    """Read sessions and messages from JSON lines and write them.

    A file is checked wholly before its first row is written; importing it twice changes nothing. With --rejects, what
    cannot be read or is refused is kept in a file that can be imported again, and the rest is written. A fresh
    embedded store gets its tables. A warning names session ids that other users have too: they share the messages.
    Example: tsmem import chats.jsonl --format openai --user ada
    """
)
def import_(
    ctx: typer.Context,
    file: File = "-",
    format: Annotated[  # noqa: A002
        str,
        typer.Option(
            "--format", metavar="FORMAT", help="tsmem or openai.", autocompletion=suggest_words("tsmem", "openai")
        ),
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
    from tsmem.cli.commands.importing import Import

    call = call_of(ctx)
    job = Import(call, file, format, user, start_time, on_conflict, rejects, resume)
    with open_input(call, file) as source, account(call, "imported", asked=progress, quiet=dry_run) as told:
        return counts(job.dry_run(source) if dry_run else job.run(source, told))


@help_text(
    """Copy sessions and messages from one profile's store to another's, or compare both.

    Everything, one user's, or one session's. Rows that exist are overwritten. --check names what is missing, surplus or
    different, and ends with 4. Where users share a session id, --user copies the messages of all of them; a warning
    names ids that other users have in the target.
    Example: tsmem copy --from local --to local --check
    """
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

    call = call_of(ctx)
    _check_whose(user, session)
    job = Copying(call, source, target, user_id=user, session_id=session)
    with account(call, "compared" if check else "copied", asked=progress, stores=(job.source, job.target)):
        return job.check() if check else job.run()
