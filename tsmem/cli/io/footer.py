"""What is said on stderr below a listing: how many there were, and the command of the next page, to be pasted.

The command is the one that was given, with the page's token: what was asked for is part of the token, and is checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tsmem.cli.app.shell_words import all_quoted
from tsmem.plurals import quantity

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.render.result import Listing

_OPTION = "--page-token"


class Footer:
    """Counts what a listing gives, and says the rest when it is written."""

    def __init__(self, listing: Listing, argv: Sequence[str]) -> None:
        self._listing = listing
        self._argv = argv
        self._count = 0

    def counted(self) -> Listing:
        """The listing, to be shown in place of the one given."""
        return self._listing._replace(items=self._items())

    def _items(self) -> Iterator[Any]:
        for item in self._listing.items:
            self._count += 1
            yield item

    def say(self, context: Context) -> None:
        """Why it is empty is said in every format. Counts are for who looks at a table on a terminal, totals for every
        table, the next page for all but JSON, which has its token."""
        why = self._listing.why_empty if not self._count else None
        if why is not None:
            context.say(why())
        if context.format == "json":
            return
        token = self._listing.next_page_token(None)
        counted = context.format == "table" and context.streams.stdout_is_terminal
        if context.format == "table":
            self._say_total(context, counted=counted)
        if token is not None:
            command = next_page(self._argv, token, unicode=context.streams.unicode)
            context.say(f"{f'{self._shown()}, ' if counted else ''}more is left: {command}")
        elif counted and why is None:
            context.say(self._shown())
        if counted and not self._count and self._listing.when_empty is not None:
            context.say(f"hint: {self._listing.when_empty}")

    def _shown(self) -> str:
        return quantity(self._count, self._listing.noun)

    def _say_total(self, context: Context, *, counted: bool) -> None:
        total = None if self._listing.total is None else self._listing.total()
        if total is None or (counted and total.exact == self._count):
            return
        if total.exact is not None:
            context.say(f"{total.exact:,} found in all")
        elif total.at_most is not None:
            context.say(f"at most {total.at_most:,} found in all")


def next_page(argv: Sequence[str], token: str, *, unicode: bool = True) -> str:
    """Return the command line again, for the page behind this one; in words where not every shell can be given it."""
    end = list(argv).index("--") if "--" in argv else len(argv)
    options: list[str] = []
    words = iter(argv[:end])
    for word in words:
        if word == _OPTION:
            next(words, None)
        elif not word.startswith(f"{_OPTION}="):
            options.append(word)
    again = ("tsmem", *options, _OPTION, token, *argv[end:])
    shown = all_quoted(again, unicode=unicode)
    return f"the same command with {_OPTION} {token}" if shown is None else " ".join(shown)
