"""The results that commands return, and the options for showing them.

A result holds data and never says how it looks: `render` turns it into bytes in the format that the options name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from tsmem.errors import TsmemError
from tsmem.store.model import Message, Session, Total

if TYPE_CHECKING:
    from datetime import date, tzinfo

Noun = Literal["session", "message"]
Format = Literal["table", "json", "jsonl", "csv"]
FORMATS: tuple[Format, ...] = ("table", "json", "jsonl", "csv")


class Options(NamedTuple):
    """Everything that decides how a result is shown: formatters look at no stream, clock or environment."""

    format: Format = "table"
    fields: tuple[str, ...] | None = None
    width: int | None = None
    """Cells in a line of the terminal; None where nothing may be cut or wrapped."""
    color: bool = False
    terminal: bool = False
    unicode: bool = True
    """False for a terminal that is not in UTF-8: everything is written in ASCII."""
    now_us: int = 0
    timezone: tzinfo | None = None
    """None for the machine's own."""
    highlight: str | None = None
    """The text of a search, highlighted where it stands in content, whatever its case."""


class Listing(NamedTuple):
    """Sessions or messages, streamed; iterating may raise in the middle."""

    noun: Noun
    items: Iterable[Session] | Iterable[Message]
    next_page_token: Callable[[int | None], str | None] = lambda count: None
    """Called with None once the items are used up, or with the number of items written when something failed."""
    total: Callable[[], Total] | None = None
    """The number of matches of a search on all its pages, called once the items are used up."""
    highlight: str | None = None
    endless: bool = False
    """True if it goes on for as long as it is read, so that each item is shown as it comes."""
    why_empty: Callable[[], str] | None = None


class Conversation(NamedTuple):
    """A session's messages, oldest first, to be read as a transcript."""

    session: Session | None
    """None where the user is not known."""
    messages: Sequence[Message]
    earlier: bool = False
    full: bool = False
    markdown: bool = False


class LiveTail(NamedTuple):
    """The last messages of a session, oldest first, and then the new ones if it is followed."""

    session_id: str
    messages: Iterable[Message]
    endless: bool = False
    full: bool = False


class Report(NamedTuple):
    """A small table of facts other than sessions and messages: a plan, a list of profiles, counts."""

    document: Mapping[str, object]
    """The JSON output: plain values only."""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    """The output as table and csv, and as one object a row in jsonl. Without columns all of them print the document."""
    error: TsmemError | None = None
    """A failure that is printed after the report and sets the exit code."""
    parts: Sequence[Part] = ()


class Moment(NamedTuple):
    time_us: int


class Size(NamedTuple):
    bytes: int


class Facts(NamedTuple):
    """Names, each with a value: text, a number, a Moment, a Size, or None."""

    rows: Sequence[tuple[str, object]]


class Section(NamedTuple):
    """A small table; its values are those of Facts."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


class Plot(NamedTuple):
    title: str
    days: Sequence[tuple[date, int]]
    """The counts of days, in order; a missing day counts 0."""


class Advice(NamedTuple):
    word: str
    sentence: str
    command: Sequence[str] = ()
    """The words of a command line, quoted for a shell."""


class Advices(NamedTuple):
    items: Sequence[Advice]


Part = Facts | Section | Plot | Advices


class Document(NamedTuple):
    """Text or bytes that are the output themselves, whatever the format: an export, a completion script."""

    chunks: Iterable[bytes]


class ManualPage(NamedTuple):
    """A page of the manual in Markdown: drawn on a terminal, and as it is in a pipe."""

    text: str


Data = Session | Message | Listing | Conversation | Report
"""Results that every format can show."""
Result = Data | LiveTail | Document | ManualPage


def noun_of(result: Session | Message | Listing | Conversation | LiveTail) -> Noun:
    if isinstance(result, Listing):
        return result.noun
    return "session" if isinstance(result, Session) else "message"
