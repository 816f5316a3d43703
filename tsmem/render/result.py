"""The results that commands return, which say nothing about their looks, and the options for showing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from tsmem.errors import TsmemError
from tsmem.rows import Value
from tsmem.store.model import Message, Session, Total

if TYPE_CHECKING:
    from datetime import date, tzinfo

    from tsmem.store.differences import ConversationDifferences

Noun = Literal["session", "message"]
Format = Literal["table", "json", "jsonl", "csv", "markdown", "html"]
FORMATS: tuple[Format, ...] = ("table", "json", "jsonl", "csv")
"""The formats of every command that shows data."""
CONVERSATION_FORMATS: tuple[Format, ...] = (*FORMATS, "markdown", "html")
"""The formats of a conversation."""


class Options(NamedTuple):
    format: Format = "table"
    fields: tuple[str, ...] | None = None
    width: int | None = None
    """Columns of the terminal. None for a pipe, where nothing is cut or wrapped."""
    color: bool = False
    is_terminal: bool = False
    unicode: bool = True
    """False for a terminal whose encoding is not UTF-8: all output is ASCII then."""
    now_us: int = 0
    timezone: tzinfo | None = None
    """None for the local time zone."""
    highlight: str | None = None
    """The text that was searched for, whatever its case."""


class HitGroup(NamedTuple):
    """The hits of a search in one session, and perhaps the messages next to them."""

    conversation: Conversation
    """Its marked messages are the hits."""
    commands: Mapping[int, Sequence[str]]
    """The words of the command that opens the conversation at each hit, by position, already quoted for a shell."""


class Listing(NamedTuple):
    """A stream of sessions or messages. Iterating over it can raise an error after some items."""

    noun: Noun
    items: Iterable[Session] | Iterable[Message]
    next_page_token: Callable[[int | None], str | None] = lambda count: None
    """Called with None after the last item, or with the number of items that were written before an error."""
    total: Callable[[], Total] | None = None
    """The number of matches of a search on all pages. Called after the last item."""
    highlight: str | None = None
    is_endless: bool = False
    """True if new items keep coming."""
    why_empty: Callable[[], str] | None = None
    grouped: Callable[[Sequence[Message]], Iterable[HitGroup]] | None = None
    """Puts the messages of the listing into groups, which people see instead of a table."""
    has_previews: bool = False
    """True if the items are `PreviewedSession`s, and their title and count are shown."""


class Conversation(NamedTuple):
    """The messages of a session, oldest first, to be read as a transcript."""

    session: Session | None
    """None if the user is unknown."""
    messages: Sequence[Message]
    left_out: Mapping[int, int | None] = MappingProxyType({})
    """Gaps: how many messages are left out before the one at a position, or at the end; None if that is not known."""
    marked: Sequence[int] = ()
    """The positions of the messages that the reader asked for."""
    full: bool = False
    """True to fold nothing."""
    rendered: bool = False
    """True to draw content as Markdown."""


class SingleMessage(NamedTuple):
    """A message, shown whole, as it stands in a transcript."""

    message: Message


class LiveTail(NamedTuple):
    """The last messages of a session, oldest first."""

    session_id: str
    messages: Iterable[Message]
    is_endless: bool = False
    full: bool = False


class Report(NamedTuple):
    """A small result that is neither sessions nor messages: a plan, a list of profiles, counts."""

    document: Mapping[str, object]
    """The JSON output: plain values only."""
    columns: Sequence[str] = ()
    """Columns of the table and of CSV, and keys in JSON lines. Without columns, these formats print `document`."""
    rows: Sequence[Sequence[object]] = ()
    error: TsmemError | None = None
    """A failure that is printed after the report and sets the exit code."""
    parts: Sequence[Part] = ()
    """The output for people, if it is not the table of these columns and rows."""
    is_read: bool = False
    """True if people read it from beginning to end, so that a long one goes through a pager."""


class Moment(NamedTuple):
    time_us: int


class Size(NamedTuple):
    bytes: int


class Values(NamedTuple):
    """Stored values that share a cell."""

    values: Sequence[Value | Moment]


class Facts(NamedTuple):
    """Names, each with a value: text, a number, a Moment, a Size, Values, or None."""

    rows: Sequence[tuple[str, object]]


class Section(NamedTuple):
    """A small table. Its cells hold the same kinds of values as Facts."""

    title: str
    """Empty for a table without one."""
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    one_line: bool = False
    """True to cut values at the end of a line instead of wrapping them."""


class Plot(NamedTuple):
    title: str
    days: Sequence[tuple[date, int]]
    """Days in order, each with its count. A missing day has the count 0."""


class Advice(NamedTuple):
    severity: str
    sentence: str
    command: Sequence[str] = ()
    """The words of a command line, already quoted for a shell."""


class AdviceList(NamedTuple):
    items: Sequence[Advice]


class Differences(NamedTuple):
    session_ids: tuple[str, str]
    comparison: ConversationDifferences
    full: bool = False
    """True to fold nothing."""


Part = Facts | Section | Plot | AdviceList | Differences


class Document(NamedTuple):
    """Output that is the same in every format, such as an export or a completion script."""

    chunks: Iterable[bytes]


class ManualPage(NamedTuple):
    """A page of the manual in Markdown. A terminal shows it drawn, a pipe gets the source."""

    text: str


Data = Session | Message | Listing | Conversation | Report
"""Results that every format can show."""
Result = Data | SingleMessage | LiveTail | Document | ManualPage


def noun_of(result: Session | Message | Listing | Conversation) -> Noun:
    if isinstance(result, Listing):
        return result.noun
    return "session" if isinstance(result, Session) else "message"
