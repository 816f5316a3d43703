"""Write rendered output to stdout, chunk by chunk. After a listing, say on stderr what more there is.

Ctrl-C interrupts only while render makes a chunk, so that render can close its document. While a chunk is written,
Ctrl-C waits for its end, because half a chunk is not valid JSON. A second Ctrl-C does not wait.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from errno import ENOSPC
from typing import TYPE_CHECKING, Any

from tsmem.cli.app.shell_words import all_quoted
from tsmem.cli.app.signals import STOP_SIGNALS
from tsmem.cli.io.last_listing import PAGE_TOKEN, save_place, without_page_token
from tsmem.cli.io.streams import give_up
from tsmem.errors import StorageFailure
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.render.result import Listing, Noun
    from tsmem.store.model import Total


def send_paged(context: Context, chunks: Iterator[bytes]) -> None:
    """Write chunks like `send`, but through a pager if they have more lines than the terminal."""
    from tsmem.cli.io.pager import Pager, pager_command

    command = pager_command(context)
    if command is None:
        send(context, chunks)
        return
    pager = Pager(context, command)
    try:
        for chunk in chunks:
            pager.write(chunk)
    except BrokenPipeError:  # the reader left the pager before the end
        return
    finally:
        pager.close()


def send(context: Context, chunks: Iterator[bytes]) -> None:
    streams = context.streams

    def write(chunk: bytes) -> None:
        if streams.stdout_is_terminal:
            context.clear_line()
        try:
            streams.stdout.write(chunk)
            streams.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            give_up(streams.stdout)
            sentence, hint = f"cannot write standard output: {error.strerror}", None
            if any(store.cost.write_units for store in context.opened_stores):
                sentence += "; the change to the store was made"
            elif error.errno == ENOSPC:
                hint = "free some space and try again"
            raise StorageFailure(sentence, hint=hint) from error

    with STOP_SIGNALS.deferring(lambda: not getattr(chunks, "gi_running", False)):
        try:
            for chunk in chunks:
                write(chunk)
                STOP_SIGNALS.check()
        except KeyboardInterrupt as interrupt:
            if isinstance(chunks, Generator):
                with suppress(KeyboardInterrupt, StopIteration):  # render raises one of these after the end
                    write(chunks.throw(interrupt))
                    for chunk in chunks:
                        write(chunk)
            raise


def send_listing(context: Context, listing: Listing) -> None:
    """Write a listing. Then say on stderr why it is empty, if it is; for a table, how many rows match; and the command
    for the next page, except for JSON, whose document has the token. At a terminal, that command is `tsmem next`."""
    from tsmem.render import render

    count = 0

    def items() -> Iterator[Any]:
        nonlocal count
        for item in listing.items:
            context.clear_line()
            count += 1
            yield item

    write = send if listing.grouped is None else send_paged
    write(context, render(listing._replace(items=items()), context.render_options()))
    why_empty = None if count else listing.why_empty
    if why_empty is not None:
        context.say(why_empty())
    token = listing.next_page_token(None)
    can_continue = save_place(context, listing.noun, token)
    if context.format == "json":
        return
    command = None
    if token is not None:
        command = "tsmem next" if can_continue else next_page(context.argv, token, unicode=context.streams.unicode)
    total = listing.total() if context.format == "table" and listing.total is not None else None
    if context.format == "table" and context.streams.stdout_is_terminal:
        if command is not None or why_empty is None:
            context.say_footer(_summary(count, listing.noun, total, command))
        return
    if total is not None and total.exact is not None:
        context.say_footer(quantity(total.exact, "match"))
    elif total is not None and total.at_most is not None:
        context.say_footer(f"up to {quantity(total.at_most, 'match')}")
    if command is not None:
        context.say_footer(f"next page: {command}")


def _summary(count: int, noun: Noun, total: Total | None, next_command: str | None) -> str:
    """Return the last line of a table at a terminal: `12 of 10,003 sessions; next page: tsmem next`."""
    in_all = None if total is None else total.at_most if total.exact is None else total.exact
    if total is None or in_all is None or in_all == count:
        text = quantity(count, noun)
        if next_command is not None:
            text += " shown"
    else:
        text = f"{count:,} of {'up to ' if total.exact is None else ''}{quantity(in_all, noun)}"
    return text if next_command is None else f"{text}; next page: {next_command}"


def next_page(argv: Sequence[str], token: str, *, unicode: bool = True) -> str:
    """Return the same command line with another page token, or a description of it if a word cannot be quoted."""
    shown = all_quoted(("tsmem", *without_page_token(argv, PAGE_TOKEN, token)), unicode=unicode)
    return f"the same command with {PAGE_TOKEN} {token}" if shown is None else " ".join(shown)
