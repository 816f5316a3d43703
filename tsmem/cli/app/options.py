"""Arguments and options that several commands share, and the completion of their values. Commands use them as
annotations of their parameters.

A completion fetches nothing from a network. If an error occurs, it suggests nothing and hides the error, because
nothing may be printed while a shell completes a word. Stored ids are hostile: an id that a shell would split, expand or
run is not suggested at all, because each shell, and the script through which it completes, would need a quoting of its
own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from keyword import iskeyword
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsmem.cli.app.context import Context
from tsmem.clock import Time
from tsmem.errors import InvalidInput, TsmemError

if TYPE_CHECKING:
    from tsmem.render.result import Noun
    from tsmem.store import MemoryStore

MAX_SUGGESTIONS = 50
MAX_IDS = 500
"""Maximum number of ids that are read, which takes 20 ms. More are read than offered, because some cannot be
offered."""
_HARMLESS_WORD = r"[\w.@+,/][\w.@%+,/:=-]*"
"""Letters and digits of any script, and signs that mean nothing to any shell. A word does not begin with -, which would
make it an option, nor with %, because fish replaces %self by its process number."""
Completion = Callable[..., list[str]]


def argument(metavar: str, help: str, complete: Completion | None = None) -> Any:  # noqa: A002 - Typer's word
    return typer.Argument(metavar=metavar, help=help, autocompletion=complete)


def option(name: str, metavar: str, help: str, complete: Completion | None = None) -> Any:  # noqa: A002
    return typer.Option(name, metavar=metavar, help=help, autocompletion=complete)


def flag(name: str, help: str, *short: str) -> Any:  # noqa: A002
    return typer.Option(name, *short, help=help)


def suggest_words(*words: str) -> Callable[[str], list[str]]:
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def complete_file(incomplete: str) -> list[str]:
    """Mark the word as a file's name. The scripts know the mark, and let the shell complete the name."""
    return [f"{incomplete}<FILE>"]


def complete_time(incomplete: str) -> list[str]:
    from tsmem.cli.io.times import WORDS

    return [word for word in (*WORDS, "1h", "1d", "7d", "30d") if word.startswith(incomplete)]


def complete_fields(ctx: typer.Context, args: list[str], incomplete: str) -> list[str]:
    """Suggest fields and metadata keys for the last name of a list."""
    from tsmem.render.documents import known_fields

    noun = ctx.command.declaration.shows if hasattr(ctx.command, "declaration") else None
    if noun is None:
        return []
    *chosen, last = incomplete.split(",")
    names = [*known_fields(noun), *(f"metadata.{key}" for key in _metadata_keys(ctx, noun))]
    return [",".join((*chosen, name)) for name in names if name.startswith(last) and name not in chosen]


def complete_filter(ctx: typer.Context, incomplete: str) -> list[str]:
    """Suggest columns for the last name of an expression, but not within a text in quotes."""
    from tsmem.store.documents import FIELDS

    parts = re.fullmatch(r"""((?:[^"']|"[^"]*"|'[^']*')*?)([\w.]*)""", incomplete)
    if parts is None or (parts[1] and not parts[2]):
        return []
    noun: Noun = "message" if "message" in ctx.command_path.split() or ctx.command.name == "search" else "session"
    keys = _metadata_keys(ctx, noun)
    if parts[2].startswith("metadata."):
        keys = [f"metadata.{key}" for key in keys]
    names = [*(name for name in FIELDS[noun] if name != "metadata"), *keys]
    return [parts[1] + name for name in names if name.startswith(parts[2])]


def _metadata_keys(ctx: typer.Context, noun: Noun) -> list[str]:
    """Return the metadata keys of the first 100 rows of the local store, if they are names in an expression."""
    from tsmem.store.documents import FIELDS

    owner_id = ctx.params.get("user" if noun == "session" else "session")

    def keys(store: MemoryStore) -> Iterator[str]:
        rows, _ = (store.sessions if noun == "session" else store.messages).first_rows(owner_id)
        names = dict.fromkeys(name for row in rows for name in row.columns)
        return (name for name in names if name not in FIELDS[noun] and name.isidentifier() and not iskeyword(name))

    return _suggest_ids(ctx, keys)


def complete_profile(ctx: typer.Context, args: list[str], incomplete: str) -> list[str]:
    from tsmem.profiles import profile_list

    try:
        if _would_wait(ctx):
            return []
        names = [line.name for line in profile_list(ctx.obj.environ, ctx.obj.options.config)]
    except (TsmemError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete) and _is_harmless(name)]


def complete_setting(incomplete: str) -> list[str]:
    from tsmem.profiles.rules import PROFILE_KEYS

    return [f"{key}=" for key in PROFILE_KEYS if key != "tables" and key.startswith(incomplete)]


def complete_user(ctx: typer.Context, incomplete: str) -> list[str]:
    return _suggest_ids(ctx, lambda store: store.sessions.owner_ids(incomplete))


def complete_session(ctx: typer.Context, incomplete: str) -> list[str]:
    user = ctx.params.get("user")
    if user:
        return _suggest_ids(ctx, lambda store: store.sessions.ids_of(user, incomplete))
    return _suggest_ids(ctx, lambda store: store.messages.owner_ids(incomplete))


def complete_message(ctx: typer.Context, incomplete: str) -> list[str]:
    session = ctx.params.get("session")
    if not session:
        return []
    return _suggest_ids(ctx, lambda store: store.messages.ids_of(session, incomplete))


