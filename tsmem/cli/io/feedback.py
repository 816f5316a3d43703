"""Messages on stderr about the work of a command: its progress, a summary at its end, and why a result is empty.

On a terminal, rich draws the progress on a line, which is erased before anything else is written. In a pipe, in CI, on
a dumb terminal and with --debug, nothing is shown without --progress, which prints a line every 5 seconds.

The reason for an empty result costs at most 2 requests. Without it, a misspelt name would look like a true "nothing".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from tsmem.cli.app.signals import STOP_SIGNALS
from tsmem.errors import NotFound, TsmemError
from tsmem.render.result import Noun, Report
from tsmem.render.values import elapsed, size
from tsmem.words import did_you_mean, quantity

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from tsmem.cli.app.context import Context
    from tsmem.store import MemoryStore
    from tsmem.store.bulk.result import BulkResult

FIRST_AFTER_S = 0.5
AGAIN_AFTER_S = 0.25
LINE_AFTER_S = 5.0
MAX_COLUMNS = 12
T = TypeVar("T")
MAX_IDS = 4
"""Maximum number of ids with the same beginning that are named."""


def draws(context: Context) -> bool:
    quiet = context.environ.get("CI") or context.environ.get("TERM") == "dumb" or context.options.debug
    return context.streams.stderr_is_terminal and not quiet


class Progress:
    """The progress line of a run. The working thread draws it; no other thread writes to the terminal."""

    def __init__(self, context: Context, line: Callable[[], str]) -> None:
        context.clear_line()
        context.clear_line = self.clear
        self._context = context
        self._line = line
        self._draws = draws(context)
        self._began_s = context.clock.monotonic_s()
        self._due_s = self._began_s + (FIRST_AFTER_S if self._draws else LINE_AFTER_S)
        self._drawn: RichProgress | None = None

    def draw(self) -> None:
        now_s = self._context.clock.monotonic_s()
        if now_s < self._due_s:
            return
        self._due_s = now_s + (AGAIN_AFTER_S if self._draws else LINE_AFTER_S)
        if not self._draws:
            self._context.say(self._line())
            return
        with STOP_SIGNALS.deferring():  # rich does not erase a line if interrupted while drawing
            if self._drawn is None:
                self._drawn = self._started()
            else:
                self._drawn.update(self._drawn.task_ids[0], description=self._line(), refresh=True)

    def clear(self) -> None:
        if self._drawn is not None:
            with STOP_SIGNALS.deferring():
                self._drawn.stop()
                self._drawn = None

    def _started(self) -> RichProgress:
        from rich.console import Console
        from rich.progress import Progress as RichProgress
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.table import Column

        streams = self._context.streams
        stderr: Any = SimpleNamespace(write=streams.write_stderr, flush=lambda: None)
        width = max(1, streams.width - 1)
        console = Console(file=stderr, force_terminal=True, color_system=None, width=width, height=24, _environ={})
        drawn = RichProgress(
            SpinnerColumn("dots" if streams.unicode else "line"),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="crop")),
            console=console,
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            get_time=self._context.clock.monotonic_s,
        )
        drawn.add_task(self._line(), total=None)
        drawn.tasks[0].start_time = self._began_s
        drawn.start()
        console.show_cursor()  # rich hides the cursor, and a second Ctrl-C would end the process before rich shows it
        return drawn


class AskedListing:
    """The conditions of a command: `of` is the user of the sessions or the session of the messages, and `others` are
    options by name. None means that a condition was not given."""

    def __init__(
        self,
        noun: Noun,
        of: str | None,
        filter: str | None = None,  # noqa: A002
        *,
        user: str | None = None,
        **others: object,
    ) -> None:
        """`user` is the user in whose sessions messages were looked for."""
        self.noun = noun
        self.of = of
        self.user = user
        self.filter = filter
        self.may_scan = filter is not None or others.get("text") is not None
        """True if the command may read many rows to find a few: a filter tests each row, and so can a text."""
        given = [name for name, value in {**others, "filter": filter}.items() if value is not None]
        self.conditions = ["the text" if name == "text" else f"--{name}" for name in given]


def show_scan(context: Context, asked: AskedListing) -> None:
    if not (asked.may_scan and draws(context)):
        return
    store = context.store
    reads = (store.sessions.read_progress, store.messages.read_progress)
    progress = Progress(
        context, lambda: f"{store.cost.rows_scanned:,} rows scanned, {sum(read.returned for read in reads):,} found"
    )
    for read in reads:
        read.on_page = progress.draw


@contextmanager
def account(context: Context, verb: str, where: str = "", *, asked: bool, quiet: bool = False) -> Iterator[None]:
    """Show progress during the block, and a summary at its end, which begins with `verb` ("exported"). The block works
    on the stores that are open, or on the run's own store."""
    if quiet or not (asked or draws(context)):
        yield
        return
    began_s = context.clock.monotonic_s()
    progress = Progress(context, lambda: _bulk_line(context, began_s))
    context.result.on_change = progress.draw
    for store in context.opened_stores or [context.store]:
        store.sessions.read_progress.on_page = store.messages.read_progress.on_page = progress.draw
    early = " before it ended early"
    try:
        yield
        early = ""
    finally:
        _, seconds, rates = _figures(context, began_s)
        done, unwritten = counted(context.result), context.unfinished_output
        said = f"{verb} {done}{where}{early}"
        if early and unwritten is not None:
            said = f"read {done}{early}; {unwritten} was not written"
        context.say(f"{said}: {', '.join([elapsed(seconds), *rates])}")


