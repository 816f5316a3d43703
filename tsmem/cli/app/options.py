"""Arguments and options that several commands share: the same name means the same thing everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsmem.cli.app.suggest import complete_message, complete_session, complete_user, suggest_words
from tsmem.cli.io.values import parse_metadata
from tsmem.errors import InvalidInput

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.clock import Time
    from tsmem.store import Changes


def choice(option: str, metavar: str, help: str, *words: str) -> Any:  # noqa: A002 - Typer's word
    """Return an option that takes one of these words."""

    def check(value: str) -> str:
        if value not in words:
            raise InvalidInput(f"{option} is {', '.join(words[:-1])} or {words[-1]}, not '{value}'")
        return value

    complete = suggest_words(*words)
    return typer.Option(option, metavar=metavar, help=help, autocompletion=complete, callback=check)


TIMES = "microseconds, ISO 8601, or an age such as 15m, 2h, 7d"

User = Annotated[str, typer.Argument(metavar="USER", help="The user's id.", autocompletion=complete_user)]
SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="The session's id.", autocompletion=complete_session)]
MessageId = Annotated[str, typer.Argument(metavar="MESSAGE", help="The message's id.", autocompletion=complete_message)]
UserOption = Annotated[
    str | None, typer.Option("--user", metavar="USER", help="Only this user's.", autocompletion=complete_user)
]
SessionOption = Annotated[
    str | None,
    typer.Option("--session", metavar="SESSION", help="Only this session's.", autocompletion=complete_session),
]
Meta = Annotated[
    list[str] | None,
    typer.Option("-m", "--metadata", metavar="KEY=VALUE", help="key=text, key:=number or boolean, key@file of bytes."),
]
Unset = Annotated[list[str] | None, typer.Option("--unset", metavar="KEY", help="Remove this key or field.")]
ReplaceMetadata = Annotated[bool, typer.Option("--replace-metadata", help="Remove metadata that is not given here.")]
SearchContent = Annotated[
    str | None, typer.Option("--search-content", metavar="TEXT", help="Text that search looks into.")
]
Role = Annotated[
    str | None,
    typer.Option(
        "--role",
        metavar="ROLE",
        help="user, assistant, system, tool, or any other.",
        autocompletion=suggest_words("user", "assistant", "system", "tool"),
    ),
]
Content = Annotated[str | None, typer.Option("--content", metavar="TEXT", help="What was said.")]
ContentFile = Annotated[
    str | None,
    typer.Option("--content-file", metavar="FILE", help="Read the content from a file; - is standard input."),
]
CreateTime = Annotated[str | None, typer.Option("--create-time", metavar="T", help=f"When it was said: {TIMES}.")]
UpdateTime = Annotated[str | None, typer.Option("--update-time", metavar="T", help=f"Its last change: {TIMES}.")]
Since = Annotated[str | None, typer.Option("--since", metavar="T", help=f"From this time on, included: {TIMES}.")]
Until = Annotated[str | None, typer.Option("--until", metavar="T", help=f"Up to this time, included: {TIMES}.")]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", help="At most so many, 0 for all. [50; all for jsonl and csv]"),
]
Filter = Annotated[
    str | None,
    typer.Option("--filter", metavar="E", help="Only what fulfils this, e.g. 'topic == \"billing\" and score >= 0.5'."),
]
PageToken = Annotated[str | None, typer.Option("--page-token", metavar="TOKEN", help="Go on where a page stopped.")]
IfAbsent = Annotated[bool, typer.Option("--if-absent", help="Fail when it exists already.")]
MissingOk = Annotated[bool, typer.Option("--missing-ok", help="Deleting what is not there is no error.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Progress = Annotated[bool, typer.Option("--progress", help="Say how far it is, also where no terminal is.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
SharedToo = Annotated[
    bool, typer.Option("--shared-too", help="Messages too that another user's session of the same id shares.")
]


def check_whose(user: str | None, session: str | None) -> None:
    if user is not None and session is not None:
        raise InvalidInput("--user and --session cannot both be asked for")


def check_shared_too(shared_too: bool, with_messages: bool) -> None:
    """Raise InvalidInput for --shared-too if no messages are deleted."""
    if shared_too and not with_messages:
        raise InvalidInput("--shared-too is about messages, and needs --with-messages")


def up_to(context: Context, time: Time | None) -> str:
    """Return the end of a question: up to when something is deleted, in local time; empty without a bound."""
    if time is None:
        return ""
    from tsmem.render.values import local_time

    if isinstance(time, int):
        return f" up to {local_time(time, None)}"
    return f" up to {local_time(time.before(context.clock.now_us()), None, 0)}"


def checked(context: Context, filter: str | None) -> str | None:  # noqa: A002 - the option's own name
    """Return a filter that can be parsed. Raises InvalidInput; people are shown the place of the error before it."""
    if filter is None:
        return None
    from tsmem.store.filters.row_filter import RowFilter

    try:
        RowFilter(filter)
    except InvalidInput as error:
        sentence, _, place = error.message.partition("\n")
        if context.format in ("json", "jsonl"):
            raise InvalidInput(f"--filter: {error.message}", hint=error.hint) from error
        for line in place.splitlines():
            context.say(line)
        raise InvalidInput(f"--filter: {sentence}", hint=error.hint) from error
    return filter


def changes(context: Context, metadata: Sequence[str] | None, unset: Sequence[str] | None, replace: bool) -> Changes:
    """Return the changes that -m, --unset and --replace-metadata ask for."""
    from tsmem.store import Changes

    return Changes(parse_metadata(metadata or (), context.read_file), tuple(unset or ()), replace)
