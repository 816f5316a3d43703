"""One run of `tsmem copy`: from one profile's store to another's, or a comparison of both. `transfer.py` calls it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tsmem.cli.app.shell_words import command_hint
from tsmem.cli.io.counts import counted, counts
from tsmem.cli.io.emptiness import why_nothing
from tsmem.errors import Conflict, InvalidInput, TableNotFound
from tsmem.plurals import quantity
from tsmem.render.result import Report
from tsmem.store.bulk.loading import ImportedItem, LoadOptions
from tsmem.transfer.importing import create_tables
from tsmem.transfer.shared_ids import SharedIds

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.profiles import Profile
    from tsmem.store.bulk.comparing import Difference

MAX_SHOWN = 10_000
"""Differences that are named; all are counted."""
_COLUMNS = ("kind", "key", "state", "columns")


class Copying:
    """A copy or comparison, with both stores open."""

    def __init__(
        self, context: Context, source: str, target: str, *, user_id: str | None, session_id: str | None
    ) -> None:
        """Raises ProfileError for a profile that is not there."""
        self._context = context
        self._user_id = user_id
        self._session_id = session_id
        self._from, self._to = context.profile_named(source), context.profile_named(target)
        self.source, self.target = context.open(self._from), context.open(self._to)

    def run(self) -> Report:
        """Copy. Raises PartialFailure when rows were refused."""
        context = self._context
        if (_place(self._from), self.source.layout) == (_place(self._to), self.target.layout):
            raise InvalidInput("both profiles name the same store", hint="--to another profile")
        context.say(f"copying from {self.source.target} to {self.target.target}")
        create_tables(self.target, context.say)
        options = LoadOptions(on_refused=lambda record, error: None)  # it is counted, and named at the end
        with _hinting(context, self._to):
            records = SharedIds(context.say, self.target).watch(self._records())
            self.target.bulk.load(records, options, result=context.result)
        self._say_if_nothing()
        return counts(context.result)

    def check(self) -> Report | None:
        """Compare. The report's error says how many differences there are. Return None where a person would be shown an
        empty table."""
        from tsmem.store.bulk.comparing import compare

        context = self._context
        found = dict.fromkeys(("missing", "surplus", "different"), 0)
        shown: list[Difference] = []
        differences = compare(
            self.source, self.target, context.result, user_id=self._user_id, session_id=self._session_id
        )
        with _hinting(context, self._from, self._to):
            for difference in differences:
                found[difference.state] += 1
                if len(shown) < MAX_SHOWN:
                    shown.append(difference)
        if not any(found.values()):
            self._say_if_nothing()
            context.say(f"{self.source.target} and {self.target.target} are equal: {counted(context.result)} compared")
            if context.format == "table":
                return None
        document = {
            "sessions": context.result.sessions,
            "messages": context.result.messages,
            **found,
            "differences": [
                dict(zip(_COLUMNS, (each.kind, [*each.key], each.state, [*each.columns]), strict=True))
                for each in shown
            ],
        }
        rows = [(kind, "/".join(map(str, key)), state, ", ".join(columns)) for kind, key, state, columns in shown]
        return Report(document, _COLUMNS, rows, _difference_error(found, self.target.target))

    def _records(self) -> Iterator[ImportedItem]:
        with _hinting(self._context, self._from):
            for item in self.source.bulk.items(user_id=self._user_id, session_id=self._session_id):
                yield ImportedItem(None, item)

    def _say_if_nothing(self) -> None:
        context = self._context
        if not context.result.done and not context.result.failed:
            context.say(why_nothing(context, user=self._user_id, session=self._session_id, store=self.source))


@contextmanager
def _hinting(context: Context, *profiles: Profile) -> Iterator[None]:
    """Add to the error of a missing table the commands that create it."""
    try:
        yield
    except TableNotFound as error:
        commands = " or ".join(command_hint(context, "init-tables", profile=each.name) for each in profiles)
        error.hint = error.hint or f"create what is missing with: {commands}"
        raise


def _place(profile: Profile) -> str:
    """Return where a profile's store is, by whatever path it is named."""
    return profile.target if profile.path is None else os.path.realpath(profile.path)


def _difference_error(found: dict[str, int], target: str) -> Conflict | None:
    count = sum(found.values())
    if not count:
        return None
    parts = ", ".join(f"{number:,} {state}" for state, number in found.items() if number)
    more = f"; the first {MAX_SHOWN:,} are named" if count > MAX_SHOWN else ""
    hint = "the same command without --check writes what is missing or different" if found["surplus"] < count else None
    return Conflict(f"{quantity(count, 'difference')} in {target}: {parts}{more}", hint=hint)