def _bulk_line(context: Context, began_s: float) -> str:
    rows, seconds, rates = _figures(context, began_s)
    scanned = sum(store.cost.rows_scanned for store in context.opened_stores)
    parts = [f"{scanned:,} rows scanned"] if scanned > rows else []
    parts += [f"{rows:,} rows", *rates]
    if context.result.expected is not None and rows:
        left = max(0, context.result.expected - rows)
        parts.append(f"{elapsed(seconds * left / rows)} left")
    return ", ".join(parts)


def _figures(context: Context, began_s: float) -> tuple[int, float, list[str]]:
    result = context.result
    rows = result.done + result.skipped + result.failed
    seconds = context.clock.monotonic_s() - began_s
    words = [f"{rows / seconds:,.0f} rows/s"] if rows and seconds > 0 else []
    if result.bytes:
        words.append(size(result.bytes))
    problems = {"skipped": result.skipped, "failed": result.failed, "in doubt": result.unconfirmed}
    words += [f"{count:,} {name}" for name, count in problems.items() if count]
    return rows, seconds, words


def counted(result: BulkResult) -> str:
    parts = [quantity(result.sessions, "session")] if result.sessions else []
    if result.messages or not parts:
        parts.append(quantity(result.messages, "message"))
    return " and ".join(parts)


def counts(result: BulkResult) -> Report:
    document = {name: getattr(result, name) for name in ("sessions", "messages", "skipped", "failed")}
    return Report(document, tuple(document), (tuple(document.values()),))


def why_empty(context: Context, asked: AskedListing) -> str:
    try:
        return f"no {asked.noun}s found: {_why(context.opened_stores[0], asked)}"
    except TsmemError:
        return f"no {asked.noun}s found"


