"""Report a run that failed or was stopped, as text or a JSON object on stderr, and return its exit code."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from signal import SIGINT
from typing import Any, cast

from typer.exceptions import TyperException

from tsmem.cli.app.command_tree import FAILED, CommandGroup, exit_code
from tsmem.cli.app.context import SECRET_VARIABLE, Context
from tsmem.cli.app.shell_words import command_hint
from tsmem.cli.app.signals import SIGNAL_NAMES
from tsmem.errors import InvalidInput, PartialFailure, SchemaMismatch, TableNotFound, TsmemError
from tsmem.render import render_error
from tsmem.render.result import FORMATS, Format


class Interrupted(TsmemError):
    """A signal stopped the run. Only its name is used, in JSON; the exit code depends on the signal."""


MAX_LISTED_FAILURES = 20


def report_failure(context: Context, raised: Exception, argv: Sequence[str]) -> int:
    if isinstance(raised, TyperException):
        sentence, ctx = raised.format_message(), getattr(raised, "ctx", None)
        hint = None if ctx is None else _usage_hint(raised, sentence, ctx)
        error: TsmemError | None = InvalidInput(sentence, hint=hint)
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
    output = _say_error(context, error, argv)
    if isinstance(error, PartialFailure) and output not in ("json", "jsonl"):
        for failure in error.failures[:MAX_LISTED_FAILURES]:
            context.say(f"failed: {' / '.join(map(str, failure.key))}: {failure.error.message}")
        if len(error.failures) > MAX_LISTED_FAILURES:
            context.say(f"... and {len(error.failures) - MAX_LISTED_FAILURES:,} more")
    return exit_code(error)


def report_interruption(context: Context, signal_number: int, argv: Sequence[str]) -> int:
    sentence = "interrupted"
    if signal_number != SIGINT:
        sentence += f" by {SIGNAL_NAMES[signal_number]}"
    if context.unfinished_output is not None:
        sentence += f"; {context.unfinished_output} was not written"
    elif "result" in context.__dict__:  # a bulk command has begun
        from tsmem.cli.io.feedback import counted

        result = context.result
        sentence += f"; done so far: {counted(result)}" if result.done else "; nothing was done"
        if result.unconfirmed:
            sentence += f"; up to {result.unconfirmed:,} more rows may have been changed"
    _say_error(context, Interrupted(sentence, hint=context.next_step), argv)
    return 128 + signal_number


def _missing_module(error: Exception) -> TsmemError | None:
    """Return the error for a missing standard module: some Pythons lack sqlite3 or ssl, and Windows has no fcntl."""
    name = (error.name or "").lstrip("_") if isinstance(error, ImportError) else ""
    if name not in sys.stdlib_module_names:
        return None
    hint = "use a Python that has it" if os.name == "posix" else "tsmem runs on Linux and macOS; on Windows use WSL"
    return TsmemError(f"this Python has no module '{name}', which this command needs", hint=hint)


def _usage_hint(error: Any, message: str, ctx: Any) -> str:
    path, params = ctx.command_path, ctx.command.params
    arguments = [param.metavar.strip("[]") for param in params if param.param_type_name == "argument"]
    if message.startswith("No such option"):
        if isinstance(ctx.command, CommandGroup):
            if error.possibilities:  # a misspelt global option
                return f"{path} --help"
            return f"options of a command go after its name; see {path} --help"
        if arguments and not error.option_name.startswith("--"):
            words = " ".join(arguments)
            return f"put -- before an argument that begins with -: {path} -- {words}"
    elif message.startswith("Got unexpected extra argument"):
        if "TEXT" in arguments:
            return f"put a text of several words in quotes: {path} 'several words'"
        options = {name: param.metavar for param in params for name in param.opts}
        instead = [f"{name} {options[name]}" for name in ("--session", "--user", "--path") if name in options]
        if instead:
            return " or ".join(" ".join((path, *arguments, option)) for option in instead)
    return f"{path} --help"


def _key_mismatch(context: Context, error: TsmemError) -> SchemaMismatch | None:
    """Return a clearer error if a table has another primary key than the layout. The service's own message names
    neither the table nor the difference. This takes one request for each table."""
    if not isinstance(error, InvalidInput | TableNotFound) or error.service_code is None:
        return None
    from tsmem.store.layout import FOREIGN_TABLE_HINT

    differences: list[str] = []
    for store in context.opened_stores:
        with suppress(TsmemError):
            differences += store.tables.key_differences()
    if not differences:
        return None
    return SchemaMismatch("; ".join(differences), hint=FOREIGN_TABLE_HINT, request_id=error.request_id)


def _say_traceback(context: Context, error: Exception) -> None:
    from tsmem.adapters.redaction import without_secrets
    from tsmem.profiles.model import known_secrets
    from tsmem.profiles.rules import CREDENTIAL_KEYS, ENVIRONMENT

    variables = (*(ENVIRONMENT[key] for key in CREDENTIAL_KEYS), SECRET_VARIABLE)
    secrets = [*known_secrets(), *(context.environ.get(name, "") for name in variables)]
    for line in traceback_lines(error):
        context.say(without_secrets(line, secrets))


def traceback_lines(error: BaseException) -> Iterator[str]:
    """Yield the lines of a traceback. The message stays one line, so that stored text in it cannot forge others."""
    import traceback

    for part in traceback.format_exception(error):
        yield from part.rstrip("\n").split("\n") if part.startswith("  ") else [part.strip("\n")]


def _say_error(context: Context, error: TsmemError, argv: Sequence[str]) -> str:
    """Write an error to stderr, and return its format. If the error came before the arguments were parsed, they are
    searched for --output."""
    given = re.search(rf"(?:^|\0)(?:-o|--output)[\0=]?({'|'.join(FORMATS)})(?:$|\0)", "\0".join(argv))
    profile = context.__dict__.get("profile")  # None unless it was loaded
    output: str = context.options.output or (given and given[1]) or getattr(profile, "output", None) or "table"
    color = context.has_color(context.streams.stderr_is_terminal)
    text = render_error(error, cast(Format, output), unicode=context.streams.unicode, color=color)
    context.write_stderr(text.decode())
    return output