def _suggest_ids(ctx: typer.Context, ids: Callable[[MemoryStore], Iterator[str]]) -> list[str]:
    from tsmem import open_profile
    from tsmem.profiles import load_profile

    try:
        if _would_wait(ctx):
            return []
        profile = load_profile(ctx.obj.environ, config=ctx.obj.options.config, profile=ctx.obj.options.profile)
        if profile.backend != "local" or profile.path is None or not profile.path.is_file():
            return []
        with open_profile(profile) as store:
            return list(islice(filter(_is_harmless, islice(ids(store), MAX_IDS)), MAX_SUGGESTIONS))
    except (TsmemError, OSError):
        return []


def _is_harmless(text: str) -> bool:
    """Return True if every shell reads the text as one word and the terminal can show all of it."""
    from tsmem.render.text import visible_id

    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return re.fullmatch(_HARMLESS_WORD, text) is not None and visible_id(text) == text


def _would_wait(ctx: typer.Context) -> bool:
    """Return True if the profile file is a named pipe: reading it would wait for a writer, and take what it writes."""
    from tsmem.profiles import config_path

    return config_path(ctx.obj.environ, ctx.obj.options.config).is_fifo()


TIMES = "an age (30min, 7d), a day (today, monday), ISO 8601 or microseconds"
ROLES = suggest_words("user", "assistant", "system", "tool")

User = Annotated[str, argument("USER", "The user's id.", complete_user)]
SessionId = Annotated[str, argument("SESSION", "The session's id.", complete_session)]
MessageId = Annotated[str, argument("MESSAGE", "The message's id.", complete_message)]
UserOption = Annotated[str | None, option("--user", "USER", "Only this user's sessions.", complete_user)]
OwnerOption = Annotated[str | None, option("--user", "USER", "Only messages of this user's sessions.", complete_user)]
SessionOption = Annotated[str | None, option("--session", "SESSION", "Only this session's messages.", complete_session)]
SessionScope = Annotated[
    str | None, option("--session", "SESSION", "Only sessions with this id, and their messages.", complete_session)
]
Meta = Annotated[
    list[str] | None,
    typer.Option("-m", "--metadata", metavar="KEY=VALUE", help="key=text, key:=number or boolean, key@file for bytes."),
]
Unset = Annotated[list[str] | None, option("--unset", "KEY", "Remove this metadata key, or this field.")]
ReplaceMetadata = Annotated[bool, flag("--replace-metadata", "Remove metadata that is not given with -m.")]
SearchContent = Annotated[str | None, option("--search-content", "TEXT", "Additional text for search.")]
SessionSearchContent = Annotated[
    str | None, option("--search-content", "TEXT", "Text by which session search finds the session.")
]
Role = Annotated[str | None, option("--role", "ROLE", "user, assistant, system, tool or another role.", ROLES)]
Content = Annotated[str | None, option("--content", "TEXT", "Text of the message.")]
ContentFile = Annotated[
    str | None, option("--content-file", "FILE", "Read the content from FILE; - for standard input.", complete_file)
]
CreateTime = Annotated[str | None, option("--create-time", "T", f"Time of the message: {TIMES}.")]
UpdateTime = Annotated[str | None, option("--update-time", "T", f"Update time: {TIMES}.")]
StoredCreateTime = Annotated[
    str | None,
    option("--create-time", "T", "Create time, if several messages have this id: microseconds or ISO 8601."),
]
Since = Annotated[str | None, option("--since", "T", f"Only those from this time or later: {TIMES}.", complete_time)]
Until = Annotated[str | None, option("--until", "T", f"Only those from this time or earlier: {TIMES}.", complete_time)]
UpdatedSince = Annotated[
    str | None, option("--since", "T", f"Only those updated at this time or later: {TIMES}.", complete_time)
]
UpdatedUntil = Annotated[
    str | None, option("--until", "T", f"Only those updated at this time or earlier: {TIMES}.", complete_time)
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", "-n", metavar="N", help="Maximum rows; 0 = no limit. [50; jsonl and csv: no limit]"),
]
Filter = Annotated[
    str | None,
    option(
        "--filter",
        "E",
        "Only rows matching this expression, e.g. 'topic == \"billing\" and score >= 0.5'.",
        complete_filter,
    ),
]
PageToken = Annotated[str | None, option("--page-token", "TOKEN", "Continue from a previous page.")]
IfAbsent = Annotated[bool, flag("--if-absent", "Fail, instead of replacing, if it exists already.")]
MissingOk = Annotated[bool, flag("--missing-ok", "Succeed if it does not exist.")]
DryRun = Annotated[bool, flag("--dry-run", "Show what would be done without doing it.")]
Progress = Annotated[bool, flag("--progress", "Show progress even without a terminal.")]
Yes = Annotated[bool, flag("--yes", "Do not ask for confirmation.", "-y")]
YesDelete = Annotated[bool, flag("--yes", "Delete without asking; required if there is no terminal.", "-y")]
Full = Annotated[bool, flag("--full", "Do not shorten long content.")]
SharedToo = Annotated[bool, flag("--shared-too", "Delete messages even if another user's session shares them.")]


def refuse_both(first: bool, second: bool, options: str) -> None:
    if first and second:
        raise InvalidInput(f"give {options}, not both")


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


def valid_filter(filter: str | None) -> str | None:  # noqa: A002 - the option's own name
    """Return the filter, or raise InvalidInput."""
    if filter is None:
        return None
    from tsmem.store.filters.row_filter import RowFilter

    try:
        RowFilter(filter)
    except InvalidInput as error:
        raise InvalidInput(f"--filter: {error.message}", hint=error.hint) from error
    return filter
