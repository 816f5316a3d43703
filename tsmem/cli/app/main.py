"""Run a command line: the command returns a result, `render` makes bytes of it, and `cli/io/output.py` writes them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING

from tsmem.cli.app.command_tree import DONE, PIPE_CLOSED, HelpRequested, root, run_command
from tsmem.cli.app.context import Context
from tsmem.cli.app.signals import STOP_SIGNALS, Stopped, number_of
from tsmem.cli.io.streams import Streams, give_up
from tsmem.clock import Clock, SystemClock
from tsmem.errors import InvalidInput

if TYPE_CHECKING:
    from tsmem.render.result import Result

COMPLETE = "_TSMEM_COMPLETE"


def main(
    argv: Sequence[str],
    streams: Streams | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> int:
    variables = os.environ if environ is None else environ
    context = Context(Streams.of_process() if streams is None else streams, variables, clock or SystemClock())
    if variables.get(COMPLETE) and streams is None:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
        root.main(args=[], prog_name="tsmem", complete_var=COMPLETE, obj=context)  # raises SystemExit
    started_s = context.clock.monotonic_s()
    try:
        code = _exit_code(context, argv)
        if context.options.cost and context.opened_stores:
            _say_cost(context, context.clock.monotonic_s() - started_s)
        return code
    finally:
        context.close()


def _exit_code(context: Context, argv: Sequence[str]) -> int:
    try:
        try:
            return _run(context, argv)
        except BrokenPipeError:
            raise
        except Exception as error:
            if STOP_SIGNALS.raised_signal is not None:  # a library turned Stopped into this error
                raise Stopped(STOP_SIGNALS.raised_signal) from error
            from tsmem.cli.app import failure

            return failure.report_failure(context, error, argv)
    except KeyboardInterrupt as interrupt:
        from tsmem.cli.app import failure

        return failure.report_interruption(context, number_of(interrupt), argv)
    except BrokenPipeError:  # the reader of stdout is gone: end quietly
        give_up(context.streams.stdout)
        return PIPE_CLOSED


def _run(context: Context, argv: Sequence[str]) -> int:
    for word in argv:
        try:
            word.encode()
        except UnicodeEncodeError:  # the value might be a secret: neither show nor chain it
            name, equals, _ = word.encode("utf-8", "backslashreplace").decode().partition("=")
            raise InvalidInput(f"the argument '{name}{equals and '=...'}' is not valid UTF-8") from None
    try:
        result = run_command(context, argv)
    except HelpRequested as help_text:
        from tsmem.cli.io.output import send

        send(context, iter([f"{help_text}\n".encode()]))
        return DONE
    return DONE if result is None else _write(context, result)


def _write(context: Context, result: Result) -> int:
    from tsmem.cli.io.output import send, send_listing, send_paged
    from tsmem.render import render
    from tsmem.render.result import Conversation, Listing, LiveTail, ManualPage, Report, SingleMessage

    if isinstance(result, Listing):
        send_listing(context, result)
        return DONE
    is_read = isinstance(result, Conversation | SingleMessage | ManualPage)
    if is_read or (isinstance(result, Report) and result.is_read):
        send = send_paged
    try:
        send(context, render(result, context.render_options()))
    except KeyboardInterrupt as interrupt:
        if not isinstance(result, LiveTail) or not result.is_endless:
            raise
        if context.streams.stderr_is_terminal:  # Ctrl-C is the normal end of --follow: go to the line after ^C
            context.say("")
        return 128 + number_of(interrupt)
    if isinstance(result, Report) and result.error is not None:
        raise result.error
    return DONE


def _say_cost(context: Context, seconds: float) -> None:
    from tsmem.port import Cost
    from tsmem.words import quantity

    cost = reduce(Cost.plus, (store.cost for store in context.opened_stores), Cost())
    progress = [items.read_progress for store in context.opened_stores for items in (store.sessions, store.messages)]
    context.say_footer(
        f"cost: {quantity(cost.requests, 'request')}, "
        f"{cost.read_units:,} read and {cost.write_units:,} write capacity units, "
        f"{'at least ' if cost.filtered else ''}{quantity(cost.rows_scanned, 'row')} scanned, "
        f"{sum(each.returned for each in progress):,} returned, {seconds:.3f} s"
    )
