"""Queries that find session ids that several users have, for `Sessions.shared`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tsmem.queries import Between, Bool, Query, Term, Terms

MAX_IDS = 500
"""Maximum number of session ids in one search. The service accepts 1,024 values."""
MAX_USERS = 100
"""Maximum number of users in one search. Each adds a part to the query."""

Pair = tuple[str, str]
"""A user id and a session id."""


def split_pairs(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    chunk: list[Pair] = []
    users: set[str] = set()
    for pair in pairs:
        if len(chunk) == MAX_IDS or (len(users) == MAX_USERS and pair[0] not in users):
            yield chunk
            chunk, users = [], set()
        chunk.append(pair)
        users.add(pair[0])
    if chunk:
        yield chunk


def others_query(pairs: Sequence[Pair], after: int | None) -> Query:
    """Return a query for sessions with the same ids, of users other than the pairs' own."""
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for user, session in pairs:
        ids[user].append(session)
    not_later = () if after is None else (Between("update_time", end=after),)
    parts = [
        Bool(filter=(Terms("session_id", tuple(sessions)),), must_not=(Term("user_id", user), *not_later))
        for user, sessions in ids.items()
    ]
    return parts[0] if len(parts) == 1 else Bool(should=tuple(parts))
