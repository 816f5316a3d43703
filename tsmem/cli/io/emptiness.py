"""Why a result is empty, in one line on stderr: silence looks like an answer, and may come of a misspelt name.

It costs at most 2 requests, and only where nothing was found. It changes neither stdout nor the exit code.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tsmem.errors import TsmemError
from tsmem.nearest import did_you_mean

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.render.result import Noun
    from tsmem.store import MemoryStore
    from tsmem.store.maintenance.sampling import Sample

MAX_COLUMNS = 12
"""Columns that are named."""


class AskedListing(NamedTuple):
    """What was asked for."""

    noun: Noun
    of: str | None = None
    """The user whose sessions, or the session whose messages; None for all."""
    filter: str | None = None
    others: tuple[str, ...] = ()
    """Further conditions, as they are named on the command line."""


def asked(
    noun: Noun,
    of: str | None,
    filter: str | None,  # noqa: A002 - the option's own name
    **others: object,
) -> AskedListing:
    """What a command asked for; those of `others` that are None were not given."""
    names = (f"--{name}" if name != "text" else "the text" for name, value in others.items() if value is not None)
    return AskedListing(noun, of, filter, tuple(names))


def reason(context: Context, asked: AskedListing, page_token: str | None = None) -> Callable[[], str] | None:
    """What a listing says where it is empty; nothing behind a page that was not."""
    return None if page_token is not None else partial(why_empty, context, asked)


def why_empty(context: Context, asked: AskedListing, store: MemoryStore | None = None) -> str:
    """Say why nothing was found. A store that cannot be asked any more is no error."""
    try:
        return f"no {asked.noun}s found: {_why(store or context.store, asked)}"
    except TsmemError:
        return f"no {asked.noun}s found"


def _why(store: MemoryStore, asked: AskedListing) -> str:
    items = store.sessions if asked.noun == "session" else store.messages
    conditions = (*asked.others, *(["--filter"] if asked.filter is not None else []))
    found = items.sample(asked.of)
    if not found.rows:
        return f"{store.target} has no {asked.noun}s" if asked.of is None else _no_such(store, asked.noun, asked.of)
    if asked.filter is not None and (reason := _no_column(asked, found, items.field_names)):
        return reason
    where = "" if asked.of is None else f" of {'user' if asked.noun == 'session' else 'session'} '{asked.of}'"
    if not conditions and asked.noun == "session" and "update_time" not in found.columns:  # recent goes by it
        return f"the sessions{where} have no update time"
    if not conditions:
        return f"there are {asked.noun}s{where}, but the index does not have them: it may be behind"
    return f"there are {asked.noun}s{where}, but none matches {' and '.join(conditions)}"


def _no_such(store: MemoryStore, noun: Noun, name: str) -> str:
    if noun == "session":
        return f"there is no user '{name}'{did_you_mean(name, store.sessions.ids_like(name))}"
    return f"there is no session '{name}' with messages{did_you_mean(name, store.messages.ids_like(name))}"


def _no_column(asked: AskedListing, found: Sample, fields: frozenset[str]) -> str | None:
    """Name the columns of the filter that no row has."""
    from tsmem.store.filters.row_filter import RowFilter

    assert asked.filter is not None
    missing = sorted(RowFilter(asked.filter).columns - found.columns - fields)
    if not missing:
        return None
    who = f"no {asked.noun}" if found.whole else f"none of the first {found.rows} {asked.noun}s"
    seen = sorted(found.columns)
    more = ", ..." if len(seen) > MAX_COLUMNS else ""
    names = " or ".join(f"'{name}'" for name in missing)
    near = did_you_mean(missing[0], found.columns)
    return f"{who} has the column {names} (columns seen: {', '.join(seen[:MAX_COLUMNS]) or 'none'}{more}){near}"


def nearest_session(store: MemoryStore, session: str) -> str | None:
    """The question whether a session with messages was meant whose id is nearly this one; None where there is none."""
    try:
        return did_you_mean(session, store.messages.ids_like(session)).removeprefix("; ") or None
    except TsmemError:
        return None


def why_nothing(context: Context, *, user: str | None, session: str | None, store: MemoryStore | None = None) -> str:
    """Say why neither sessions nor messages were found: of everything, one user, or one session id."""
    source = store or context.store
    if session is None:
        if user is None:
            return f"nothing found: {source.target} has no sessions and no messages"
        return why_empty(context, AskedListing("session", user), source)
    near = nearest_session(source, session)
    end = f"; {near}" if near else ""
    return f"nothing found: there is no session '{session}', and there are no messages of it{end}"
