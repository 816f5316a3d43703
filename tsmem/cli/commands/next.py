"""The command `tsmem next`: run the last listing of this terminal again, from where it stopped."""

from __future__ import annotations

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import root, run_command
from tsmem.cli.app.context import Context
from tsmem.cli.app.shell_words import all_quoted
from tsmem.cli.io.last_listing import last_listing
from tsmem.render.result import Listing, Result


@root.command(
    help="""Show the next page of the last listing at this terminal.

    The listing keeps its own options. --limit, --output and --fields change this page only. It also keeps its profile,
    and `yesterday` stays the day that it was on the first page. Other terminals have their own listings.

    The exit code is 0 even if nothing is left, and 3 if there is no listing to continue.
    """,
    example="tsmem next --limit 20",
    shows="either",
)
def next_(context: Context, limit: o.Limit = None) -> Result | None:
    listing = last_listing(context)
    context.last_listing = listing
    if listing.page_token is None:
        command = all_quoted(("tsmem", *listing.argv), unicode=context.streams.unicode)
        which = "" if command is None else f", {' '.join(command)}"
        return Listing(listing.noun, (), why_empty=lambda: f"nothing is left of the last listing{which}")
    context.parsed_at_us = listing.parsed_at_us
    return run_command(context, listing.next_page(context, limit))
