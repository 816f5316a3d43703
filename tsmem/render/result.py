"""What a command returns: a result says what there is, never how it looks. One module a format turns it into bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from tsmem.errors import TsmemError
from tsmem.store.model import Message, Session, Total

if TYPE_CHECKING:
    from datetime import date

Noun = Literal["session", "message"]
Format = Literal["table", "json", "jsonl", "csv"]
FORMATS: tuple[Format, ...] = ("table", "json", "jsonl", "csv")


def no_token(count: int | None = None) -> str | None:
    """The page token of a listing that is read to its end."""
    return None


class SingleItem(NamedTuple):
    """One session or message."""

    item: Session | Message


class Listing(NamedTuple):
    """Sessions or messages, streamed; iterating may raise in the middle."""

    noun: Noun
    items: Iterable[Session] | Iterable[Message]
    next_page_token: Callable[[int | None], str | None] = no_token
    """Asked once the items are used up, or with the number of those that were written when something failed."""
    total: Callable[[], Total] | None = None
    """Of a search: how many there are in all, asked once the items are used up."""
    marks: str | None = None
    """Of a search: the text that is marked where it stands in content, whatever its case."""
    endless: bool = False
    """Whether it goes on for as long as it is read, so that each item is shown as it comes."""
    why_empty: Callable[[], str] | None = None
    """Says why there is nothing in it, asked once it is known to be empty."""
    when_empty: str | None = None
    """Where to look instead when there is nothing in it, for who looks at a table on a terminal."""


class Conversation(NamedTuple):
    """A session's messages in order, to be read."""

    session: Session | None
    """None where the user is not known."""
    messages: Sequence[Message]
    """Oldest first."""
    earlier: bool = False
    """Whether earlier messages were left out."""
    full: bool = False
    """Whether long content is shown whole."""
    markdown: bool = False
    """Whether what was said is read as Markdown and drawn."""


class LiveTail(NamedTuple):
    """The end of a session: its last messages, and where it is followed those that come."""

    session_id: str
    messages: Iterable[Message]
    """Oldest first, then as they come."""
    endless: bool = False
    """Whether it is followed."""
    full: bool = False
    """Whether long content is shown whole."""


class Report(NamedTuple):
    """A small table of facts that are no sessions and no messages: a plan, a list of profiles, counts."""

    document: Mapping[str, object]
    """What JSON prints: plain values only."""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    """What table and csv print, and jsonl as one object a row; without columns all print the document."""
    error: TsmemError | None = None
    """What is wrong all the same: said after the report, and it sets the exit code."""


class Moment(NamedTuple):
    """A time among facts, to be read by a person."""

    time_us: int


class Size(NamedTuple):
    """A number of bytes among facts."""

    bytes: int


class Facts(NamedTuple):
    """Names and values: text, a number, a Moment, a Size, or None."""

    rows: Sequence[tuple[str, object]]


class Section(NamedTuple):
    """A small table with a title; its values are as those of Facts."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


class Plot(NamedTuple):
    """Counts of days as a small picture."""

    title: str
    days: Sequence[tuple[date, int]]
    """In order; a day that is missing has none."""


class Advice(NamedTuple):
    """One thing that was found, and what to do about it."""

    word: str
    """How bad it is."""
    sentence: str
    command: Sequence[str] = ()
    """The words of a command line, quoted for a shell."""


class Advices(NamedTuple):
    """What was found, one thing beneath the other."""

    items: Sequence[Advice]


Part = Facts | Section | Plot | Advices


class Dashboard(NamedTuple):
    """Several parts of one answer, which tables show one beneath the other; every other format prints the report."""

    report: Report
    parts: Sequence[Part]


class Document(NamedTuple):
    """Text or bytes that are the output themselves, whatever the format: an export, a completion script."""

    chunks: Iterable[bytes]


Shown = SingleItem | Listing | Conversation | LiveTail | Report | Dashboard
"""What a format is made of."""
Result = Shown | Document