def _why(store: MemoryStore, asked: AskedListing) -> str:
    noun, of = asked.noun, asked.of
    if asked.user is not None:
        return _why_user(store, asked, asked.user)
    items = store.sessions if noun == "session" else store.messages
    rows, is_complete = items.first_rows(of)
    if not rows:
        if of is None:
            return f"{store.target} has no {noun}s"
        name = f"user '{of}'" if noun == "session" else f"session '{of}' with messages"
        return f"there is no {name}{did_you_mean(of, items.owner_ids_like(of))}"
    fields = (store.layout.session if noun == "session" else store.layout.message).reserved_names
    columns = {name for row in rows for name in row.columns}
    who = f"no {noun}" if is_complete else f"none of the first {len(rows)} {noun}s"
    if asked.filter is not None and (sentence := _missing_columns(asked.filter, who, columns, fields)):
        return sentence
    there = f"{noun}s" if of is None else f"{noun}s of {'user' if noun == 'session' else 'session'} '{of}'"
    if asked.conditions:
        return f"there are {there}, but none matches {' and '.join(asked.conditions)}"
    if noun == "session" and "update_time" not in columns:  # the order of session recent
        return f"the {there} have no update time"
    return f"there are {there}, but they are not in the index; it may lag behind"


def _why_user(store: MemoryStore, asked: AskedListing, user: str) -> str:
    if not store.sessions.first_rows(user)[0]:
        return f"there is no user '{user}'{did_you_mean(user, store.sessions.owner_ids_like(user))}"
    if asked.conditions:
        return f"user '{user}' has sessions, but no message in them matches {' and '.join(asked.conditions)}"
    return f"user '{user}' has sessions, but no messages in them"


def _missing_columns(filter: str, who: str, columns: set[str], fields: frozenset[str]) -> str | None:  # noqa: A002
    """`who` are the rows that have the columns. Return None if the filter names only columns or fields."""
    from tsmem.store.filters.row_filter import RowFilter

    missing = sorted(RowFilter(filter).columns - columns - fields)
    if not missing:
        return None
    seen = sorted(columns)
    more = ", ..." if len(seen) > MAX_COLUMNS else ""
    names = " or ".join(f"'{name}'" for name in missing)
    near = did_you_mean(missing[0], columns)
    return f"{who} has the column {names} (columns seen: {', '.join(seen[:MAX_COLUMNS]) or 'none'}{more}){near}"


def nearest_session(store: MemoryStore, session: str) -> str:
    """Return `; did you mean 'x'?` for a session with messages and a similar id, or "" without one."""
    try:
        return did_you_mean(session, store.messages.owner_ids_like(session))
    except TsmemError:
        return ""


def read_session(context: Context, session: str, read: Callable[[str], T], user: str | None = None) -> T:
    """Return `read(session)`. If it raises NotFound at a terminal, and exactly one session id begins with the text,
    read that session instead, and say so. Cost: at a terminal, if nothing is found, 1 more request; without `user`, up
    to 6."""
    try:
        return read(session)
    except NotFound:
        whole = _only_id_beginning_with(context, session, user)
        if whole is None:
            raise
    return read(whole)


def _only_id_beginning_with(context: Context, beginning: str, user: str | None) -> str | None:
    """In a pipe the answer is always None, because scripts give whole ids. Raises NotFound if several ids begin with
    the text."""
    if not context.streams.stdout_is_terminal:
        return None
    store = context.store
    ids = store.messages.owner_ids(beginning) if user is None else store.sessions.ids_of(user, beginning)
    found = list(islice(ids, MAX_IDS + 1))
    if not found:
        return None
    if len(found) > 1:
        named = ", ".join(f"'{each}'" for each in found[:MAX_IDS]) + (", ..." if len(found) > MAX_IDS else "")
        raise NotFound(f"the ids of several sessions begin with '{beginning}': {named}")
    context.say(f"'{beginning}' is taken as the beginning of session '{found[0]}'")
    return found[0]


def say_why_nothing(context: Context, user: str | None, session: str | None) -> None:
    if context.result.done or context.result.failed:
        return
    if session is not None:
        near = nearest_session(context.opened_stores[0], session)
        context.say(f"nothing found: there is no session '{session}', and no message of it{near}")
    elif user is not None:
        context.say(why_empty(context, AskedListing("session", user)))
    else:
        context.say(f"nothing found: {context.opened_stores[0].target} has no sessions and no messages")
