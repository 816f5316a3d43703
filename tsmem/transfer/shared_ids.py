"""Warn about session ids that several users have. They share the session's messages, because the key of a message has
no user."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tsmem.errors import TableNotFound, TsmemError
from tsmem.store.model import Session
from tsmem.store.sharing import MAX_IDS, Pair, split_pairs
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.store import MemoryStore
    from tsmem.store.bulk.bulk import ImportedItem

MAX_NAMED = 5
"""Number of shared ids of an input that are named in warnings; the rest are counted."""
MAX_REMEMBERED = 10_000
"""Number of ids that are remembered, so that memory does not grow with the input. An id that comes again after more
others is taken for a new one."""


class SharedIds:
    def __init__(self, say: Callable[[str], None], store: MemoryStore) -> None:
        self._say = say
        self._store = store
        self._owners: dict[str, str] = {}
        """The first user of each remembered session id of the input."""
        self._pairs: list[Pair] = []
        self._shared: dict[str, None] = {}
        self._shared_count = 0
        self._can_search = True

    def watch(self, records: Iterator[ImportedItem]) -> Iterator[ImportedItem]:
        """Yield the records, and warn of session ids that other users have in the same input or in the store. If the
        store cannot be searched, one warning says so.

        Cost: 1 request for at most 500 sessions of at most 100 users, and more if ids are shared."""
        for record in records:
            if isinstance(record.item, Session):
                user, session = record.item.user_id, record.item.session_id
                owner = self._owners.setdefault(session, user)
                if owner != user:
                    self._warn(user, session, [owner], "in this input ")
                _forget_oldest(self._owners)
                self._pairs.append((user, session))
                if len(self._pairs) == MAX_IDS:
                    self._search()
            yield record
        self._search()
        if self._shared_count > MAX_NAMED:
            more = quantity(self._shared_count - MAX_NAMED, "session id")
            self._say(f"warning: not named here: {more} that other users have too")

    def check(self, user: str, session: str) -> None:
        """Warn if other users have this session id. Cost: 1 request."""
        self._pairs.append((user, session))
        self._search()

    def _search(self) -> None:
        pairs, self._pairs = self._pairs, []
        if not self._can_search:
            return
        try:
            for part in split_pairs(pairs):
                for (user, session), others in self._store.sessions.shared(part).items():
                    self._warn(user, session, others)
        except TsmemError as error:
            self._can_search = False
            if not (isinstance(error, TableNotFound) and self._lacks_table()):
                self._say(f"warning: could not check whether other users have these session ids: {error.message}")

    def _lacks_table(self) -> bool:
        """Return True if there is no session table: then nothing can be shared."""
        try:
            self._store.sessions.page(None, limit=1)
        except TsmemError as error:
            return isinstance(error, TableNotFound)
        return False

    def _warn(self, user: str, session: str, others: Sequence[str], where: str = "") -> None:
        if session in self._shared:
            return
        self._shared[session] = None
        self._shared_count += 1
        _forget_oldest(self._shared)
        if self._shared_count <= MAX_NAMED:
            who = f"user '{others[0]}'" + (" and other users" if len(others) > 1 else "")
            self._say(
                f"warning: {where}{who} has a session '{session}' too: user '{user}' shares its messages, because "
                "a message's key has no user"
            )


def _forget_oldest(ids: dict[str, Any]) -> None:
    if len(ids) > MAX_REMEMBERED:
        del ids[next(iter(ids))]
