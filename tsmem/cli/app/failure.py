"""Reports a run that failed or was stopped: a line or a JSON object on stderr, and the exit code. Loaded only then."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from signal import SIGINT
from typing import TYPE_CHECKING, Any

from typer.exceptions import TyperException

from tsmem.cli.app.command_tree import CommandGroup
from tsmem.cli.app.context import SECRET_VARIABLE
from tsmem.cli.app.exit_codes import FAILED, exit_code
from tsmem.cli.app.shell_words import command_hint
from tsmem.cli.app.signals import NAMES
from tsmem.errors import InvalidInput, PartialFailure, SchemaMismatch, TableNotFound, TsmemError
from tsmem.render import render_error
from tsmem.render.result import FORMATS, Format

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context


class Interrupted(TsmemError):
    """A signal stopped the run. The name stands in JSON; the exit code is the signal's."""


OFTEN_GIVEN_AS_ARGUMENT = ("--session", "--user", "--path")
MAX_LISTED_FAILURES = 20
"""Failed rows that are listed for people. JSON has all that were kept."""


def failed(context: Context, raised: Exception, argv: Sequence[str]) -> int:
    """Report what a run raised and return the exit code. What is not an error of ours is a bug."""
    if isinstance(raised, TyperException):
        error: TsmemError | None = _usage_error(raised)
    else:
        error = raised if isinstance(raised, TsmemError) else _missing_module(raised)
    if error is None:
        _say_traceback(context, raised)
        context.say(f"error: this is a bug in tsmem: {type(raised).__name__}")
        return FAILED
    error = _key_mismatch(context, error) or error
    if isinstance(error, TableNotFound) and error.hint is None:
        error.hint = f"create what is missing in {context.profile.target} with: {command_hint(context, 'init-tables')}"
    error.hint = "; ".join(filter(None, (error.hint, context.next_step))) or None
    if context.options.debug:
        _say_traceback(context, error)
    form = _say_error(context, error, argv)
    if isinstance(error, PartialFailure) and form not in ("json", "jsonl"):
        for failure in error.failures[:MAX_LISTED_FAILURES]:
            context.say(f"failed: {' / '.join(map(str, failure.key))}: {failure.error.message}")
        if len(error.failures) > MAX_LISTED_FAILURES:
            context.say(f"... and {len(error.failures) - MAX_LISTED_FAILURES:,} more")
    return exit_code(error)


def interrupted(context: Context, signal_number: int, argv: Sequence[str]) -> int:
    """Report what a bulk command had done when a signal stopped it, and return the exit code."""
    sentence = "interrupted"
    if signal_number != SIGINT:
        sentence += f" by {NAMES.get(signal_number, f'signal {signal_number}')}"
    if context.whole_file is not None:
        sentence += f"; {context.whole_file} was not written"
    elif "result" in context.__dict__:  # a bulk command began
        from tsmem.cli.io.progress import counted

        result = context.result
        sentence += f"; done before: {counted(result)}" if result.done else "; nothing had been done"
        if result.unconfirmed:
            sentence += f"; {result.unconfirmed:,} rows more may have been"
    _say_error(context, Interrupted(sentence, hint=context.next_step), argv)
    return 128 + signal_number


def _missing_module(error: Exception) -> TsmemError | None:
    """Return the error to report if this Python lacks a part of the standard library; None for other errors.

    Some Pythons are built without sqlite3 or ssl, and Windows has no fcntl."""
    name = (error.name or "").lstrip("_") if isinstance(error, ImportError) else ""
    if name not in sys.stdlib_module_names:
        return None
    hint = "use a Python that has it" if os.name == "posix" else "tsmem runs on Linux and macOS; on Windows use WSL"
    return TsmemError(f"this Python has no module '{name}', which this command needs", hint=hint)


def _usage_error(error: TyperException) -> InvalidInput:
    """Return the parser's error as one of ours: its own sentence, with the hint that helps most."""
    message = error.format_message()
    ctx: Any = getattr(error, "ctx", None)
    hint = None
    if ctx is None:
        return InvalidInput(message)
    if message.startswith("No such option"):
        hint = _option_hint(getattr(error, "option_name", ""), ctx)
    elif message.startswith("Missing argument"):
        hint = _usage_line(ctx)
    elif message.startswith("Got unexpected extra argument"):
        hint = _extra_argument_hint(ctx)
    return InvalidInput(message, hint=hint or f"{ctx.command_path} --help")


