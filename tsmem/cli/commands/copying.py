"""One run of `tsmem copy`: from one profile's store to another's, or a comparison of both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tsmem.cli.app.shell_words import command_hint
from tsmem.cli.io.counts import counted, counts
from tsmem.cli.io.emptiness import why_nothing
from tsmem.errors import Conflict, InvalidInput, TableNotFound
from tsmem.render.result import Report
from tsmem.store.bulk.loading import ImportedItem, LoadOptions
from tsmem.transfer.importing import create_tables
from tsmem.transfer.shared_ids import SharedIds

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.errors import TsmemError
    from tsmem.profiles import Profile
    from tsmem.store.bulk.comparing import Difference

MAX_SHOWN = 10_000
"""Differences that are named; all are counted."""
_COLUMNS = ("kind", "key", "state", "columns")


class Copying:
    """Both ends, opened."""

    def __init__(
        self, context: Context, source: str, target: str, *, user_id: str | None, session_id: str | None
    ) -> None:
        """Raises ProfileError for a profile that is not there."""
        self._call = context
        self._from, self._profile = context.profile_named(source), context.profile_named(target)
        self.source = context.open(self._from)
        self.target = context.open(self._profile)
        self._of = {"user_id": user_id, "session_id": session_id}
        self._same = (_place(self._from), self.source.layout) == (_place(self._profile), self.target.layout)

    def run(self) -> Report:
        """Copy. Raises PartialFailure when rows were refused."""
        context = self._call
        if self._same:
            raise InvalidInput("both profiles name the same store", hint="--to another profile")
        context.say(f"copying from {self.source.target} to {self.target.target}")
        create_tables(self.target, context.say)
        with _hinting(context, self._profile):
            records = SharedIds(context.say, self.target).watch(self._records())
            self.target.bulk.load(records, LoadOptions(on_refused=_counted), result=context.result)
        self._say_if_nothing()
        return counts(context.result)

    def _say_if_nothing(self) -> None:
        if not self._call.result.done and not self._call.result.failed:
            self._call.say(
                why_nothing(self._call, user=self._of["user_id"], session=self._of["session_id"], store=self.source)
            )

    def _records(self) -> Iterator[ImportedItem]:
        with _hinting(self._call, self._from):
            for item in self.source.bulk.items(**self._of):
                yield ImportedItem(None, item)

    def check(self) -> Report | None:
        """Compare. The report's error says how many differences there are; a person is shown no table of none."""
        from tsmem.store.bulk.comparing import compare

        context = self._call
        found = dict.fromkeys(("missing", "surplus", "different"), 0)
        differences = compare(self.source, self.target, context.result, **self._of)
        shown: list[Difference] = []
        with _hinting(self._call, self._from, self._profile):
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
            "differences": [dict(zip(_COLUMNS, _row(each), strict=True)) for each in shown],
        }
        rows = [(kind, "/".join(map(str, key)), state, ", ".join(columns)) for kind, key, state, columns in shown]
        return Report(document, _COLUMNS, rows, _error(found, self.target.target))


@contextmanager
def _hinting(context: Context, *profiles: Profile) -> Iterator[None]:
    """Says of a table that is missing where to make it."""
    try:
        yield
    except TableNotFound as error:
        commands = " or ".join(command_hint(context, "init-tables", profile=each.name) for each in profiles)
        error.hint = error.hint or f"create what is missing with: {commands}"
        raise


def _place(profile: Profile) -> str:
    """Where a profile's store is, whatever it is called there."""
    return profile.target if profile.path is None else os.path.realpath(profile.path)


def _row(difference: Difference) -> tuple[object, ...]:
    return difference.kind, list(difference.key), difference.state, list(difference.columns)


def _error(found: dict[str, int], target: str) -> TsmemError | None:
    count = sum(found.values())
    if not count:
        return None
    parts = ", ".join(f"{number:,} {state}" for state, number in found.items() if number)
    more = f"; the first {MAX_SHOWN:,} are named" if count > MAX_SHOWN else ""
    hint = "the same command without --check writes what is missing or different" if found["surplus"] < count else None
    noun = "difference" if count == 1 else "differences"
    return Conflict(f"{count:,} {noun} in {target}: {parts}{more}", hint=hint)


def _counted(record: ImportedItem, error: TsmemError) -> None:
    """What cannot be written is counted, and named at the end."""
