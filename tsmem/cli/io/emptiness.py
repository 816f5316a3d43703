"""Explain an empty result in one line on stderr. Without it, a misspelt name would look like an honest "nothing". It
costs at most 2 requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsmem.cli.app.context import Context
from tsmem.errors import TsmemError
from tsmem.render.result import Noun
from tsmem.words import did_you_mean

if TYPE_CHECKING:
    from tsmem.store import MemoryStore
    from tsmem.store.collection import Sample

MAX_COLUMNS = 12


class AskedListing:
    """The conditions of a command: `of` is the user of the sessions or the session of the messages, and `others` are
    options by name. None means that a condition was not given."""

    def __init__(self, noun: Noun, of: str | None, filter: str | None = None, **others: object) -> None:  # noqa: A002
        self.noun = noun
        self.of = of
        self.filter = filter
        self.may_scan = filter is not None or others.get("text") is not None
        """True if the command may read many rows to find a few: a filter tests each row, and so can a text."""
        given = [name for name, value in {**others, "filter": filter}.items() if value is not None]
        self.conditions = ["the text" if name == "text" else f"--{name}" for name in given]


def why_empty(context: Context, asked: AskedListing) -> str:
    try:
        return f"no {asked.noun}s found: {_why(context.opened_stores[0], asked)}"
    except TsmemError:
        return f"no {asked.noun}s found"


def _why(store: MemoryStore, asked: AskedListing) -> str:
    noun, of = asked.noun, asked.of
    items = store.sessions if noun == "session" else store.messages
    sample = items.sample(of)
    if not sample.row_count:
        if of is None:
            return f"{store.target} has no {noun}s"
        name = f"user '{of}'" if noun == "session" else f"session '{of}' with messages"
        return f"there is no {name}{did_you_mean(of, items.owner_ids_like(of))}"
    fields = (store.layout.session if noun == "session" else store.layout.message).reserved_names
    if asked.filter is not None and (columns := _missing_columns(noun, asked.filter, sample, fields)):
        return columns
    there = f"{noun}s" if of is None else f"{noun}s of {'user' if noun == 'session' else 'session'} '{of}'"
    if asked.conditions:
        return f"there are {there}, but none matches {' and '.join(asked.conditions)}"
    if noun == "session" and "update_time" not in sample.columns:  # the order of session recent
        return f"the {there} have no update time"
    return f"there are {there}, but they are not in the index; it may lag behind"


def _missing_columns(noun: Noun, filter: str, sample: Sample, fields: frozenset[str]) -> str | None:  # noqa: A002
    from tsmem.store.filters.row_filter import RowFilter

    missing = sorted(RowFilter(filter).columns - sample.columns - fields)
    if not missing:
        return None
    who = f"no {noun}" if sample.is_complete else f"none of the first {sample.row_count} {noun}s"
    seen = sorted(sample.columns)
    more = ", ..." if len(seen) > MAX_COLUMNS else ""
    names = " or ".join(f"'{name}'" for name in missing)
    near = did_you_mean(missing[0], sample.columns)
    return f"{who} has the column {names} (columns seen: {', '.join(seen[:MAX_COLUMNS]) or 'none'}{more}){near}"


def nearest_session(store: MemoryStore, session: str) -> str:
    """Return `; did you mean 'x'?` for a session with messages and a similar id, or "" without one."""
    try:
        return did_you_mean(session, store.messages.owner_ids_like(session))
    except TsmemError:
        return ""


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
