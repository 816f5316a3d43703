"""The only place that turns errors into exit codes, and the only one that writes what render made.

A run: the arguments choose a command, the command returns a result, render makes bytes of it, and they are written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from errno import ENOSPC
from functools import reduce
from typing import TYPE_CHECKING

import typer
from typer.exceptions import TyperException

from tsmem.cli.app import exit_codes
from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context
from tsmem.cli.app.global_options import HelpShown
from tsmem.cli.app.signals import STOP_SIGNALS, Stopped, number_of
from tsmem.cli.io.streams import Streams, give_up
from tsmem.clock import Clock, SystemClock
from tsmem.errors import InvalidInput, StorageFailure, TsmemError

if TYPE_CHECKING:
    from tsmem.render.result import Result

COMPLETE = "_TSMEM_COMPLETE"
"""The variable by which a shell's completion script asks."""


def main(
    argv: Sequence[str],
    streams: Streams | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> int:
    """Run one command line and return its exit code. Everything it reads and writes can be given in."""
    variables = os.environ if environ is None else environ
    if variables.get(COMPLETE) and streams is None:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
        root.main(args=[], prog_name="tsmem", complete_var=COMPLETE)
    context = Context(Streams.of_process() if streams is None else streams, variables, clock or SystemClock())
    started = context.clock.monotonic_s()
    try:
        code = _ended(context, argv)
        if context.options.stats:
            _say_stats(context, context.clock.monotonic_s() - started)
        return code
    finally:
        context.close()


def _ended(context: Context, argv: Sequence[str]) -> int:
    """Run to the end, whatever it is."""
    try:
        return _guarded(context, argv)
    except KeyboardInterrupt as interrupt:
        from tsmem.cli.app import failure

        return failure.interrupted(context, number_of(interrupt), argv)
    except BrokenPipeError:
        return _pipe_closed(context)


def _guarded(context: Context, argv: Sequence[str]) -> int:
    try:
        _check_text(argv)
        return _run(context, argv)
    except typer.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        raise
    except Exception as error:
        if STOP_SIGNALS.raised is not None:  # the error is what became of the signal
            raise Stopped(STOP_SIGNALS.raised) from error
        from tsmem.cli.app import failure

        if isinstance(error, TsmemError):
            return failure.failed(context, error, argv)
        if isinstance(error, TyperException):
            from tsmem.cli.app.usage import usage_error

            return failure.failed(context, usage_error(error), argv)
        if missing := failure.missing_module(error):
            return failure.failed(context, missing, argv)
        return failure.crashed(context, error)


def _check_text(argv: Sequence[str]) -> None:
    for word in argv:
        try:
            word.encode()
        except UnicodeEncodeError:  # it holds the word, whose value may be a secret
            name, equals, _ = word.encode("utf-8", "backslashreplace").decode().partition("=")
            raise InvalidInput(f"the argument '{name}{equals and '=...'}' is not valid UTF-8") from None


def _run(context: Context, argv: Sequence[str]) -> int:
    try:
        with root.make_context("tsmem", list(argv), obj=context) as ctx:
            result: Result | None = ctx.command.invoke(ctx)
    except HelpShown as shown:
        _send(context, iter([shown.text.encode()]))
        return exit_codes.DONE
    return exit_codes.DONE if result is None else _write(context, result, argv)


def _write(context: Context, result: Result, argv: Sequence[str]) -> int:
    from tsmem.render.result import Dashboard, Listing, LiveTail, Report

    if isinstance(result, Listing):
        from tsmem.cli.io.footer import Footer

        footer = Footer(result, argv)
        _render(context, footer.counted())
        footer.say(context)
        return exit_codes.DONE
    try:
        _render(context, result)
    except KeyboardInterrupt as interrupt:
        if isinstance(result, LiveTail) and result.endless:
            return _left(context, number_of(interrupt))
        raise
    if isinstance(result, Dashboard):
        result = result.report
    if isinstance(result, Report) and result.error is not None:
        raise result.error
    return exit_codes.DONE


def _render(context: Context, result: Result) -> None:
    from tsmem.render import render

    _send(context, render(result, context.render_options()))


def _send(context: Context, chunks: Iterator[bytes]) -> None:
    from tsmem.cli.io.output import send

    try:
        send(chunks, context.streams.stdout)
    except BrokenPipeError:
        raise
    except OSError as error:
        give_up(context.streams.stdout)
        sentence, hint = f"cannot write standard output: {error.strerror}", None
        if any(store.cost.write_units for store in context.opened):
            sentence += "; the store was changed all the same"
        elif error.errno == ENOSPC:
            hint = "free some space and try again"
        raise StorageFailure(sentence, hint=hint) from error


def _left(context: Context, number: int) -> int:
    """What has no other end than Ctrl-C ended as it should; there is nothing to say."""
    if context.streams.stderr_is_terminal:
        context.say("")  # behind the ^C
    return exit_codes.stopped_by(number)


def _pipe_closed(context: Context) -> int:
    """Nobody reads on: end quietly."""
    give_up(context.streams.stdout)
    return exit_codes.PIPE_CLOSED


def _say_stats(context: Context, seconds: float) -> None:
    if not context.opened:
        return
    from tsmem.plurals import quantity
    from tsmem.port import Cost

    cost = reduce(Cost.plus, (store.cost for store in context.opened), Cost())
    least = "at least " if cost.filtered else ""
    returned = sum(
        store.sessions.read_progress.returned + store.messages.read_progress.returned for store in context.opened
    )
    context.say(
        f"stats: {quantity(cost.requests, 'request')}, "
        f"{cost.read_units:,} read and {cost.write_units:,} write capacity units, "
        f"{least}{quantity(cost.rows_scanned, 'row')} scanned, {returned:,} returned, {seconds:.3f} s"
    )