def _option_hint(option: str, ctx: Any) -> str | None:
    """Say where an unknown option belongs, or how to pass an argument that looks like one."""
    if isinstance(ctx.command, CommandGroup):
        return f"options of a command go after its name; see {ctx.command_path} --help"
    arguments = _arguments(ctx)
    if option.removeprefix("--").upper() in arguments:
        return _usage_line(ctx)
    if not option.startswith("--") and arguments:
        words = " ".join(arguments)
        return f"an argument that begins with - goes behind --, after all options: {ctx.command_path} -- {words}"
    noun = ctx.command.declaration.shows
    if noun is None:
        return None
    group = ctx.find_root().command.get_command(ctx, noun)
    siblings = [group.get_command(ctx, name) for name in group.commands]
    having = [each for each in siblings if each.declaration.shows and any(option in p.opts for p in each.params)]
    names = " and ".join(f"tsmem {noun} {each.name}" for each in having)
    return f"{names} {'has' if len(having) == 1 else 'have'} it" if having else None


def _extra_argument_hint(ctx: Any) -> str | None:
    names = _arguments(ctx)
    if "TEXT" in names:
        return f"put a text of several words in quotes: {ctx.command_path} 'several words'"
    options = {name: param.metavar for param in ctx.command.params for name in param.opts}
    instead = [f"{name} {options[name]}" for name in OFTEN_GIVEN_AS_ARGUMENT if name in options]
    if instead:
        return " or ".join(" ".join((ctx.command_path, *names, option)) for option in instead)
    return _usage_line(ctx) if names else None


def _usage_line(ctx: Any) -> str:
    return " ".join((ctx.command_path, *ctx.command.collect_usage_pieces(ctx)))


def _arguments(ctx: Any) -> list[str]:
    """Return the names of a command's arguments, without the brackets of optional ones."""
    return [param.metavar.strip("[]") for param in ctx.command.params if param.param_type_name == "argument"]


def _key_mismatch(context: Context, error: TsmemError) -> SchemaMismatch | None:
    """Return the error to report instead if a table has another key than the layout's.

    The service's own text names neither the table nor the difference. Cost: 1 request a table, after such a failure."""
    if not isinstance(error, InvalidInput | TableNotFound) or error.service_code is None:
        return None
    from tsmem.store.layout import NOT_OURS

    found: list[str] = []
    for store in context.opened:
        with suppress(TsmemError):
            found += store.tables.key_differences()
    return SchemaMismatch("; ".join(found), hint=NOT_OURS, request_id=error.request_id) if found else None


def _say_traceback(context: Context, error: Exception) -> None:
    from tsmem.adapters.redaction import without_secrets
    from tsmem.profiles.model import known_secrets
    from tsmem.profiles.rules import CREDENTIAL_KEYS, ENVIRONMENT

    variables = (*(ENVIRONMENT[key] for key in CREDENTIAL_KEYS), SECRET_VARIABLE)
    secrets = [*known_secrets(), *(context.environ.get(name, "") for name in variables)]
    for line in traceback_lines(error):
        context.say(without_secrets(line, secrets))


def traceback_lines(error: BaseException) -> Iterator[str]:
    """Yield the lines of a traceback. A message is one line whatever it quotes: it could forge lines of code."""
    import traceback

    for part in traceback.format_exception(error):
        yield from part.rstrip("\n").split("\n") if part.startswith("  ") else [part.strip("\n")]


def _say_error(context: Context, error: TsmemError, argv: Sequence[str]) -> Format:
    """Write an error and return its format, also for one raised before the options or the profile were read."""
    chosen = context.options.output
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        name, _, value = word.partition("=")
        asked = following if word in ("-o", "--output") else value if name == "--output" else word[2:]
        if chosen is None and word.startswith(("-o", "--output")) and asked in FORMATS:
            chosen = asked
    profile = context.__dict__.get("profile")  # None unless it was loaded
    form: Format = chosen or getattr(profile, "output", None) or "table"
    context.write_stderr(render_error(error, form, unicode=context.streams.unicode).decode())
    return form
