"""The only place that turns errors into exit codes, and the only one that writes what render made.

A run: the arguments choose a command, the command returns a result, render makes bytes of it, and they are written here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress

import typer
from typer.exceptions import TyperException

from tsmem.cli import exit_codes
from tsmem.cli.call import Call
from tsmem.cli.root import Root
from tsmem.cli.streams import Streams
from tsmem.clock import Clock, SystemClock
from tsmem.errors import InvalidInput, PartialFailure, TsmemError
from tsmem.render.result import FORMATS, Format, Listing, Report, Result

COMPLETE = "_TSMEM_COMPLETE"
"""The variable by which a shell's completion script asks."""
MAX_LISTED_FAILURES = 20
"""Failed rows that are listed for a person; JSON lists all that were kept."""


def main(
    argv: Sequence[str],
    streams: Streams | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> int:
    """Run one command line and return its exit code. Everything it reads and writes can be given in."""
    variables = os.environ if environ is None else environ
    if COMPLETE in variables and streams is None:
        Root(name="tsmem").main(args=list(argv), prog_name="tsmem", complete_var=COMPLETE)
    call = Call(Streams.of_process() if streams is None else streams, variables, clock or SystemClock())
    started = call.clock.monotonic_s()
    try:
        code = _guarded(call, argv)
        if call.options.stats:
            _say_stats(call, call.clock.monotonic_s() - started)
        return code
    except KeyboardInterrupt:
        return _interrupted(call)
    except BrokenPipeError:
        return _pipe_closed(call)
    finally:
        call.close()


def _guarded(call: Call, argv: Sequence[str]) -> int:
    try:
        _check_text(argv)
        return _run(call, argv)
    except TsmemError as error:
        return _failed(call, error, argv)
    except TyperException as error:
        return _failed(call, _usage(error), argv)
    except typer.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        raise
    except Exception as error:
        import traceback

        call.say("".join(traceback.format_exception(error)).rstrip())
        call.say(f"error: this is a bug in tsmem: {type(error).__name__}")
        return exit_codes.FAILED


def _check_text(argv: Sequence[str]) -> None:
    for word in argv:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            shown = word.encode("utf-8", "backslashreplace").decode()
            raise InvalidInput(f"the argument '{shown}' is not valid UTF-8") from error


def _run(call: Call, argv: Sequence[str]) -> int:
    with Root(name="tsmem").make_context("tsmem", list(argv), obj=call) as ctx:
        result: Result | None = ctx.command.invoke(ctx)
        return exit_codes.DONE if result is None else _write(call, result)


def _write(call: Call, result: Result) -> int:
    from tsmem.render import render

    chunks = render(result, call.render_options())
    stdout = call.streams.stdout
    try:
        for chunk in chunks:
            stdout.write(chunk)
            stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is not None:
            raise
        raise TsmemError(f"cannot write standard output: {error.strerror}") from error
    if isinstance(result, Listing) and call.format != "json":
        token = result.next_page_token()
        if token is not None:
            call.say(f"more is left: --page-token {token}")
    if isinstance(result, Report) and result.error is not None:
        raise result.error
    return exit_codes.DONE


def _usage(error: TyperException) -> InvalidInput:
    """A mistake on the command line, in our words."""
    message = getattr(error, "format_message", lambda: str(error))().rstrip(".")
    ctx = getattr(error, "ctx", None)
    hint = None if ctx is None else f"{ctx.command_path} --help"
    return InvalidInput(message, hint=hint)


def _failed(call: Call, error: TsmemError, argv: Sequence[str]) -> int:
    from tsmem.errors import TableNotFound
    from tsmem.render import render_error

    if isinstance(error, TableNotFound) and error.hint is None:
        profile = "" if call.options.profile is None else f" -p {call.options.profile}"
        error.hint = f"create what is missing with: tsmem init-tables{profile}"
    if call.options.debug:
        import traceback

        call.say("".join(traceback.format_exception(error)).rstrip())
    format_ = _error_format(call, argv)
    with suppress(OSError, ValueError):
        call.streams.stderr.write(render_error(error, format_))
        call.streams.stderr.flush()
    if isinstance(error, PartialFailure) and format_ not in ("json", "jsonl"):
        for failure in error.failures[:MAX_LISTED_FAILURES]:
            call.say(f"failed: {' / '.join(map(str, failure.key))}: {failure.error.message}")
        if len(error.failures) > MAX_LISTED_FAILURES:
            call.say(f"... and {len(error.failures) - MAX_LISTED_FAILURES:,} more")
    return exit_codes.exit_code(error)


def _error_format(call: Call, argv: Sequence[str]) -> Format:
    """How to say an error, even one that came before the options were read, or lies in the profile."""
    if call.options.output is not None:
        return call.options.output
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        name, _, value = word.partition("=")
        asked = following if word in ("-o", "--output") else value if name == "--output" else word[2:]
        if word.startswith(("-o", "--output")) and asked in FORMATS:
            return asked  # type: ignore[return-value]
    profile = call.__dict__.get("profile")
    return getattr(profile, "output", None) or "table"


def _interrupted(call: Call) -> int:
    done = ""
    if "tally" in call.__dict__:
        from tsmem.cli.counts import counted

        done = f"; done before: {counted(call.tally)}"
    call.say(f"interrupted{done}")
    return exit_codes.INTERRUPTED


def _pipe_closed(call: Call) -> int:
    """Nobody reads on: end quietly, and leave nothing for the interpreter's exit to complain about."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, call.streams.stdout.fileno())
        os.close(null)
    return exit_codes.PIPE_CLOSED


def _say_stats(call: Call, seconds: float) -> None:
    store = call.opened
    if store is None:
        return
    cost = store.cost
    call.say(
        f"stats: {cost.requests} requests, {cost.read_units} read and {cost.write_units} write capacity units, "
        f"{cost.rows_scanned} rows scanned, {seconds:.3f} s"
    )
