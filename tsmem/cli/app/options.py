"""Arguments and options that several commands share. Commands use them as annotations of their parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from tsmem.cli.app.context import Context
from tsmem.cli.app.suggest import complete_message, complete_session, complete_user, suggest_words
from tsmem.clock import Time
from tsmem.errors import InvalidInput

Completion = Callable[..., list[str]]


def argument(metavar: str, help: str, complete: Completion | None = None) -> Any:  # noqa: A002 - Typer's word
    return typer.Argument(metavar=metavar, help=help, autocompletion=complete)


def option(name: str, metavar: str, help: str, complete: Completion | None = None) -> Any:  # noqa: A002
    return typer.Option(name, metavar=metavar, help=help, autocompletion=complete)


def flag(name: str, help: str, *short: str) -> Any:  # noqa: A002
    return typer.Option(name, *short, help=help)


TIMES = "microseconds, ISO 8601, or an age such as 15m, 2h, 7d"
ROLES = suggest_words("user", "assistant", "system", "tool")

User = Annotated[str, argument("USER", "The user's id.", complete_user)]
SessionId = Annotated[str, argument("SESSION", "The session's id.", complete_session)]
MessageId = Annotated[str, argument("MESSAGE", "The message's id.", complete_message)]
UserOption = Annotated[str | None, option("--user", "USER", "Only this user's sessions.", complete_user)]
SessionOption = Annotated[str | None, option("--session", "SESSION", "Only this session's messages.", complete_session)]
SessionScope = Annotated[
    str | None, option("--session", "SESSION", "Only sessions with this id, and their messages.", complete_session)
]
Meta = Annotated[
    list[str] | None,
    typer.Option("-m", "--metadata", metavar="KEY=VALUE", help="key=text, key:=number or boolean, key@file for bytes."),
]
Unset = Annotated[list[str] | None, option("--unset", "KEY", "Remove this metadata key or field.")]
ReplaceMetadata = Annotated[bool, flag("--replace-metadata", "Remove metadata that is not given with -m.")]
SearchContent = Annotated[str | None, option("--search-content", "TEXT", "Additional text for search.")]
SessionSearchContent = Annotated[
    str | None, option("--search-content", "TEXT", "Text for session search, which looks nowhere else.")
]
Role = Annotated[str | None, option("--role", "ROLE", "user, assistant, system, tool or another role.", ROLES)]
Content = Annotated[str | None, option("--content", "TEXT", "Text of the message.")]
ContentFile = Annotated[
    str | None, option("--content-file", "FILE", "Read the content from FILE; - for standard input.")
]
CreateTime = Annotated[str | None, option("--create-time", "T", f"Time of the message: {TIMES}.")]
UpdateTime = Annotated[str | None, option("--update-time", "T", f"Update time: {TIMES}.")]
StoredCreateTime = Annotated[
    str | None,
    option("--create-time", "T", "Create time of the message, if several have the id: microseconds or ISO 8601."),
]
Since = Annotated[str | None, option("--since", "T", f"Only those from this time or later: {TIMES}.")]
Until = Annotated[str | None, option("--until", "T", f"Only those from this time or earlier: {TIMES}.")]
UpdatedSince = Annotated[str | None, option("--since", "T", f"Only those updated at this time or later: {TIMES}.")]
UpdatedUntil = Annotated[str | None, option("--until", "T", f"Only those updated at this time or earlier: {TIMES}.")]
Limit = Annotated[int | None, option("--limit", "N", "Maximum rows; 0 = no limit. [50; jsonl and csv: no limit]")]
Filter = Annotated[
    str | None,
    option("--filter", "E", "Only rows matching this expression, e.g. 'topic == \"billing\" and score >= 0.5'."),
]
PageToken = Annotated[str | None, option("--page-token", "TOKEN", "Continue from a previous page.")]
IfAbsent = Annotated[bool, flag("--if-absent", "Fail if it already exists.")]
MissingOk = Annotated[bool, flag("--missing-ok", "Succeed if it does not exist.")]
DryRun = Annotated[bool, flag("--dry-run", "Show what would be done without doing it.")]
Progress = Annotated[bool, flag("--progress", "Show progress even without a terminal.")]
Yes = Annotated[bool, flag("--yes", "Do not ask for confirmation.", "-y")]
YesDelete = Annotated[bool, flag("--yes", "Delete without asking; required if there is no terminal.", "-y")]
Full = Annotated[bool, flag("--full", "Do not shorten long content.")]
SharedToo = Annotated[bool, flag("--shared-too", "Delete messages even if another user's session shares them.")]


def check_whose(user: str | None, session: str | None) -> None:
    if user is not None and session is not None:
        raise InvalidInput("give --user or --session, not both")


def check_shared_too(shared_too: bool, with_messages: bool) -> None:
    if shared_too and not with_messages:
        raise InvalidInput("--shared-too needs --with-messages")


def up_to(context: Context, time: Time | None) -> str:
    if time is None:
        return ""
    from tsmem.render.values import local_time

    if isinstance(time, int):
        return f" up to {local_time(time, None)}"
    return f" up to {local_time(time.before(context.clock.now_us()), None, whole_seconds=True)}"


def valid_filter(context: Context, filter: str | None) -> str | None:  # noqa: A002 - the option's own name
    """Return the filter, or raise InvalidInput. Unless errors are JSON, first say where in the filter the error is."""
    if filter is None:
        return None
    from tsmem.store.filters.row_filter import RowFilter

    try:
        RowFilter(filter)
    except InvalidInput as error:
        message = error.message
        if context.format not in ("json", "jsonl"):
            message, _, place = message.partition("\n")
            for line in place.splitlines():
                context.say(line)
        raise InvalidInput(f"--filter: {message}", hint=error.hint) from error
    return filter
